"""Writes src/testing/goldens/lora: two LoRAs for the golden transformer `transformer-d24`, and its output with both, by peft.

    python make_lora_goldens.py

`a` has rank 3 and alpha 6 on attention; `b` rank 2 and alpha 1 on the feed-forward and the first and last layer. They act
with weights 0.75 and -1.5. Files are as diffusers saves them, alpha beside the matrices.
"""

from pathlib import Path

import torch
from diffusers import LTXVideoTransformer3DModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

import hashed
from modules import read_probe, run_module, write_probe

GOLDENS = Path(__file__).resolve().parents[2] / "src" / "testing" / "goldens"
CASE, OUT = GOLDENS / "transformer-d24", GOLDENS / "lora"
ADAPTERS = {
    "a": LoraConfig(r=3, lora_alpha=6, target_modules=["to_q", "to_k", "to_v", "to_out.0"]),
    "b": LoraConfig(r=2, lora_alpha=1, target_modules=["net.0.proj", "net.2", "proj_in", "proj_out", "time_embed.linear"]),
}
WEIGHTS = {"a": 0.75, "b": -1.5}


@torch.no_grad()
def main() -> None:
    OUT.mkdir(exist_ok=True)
    model = LTXVideoTransformer3DModel.from_pretrained(CASE).eval()
    for name, config in ADAPTERS.items():
        model.add_adapter(config, adapter_name=name)
        state = get_peft_model_state_dict(model, adapter_name=name)
        tensors = {}
        for key in state:
            tensors[f"transformer.{key}"] = hashed.tensor(f"lora/{name}/{key}", state[key].shape, scale=0.8)
            if ".lora_A." in key:
                layer = key.split(".lora_A.")[0]
                tensors[f"transformer.{layer}.alpha"] = torch.tensor(float(config.lora_alpha))
        write_probe(OUT / f"{name}.safetensors", tensors)
        for key, value in model.named_parameters():
            if f".{name}." in key:
                value.copy_(tensors["transformer." + key.replace(f".{name}.", ".")])
    model.set_adapters(list(WEIGHTS), list(WEIGHTS.values()))
    output = run_module(model, *read_probe(CASE / "inputs.safetensors"))
    write_probe(OUT / "output.safetensors", {key: value.float() for key, value in output.items()})


if __name__ == "__main__":
    main()
