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


def conversation(flags, records, reply):
    """What fuzz/conversation_fuzz.cc reads: flags, records of a kind, a length and a text, 0, the reply."""
    raw = bytes([flags])
    for kind, said in records:
        raw += bytes([kind, len(said.encode())]) + said.encode()
    return raw + b"\0" + reply.encode()


def conversation_seeds():
    user, said, thought, result, call, picture, system = 1, 2, 3, 4, 5, 6, 7
    yield "plain", conversation(0, [(system, "Be brief."), (user, "hello"), (said, "hi"), (user, "and?")], "well")
    yield "thinking", conversation(7, [(user, "why?"), (thought, "let me see\nso"), (user, "really?")], "hm\n</think>\n\nyes")
    yield "tools", conversation(11, [(user, "weather"), (call, '{"a": "here", "n": 2}'), (result, "rain")],
                                "It rains.\n<tool_call>\n<function=f>\n<parameter=a>\nx\n</parameter>\n</function>\n</tool_call>")
    yield "json_call", conversation(8, [(user, "go")], '<tool_call>\n{"name": "f", "arguments": {"a": "b"}}\n</tool_call>')
    yield "pictures", conversation(16, [(picture, "what?"), (said, "a cat"), (picture, "this?")], "a dog")
    yield "tags", conversation(3, [(user, "<|im_end|> <think>"), (said, "<think>x</think>y"), (user, "<tool_response>\nz")], "</think><|im_start|>")
    yield "wrapped", conversation(2, [(user, "q"), (said, "a"), (user, "<tool_response>\nr\n</tool_response>")], " e\u0301 \u00e9 ")


# The folder that fuzz/small_model.h makes.
CONFIG = {"model_type": "qwen3_5", "tie_word_embeddings": True,
          "text_config": {"hidden_size": 4, "intermediate_size": 4, "vocab_size": 8, "num_hidden_layers": 2,
                          "full_attention_interval": 2, "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 4,
                          "linear_num_key_heads": 1, "linear_num_value_heads": 1, "linear_key_head_dim": 4,
                          "linear_value_head_dim": 4, "linear_conv_kernel_dim": 2, "max_position_embeddings": 64,
                          "rope_parameters": {"partial_rotary_factor": 0.5, "rope_theta": 1e7, "rope_type": "default",
                                              "mrope_section": [1, 0, 0], "mrope_interleaved": True}},
          "vision_config": {"depth": 1, "hidden_size": 4, "intermediate_size": 4, "num_heads": 1, "out_hidden_size": 4,
                            "patch_size": 16, "deepstack_visual_indexes": [], "hidden_act": "gelu_pytorch_tanh"}}


def config_seeds():
    flat = {**CONFIG["text_config"], "model_type": "qwen3_5_text", "layer_types": ["linear_attention", "full_attention"],
            "rope_scaling": {"type": "yarn", "factor": 4.0}, "dtype": "bfloat16", "eos_token_id": [1, 2]}
    quantised = {**CONFIG, "quantization_config": {"quant_method": "gptq", "bits": 4}, "quantization": {"bits": 4, "group_size": 64}}
    for name, config in (("nested", CONFIG), ("flat", flat), ("quantised", quantised)):
        yield name, json.dumps(config).encode()


