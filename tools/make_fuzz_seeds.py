#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the file format fuzzers: small files that reach every branch of the parsers.

    tools/make_fuzz_seeds.py [folder, default fuzz/corpus]

Needs only Python 3. Running it again gives the same bytes.
"""

import json
import pathlib
import struct
import sys


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def key(name, type_id, fmt, value):
    return text(name) + struct.pack("<I" + fmt, type_id, value)


def array(name, type_id, count, raw):
    return text(name) + struct.pack("<IIQ", 9, type_id, count) + raw


def tensor(name, ne, type_id, offset):
    return text(name) + struct.pack(f"<I{len(ne)}QIQ", len(ne), *ne, type_id, offset)


def gguf(keys, tensors, data, version=3, alignment=32):
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join(keys) + b"".join(tensors)
    return head + bytes(-len(head) % alignment) + data


def gguf_seeds():
    numbers = "BbHhIif?"
    keys = [key(f"k{i}", i, fmt, 1) for i, fmt in enumerate(numbers)]
    keys += [key("k10", 10, "Q", 2**64 - 1), key("k11", 11, "q", -1), key("k12", 12, "d", 0.5)]
    keys += [text("s") + struct.pack("<I", 8) + text("grün")]
    arrays = [array(f"a{i}", i, 2, struct.pack("<2" + fmt, 1, 0)) for i, fmt in enumerate(numbers)]
    arrays += [array("a8", 8, 2, text("x") + text("")), array("a10", 10, 2, struct.pack("<2Q", 1, 2**64 - 1))]
    arrays += [array("a12", 12, 1, struct.pack("<d", 2.0)), array("a9", 9, 1, bytes(8))]
    tensors = [tensor("f", [4, 2], 0, 0), tensor("q", [32], 8, 32), tensor("k", [256], 14, 96)]
    data = bytes(range(256)) * 2
    yield "keys", gguf(keys, [], b"")
    yield "arrays", gguf(arrays[:-1], [], b"")
    yield "nested", gguf(arrays[-1:], [], b"")
    yield "tensors", gguf([], tensors, data)
    yield "version2", gguf(keys[:2], tensors[:2], data, version=2)
    yield "aligned", gguf([key("general.alignment", 4, "I", 64)], [tensor("f", [1], 0, 64)], data, alignment=64)
    yield "split", gguf([key("split.no", 2, "H", 0), key("split.count", 2, "H", 2)], tensors[:1], data)


def safetensors(header, data):
    raw = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def safetensors_seeds():
    entry = lambda dtype, shape, begin, end: {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    yield "plain", safetensors({"__metadata__": {"format": "pt"}, "a": entry("F32", [2], 0, 8), "b": entry("BF16", [2, 2], 8, 16)},
                               bytes(16))
    yield "types", safetensors({"i": entry("I64", [1], 0, 8), "h": entry("F16", [], 8, 10), "z": entry("F32", [0], 10, 10)},
                               bytes(10))
    yield "more", safetensors({"a": {**entry("F32", [1], 0, 4), "note": {"x": [1, None]}}}, bytes(4))
    yield "empty", safetensors({}, b"")
    yield "index", json.dumps({"metadata": {"total_size": 4}, "weight_map": {"a": "m-1.safetensors"}}).encode()
    yield "outside", json.dumps({"weight_map": {"a": "../m.safetensors"}}).encode()


def json_seeds():
    yield "values", b'{"a": [1, -0, 2.50, 1e-7, 1E+22, true, false, null], "b": {"c": "", "d": {}}, "e": []}'
    yield "strings", '["\\u00e9\\ud83d\\ude00\\n\\t\\"\\\\\\/\\b\\f\\r", "é😀"]'.encode()
    yield "repeated", b'{"a": 1, "b": 2, "a": 3}'
    yield "ends", b"[9223372036854775807, -9223372036854775808, 18446744073709551615, 18446744073709551616, 5e-324, 1e-400]"
    yield "deep", b"[" * 257 + b"]" * 257
    yield "broken", b'{"a": [1, 2,'


# Pack files (files/pack_file.h). Checksums are left out: the fuzz target puts the table's right.
def pack(entries, whole=False, version=2):
    out = bytearray(b"THIMPACK" + struct.pack("<II", version, 1) + b"5" * 32 + b"a" * 32 + struct.pack("<I", int(whole)))
    out += bytes(128 - len(out))
    rows = b""
    for name, kind, data, height, width, type_id, family in entries:
        out += bytes(-len(out) % (4096 if kind == 0 else 64))
        rows += struct.pack("<QQQqqIIII", len(out), len(data), 1, height, width, kind, type_id, family, len(name)) + name
        out += data
    out += bytes(-len(out) % 64)
    return bytes(out) + rows + struct.pack("<QQIIQ", len(out), len(out) + len(rows) + 32, len(entries), len(rows), 0)


def pack_seeds():
    one = (b"a", 0, bytes(64), 16, 32, 8, 1)
    yield "none", pack([])
    yield "one", pack([one])
    yield "two", pack([one, (b"b", 0, bytes(30), 1, 2, 14, 3)])
    yield "version", pack([], version=3)
    outside = bytearray(pack([one]))
    struct.pack_into("<Q", outside, struct.unpack_from("<Q", outside, len(outside) - 32)[0], 1 << 20)
    yield "outside", bytes(outside)
    head = gguf([], [tensor("a", [8], 0, 0)], b"")
    yield "whole", pack([(b"m.gguf", 2, head, len(head) + 32, 0, 0, 0), (b"a", 1, bytes(32), len(head), 0, 0, 0)], whole=True)
    head = safetensors({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"")
    yield "whole_folder", pack([(b"model.safetensors", 2, head, len(head) + 8, 0, 0, 0), (b"config.json", 3, b"{}", 0, 0, 0, 0),
                                (b"w", 1, bytes(8), len(head), 0, 0, 0)], whole=True)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "fuzz" / "corpus")
    for target, seeds in (("gguf", gguf_seeds), ("safetensors", safetensors_seeds), ("json", json_seeds), ("pack_cache", pack_seeds)):
        (root / target).mkdir(parents=True, exist_ok=True)
        for name, raw in seeds():
            (root / target / name).write_bytes(raw)


if __name__ == "__main__":
    main()
