# SPDX-License-Identifier: Apache-2.0
"""Safetensors files taken apart and put together again, and matrices quantised as MLX does it."""
import json
import pathlib
import struct


def read(path):
    """{tensor: (type, shape, bytes)} and the metadata, None where there is none."""
    data = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", None)
    return {name: (t["dtype"], t["shape"], data[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]])
            for name, t in header.items()}, metadata


def write(path, tensors, metadata=None):
    header = {} if metadata is None else {"__metadata__": metadata}
    at = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def single(value):
    """The nearest 32-bit float."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def floats(dtype, data):
    if dtype == "BF16":
        return list(struct.unpack(f"<{len(data) // 2}f", b"".join(b"\0\0" + data[i:i + 2] for i in range(0, len(data), 2))))
    return list(struct.unpack(f"<{len(data) // 2}e", data) if dtype == "F16" else struct.unpack(f"<{len(data) // 4}f", data))


def stored(dtype, values):
    """Bytes of the values, bf16 cut off."""
    if dtype == "BF16":
        return b"".join(struct.pack("<f", value)[2:] for value in values)
    return struct.pack(f"<{len(values)}{'e' if dtype == 'F16' else 'f'}", *values)


def quantise(values, rows, cols, bits, group, dtype):
    """Packed codes, scales and biases (each as (type, shape, bytes)), and the numbers they stand for as 32-bit floats."""
    words, scales, biases, meant = bytearray(), [], [], []
    for row in range(rows):
        packed = 0
        for first in range(0, cols, group):
            part = values[row * cols + first:row * cols + first + group]
            low, high = min(part), max(part)
            scale = floats(dtype, stored(dtype, [max((high - low) / (2 ** bits - 1), 1e-4)]))[0]
            bias = floats(dtype, stored(dtype, [low]))[0]
            scales.append(scale)
            biases.append(bias)
            for i, value in enumerate(part):
                code = min(2 ** bits - 1, max(0, round((value - bias) / scale)))
                packed |= code << (bits * (first + i))
                meant.append(single(single(scale * code) + bias))
        words += packed.to_bytes(cols * bits // 8, "little")
    groups = [rows, cols // group]
    return (("U32", [rows, cols * bits // 32], bytes(words)), (dtype, groups, stored(dtype, scales)), (dtype, groups, stored(dtype, biases)),
            meant)
