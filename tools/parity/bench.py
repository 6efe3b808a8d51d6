"""PyTorch timings on this machine, as one JSON object on stdout.

    python bench.py --case matmul     --shape 3570,2048,8192            M,K,N; matmul-w8a8 and block-w8a8 are the same here
    python bench.py --case attention  --shape 1,32,3570,64              batch,heads,tokens,head_dim
    python bench.py --case attention-training --shape 1,32,3570,64      the same with its backward pass
    python bench.py --case conv3d     --shape 1,128,128,9,68,120        batch,in,out,frames,height,width; 3x3x3
    python bench.py --case block      --shape 1,7,17,30,128             batch,frames,height,width (latent),text
    python bench.py --case joint-block --shape 1,7,17,30,256            batch,frames,height,width (tokens),text
    python bench.py --case vae-decode --shape 1,7,17,30                 batch,frames,height,width (latent)
    python bench.py --case vae-encode --shape 1,49,544,960              batch,frames,height,width (pixels)
    python bench.py --case train-transformer --config C --shape 4,4,6,14,24   as block, in latent sizes
    python bench.py --case train-vae         --config C --shape 1,9,64,96     as vae-encode

--config is a module's config.json (or its folder). Without it, `block` takes the 2B widths and the VAE cases the
0.9.0 layout. `block` is one transformer block alone: the projections around it are left out. A training step is
forward, MSE, backward, gradients clipped to norm 1, AdamW; random weights. --backward adds the backward pass to
matmul, attention and conv3d. --gpu takes CUDA in bf16 where there is CUDA, with `block` and the trained transformer
compiled by torch.compile; on other machines it changes nothing.
"""

import argparse
import json
import math
import os
import platform
import resource
import statistics
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from modules import DTYPES, injected_noise


def read_config(path) -> dict:
    path = Path(path)
    return json.loads((path / "config.json" if path.is_dir() else path).read_text())


def build(cls, config):
    config = read_config(config) if config else {}
    return cls.from_config(config) if config else cls()


def with_backward(args, function, *inputs):
    """The function itself, or with its gradients for a fixed cotangent."""
    if not args.backward:
        return lambda: function(*inputs)
    inputs = [x.requires_grad_() for x in inputs]
    cotangent = torch.randn_like(function(*inputs))
    return lambda: torch.autograd.grad(function(*inputs), inputs, cotangent)


def matmul(args, new):
    m, k, n = args.shape
    return with_backward(args, torch.matmul, new(m, k), new(k, n)), 2 * m * k * n * (3 if args.backward else 1)


def attention(args, new):
    batch, heads, tokens, width = args.shape
    qkv = [new(batch, heads, tokens, width) for _ in range(3)]
    flops = 4 * batch * heads * tokens * tokens * width
    return with_backward(args, F.scaled_dot_product_attention, *qkv), flops * (3 if args.backward else 1)


def attention_training(args, new):
    args.backward = True
    return attention(args, new)


def conv3d(args, new):
    batch, cin, cout, frames, height, width = args.shape
    x, weight = new(batch, cin, frames, height, width), new(cout, cin, 3, 3, 3) / math.sqrt(27 * cin)
    flops = 2 * 27 * cin * cout * batch * frames * height * width
    function = lambda x, weight: F.conv3d(x, weight, padding=1)  # noqa: E731
    return with_backward(args, function, x, weight.detach()), flops * (3 if args.backward else 1)


def block(args, new):
    from diffusers.models.transformers.transformer_ltx import LTXVideoRotaryPosEmbed, LTXVideoTransformerBlock

    config = read_config(args.config) if args.config else {}
    heads, head_dim = config.get("num_attention_heads", 32), config.get("attention_head_dim", 64)
    dim = heads * head_dim
    batch, *grid, text = args.shape
    tokens = math.prod(grid)
    module = LTXVideoTransformerBlock(dim, heads, head_dim, dim).to(args.device, args.dtype).eval()
    rotary = LTXVideoRotaryPosEmbed(dim)(new(batch, 1, 1), *grid, rope_interpolation_scale=(0.32, 32.0, 32.0))
    x, caption, temb = new(batch, tokens, dim), new(batch, text, dim), new(batch, 1, 6 * dim)
    bias = torch.zeros(batch, 1, text, device=args.device, dtype=args.dtype)
    # As linear layers on x, keys and values of the text, self-attention, cross-attention.
    flops = batch * (28 * dim * dim * tokens + 4 * dim * dim * text + 4 * dim * tokens * (tokens + text))
    module = compiled(module, args)
    return no_grad(lambda: module(x, caption, temb, rotary, bias)), flops


def joint_block(args, new):
    from diffusers.models.transformers.transformer_hunyuan_video import (
        HunyuanVideoRotaryPosEmbed,
        HunyuanVideoSingleTransformerBlock,
    )

    config = read_config(args.config) if args.config else {}
    heads, head_dim = config.get("num_attention_heads", 24), config.get("attention_head_dim", 128)
    axes = config.get("rope_axes_dim", [16, 56, 56])
    dim = heads * head_dim
    batch, *grid, text = args.shape
    tokens = math.prod(grid)
    module = HunyuanVideoSingleTransformerBlock(heads, head_dim, mlp_ratio=4.0).to(args.device, args.dtype).eval()
    rotary = HunyuanVideoRotaryPosEmbed(1, 1, axes)(new(batch, 1, *grid))
    x, caption, temb = new(batch, tokens, dim), new(batch, text, dim), new(batch, dim)
    flops = batch * (24 * dim * dim * (tokens + text) + 4 * dim * (tokens + text) ** 2)
    return no_grad(lambda: module(x, caption, temb, None, rotary)), flops


