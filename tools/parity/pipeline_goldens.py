"""Latents of whole pipelines of diffusers: prompt, text encoder, schedule, steps, given pictures, two passes.

    python pipeline_goldens.py [--out FOLDER]

Writes `pipeline-090` and `pipeline-095`: folders of small random models (the tokenizer is goldens/tokenizer/t5.model), and in each
`latents.safetensors`, latents [C,f,h,w], not normalised, by the name of the case. All noise is what our pipelines draw for
the seed (philox.py); the encoder's posterior gives its mean.
"""

import argparse
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import sentencepiece
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTXConditionPipeline, LTXPipeline
from diffusers.models.autoencoders import vae as posterior
from diffusers.pipelines.ltx import pipeline_ltx, pipeline_ltx_condition
from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition
from diffusers.pipelines.ltx.pipeline_ltx_latent_upsample import LTXLatentUpsamplePipeline
from PIL import Image
from safetensors.torch import save_file

import hashed
from make_goldens import DEFAULT_OUT, SCHEDULER, t5, transformer, vae
from philox import gaussian

SEED = 7
SIZE = {"width": 64, "height": 32, "num_frames": 9, "frame_rate": 24}
PROMPT, NEGATIVE = "a red ball", "worst quality"


class Words:
    """What a pipeline asks of a T5 tokenizer."""

    model_max_length = 512

    def __init__(self, path: Path):
        self.model = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def __call__(self, prompts, padding, max_length=512, **_):
        rows = [self.model.encode(prompt)[: max_length - 1] + [1] for prompt in prompts]
        length = max_length if padding == "max_length" else max(map(len, rows))
        ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
        return SimpleNamespace(input_ids=ids, attention_mask=(ids != 0).long())


class Noise:
    """Stands in for `randn_tensor`: streams in the order in which a pipeline draws, and how each is laid out."""

    def __init__(self):
        self.streams = []

    def __call__(self, shape, **_):
        stream, lay = self.streams.pop(0)
        return lay(stream, tuple(shape))


def planes(stream: str, shape) -> torch.Tensor:
    """[1, C, f, h, w]"""
    return torch.from_numpy(gaussian(int(np.prod(shape)), SEED, stream)).reshape(shape)


def tokens_to_planes(stream: str, shape) -> torch.Tensor:
    """Drawn as tokens [n, C]."""
    _, channels, *grid = shape
    packed = torch.from_numpy(gaussian(int(np.prod(shape)), SEED, stream)).reshape(*grid, channels)
    return packed.permute(3, 0, 1, 2)[None].contiguous()


def appended_first(extra: int):
    """Tokens [N, C], of which ours have those that are appended at the end and diffusers at the beginning."""

    def lay(stream: str, shape) -> torch.Tensor:
        drawn = torch.from_numpy(gaussian(int(np.prod(shape)), SEED, stream)).reshape(shape)
        return torch.cat([drawn[:, shape[1] - extra :], drawn[:, : shape[1] - extra]], 1)

    return lay


def picture(factor: int) -> Image.Image:
    """Bytes (factor i) mod 251."""
    data = (np.arange(SIZE["height"] * SIZE["width"] * 3) * factor % 251).astype(np.uint8)
    return Image.fromarray(data.reshape(SIZE["height"], SIZE["width"], 3))


def build(folder: Path, cls, autoencoder, scheduler):
    channels = autoencoder.config.latent_channels
    model = transformer(2, 8, 2, channels, channels, 14)
    text = t5(vocab_size=400, d_model=14, d_kv=6, d_ff=20, num_layers=2, num_heads=3)
    modules = {"transformer": model, "vae": autoencoder, "text_encoder": text}
    for name, module in modules.items():
        hashed.fill(module.eval(), prefix=f"{folder.name}/{name}/")
        module.half().save_pretrained(folder / name)
        module.float()  # of values that 16 bits hold
    scheduler.save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": cls.__name__}) + "\n")
    words = Words(folder.parent / "tokenizer" / "t5.model")
    pipe = cls(scheduler=scheduler, tokenizer=words, **modules)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def raw(pipe, latents: torch.Tensor) -> torch.Tensor:
    """[C, f, h, w], not normalised."""
    return pipe._denormalize_latents(latents, pipe.vae.latents_mean, pipe.vae.latents_std)[0].contiguous()


