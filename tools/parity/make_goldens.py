"""Writes the golden sets under src/testing/goldens: small random modules, their inputs and their outputs.

    python make_goldens.py [--out FOLDER] [--only PREFIX] [--materialise FOLDER]

Weights and inputs come from `hashed.py`, so a set does not depend on a library's random numbers. Outputs are
computed in float64 and stored in float32; where the published code forces float32 (rotary and time tables,
variances, the rotation itself), it stays so.
"""

import argparse
import json
import math
import random
import re
import shutil
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXPipeline,
    LTXVideoTransformer3DModel,
)
from diffusers.loaders.single_file_utils import convert_ltx_vae_checkpoint_to_diffusers
from diffusers.models.embeddings import get_timestep_embedding
from diffusers.models.transformers.transformer_ltx import LTXVideoRotaryPosEmbed
from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXConditionPipeline, linear_quadratic_schedule
from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
from transformers import T5Config, T5EncoderModel

import hashed
from hunyuan_goldens import hunyuan_cases
from modules import injected_noise, module_name, run_module, write_probe

DEFAULT_OUT = Path(__file__).resolve().parents[2] / "src" / "testing" / "goldens"


class Writer:
    def __init__(self, out: Path, only: str):
        self.out, self.only, self.index = out, only, []

    def wants(self, case: str) -> bool:
        return case.startswith(self.only)

    def folder(self, case: str) -> Path:
        folder = self.out / case
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def case(self, name: str, model, probes: dict) -> None:
        """`probes`: sub-folder ("" for the case's own) -> (tensors, arguments)."""
        if not self.wants(name):
            return
        folder = self.folder(name)
        hashed.fill(model.eval(), prefix=f"{name}/")
        model.save_pretrained(folder)
        self.run(name, folder, model, probes)

    def computed_case(self, name: str, model, probes: dict, recipe: dict) -> None:
        """A case whose weights are not stored: config.json and weights.json say how to make them."""
        if not self.wants(name):
            return
        entries = hashed.fill(model.eval(), **recipe)
        folder = self.folder(name)
        model.save_config(folder)
        text = json.dumps({**recipe, "generator": "tools/parity/hashed.py", "tensors": []})
        rows = ",\n  ".join(json.dumps(entry) for entry in entries)
        (folder / "weights.json").write_text(text.replace("[]", f"[\n  {rows}\n]") + "\n")
        self.run(name, folder, model, probes, weights="weights.json")

    def run(self, name: str, folder: Path, model, probes: dict, **extra) -> None:
        for sub, (tensors, arguments) in probes.items():
            outputs = run_module(model, tensors, arguments)
            write_probe(folder / sub / "inputs.safetensors", tensors, arguments)
            write_probe(folder / sub / "output.safetensors", {k: v.float() for k, v in outputs.items()})
            module = module_name(model, tensors)
            self.index.append({"case": name, "probe": sub, "module": module, **extra})
            for key, value in outputs.items():
                print(f"{name}/{sub:8} {key} {list(value.shape)} rms {value.pow(2).mean().sqrt():.3f}")


def noise(name: str, *shape: int) -> torch.Tensor:
    return hashed.tensor(f"input/{name}", shape)


def mask(length: int, *kept: int) -> torch.Tensor:
    return (torch.arange(length)[None] < torch.tensor(kept)[:, None]).long()


# ---------------------------------------------------------------------------------------------- transformer


def transformer(heads: int, head_dim: int, layers: int, in_channels: int, out_channels: int, caption: int):
    return LTXVideoTransformer3DModel(
        in_channels=in_channels,
        out_channels=out_channels,
        num_attention_heads=heads,
        attention_head_dim=head_dim,
        cross_attention_dim=heads * head_dim,
        num_layers=layers,
        caption_channels=caption,
    )


