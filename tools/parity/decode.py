"""Decodes random latents with diffusers, whole, in float32: seconds, CPU seconds and peak memory. Called by bench/decode.js.

    python decode.py FOLDER frames rows columns [--threads N]
"""

import argparse
import json
import resource
import time
from pathlib import Path

import torch
from diffusers import AutoencoderKLLTXVideo

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("grid", type=int, nargs=3)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()

torch.set_num_threads(args.threads)
folder = args.folder / "vae" if (args.folder / "vae").exists() else args.folder
model = AutoencoderKLLTXVideo.from_pretrained(folder, torch_dtype=torch.float32, low_cpu_mem_usage=True).eval()
# Only the decoder is timed and counted.
model.encoder = None
latents = torch.randn(1, model.config.latent_channels, *args.grid)
temb = torch.full((1,), 0.05) if model.config.timestep_conditioning else None
start, before = time.perf_counter(), time.process_time()
with torch.no_grad():
    model.decode(latents, temb)
result = {
    "seconds": time.perf_counter() - start,
    "cpuSeconds": time.process_time() - before,
    "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "torch": torch.__version__,
}
print(json.dumps(result))
