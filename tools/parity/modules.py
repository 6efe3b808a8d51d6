"""Loading one diffusers/transformers module and running it on the tensors of a `turbo2k probe` input file."""

import contextlib
import json
from pathlib import Path

import torch
import transformers
from diffusers import AutoencoderKLLTXVideo, LTXVideoTransformer3DModel
from diffusers.utils import logging
from safetensors import safe_open
from safetensors.torch import save
from transformers import T5Config, T5EncoderModel

import hashed

logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

DTYPES = {"f32": torch.float32, "f64": torch.float64, "bf16": torch.bfloat16}


def read_probe(path) -> tuple[dict, dict]:
    """(tensors, arguments): arguments are the JSON strings of the file's metadata."""
    with safe_open(str(path), "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        metadata = file.metadata() or {}
    return tensors, {name: json.loads(text) for name, text in metadata.items() if name != "format"}


def write_probe(path, tensors: dict, arguments: dict | None = None) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    metadata = {name: json.dumps(value) for name, value in sorted((arguments or {}).items())}
    body = save({name: value.contiguous() for name, value in tensors.items()})
    # The library writes metadata in random order: it is added here, so that a file's bytes never vary.
    size = int.from_bytes(body[:8], "little")
    header = json.loads(body[8 : 8 + size])
    text = json.dumps({"__metadata__": metadata, **header} if metadata else header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(len(text).to_bytes(8, "little") + text + body[8 + size :])


def load_module(folder) -> torch.nn.Module:
    """A module folder, float32. A folder with `weights.json` instead of weights is filled by `hashed`."""
    folder = Path(folder)
    config = json.loads((folder / "config.json").read_text())
    kind = config.get("_class_name") or config["architectures"][0]
    cls = {c.__name__: c for c in (LTXVideoTransformer3DModel, AutoencoderKLLTXVideo, T5EncoderModel)}[kind]
    if (folder / "weights.json").exists():
        recipe = json.loads((folder / "weights.json").read_text())
        model = cls(T5Config(**config)) if cls is T5EncoderModel else cls.from_config(config)
        hashed.fill(model, recipe["prefix"], recipe["table_gain"], recipe["norm_spread"])
    else:
        model = cls.from_pretrained(folder, torch_dtype=torch.float32)
    return model.eval()


@contextlib.contextmanager
def no_injected_noise():
    """The published VAE draws unseeded noise inside some residual blocks; a probe has none."""
    original = torch.randn
    torch.randn = lambda *args, generator=None, **options: torch.zeros(*args, **options)
    try:
        yield
    finally:
        torch.randn = original


@torch.no_grad()
def run_module(model, tensors: dict, arguments: dict, dtype=torch.float64) -> dict:
    model = model.to(dtype)
    # Time steps and coordinates stay float32: the tables made from them are float32 as published.
    keep = {"timestep", "video_coords", "input_ids", "attention_mask", "encoder_attention_mask"}
    inputs = {k: v if k in keep or not v.is_floating_point() else v.to(dtype) for k, v in tensors.items()}
    if isinstance(model, T5EncoderModel):
        return {"last_hidden_state": model(**inputs).last_hidden_state}
    if isinstance(model, LTXVideoTransformer3DModel):
        return {"sample": model(**inputs, **arguments).sample}
    if "sample" in inputs:
        return {"sample": model.encode(inputs["sample"]).latent_dist.mean}
    with no_injected_noise():
        return {"sample": model.decode(inputs["latents"], inputs.get("temb")).sample}


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    ours, theirs = ours.double(), theirs.double()
    return ((ours - theirs).norm() / theirs.norm()).item()
