"""Pseudo-random tensors that Python and TypeScript compute alike, bit for bit, without sharing a file.

Element i of the tensor called `name` (32-bit unsigned arithmetic throughout):

    h  = FNV-1a of the UTF-8 bytes of name          (offset 0x811C9DC5, prime 0x01000193)
    x  = h ^ imul(i + 1, 0x9E3779B1)
    x ^= x >>> 15;  x = imul(x, 0x2C1B3C6D)
    x ^= x >>> 12;  x = imul(x, 0x297A2D39)
    x ^= x >>> 15
    u  = x / 2^32 - 0.5                             (float64, in [-0.5, 0.5))

A tensor is then `fround(offset + scale * u)`, in float64 until the last rounding, where

    matrix   offset 0, scale = 2 * sqrt(3) * gain   (variance gain^2), gain = 1 / sqrt(fan_in)
    table    offset 0, scale = 2 * sqrt(3) * gain
    norm     offset 1, scale = spread
"""

import numpy as np
import torch

WIDTH = 2 * 3**0.5


def fnv1a(name: str) -> int:
    h = 0x811C9DC5
    for byte in name.encode():
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    return h


def uniform(name: str, count: int) -> np.ndarray:
    x = np.arange(1, count + 1, dtype=np.uint32)
    x *= np.uint32(0x9E3779B1)
    x ^= np.uint32(fnv1a(name))
    for shift, factor in ((15, 0x2C1B3C6D), (12, 0x297A2D39)):
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
    x ^= x >> np.uint32(15)
    return x.astype(np.float64) / 2.0**32 - 0.5


def tensor(name: str, shape, scale: float = WIDTH, offset: float = 0.0) -> torch.Tensor:
    """Float32. With the default scale: mean 0, variance 1."""
    count = int(np.prod(shape, dtype=np.int64))
    values = offset + scale * uniform(name, count)
    return torch.from_numpy(values.astype(np.float32).reshape(tuple(shape)))


def recipe(name: str, shape, table_gain: float, norm_spread: float) -> dict | None:
    """How a model's tensor `name` is filled: its offset and scale, or None where it keeps its own value."""
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "timestep_scale_multiplier":
        return None
    if ("norm" in name and len(shape) < 2) or leaf == "latents_std":
        if leaf == "bias":
            return {"offset": 0.0, "scale": WIDTH * table_gain}
        return {"offset": 1.0, "scale": norm_spread}
    if "shared" in name or "embed_tokens" in name or "relative_attention_bias" in name:
        return {"offset": 0.0, "scale": WIDTH}
    if leaf == "weight" and len(shape) >= 2:
        return {"offset": 0.0, "scale": WIDTH / float(np.prod(shape[1:])) ** 0.5}
    return {"offset": 0.0, "scale": WIDTH * table_gain}


@torch.no_grad()
def fill(model: torch.nn.Module, prefix: str = "", table_gain: float = 0.3, norm_spread: float = 1.0) -> list[dict]:
    """Overwrites every parameter and buffer of a float32 model; returns [{name, shape, offset, scale}]."""
    entries, seen = [], set()
    for name, value in model.state_dict().items():
        if value.data_ptr() in seen:  # a tied weight keeps its first name
            continue
        seen.add(value.data_ptr())
        how = recipe(name, value.shape, table_gain, norm_spread)
        if how is None:
            entries.append({"name": name, "shape": list(value.shape), "value": value.item()})
            continue
        value.copy_(tensor(prefix + name, value.shape, how["scale"], how["offset"]))
        entries.append({"name": name, "shape": list(value.shape), **how})
    return entries
