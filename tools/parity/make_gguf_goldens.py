"""Writes src/testing/goldens/gguf: blocks of every quantised type with what the gguf package makes of them, and the
golden T5 encoder `t5-short` under the names that llama.cpp gives it.

    python make_gguf_goldens.py
"""

from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import load_file, save_file

import hashed

GOLDENS = Path(__file__).resolve().parents[2] / "src" / "testing" / "goldens"
OUT = GOLDENS / "gguf"
QUANTISED = (Type.BF16, Type.Q8_0, Type.Q5_1, Type.Q5_0, Type.Q4_1, Type.Q4_0)
# The package cannot quantise to these: blocks are random bytes, with scales (float16, at these bytes) of a usual size.
SCALES = {Type.Q2_K: (80, 82), Type.Q3_K: (108,), Type.Q4_K: (0, 2), Type.Q5_K: (0, 2), Type.Q6_K: (208,)}
ROWS, COLUMNS = 2, 512


def random_blocks(type: Type) -> np.ndarray:
    elements, size = gguf.GGML_QUANT_SIZES[type]
    count = ROWS * COLUMNS // elements
    name = f"gguf/{type.name}"
    blocks = ((hashed.uniform(name, count * size) + 0.5) * 256).astype(np.uint8).reshape(count, size)
    for at in SCALES[type]:
        scale = (hashed.uniform(f"{name}/{at}", count) * 0.02).astype(np.float16)
        blocks[:, at : at + 2] = scale.view(np.uint8).reshape(count, 2)
    return blocks.reshape(ROWS, -1)


def write_types() -> None:
    writer = gguf.GGUFWriter(OUT / "types.gguf", "ltxv")
    writer.add_array("comfy.gguf.orig_shape.folded", [2, 4, 8])
    writer.add_string("config", '{"transformer": {}}')
    expected = {}
    values = hashed.tensor("gguf/values", (ROWS, COLUMNS), scale=0.5).numpy()
    values[0, :32] = 0  # a block without any extent
    for type in QUANTISED:
        data = gguf.quantize(values, type)
        writer.add_tensor(type.name, data, raw_dtype=type)
        expected[type.name] = gguf.dequantize(data, type)
    for type in SCALES:
        data = random_blocks(type)
        writer.add_tensor(type.name, data, raw_dtype=type)
        expected[type.name] = gguf.dequantize(data, type)
    writer.add_tensor("F32", values[:, :3].copy())
    writer.add_tensor("F16", values[:, :3].astype(np.float16))
    expected |= {"F32": values[:, :3].copy(), "F16": values[:, :3].astype(np.float16).astype(np.float32)}
    writer.add_tensor("folded", values[:, :32].copy())
    expected["folded"] = values[:, :32].reshape(2, 4, 8).copy()
    close(writer)
    save_file({name: value.astype(np.float32) for name, value in expected.items()}, OUT / "types.safetensors")


def write_t5() -> None:
    weights = load_file(GOLDENS / "t5-short" / "model.safetensors")
    layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.block."))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.T5ENCODER, layers)
    writer = gguf.GGUFWriter(OUT / "t5-short.gguf", gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.T5ENCODER])
    for name, value in sorted(weights.items()):
        if name == "encoder.embed_tokens.weight":
            continue
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), value)
    close(writer)


def close(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    write_types()
    write_t5()