def transformer_inputs(case, model, grid, kept, text, timestep, scale=None, coords=None, float_mask=False):
    batch, tokens = len(kept), math.prod(grid)
    tensors = {
        "hidden_states": noise(f"{case}/hidden_states", batch, tokens, model.config.in_channels),
        "encoder_hidden_states": noise(f"{case}/encoder_hidden_states", batch, text, model.config.caption_channels),
        "timestep": torch.as_tensor(timestep, dtype=torch.float32),
        "encoder_attention_mask": mask(text, *kept),
    }
    if float_mask:
        tensors["encoder_attention_mask"] = tensors["encoder_attention_mask"].float()
    if coords is not None:
        return tensors | {"video_coords": coords}, {}
    frames, height, width = grid
    sizes = {"num_frames": frames, "height": height, "width": width}
    return tensors, sizes | ({"rope_interpolation_scale": scale} if scale else {})


def causal_coords(batch: int, grid, fps: float) -> torch.Tensor:
    """As the condition pipeline makes them: pixel coordinates, first frame causal, time in seconds."""
    ids = LTXConditionPipeline._prepare_video_ids(batch, *grid, device=torch.device("cpu"))
    coords = LTXConditionPipeline._scale_video_ids(ids, 32, 8, frame_index=0, device=torch.device("cpu")).float()
    coords[:, 0] = coords[:, 0] * (1.0 / fps)
    return coords


def transformer_cases(w: Writer) -> None:
    # D = heads * head_dim; D mod 6 = 0, 2, 4, 2.
    name, model = "transformer-d24", transformer(2, 12, 2, 6, 5, 20)
    inputs = transformer_inputs(name, model, (3, 5, 7), (4, 9), 9, [900.0, 37.5], [8 / 25, 32.0, 32.0])
    w.case(name, model, {"": inputs})

    name, model = "transformer-d14", transformer(2, 7, 3, 3, 7, 10)
    inputs = transformer_inputs(name, model, (1, 3, 3), (5, 1), 5, [1000.0, 0.0], [1 / 3, 16.0, 24.0], float_mask=True)
    w.case(name, model, {"": inputs})

    name, model = "transformer-d28", transformer(4, 7, 1, 8, 8, 12)
    grid = (2, 3, 5)
    per_token = 1000.0 * (hashed.uniform(f"input/{name}/timestep", 2 * math.prod(grid)) + 0.5)
    per_token = torch.from_numpy(per_token).reshape(2, -1)
    per_token[:, : grid[1] * grid[2]] = 0.0  # the first latent frame is clean
    w.case(
        name,
        model,
        {
            "": transformer_inputs(name, model, grid, (7, 3), 7, per_token, [8 / 24, 32.0, 32.0]),
            # No rope_interpolation_scale: positions are then raw indices, not fractions of the base sizes.
            "raw": transformer_inputs(name, model, grid, (7, 3), 7, [250.0, 650.0]),
        },
    )

    name, model = "transformer-d20-coords", transformer(2, 10, 1, 4, 4, 16)
    inputs = transformer_inputs(
        name, model, (3, 3, 4), (6, 2), 6, [612.3, 81.0], coords=causal_coords(2, (3, 3, 4), 25.0)
    )
    w.case(name, model, {"": inputs})


FULL_WIDTH = "transformer-full-width"


def full_width(w: Writer, materialise: str | None) -> None:
    """One layer of the 2B model."""
    if not w.wants(FULL_WIDTH):
        return
    model = transformer(32, 64, 1, 128, 128, 4096)
    recipe = {"prefix": "", "table_gain": 0.02, "norm_spread": 0.1}
    inputs = transformer_inputs(FULL_WIDTH, model, (2, 3, 7), (4,), 6, [700.0], [8 / 25, 32.0, 32.0])
    w.computed_case(FULL_WIDTH, model, {"": inputs}, recipe)
    if materialise:
        model.save_pretrained(materialise)


# ------------------------------------------------------------------------------------------------------ VAE


def vae(**config) -> AutoencoderKLLTXVideo:
    stages = len(config["block_out_channels"])
    decoder_stages = len(config["decoder_block_out_channels"])
    defaults = {
        "down_block_types": ("LTXVideoDownBlock3D",) * stages,
        "downsample_type": ("conv",) * stages,
        "decoder_inject_noise": (False,) * (decoder_stages + 1),
        "upsample_residual": (False,) * decoder_stages,
        "upsample_factor": (1,) * decoder_stages,
    }
    return AutoencoderKLLTXVideo(**(defaults | config))


def pixels(case: str, *shape: int) -> torch.Tensor:
    """Values in [-1, 1]."""
    return hashed.tensor(f"input/{case}/sample", shape, scale=2.0)


