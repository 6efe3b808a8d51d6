"""Latents of a checkpoint at full size: ours (`generate --compat diffusers --keep-latents`) against diffusers on the same files.

    python full_size.py text FOLDER OURS.latents.safetensors states.safetensors [--text-encoder FOLDER]
    python full_size.py steps FOLDER OURS.latents.safetensors states.safetensors [--max 2e-3]

All in float32. The text encoder is read layer by layer, in a process of its own, so that 24 GB are enough for a 2B model.
Prompt, size, seed and number of steps are those in the receipt of our latents; the noise is what ours draw.
"""

import argparse
import json
from pathlib import Path

import diffusers
import torch
from diffusers import AutoencoderKLLTXVideo, FlowMatchEulerDiscreteScheduler, LTXVideoTransformer3DModel
from diffusers.pipelines.ltx import pipeline_ltx, pipeline_ltx_condition
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

import pipeline_goldens
from modules import relative_error
from pipeline_goldens import Noise, planes, raw


def receipt_of(path: Path) -> dict:
    with safe_open(str(path), "pt") as file:
        return json.loads(file.metadata()["receipt"])


def tensors_of(folder: Path):
    """name -> tensor in f32, read when asked for."""
    files = [safe_open(str(path), "pt") for path in sorted(folder.glob("*.safetensors"))]
    where = {name: file for file in files for name in file.keys()}
    return where, lambda name: where[name].get_tensor(name).float()


def streamed_t5(folder: Path) -> T5EncoderModel:
    """An encoder whose blocks have weights only while they run."""
    with torch.device("meta"):
        model = T5EncoderModel(T5Config.from_pretrained(folder)).eval()
    names, read = tensors_of(folder)

    def load(module, prefix: str) -> None:
        module.load_state_dict({name: read(prefix + name) for name in module.state_dict()}, assign=True)

    shared = torch.nn.Parameter(read("shared.weight"), requires_grad=False)
    model.shared.weight = model.encoder.embed_tokens.weight = shared
    load(model.encoder.final_layer_norm, "encoder.final_layer_norm.")
    for i, block in enumerate(model.encoder.block):
        block.register_forward_pre_hook(lambda block, _, i=i: load(block, f"encoder.block.{i}."))
        block.register_forward_hook(lambda block, _, out: (block.to("meta"), out)[1])
    return model


def pipeline_of(folder: Path, **modules):
    name = json.loads((folder / "model_index.json").read_text())["_class_name"]
    scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler")
    missing = {"vae": None, "text_encoder": None, "tokenizer": None, "transformer": None}
    pipe = getattr(diffusers, name)(scheduler=scheduler, **(missing | modules))
    pipe.set_progress_bar_config(disable=True)
    return pipe


def text(args) -> None:
    receipt = receipt_of(args.ours)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(args.folder / "tokenizer" / "tokenizer.json"), pad_token="<pad>", eos_token="</s>"
    )
    encoder = streamed_t5((args.text_encoder or args.folder) / "text_encoder")
    pipe = pipeline_of(args.folder, tokenizer=tokenizer, text_encoder=encoder)
    late = type(pipe).__name__ == "LTXConditionPipeline"
    with torch.no_grad():
        prompt, mask, negative, negative_mask = pipe.encode_prompt(
            receipt["prompt"],
            receipt.get("negativePrompt") or "",
            do_classifier_free_guidance=receipt["guidanceScale"] > 1,
            max_sequence_length=256 if late else 128,
            device=torch.device("cpu"),
            dtype=torch.float32,
        )
    named = {"prompt_embeds": prompt, "prompt_attention_mask": mask}
    if negative is not None:
        named |= {"negative_prompt_embeds": negative, "negative_prompt_attention_mask": negative_mask}
    save_file({name: value.contiguous() for name, value in named.items()}, args.states)


def steps(args) -> int:
    receipt = receipt_of(args.ours)
    transformer = LTXVideoTransformer3DModel.from_pretrained(args.folder / "transformer", torch_dtype=torch.float32)
    # Of the autoencoder only the statistics are used, which are stored in bf16.
    autoencoder = AutoencoderKLLTXVideo.from_pretrained(args.folder / "vae", torch_dtype=torch.bfloat16)
    pipe = pipeline_of(args.folder, transformer=transformer.eval(), vae=autoencoder)
    noise = pipeline_ltx.randn_tensor = pipeline_ltx_condition.randn_tensor = Noise()
    noise.streams = [("latents", planes)]
    pipeline_goldens.SEED = receipt["seed"]
    width, height, frames = (receipt[name] for name in ("generatedWidth", "generatedHeight", "frames"))
    latents = pipe(
        **load_file(args.states),
        width=width,
        height=height,
        num_frames=frames,
        frame_rate=receipt["fps"],
        num_inference_steps=len(receipt["sigmas"]) - 1,
        guidance_scale=float(receipt["guidanceScale"]),
        output_type="latent",
    ).frames
    if latents.ndim == 3:
        latents = pipe._unpack_latents(latents, (frames + 7) // 8, height // 32, width // 32)
    theirs = raw(pipe, latents.float())
    error = relative_error(load_file(args.ours)["latents"], theirs)
    print(json.dumps({"relative_error": error, "shape": list(theirs.shape), "sigmas": pipe.scheduler.sigmas.tolist()}))
    return int(not error <= args.max)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["text", "steps"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("ours", type=Path)
    parser.add_argument("states", type=Path)
    parser.add_argument("--text-encoder", type=Path, help="another model's folder, where this one has no text encoder")
    parser.add_argument("--max", type=float, default=2e-3)
    args = parser.parse_args()
    return (text if args.part == "text" else steps)(args) or 0


if __name__ == "__main__":
    raise SystemExit(main())