def compiled(module, args):
    return torch.compile(module) if args.compile else module


def no_grad(function):
    def run():
        with torch.inference_mode():
            return function()

    return run


def vae(args):
    from diffusers import AutoencoderKLLTXVideo

    return build(AutoencoderKLLTXVideo, args.config).to(args.device, args.dtype).eval()


def vae_decode(args, new):
    model = vae(args)
    batch, *grid = args.shape
    latents = new(batch, model.config.latent_channels, *grid)
    temb = torch.full((batch,), 0.05, device=args.device) if model.config.timestep_conditioning else None

    def run():
        with injected_noise():
            return model.decode(latents, temb).sample

    return no_grad(run), None


def vae_encode(args, new):
    model = vae(args)
    batch, *grid = args.shape
    video = new(batch, 3, *grid)
    return no_grad(lambda: model.encode(video).latent_dist.mean), None


def training_step(args, model, forward, target):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.999), fused=args.fused)

    def run():
        loss = F.mse_loss(forward(), target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    return run, None


def train_transformer(args, new):
    from diffusers import LTXVideoTransformer3DModel

    model = build(LTXVideoTransformer3DModel, args.config).to(args.device, args.dtype).train()
    forward_model = compiled(model, args)
    config, (batch, frames, height, width, text) = model.config, args.shape
    tokens = frames * height * width
    x, caption = new(batch, tokens, config.in_channels), new(batch, text, config.caption_channels)
    time_steps = 1000 * torch.rand(batch, device=args.device)
    keep = torch.ones(batch, text, device=args.device)
    target = new(batch, tokens, config.out_channels or config.in_channels)

    def forward():
        return forward_model(x, caption, time_steps, keep, frames, height, width, (0.32, 32.0, 32.0), return_dict=False)[0]

    return training_step(args, model, forward, target)


def train_vae(args, new):
    model = vae(args).train()
    batch, *grid = args.shape
    video = new(batch, 3, *grid)
    temb = torch.full((batch,), 0.05, device=args.device) if model.config.timestep_conditioning else None

    def forward():
        with injected_noise():
            return model.decode(model.encode(video).latent_dist.mean, temb).sample

    with torch.no_grad():
        got = list(forward().shape)
    if got != list(video.shape):
        raise SystemExit(f"this VAE decodes {list(video.shape)} to {got}: its two halves scale differently")
    return training_step(args, model, forward, video)


CASES = {
    "matmul": matmul,
    # No 8-bit product of torch is in tiles: what stands beside it is the same product in --dtype.
    "matmul-w8a8": matmul,
    "attention": attention,
    "attention-training": attention_training,
    "conv3d": conv3d,
    "block": block,
    "block-w8a8": block,
    "joint-block": joint_block,
    "vae-decode": vae_decode,
    "vae-encode": vae_encode,
    "train-transformer": train_transformer,
    "train-vae": train_vae,
}


def measure(run, args) -> list[float]:
    sync = torch.cuda.synchronize if args.device == "cuda" else lambda: None
    now = time.process_time if args.clock == "cpu" else time.perf_counter
    times = []
    for i in range(args.warmup + args.reps):
        sync()
        start = now()
        run()
        sync()
        if i >= args.warmup:
            times.append(now() - start)
    return times


def cpu_name() -> str:
    with open("/proc/cpuinfo") as info:
        return next((line.split(":")[1].strip() for line in info if line.startswith("model name")), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, required=True)
    parser.add_argument("--shape", required=True, type=lambda s: [int(n) for n in s.replace("x", ",").split(",")])
    parser.add_argument("--config", help="config.json of the module, or its folder")
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: the processor's time, for one thread")
    parser.add_argument("--dtype", choices=DTYPES, default="f32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--backward", action="store_true")
    parser.add_argument("--gpu", action="store_true", help="cuda and bf16, some cases compiled, where there is CUDA")
    parser.add_argument("--fused", action="store_true", help="the fused AdamW")
    args = parser.parse_args()

    args.compile = args.gpu and torch.cuda.is_available()
    if args.compile:
        args.device, args.dtype, args.fused = "cuda", "bf16", True

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    name, args.dtype = args.dtype, DTYPES[args.dtype]
    run, flops = CASES[args.case](args, lambda *s: torch.randn(*s, device=args.device, dtype=args.dtype))
    times = measure(run, args)
    middle = statistics.median(times)
    peak = (
        torch.cuda.max_memory_allocated()
        if args.device == "cuda"
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    result = {
        "case": args.case,
        "shape": args.shape,
        "config": args.config,
        "dtype": name,
        "backward": args.backward or args.case.startswith("train"),
        "seconds": {"median": middle, "min": min(times), "max": max(times), "all": times},
        "spread": (max(times) - min(times)) / middle,
        "gflops_per_second": flops / middle / 1e9 if flops else None,
        "peak_bytes": peak,
        "threads": torch.get_num_threads() if args.device == "cpu" else None,
        "device": torch.cuda.get_device_name() if args.device == "cuda" else cpu_name(),
        "load_average": os.getloadavg()[0],
        "torch": torch.__version__,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