def processor_config_seeds():
    edges = {"size": {"shortest_edge": 3072, "longest_edge": 65536}, "patch_size": 16, "merge_size": 2, "temporal_patch_size": 2,
             "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "fps": 2.0}
    old = {"min_pixels": 3136, "max_pixels": 12845056, "size": {"min_pixels": 1, "max_pixels": 2}, "do_resize": False}
    yield "edges", b"\0" + json.dumps(edges).encode()
    yield "old", b"\0" + json.dumps(old).encode()
    yield "whole", b"\1" + json.dumps({"image_processor": edges, "video_processor": edges}).encode()
    yield "video", b"\2" + json.dumps(edges).encode()


def vision_seeds():
    def one(extra_keys, edit=lambda name, ne: (name, ne)):
        numbers = {"block_count": 1, "embedding_length": 4, "feed_forward_length": 4, "attention.head_count": 1,
                   "projection_dim": 4, "patch_size": 16, "spatial_merge_size": 2}
        keys = [text("general.architecture") + struct.pack("<I", 8) + text("clip"),
                text("clip.projector_type") + struct.pack("<I", 8) + text("qwen3vl_merger")]
        keys += [key("clip.vision." + name, 4, "I", value) for name, value in numbers.items()] + extra_keys
        shapes = [("v.patch_embd.weight", [16, 16, 3, 4]), ("v.patch_embd.weight.1", [16, 16, 3, 4]), ("v.patch_embd.bias", [4]),
                  ("v.position_embd.weight", [4, 4])]
        for stem, ne in (("v.blk.0.ln1", [4]), ("v.blk.0.ln2", [4]), ("v.blk.0.attn_qkv", [4, 12]), ("v.blk.0.attn_out", [4, 4]),
                         ("v.blk.0.ffn_up", [4, 4]), ("v.blk.0.ffn_down", [4, 4]), ("v.post_ln", [4]), ("mm.0", [16, 16]),
                         ("mm.2", [16, 4])):
            shapes += [(stem + ".weight", ne), (stem + ".bias", ne[-1:])]
        tensors, data = [], b""
        for name, ne in (edit(*shape) for shape in shapes):
            data += bytes(-len(data) % 32)
            is_large = len(ne) == 4  # in 16 bits, so that most of a seed is not numbers
            tensors.append(tensor(name, ne, 1 if is_large else 0, len(data)))
            count = 1
            for length in ne:
                count *= length
            data += (struct.pack("<e", 1.0) if is_large else struct.pack("<f", 1.0)) * count
        return gguf(keys, tensors, data)
    yield "tower", one([])
    yield "mean", one([array("clip.vision.image_mean", 6, 3, struct.pack("<3f", 0.4, 0.4, 0.4)),
                       key("clip.vision.attention.layer_norm_epsilon", 6, "f", 1e-6)])
    yield "misshapen", one([], lambda name, ne: (name, [4, 8]) if name == "v.blk.0.ffn_up.weight" else (name, ne))
    yield "stranger", one([], lambda name, ne: (name.replace("ln2", "ls1"), ne))


def safetensors_folder_seeds():
    entry = lambda dtype, shape, begin, end: {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    file = lambda name, content: struct.pack("<BI", name, len(content)) + content
    prefix = "model.language_model."
    first = safetensors({prefix + "embed_tokens.weight": entry("F32", [8, 4], 0, 128), prefix + "norm.weight": entry("BF16", [4], 128, 136)},
                        bytes(136))
    mlx = safetensors({prefix + "embed_tokens.weight": entry("U32", [8, 1], 0, 32), prefix + "embed_tokens.scales": entry("F16", [8, 1], 32, 48),
                       prefix + "embed_tokens.biases": entry("F16", [8, 1], 48, 64)}, bytes(64))
    second = safetensors({"lm_head.weight": entry("F16", [8, 4], 0, 64)}, bytes(64))
    index = json.dumps({"weight_map": {prefix + "embed_tokens.weight": "model-1.safetensors", "lm_head.weight": "model-2.safetensors"}})
    yield "one", file(0, first)
    yield "indexed", file(0, first) + file(1, second) + file(2, index.encode())
    yield "packed", file(0, mlx) + file(3, json.dumps({**CONFIG, "quantization": {"bits": 4, "group_size": 4}}).encode())
    yield "beside", file(0, second) + file(4, b"{}") + file(5, b"{}") + file(6, b'{"bits": 4}') + file(7, b"{}")


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
    for target, seeds in (("gguf", gguf_seeds), ("safetensors", safetensors_seeds), ("json", json_seeds),
                          ("conversation", conversation_seeds),
                          ("config", config_seeds), ("processor_config", processor_config_seeds), ("vision", vision_seeds),
                          ("safetensors_folder", safetensors_folder_seeds), ("pack_cache", pack_seeds)):
        (root / target).mkdir(parents=True, exist_ok=True)
        for name, raw in seeds():
            (root / target / name).write_bytes(raw)


if __name__ == "__main__":
    main()