def early(out: Path) -> None:
    autoencoder = vae(
        latent_channels=5,
        block_out_channels=(4, 4),
        decoder_block_out_channels=(4, 4),
        layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        spatio_temporal_scaling=(True, True),
        decoder_spatio_temporal_scaling=(True, True),
    )
    pipe = build(out / "pipeline-090", LTXPipeline, autoencoder, FlowMatchEulerDiscreteScheduler(**SCHEDULER))
    noise = pipeline_ltx.randn_tensor = Noise()
    noise.streams = [("latents", planes)]
    packed = pipe(
        PROMPT, NEGATIVE, **SIZE, num_inference_steps=4, guidance_scale=3.0, output_type="latent", max_sequence_length=128
    ).frames
    latents = pipe._unpack_latents(packed, 3, 2, 4) if packed.ndim == 3 else packed
    save_file({"text": raw(pipe, latents)}, out / "pipeline-090" / "latents.safetensors")


def late(out: Path) -> None:
    autoencoder = vae(
        latent_channels=5,
        block_out_channels=(4, 8, 8),
        down_block_types=("LTXVideo095DownBlock3D",) * 2,
        downsample_type=("spatiotemporal", "spatiotemporal"),
        decoder_block_out_channels=(4, 8),
        layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        spatio_temporal_scaling=(True, True),
        decoder_spatio_temporal_scaling=(True, True),
        upsample_residual=(False, False),
        upsample_factor=(2, 2),
        timestep_conditioning=True,
        spatial_compression_ratio=16,
        temporal_compression_ratio=4,
    )
    folder = out / "pipeline-095"
    pipe = build(folder, LTXConditionPipeline, autoencoder, FlowMatchEulerDiscreteScheduler())
    noise = pipeline_ltx_condition.randn_tensor = Noise()
    posterior.randn_tensor = lambda shape, **_: torch.zeros(shape)
    common = {"guidance_scale": 3.0, "output_type": "latent", "max_sequence_length": 256}
    latents = {}

    def run(streams, size=SIZE, **arguments):
        noise.streams = list(streams)
        made = pipe(prompt=PROMPT, negative_prompt=NEGATIVE, **(size | common | arguments)).frames
        assert not noise.streams
        return made

    latents["text"] = raw(pipe, run([("latents", planes)], num_inference_steps=4))
    sigmas = [1, 0.75, 0.5, 0.25]
    extra = 2 * 4
    latents["pictures"] = raw(
        pipe,
        run(
            [
                ("latents", planes),
                ("condition 1", tokens_to_planes),
                *((f"condition at {sigma}", appended_first(extra)) for sigma in sigmas),
            ],
            timesteps=[1000 * sigma for sigma in sigmas],
            conditions=[
                LTXVideoCondition(image=picture(7), frame_index=0, strength=1.0),
                LTXVideoCondition(image=picture(11), frame_index=8, strength=0.7),
            ],
        ),
    )

    drawn = run([("latents", planes)], timesteps=[1000, 500])
    latents["first pass"] = raw(pipe, drawn)
    upsampler = LTXLatentUpsamplerModel(5, 32, 1, 3, spatial_upsample=True, temporal_upsample=False).eval()
    hashed.fill(upsampler, prefix="upsampler-space/")
    upscaling = LTXLatentUpsamplePipeline(vae=pipe.vae, latent_upsampler=upsampler)
    upscaled = upscaling(latents=drawn, adain_factor=1.0, output_type="latent", width=128, height=64).frames
    latents["upscaled"] = raw(pipe, upscaled)
    final = run(
        [("high-resolution latents", planes)],
        size=SIZE | {"width": 128, "height": 64},
        timesteps=[1000, 909.4, 725, 421.9],
        denoise_strength=0.75,
        latents=upscaled,
        guidance_scale=1.0,
    )
    latents["second pass"] = raw(pipe, final)
    save_file(latents, folder / "latents.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    out = parser.parse_args().out
    early(out)
    late(out)


if __name__ == "__main__":
    main()
