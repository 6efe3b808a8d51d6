"""The normal numbers of src/base/philox.ts, so that a seed gives diffusers' pipelines the noise that ours draw."""

import numpy as np

from hashed import fnv1a

M0, M1, W0, W1 = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85
LOW = np.uint64(0xFFFFFFFF)


def words(blocks: int, seed: int, stream: int) -> np.ndarray:
    """Philox 4x32-10 of counters (block, 0, stream, 1): [blocks, 4], as 64-bit integers below 2^32."""
    c0, c1, c2, c3 = (
        np.full(blocks, value, np.uint64) if value is not None else np.arange(blocks, dtype=np.uint64)
        for value in (None, 0, stream, 1)
    )
    k0, k1 = seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF
    for _ in range(10):
        p0, p1 = c0 * np.uint64(M0), c2 * np.uint64(M1)
        c0, c1, c2, c3 = (
            (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0),
            p1 & LOW,
            (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1),
            p0 & LOW,
        )
        k0, k1 = (k0 + W0) & 0xFFFFFFFF, (k1 + W1) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], 1)


def gaussian(count: int, seed: int, stream: str) -> np.ndarray:
    """Box-Muller on pairs of words, rounded to float32 at the end."""
    pairs = words(-(-count // 4), seed, fnv1a(stream)).astype(np.float64).reshape(-1, 2)
    radius = np.sqrt(-2 * np.log((pairs[:, 0] + 1) / 2.0**32))
    angle = 2 * np.pi * pairs[:, 1] / 2.0**32
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)[:count].astype(np.float32)
