"""One double and one single block of HunyuanVideo at full width (3072 wide, 24 heads of 128), with everything around them.

    python full_width.py FOLDER [--grid 3,8,12] [--words 16]

Writes a module's folder with pseudo-random weights (3 GB, float32; its file is mapped, so memory stays below that) and
`inputs.safetensors` in it. Then, as with any module:

    turbo2k probe --model FOLDER --module transformer --inputs FOLDER/inputs.safetensors --output ours.safetensors
    python compare.py FOLDER FOLDER/inputs.safetensors ours.safetensors --max 1e-4
"""

import argparse
from pathlib import Path

import torch
from diffusers import HunyuanVideoTransformer3DModel

import hashed
from hunyuan_goldens import transformer_inputs
from modules import write_probe


def sizes(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in text.split(","))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--grid", type=sizes, default=(3, 8, 12), help="latent frames, height and width")
    parser.add_argument("--words", type=int, default=16)
    args = parser.parse_args()

    torch.set_num_threads(1)
    # Everything else is the class's default, which is the published model.
    model = HunyuanVideoTransformer3DModel(num_layers=1, num_single_layers=1, num_refiner_layers=1).eval()
    hashed.fill(model, prefix="full-width/")
    model.save_pretrained(args.folder, max_shard_size="100GB")
    kept = (args.words, args.words // 2)
    # Guidance stays at 1000, where torch's float32 table of frequencies is right (README.md).
    inputs = transformer_inputs("full-width", model, args.grid, kept, args.words, [900.0, 37.5], [1000.0, 1000.0])
    write_probe(args.folder / "inputs.safetensors", inputs)
    count = sum(value.numel() for value in model.parameters())
    print(f"{count:,} weights, {model.config.num_attention_heads} heads of {model.config.attention_head_dim}: {args.folder}")


if __name__ == "__main__":
    main()