def vae_cases(w: Writer) -> None:
    name = "vae-090-a"  # the published skeleton: four stages, 32x32x8
    model = vae(
        latent_channels=4,
        block_out_channels=(4, 5, 6, 6),
        decoder_block_out_channels=(4, 5, 6, 6),
        layers_per_block=(2, 1, 1, 1, 1),
        decoder_layers_per_block=(2, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, True, False),
        decoder_spatio_temporal_scaling=(True, True, True, False),
    )
    w.case(
        name,
        model,
        {
            "encoder": ({"sample": pixels(name, 1, 3, 9, 32, 32)}, {}),
            "encoder-image": ({"sample": pixels(name, 1, 3, 1, 32, 64)}, {}),
            "decoder": ({"latents": noise(f"{name}/latents", 1, 4, 2, 1, 1)}, {}),
            "decoder-image": ({"latents": noise(f"{name}/latents", 1, 4, 1, 2, 1)}, {}),
        },
    )

    name = "vae-090-b"  # patch 2, three stages, every stage changes the width
    model = vae(
        latent_channels=5,
        block_out_channels=(4, 6, 8),
        decoder_block_out_channels=(3, 5, 8),
        layers_per_block=(1, 2, 1, 1),
        decoder_layers_per_block=(1, 1, 2, 1),
        spatio_temporal_scaling=(True, True, False),
        decoder_spatio_temporal_scaling=(True, True, False),
        patch_size=2,
    )
    w.case(
        name,
        model,
        {
            "encoder": ({"sample": pixels(name, 1, 3, 17, 16, 8)}, {}),
            "decoder": ({"latents": noise(f"{name}/latents", 2, 5, 2, 3, 2)}, {}),
        },
    )

    name = "vae-090-c"  # a stage without scaling in the middle, a batch of two, a causal decoder
    model = vae(
        latent_channels=8,
        block_out_channels=(4, 4, 6),
        decoder_block_out_channels=(4, 6, 6),
        layers_per_block=(1, 1, 1, 1),
        decoder_layers_per_block=(1, 2, 1, 1),
        spatio_temporal_scaling=(True, False, True),
        decoder_spatio_temporal_scaling=(True, False, True),
        decoder_causal=True,
        resnet_norm_eps=1e-5,
    )
    w.case(
        name,
        model,
        {
            "encoder": ({"sample": pixels(name, 2, 3, 5, 32, 16)}, {}),
            "decoder": ({"latents": noise(f"{name}/latents", 1, 8, 3, 2, 1)}, {}),
        },
    )

    name = "vae-091"  # residual upsamplers, time conditioning, noise injection (none drawn)
    model = vae(
        latent_channels=6,
        block_out_channels=(4, 5),
        decoder_block_out_channels=(8, 16),
        layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(2, 1, 1),
        spatio_temporal_scaling=(True, True),
        decoder_spatio_temporal_scaling=(True, True),
        decoder_inject_noise=(True, True, False),
        upsample_residual=(True, True),
        upsample_factor=(2, 2),
        timestep_conditioning=True,
    )
    w.case(
        name,
        model,
        {
            "encoder": ({"sample": pixels(name, 1, 3, 5, 16, 32)}, {}),
            "decoder": (
                {"latents": noise(f"{name}/latents", 2, 6, 2, 1, 1), "temb": torch.tensor([0.05, 0.3])},
                {},
            ),
        },
    )

    name = "vae-095"  # space-to-depth downsamplers of all kinds
    model = vae(
        latent_channels=7,
        block_out_channels=(4, 4, 8, 8, 8),
        down_block_types=("LTXVideo095DownBlock3D",) * 4,
        downsample_type=("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
        decoder_block_out_channels=(8,),
        layers_per_block=(2, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 2),
        spatio_temporal_scaling=(True, True, True, True),
        decoder_spatio_temporal_scaling=(True,),
        upsample_residual=(True,),
        upsample_factor=(2,),
        timestep_conditioning=True,
        patch_size=2,
        spatial_compression_ratio=16,
        temporal_compression_ratio=8,
    )
    w.case(
        name,
        model,
        {
            "encoder": ({"sample": pixels(name, 1, 3, 9, 48, 32)}, {}),
            "decoder": ({"latents": noise(f"{name}/latents", 1, 7, 3, 2, 3), "temb": torch.tensor([0.1])}, {}),
        },
    )


def random_vae(generation: str, pick: random.Random) -> AutoencoderKLLTXVideo:
    """A small autoencoder of a generation with everything else drawn at random."""
    stages = pick.choice((2, 3))
    layers = lambda: tuple(pick.choice((1, 2)) for _ in range(stages + 1))  # noqa: E731
    config = {
        "latent_channels": pick.randint(3, 9),
        "patch_size": pick.choice((1, 2)),
        "layers_per_block": layers(),
        "decoder_layers_per_block": layers(),
        "encoder_causal": True,
        "decoder_causal": pick.random() < 0.25,
    }
    if generation == "095":
        kinds = ["spatial", "temporal", "spatiotemporal"]
        pick.shuffle(kinds)
        config["downsample_type"] = tuple(kinds[:stages])
        config["spatio_temporal_scaling"] = (True,) * stages
        config["down_block_types"] = ("LTXVideo095DownBlock3D",) * stages
        config["block_out_channels"] = (8,) * pick.choice((1, 2)) + (16,) * (stages - 1)
        config["block_out_channels"] = (config["block_out_channels"] + (16,))[: stages + 1]
    else:
        config["spatio_temporal_scaling"] = (True,) * (stages - 1) + (pick.random() < 0.5,)
        config["block_out_channels"] = tuple(sorted(pick.randint(3, 9) for _ in range(stages)))
    if generation == "090":
        config["decoder_block_out_channels"] = tuple(sorted(pick.randint(3, 9) for _ in range(stages)))
        config["decoder_spatio_temporal_scaling"] = (True,) * (stages - 1) + (pick.random() < 0.5,)
    else:
        base = pick.choice((4, 8))
        config["decoder_block_out_channels"] = tuple(base * 2**i for i in range(1, stages + 1))
        config["decoder_spatio_temporal_scaling"] = (True,) * stages
        config["upsample_residual"] = tuple(pick.random() < 0.8 for _ in range(stages))
        config["upsample_factor"] = (2,) * stages
        config["timestep_conditioning"] = True
        if generation == "091":
            config["decoder_inject_noise"] = tuple(pick.random() < 0.7 for _ in range(stages)) + (False,)
    return vae(**config)


def random_vae_cases(w: Writer) -> None:
    for generation in ("090", "091", "095"):
        for index in range(3):
            name = f"vae-{generation}-random-{index}"
            if not w.wants(name):
                continue
            pick = random.Random(name)
            model = random_vae(generation, pick)
            height, width, frames = pick.choice((16, 32)), pick.choice((16, 32)), pick.choice((1, 5, 9))
            latents = noise(f"{name}/latents", 1, model.config.latent_channels, pick.choice((1, 2)), 1, 2)
            decoder = {"latents": latents}
            if model.config.timestep_conditioning:
                decoder["temb"] = torch.tensor([round(pick.uniform(0, 0.2), 3)])
            probes = {
                "encoder": ({"sample": pixels(name, 1, 3, frames, height, width)}, {}),
                "decoder": (decoder, {}),
            }
            if any(model.config.decoder_inject_noise):
                with torch.no_grad(), injected_noise() as drawn:
                    model.decode(decoder["latents"], decoder["temb"])
                maps = {f"noise.{i:03}": noise(f"{name}/noise.{i}", *shape) for i, shape in enumerate(drawn)}
                probes["decoder-noise"] = (decoder | maps, {})
            w.computed_case(name, model, probes, {"prefix": f"{name}/", "table_gain": 0.3, "norm_spread": 1.0})


# The published skeletons with one resnet a stage: what a tensor is called in an original file and in diffusers.
SKELETONS = {
    "0.9.0": {
        "block_out_channels": (128, 256, 512, 512),
        "decoder_block_out_channels": (128, 256, 512, 512),
        "layers_per_block": (1,) * 5,
        "decoder_layers_per_block": (1,) * 5,
        "spatio_temporal_scaling": (True, True, True, False),
        "decoder_spatio_temporal_scaling": (True, True, True, False),
    },
    "0.9.1": {
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": (1,) * 5,
        "spatio_temporal_scaling": (True, True, True, False),
        "decoder_inject_noise": (True, True, True, False),
    },
    "0.9.5": {
        "block_out_channels": (128, 256, 512, 1024, 2048),
        "down_block_types": ("LTXVideo095DownBlock3D",) * 4,
        "layers_per_block": (1,) * 5,
        "spatio_temporal_scaling": (True,) * 4,
        "downsample_type": ("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
    },
}
CONDITIONED = {
    "decoder_block_out_channels": (256, 512, 1024),
    "decoder_layers_per_block": (1,) * 4,
    "decoder_spatio_temporal_scaling": (True,) * 3,
    "upsample_residual": (True,) * 3,
    "upsample_factor": (2,) * 3,
    "timestep_conditioning": True,
}


def original_names(model: AutoencoderKLLTXVideo) -> dict:
    """From the names of an original file to those of diffusers, found by trying all block numbers on the converter."""
    state = model.state_dict()
    out = state["encoder.conv_out.conv.weight"]
    found = {}
    for name in state:
        block = re.match(r"(encoder|decoder)\.(?:mid_block|(?:down|up)_blocks\.\d+)\.(.*)", name)
        tail = (block[2] if block else name).replace("resnets", "res_blocks").replace("conv_shortcut.conv", "conv_shortcut")
        tail = re.sub(r"(downsamplers|upsamplers)\.0\.|^conv_(in|out)\.", "", tail) if block else tail
        tail = tail.replace("norm3", "norm3.norm")
        if block:
            list_name = "down_blocks" if block[1] == "encoder" else "up_blocks"
            tries = [f"vae.{block[1]}.{list_name}.{k}.{tail}" for k in range(10)]
        else:
            last = {"decoder.time_embedder": "decoder.last_time_embedder"}
            last |= {"decoder.scale_shift_table": "decoder.last_scale_shift_table"}
            last |= {"latents_mean": "per_channel_statistics.mean-of-means"}
            last |= {"latents_std": "per_channel_statistics.std-of-means"}
            for old, new in last.items():
                tail = tail.replace(old, new)
            tries = [f"vae.{tail}"]
        for original in tries:
            checkpoint = {"vae.encoder.conv_out.conv.weight": out, original: out}
            if model.config.timestep_conditioning:
                checkpoint["vae.decoder.last_time_embedder.timestep_embedder.linear_1.weight"] = out
            if name in convert_ltx_vae_checkpoint_to_diffusers(checkpoint):
                found.setdefault(name, original.removeprefix("vae."))
    return {found[name]: name for name in state if name in found}


def vae_names(w: Writer) -> None:
    if not w.wants("vae-names"):
        return
    names = {}
    for generation, skeleton in SKELETONS.items():
        with torch.device("meta"):
            model = vae(**((CONDITIONED if generation != "0.9.0" else {}) | skeleton))
        names[generation] = original_names(model)
        print("vae-names", generation, len(names[generation]), "of", len(model.state_dict()))
    (w.out / "vae-names.json").write_text(json.dumps(names, indent=1) + "\n")


def upsampler_cases(w: Writer) -> None:
    kinds = {"space": (True, False), "time": (False, True), "both": (True, True)}
    for kind, (space, time) in kinds.items():
        name = f"upsampler-{kind}"
        if not w.wants(name):
            continue
        model = LTXLatentUpsamplerModel(5, 32, 1, 3, spatial_upsample=space, temporal_upsample=time)
        probes = {"": ({"hidden_states": noise(f"{name}/hidden_states", 1, 5, 2, 2, 3)}, {})}
        w.computed_case(name, model, probes, {"prefix": f"{name}/", "table_gain": 0.3, "norm_spread": 1.0})


# ------------------------------------------------------------------------------------------------------- T5


def t5(**config) -> T5EncoderModel:
    return T5EncoderModel(T5Config(feed_forward_proj="gated-gelu", tie_word_embeddings=False, **config))


def token_ids(case: str, vocab: int, length: int, *kept: int) -> dict:
    ids = ((hashed.uniform(f"input/{case}/input_ids", len(kept) * length) + 0.5) * (vocab - 2)).astype("int64") + 2
    keep = mask(length, *kept)
    ids = torch.from_numpy(ids).reshape(len(kept), length) * keep
    for row, count in enumerate(kept):
        ids[row, count - 1] = 1  # </s>
    return {"input_ids": ids, "attention_mask": keep}


def t5_cases(w: Writer) -> None:
    name = "t5-short"
    model = t5(vocab_size=100, d_model=24, d_kv=8, d_ff=40, num_layers=3, num_heads=3)
    tensors = token_ids(name, 100, 20, 20, 7)
    w.case(name, model, {"": (tensors, {}), "no-mask": ({"input_ids": tensors["input_ids"]}, {})})

    name = "t5-long"  # beyond the last relative-position bucket; heads * d_kv differs from d_model
    model = t5(vocab_size=150, d_model=20, d_kv=6, d_ff=36, num_layers=2, num_heads=5)
    w.case(name, model, {"": (token_ids(name, 150, 160, 160, 31), {})})


# ------------------------------------------------------------------------------- sampling, schedules, tables

SCHEDULER = {
    "num_train_timesteps": 1000,
    "use_dynamic_shifting": True,
    "base_shift": 0.95,
    "max_shift": 2.05,
    "base_image_seq_len": 1024,
    "max_image_seq_len": 4096,
    "shift_terminal": 0.1,
    "time_shift_type": "exponential",
}


def sampling_case(w: Writer) -> None:
    name = "sampling-euler-cfg"
    if not w.wants(name):
        return
    model = transformer(2, 8, 2, 6, 6, 14).eval()
    hashed.fill(model, prefix=f"{name}/")
    folder = w.folder(name)
    model.save_pretrained(folder)
    grid, text = (2, 3, 4), 6
    arguments = {
        "num_frames": grid[0],
        "height": grid[1],
        "width": grid[2],
        "frame_rate": 24,
        "num_inference_steps": 4,
        "guidance_scale": 3.0,
    }
    tensors = {
        "latents": noise(f"{name}/latents", 1, math.prod(grid), 6),
        "prompt_embeds": noise(f"{name}/prompt_embeds", 1, text, 14),
        "prompt_attention_mask": mask(text, 5),
        "negative_prompt_embeds": noise(f"{name}/negative_prompt_embeds", 1, text, 14),
        "negative_prompt_attention_mask": mask(text, 2),
    }
    scheduler = FlowMatchEulerDiscreteScheduler(**SCHEDULER)
    pipe = LTXPipeline(scheduler=scheduler, vae=None, text_encoder=None, tokenizer=None, transformer=model.double())
    pipe.set_progress_bar_config(disable=True)
    steps = []

    def keep(_pipe, _step, _time, values):
        steps.append(values["latents"])
        return {}

    embeds = {k: v.double() if k.endswith("embeds") else v for k, v in tensors.items()}
    final = pipe(
        **(embeds | {"latents": tensors["latents"].clone()}),
        num_frames=(grid[0] - 1) * 8 + 1,
        height=grid[1] * 32,
        width=grid[2] * 32,
        frame_rate=24,
        num_inference_steps=4,
        guidance_scale=3.0,
        output_type="latent",
        callback_on_step_end=keep,
        max_sequence_length=text,
    ).frames
    write_probe(folder / "inputs.safetensors", tensors, arguments)
    outputs = {"latents": final.float(), "steps": torch.cat(steps).float()}
    outputs["sigmas"] = scheduler.sigmas
    write_probe(folder / "output.safetensors", outputs)
    w.index.append({"case": name, "probe": "", "module": "sampling"})
    print(f"{name} latents {list(final.shape)} rms {final.pow(2).mean().sqrt():.3f}", scheduler.sigmas.tolist())


def numbers(values) -> list:
    """Shortest decimal that gives the same float32 back; null for NaN."""
    return [None if math.isnan(v) else float(f"{v:.9g}") for v in torch.as_tensor(values).flatten().tolist()]


def dynamic_schedule(steps: int, tokens: int) -> dict:
    scheduler = FlowMatchEulerDiscreteScheduler(**SCHEDULER)
    mu = calculate_shift(tokens, 1024, 4096, 0.95, 2.05)
    start = torch.linspace(1.0, 1 / steps, steps, dtype=torch.float64).tolist()
    scheduler.set_timesteps(sigmas=start, mu=mu)
    return {"steps": steps, "tokens": tokens, "mu": mu, "sigmas": numbers(scheduler.sigmas)}


def rope_table(dim: int, grid, scale, tokens, stride: int = 1) -> dict:
    embed = LTXVideoRotaryPosEmbed(dim)
    cos, sin = embed(torch.zeros(1, math.prod(grid), 1), *grid, rope_interpolation_scale=scale)
    rows = [
        {"token": list(t), "cos": numbers(cos[0, n, ::stride]), "sin": numbers(sin[0, n, ::stride])}
        for t in tokens
        for n in [(t[0] * grid[1] + t[1]) * grid[2] + t[2]]
    ]
    return {"dim": dim, "grid": list(grid), "scale": list(scale), "stride": stride, "rows": rows}


def rope_frequencies(dim: int) -> list:
    """The published float32 steps: theta ** linspace(0, 1, dim // 6), times pi, halved."""
    return numbers(10000.0 ** torch.linspace(0.0, 1.0, dim // 6) * math.pi / 2.0)


def tables(w: Writer) -> None:
    if not w.wants("schedules"):
        return
    with torch.no_grad(), np.errstate(invalid="ignore"):
        dynamic = [(4, 24), (8, 1024), (10, 4096), (20, 3570), (40, 3570), (30, 8160), (20, 25200), (40, 57600), (1, 3570)]
        times = [1000.0, 999.7, 500.0, 100.0, 37.5, 1.0, 0.5, 0.0]
        data = {
            "scheduler": SCHEDULER,
            "dynamic": [dynamic_schedule(s, n) for s, n in dynamic],
            "linear_quadratic": [
                {"steps": s, "sigmas": numbers(linear_quadratic_schedule(s))} for s in (1, 2, 3, 8, 20, 40)
            ],
            "time_embedding": [
                {"timestep": t, "values": numbers(row)}
                for t, row in zip(times, get_timestep_embedding(torch.tensor(times), 256, True, 0))
            ],
            "rope_frequencies": [{"dim": d, "values": rope_frequencies(d)} for d in (14, 16, 24, 256, 2048, 4096)],
            "rope": [
                rope_table(16, (2, 3, 4), (8 / 25, 32.0, 32.0), [(0, 0, 0), (1, 2, 3)]),
                rope_table(64, (3, 5, 7), (8 / 24, 32.0, 32.0), [(0, 4, 6), (2, 1, 5)]),
                rope_table(2048, (2, 3, 4), (8 / 25, 32.0, 32.0), [(1, 2, 3)], stride=6),
            ],
            "video_coords": {
                "grid": [3, 2, 2],
                "fps": 25,
                "values": numbers(causal_coords(1, (3, 2, 2), 25.0)),
            },
        }
    lines = [f'  {json.dumps(key)}: {pretty(value)}' for key, value in data.items()]
    w.out.mkdir(parents=True, exist_ok=True)
    (w.out / "schedules.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print("schedules.json", (w.out / "schedules.json").stat().st_size)


def pretty(value) -> str:
    """One line for each entry of a list."""
    if not isinstance(value, list):
        return json.dumps(value, allow_nan=False)
    return "[\n    " + ",\n    ".join(json.dumps(v, allow_nan=False) for v in value) + "\n  ]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--only", default="", help="only cases whose name begins so (leaves index.json alone)")
    parser.add_argument("--materialise", help="also write the full-width module with its weights (0.4 GB) here")
    args = parser.parse_args()

    writer = Writer(args.out, args.only)
    transformer_cases(writer)
    t5_cases(writer)
    vae_cases(writer)
    random_vae_cases(writer)
    vae_names(writer)
    upsampler_cases(writer)
    sampling_case(writer)
    hunyuan_cases(writer)
    tables(writer)
    full_width(writer, args.materialise)
    if not args.only:
        rows = ",\n  ".join(json.dumps(row) for row in writer.index)
        (args.out / "index.json").write_text(f"[\n  {rows}\n]\n")


if __name__ == "__main__":
    main()
