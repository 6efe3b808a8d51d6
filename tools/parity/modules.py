"""Loading one diffusers/transformers module and running it on the tensors of a `turbo2k probe` input file."""

import contextlib
import json
from pathlib import Path

import torch
import transformers
from diffusers import (
    AutoencoderKLHunyuanVideo,
    AutoencoderKLLTXVideo,
    HunyuanVideoTransformer3DModel,
    LTXVideoTransformer3DModel,
)
from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
from diffusers.utils import logging
from safetensors import safe_open
from safetensors.torch import save
from transformers import CLIPTextConfig, CLIPTextModel, LlamaConfig, LlamaModel, T5Config, T5EncoderModel

import hashed

logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

DTYPES = {"f32": torch.float32, "f64": torch.float64, "bf16": torch.bfloat16}


DIFFUSERS = (
    LTXLatentUpsamplerModel,
    LTXVideoTransformer3DModel,
    AutoencoderKLLTXVideo,
    HunyuanVideoTransformer3DModel,
    AutoencoderKLHunyuanVideo,
)
TRANSFORMERS = {T5EncoderModel: T5Config, LlamaModel: LlamaConfig, CLIPTextModel: CLIPTextConfig}


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
    cls = {c.__name__: c for c in (*DIFFUSERS, *TRANSFORMERS)}[kind]
    if (folder / "weights.json").exists():
        recipe = json.loads((folder / "weights.json").read_text())
        model = cls(TRANSFORMERS[cls](**config)) if cls in TRANSFORMERS else cls.from_config(config)
        hashed.fill(model, recipe["prefix"], recipe["table_gain"], recipe["norm_spread"])
    else:
        model = cls.from_pretrained(folder, torch_dtype=torch.float32)
    return model.eval()


def module_name(model, tensors: dict) -> str:
    """What `turbo2k probe --module` calls it."""
    if isinstance(model, LTXLatentUpsamplerModel):
        return "latent_upsampler"
    if isinstance(model, CLIPTextModel):
        return "text_encoder_2"
    if type(model) in TRANSFORMERS:
        return "text_encoder"
    if isinstance(model, (LTXVideoTransformer3DModel, HunyuanVideoTransformer3DModel)):
        return "transformer"
    return "vae.encoder" if "sample" in tensors else "vae.decoder"


@contextlib.contextmanager
def injected_noise(maps=None):
    """The published VAE draws unseeded noise inside some residual blocks: here the given maps, else none.

    Yields the shapes that were drawn.
    """
    original, drawn = torch.randn, []

    def draw(shape, generator=None, device=None, dtype=None):
        drawn.append(tuple(shape))
        return torch.zeros(shape, device=device, dtype=dtype) if maps is None else maps[len(drawn) - 1].to(device, dtype)

    torch.randn = draw
    try:
        yield drawn
    finally:
        torch.randn = original


@torch.no_grad()
def run_module(model, tensors: dict, arguments: dict, dtype=torch.float64) -> dict:
    model = model.to(dtype)
    # Time steps and coordinates stay float32: the tables made from them are float32 as published.
    keep = {"timestep", "guidance", "video_coords", "input_ids", "attention_mask", "encoder_attention_mask"}
    inputs = {k: v if k in keep or not v.is_floating_point() else v.to(dtype) for k, v in tensors.items()}
    if isinstance(model, T5EncoderModel):
        return {"last_hidden_state": model(**inputs).last_hidden_state}
    if isinstance(model, LlamaModel):
        skip = arguments.get("num_hidden_layers_to_skip")
        if skip is None:
            return {"last_hidden_state": model(**inputs).last_hidden_state}
        return {"hidden_state": model(**inputs, output_hidden_states=True).hidden_states[-(skip + 1)]}
    if isinstance(model, CLIPTextModel):
        out = model(**inputs)
        return {"last_hidden_state": out.last_hidden_state, "pooler_output": out.pooler_output}
    if isinstance(model, HunyuanVideoTransformer3DModel) and "after_block" in arguments:
        return {"hidden_states": block_output(model, arguments["after_block"], inputs)}
    if isinstance(model, AutoencoderKLHunyuanVideo):
        model.use_framewise_encoding = model.use_framewise_decoding = False  # whole clips, no blending
    if isinstance(model, (LTXVideoTransformer3DModel, HunyuanVideoTransformer3DModel)):
        return {"sample": model(**inputs, **arguments).sample}
    if isinstance(model, LTXLatentUpsamplerModel):
        return {"sample": model(inputs["hidden_states"])}
    if "sample" in inputs:
        return {"sample": model.encode(inputs["sample"]).latent_dist.mean}
    maps = [inputs[name] for name in sorted(inputs) if name.startswith("noise.")]
    with injected_noise(maps or None):
        extra = () if isinstance(model, AutoencoderKLHunyuanVideo) else (inputs.get("temb"),)
        return {"sample": model.decode(inputs["latents"], *extra).sample}


def block_output(model, index: int, inputs: dict) -> torch.Tensor:
    """Image tokens after a block, double-stream blocks first."""
    kept = []
    block = [*model.transformer_blocks, *model.single_transformer_blocks][index]
    hook = block.register_forward_hook(lambda _module, _inputs, output: kept.append(output[0]))
    model(**inputs)
    hook.remove()
    return kept[0]


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    ours, theirs = ours.double(), theirs.double()
    return ((ours - theirs).norm() / theirs.norm()).item()
