"""Samples of what learned metrics feed their networks: src/metrics/learned/goldens.json.

Resizing by torch's interpolate and, where Pillow is installed, by Pillow; patches by torch's pad and unfold. The picture
is made of src/metrics/testing.ts's waves, kinds 0, 1, 2 as red, green, blue.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def waves(h, w, s):
    mask = np.uint64(0xFFFFFFFF)
    i, j = np.arange(h, dtype=np.uint64)[:, None], np.arange(w, dtype=np.uint64)[None]
    x = (i * 0x9E3779B1 & mask) ^ (j * 0x85EBCA77 & mask) ^ np.uint64(s * 0xC2B2AE3D & 0xFFFFFFFF)
    x ^= x >> np.uint64(15)
    x = x * np.uint64(0x2C1B3C6D) & mask
    x ^= x >> np.uint64(12)
    x = x * np.uint64(0x297A2D39) & mask
    x ^= x >> np.uint64(15)
    i, j = i.astype(float), j.astype(float)
    strength = 4 + 70 * np.sin(np.pi * i / 233) ** 2 * np.sin(np.pi * j / 311) ** 2
    wave = 40 * np.sin(2 * np.pi * i / (17 + s)) + 30 * np.cos(2 * np.pi * j / (11 + s) + i / 23)
    return np.clip(np.floor(128 + wave + strength * (x / 2**32 - 0.5) + 0.5), 0, 255)


def picture(h, w):
    return torch.tensor(np.stack([waves(h, w, s) for s in range(3)]))


def shorter(h, w, n):
    return (n, int(n * w / h)) if h <= w else (int(n * h / w), n)


def resize(x, size, mode, to_bytes=True):
    y = F.interpolate(x[None], size=size, mode=mode, align_corners=False, antialias=False)[0]
    return y.round().clamp(0, 255) if to_bytes else y


def normalise(x, constants):
    mean, std = (torch.tensor(v, dtype=torch.float64)[:, None, None] for v in constants)
    return (x / 255 - mean) / std


def clip(x, side=224):
    y = resize(x, shorter(*x.shape[1:], side), "bicubic")
    top, left = (int(round((n - side) / 2)) for n in y.shape[1:])
    return normalise(y[:, top : top + side, left : left + side], CLIP)


def dino(x, side=224):
    return normalise(resize(x, shorter(*x.shape[1:], side), "bilinear"), IMAGENET)


def musiq(x):
    rows, pos, scale, mask = [], [], [], []
    h, w = x.shape[1:]
    for level, (longer, tokens) in enumerate([(224, 49), (384, 144), (None, None)]):
        y = x if longer is None else resize(x, tuple(round(n * longer / max(h, w)) for n in (h, w)), "bicubic", False)
        y = y / 255 * 2 - 1
        down, across = (math.ceil(n / 32) for n in y.shape[1:])
        pad_h, pad_w = down * 32 - y.shape[1], across * 32 - y.shape[2]
        y = F.pad(y, (pad_w // 2, pad_w - pad_w // 2, pad_h // 2, pad_h - pad_h // 2))
        cut = F.unfold(y[None], 32, stride=32)[0].T.reshape(-1, 3, 32, 32).permute(0, 2, 3, 1).reshape(-1, 3072)
        count = tokens or len(cut)
        places = [r * 10 // down * 10 + c * 10 // across for r in range(down) for c in range(across)]
        fill = count - len(cut)
        rows.append(F.pad(cut, (0, 0, 0, fill)))
        pos += places + [0] * fill
        scale += [level] * count
        mask += [1] * len(cut) + [0] * fill
    return torch.cat(rows), pos, scale, mask


def sample(x):
    flat = x.flatten()
    at = [(k * 7919) % len(flat) for k in range(24)]
    return {
        "shape": list(x.shape),
        "at": at,
        "values": [round(float(flat[k]), 6) for k in at],
        "mean": round(float(flat.mean()), 7),
    }


def main():
    out = {}
    for name, (h, w) in {"wide": (150, 260), "tall": (301, 240), "large": (340, 600)}.items():
        x = picture(h, w)
        patches, pos, scale, mask = musiq(x)
        out[name] = {
            "height": h,
            "width": w,
            "clip": sample(clip(x)),
            "dino": sample(dino(x)),
            "musiq": sample(patches),
            "pos": [sum(pos), sum(k * p for k, p in enumerate(pos))],
            "scale": sum(scale),
            "mask": sum(mask),
        }
        try:
            from PIL import Image

            image = Image.fromarray(np.stack([p.numpy() for p in x], -1).astype(np.uint8))
            small = np.asarray(image.resize((w // 2 + 3, h // 2 + 1), Image.BICUBIC)).astype(float)
            out[name]["pillow"] = {"width": w // 2 + 3, "height": h // 2 + 1, **sample(torch.tensor(small).permute(2, 0, 1))}
        except ImportError:
            print("Pillow is missing: no samples of it", file=sys.stderr)
    path = Path(__file__).parents[2] / "src/metrics/learned/goldens.json"
    path.write_text(json.dumps(out) + "\n")


main()
