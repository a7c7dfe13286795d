#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes Qwen 3.5 GGUF files of the exact released shapes with random weights, for measuring speed and memory.

    make_synthetic.py SIZE TYPE OUT.gguf [--vocab VOCAB.gguf] [--mmproj OUT] [--layers N] [--seed N] [--dry-run]

SIZE is 0.8b, 2b, 4b or 9b; TYPE is q4_k_m, q4_0, q8_0 or bf16. Blocks are drawn at random and are valid ones; nobody's quantiser is
needed. With --vocab the tokenizer's metadata comes from another GGUF (the fixtures' tokenizer/qwen35-vocab.gguf is the real one), else
a vocabulary of single bytes is made. Needs numpy (Debian: python3-numpy).
"""
import argparse
import os
import pathlib
import struct
import sys

import numpy as np

# layers, width, mlp, query heads, KV heads, delta value heads, tied, tower depth, tower width, tower MLP, tower heads
SIZES = {"0.8b": (24, 1024, 3584, 8, 2, 16, True, 12, 768, 3072, 12), "2b": (24, 2048, 6144, 8, 2, 16, True, 24, 1024, 4096, 16),
         "4b": (32, 2560, 9216, 16, 4, 32, True, 24, 1024, 4096, 16), "9b": (32, 4096, 12288, 16, 4, 32, False, 27, 1152, 4304, 16)}
VOCAB, HEAD, KEY_HEADS, DELTA_HEAD = 248320, 256, 16, 128
F32, F16, Q4_0, Q8_0, Q4_K, Q5_K, Q6_K, BF16 = 0, 1, 2, 8, 12, 13, 14, 30
NAMES = {F32: "f32", F16: "f16", Q4_0: "q4_0", Q8_0: "q8_0", Q4_K: "q4_K", Q5_K: "q5_K", Q6_K: "q6_K", BF16: "bf16"}
# Elements and bytes of a block; offset of its f16 scales; the standard deviation of a weight when the scale is 1.
BLOCKS = {F32: (1, 4), F16: (1, 2), BF16: (1, 2), Q4_0: (32, 18), Q8_0: (32, 34), Q4_K: (256, 144), Q5_K: (256, 176), Q6_K: (256, 210)}
FILE_TYPES = {"q4_k_m": 15, "q4_0": 2, "q8_0": 7, "bf16": 32}
POOL_BLOCKS = 4096


def more_bits(i, n):
    """The stock Q4_K_M mix gives these layers' ffn_down and attn_v six bits."""
    return i < n // 8 or i >= 7 * n // 8 or (i - n // 8) % 3 == 2


def matrix_type(name, kind, layer, layers, attention_index):
    if kind == "bf16":
        return BF16
    if kind == "q8_0":
        return Q8_0
    if name in ("token_embd", "output"):
        return Q6_K if name == "output" or SIZES[SIZE][6] else (Q4_K if kind == "q4_k_m" else Q4_0)
    if kind == "q4_0":
        return Q4_0
    if name == "attn_qkv":
        return Q5_K
    if name == "ffn_down" and more_bits(layer, layers) or name == "attn_v" and more_bits(attention_index, layers):
        return Q6_K
    return Q4_K


def tensors_of(kind, layers):
    """[(name, shape as ne, type, what)] of the text model; `what` says how values are drawn."""
    _, d, f, hq, hkv, hv, tied, *_ = SIZES[SIZE]
    qkv, values = 2 * KEY_HEADS * DELTA_HEAD + hv * DELTA_HEAD, hv * DELTA_HEAD
    out = [("token_embd.weight", [d, VOCAB], matrix_type("token_embd", kind, 0, layers, 0), "matrix")]
    if not tied:
        out.append(("output.weight", [d, VOCAB], matrix_type("output", kind, 0, layers, 0), "matrix"))
    out.append(("output_norm.weight", [d], F32, "one"))
    attention_index = 0
    for i in range(layers):
        def add(name, shape, what="matrix"):
            t = matrix_type(name, kind, i, layers, attention_index) if what == "matrix" else F32
            suffix = "" if name == "ssm_a" else ".bias" if name == "ssm_dt" else ".weight"
            out.append((f"blk.{i}.{name}{suffix}", shape, t, what))
        add("attn_norm", [d], "one")
        add("post_attention_norm", [d], "one")
        add("ffn_gate", [d, f])
        add("ffn_up", [d, f])
        add("ffn_down", [f, d])
        if (i + 1) % 4 == 0:
            add("attn_q", [d, hq * 2 * HEAD])
            add("attn_k", [d, hkv * HEAD])
            add("attn_v", [d, hkv * HEAD])
            add("attn_output", [hq * HEAD, d])
            add("attn_q_norm", [HEAD], "one")
            add("attn_k_norm", [HEAD], "one")
            attention_index += 1
        else:
            add("attn_qkv", [d, qkv])
            add("attn_gate", [d, values])
            add("ssm_beta", [d, hv])
            add("ssm_alpha", [d, hv])
            add("ssm_conv1d", [4, qkv], "conv")
            add("ssm_dt", [hv], "small")
            add("ssm_a", [hv], "decay")
            add("ssm_norm", [DELTA_HEAD], "one")
            add("ssm_out", [values, d])
    return out


def tower_of():
    _, d, *_, depth, width, mlp, _ = SIZES[SIZE]
    out = [("v.patch_embd.weight", [16, 16, 3, width], F16, "patch"), ("v.patch_embd.weight.1", [16, 16, 3, width], F16, "patch"),
           ("v.patch_embd.bias", [width], F32, "small"), ("v.position_embd.weight", [width, 2304], F32, "small"),
           ("v.post_ln.weight", [width], F32, "one"), ("v.post_ln.bias", [width], F32, "small"),
           ("mm.0.weight", [4 * width, 4 * width], F16, "matrix"), ("mm.0.bias", [4 * width], F32, "small"),
           ("mm.2.weight", [4 * width, d], F16, "matrix"), ("mm.2.bias", [d], F32, "small")]
    for i in range(depth):
        for name, rows, cols in (("attn_qkv", 3 * width, width), ("attn_out", width, width), ("ffn_up", mlp, width), ("ffn_down", width, mlp)):
            out += [(f"v.blk.{i}.{name}.weight", [cols, rows], F16, "matrix"), (f"v.blk.{i}.{name}.bias", [rows], F32, "small")]
        for name in ("ln1", "ln2"):
            out += [(f"v.blk.{i}.{name}.weight", [width], F32, "one"), (f"v.blk.{i}.{name}.bias", [width], F32, "small")]
    return out


def size_of(shape, kind):
    elements, size = BLOCKS[kind]
    return int(np.prod(shape)) // elements * size


def pool_of(kind, rng):
    """POOL_BLOCKS random blocks whose weights have a standard deviation of about 1 before `scaled`."""
    elements, size = BLOCKS[kind]
    blocks = rng.integers(0, 256, (POOL_BLOCKS, size), dtype=np.uint8)
    if kind == Q6_K:  # int8 scales between 16 and 47: codes of +-32 have a deviation of 18
        blocks[:, 192:208] = rng.integers(16, 48, (POOL_BLOCKS, 16), dtype=np.uint8)
    return blocks


def with_scale(blocks, kind, deviation):
    """Sets the f16 scales so that weights get the deviation asked for, and codes stay centred."""
    out = blocks.copy()

    def put(offset, value):
        out[:, offset:offset + 2] = np.frombuffer(np.float16(value).tobytes(), np.uint8)
    if kind == Q4_0:
        put(0, deviation / 4.6)
    elif kind == Q8_0:
        put(0, deviation / 74)
    elif kind in (Q4_K, Q5_K):  # sc is uniform in 0..63; the minimum takes off half the codes' range on average
        codes = 4.6 if kind == Q4_K else 9.2
        put(0, deviation / codes / 36)
        put(2, deviation / codes / 36 * (7.5 if kind == Q4_K else 15.5))
    elif kind == Q6_K:
        put(208, deviation / 18.5 / 32)
    return out


def data_of(shape, kind, what, pools, rng):
    """Yields the tensor's bytes in pieces."""
    count = int(np.prod(shape))
    if kind in (F32, F16, BF16):
        for first in range(0, count, 1 << 22):
            n = min(1 << 22, count - first)
            if what == "one":
                values = 1 + 0.05 * rng.standard_normal(n, dtype=np.float32)
            elif what == "decay":
                values = -np.exp(rng.uniform(-3, 2, n)).astype(np.float32)
            elif what == "conv":
                values = 0.4 * rng.standard_normal(n, dtype=np.float32)
            elif what == "small":
                values = 0.1 * rng.standard_normal(n, dtype=np.float32)
            else:
                fan_in = 768 if what == "patch" else shape[0]
                values = rng.standard_normal(n, dtype=np.float32) * np.float32(0.7 / fan_in ** 0.5)
            if kind == BF16:
                yield (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
            else:
                yield values.astype(np.float16 if kind == F16 else np.float32).tobytes()
        return
    if kind not in pools:
        pools[kind] = pool_of(kind, rng)
    blocks = with_scale(pools[kind], kind, 0.7 / shape[0] ** 0.5)
    left = count // BLOCKS[kind][0]
    while left > 0:
        n = min(left, 1 << 16)
        yield blocks[rng.integers(0, POOL_BLOCKS, n)].tobytes()
        left -= n


def text(value):
    data = value.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def field(key, kind, value):
    codes = {"u32": (4, "<I"), "f32": (6, "<f"), "bool": (7, "<?")}
    if kind == "str":
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(kind, tuple):
        items = b"".join(text(v) if kind[1] == 8 else struct.pack({5: "<i", 6: "<f", 7: "<?"}[kind[1]], v) for v in value)
        return text(key) + struct.pack("<IIQ", 9, kind[1], len(value)) + items
    return text(key) + struct.pack("<I", codes[kind][0]) + struct.pack(codes[kind][1], value)


def tokenizer_fields(vocab_path):
    if vocab_path:
        return copied_fields(vocab_path)
    # GPT-2's alphabet of bytes, then the added tokens at the end, then padding.
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {b: chr(b) for b in printable}
    letters |= {b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in letters)}
    added = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<think>", "</think>",
             "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
    tokens = [letters[b] for b in range(256)] + added
    kinds = [1] * 256 + [3 if t.startswith("<|") else 4 for t in added]
    padding = VOCAB - len(tokens)
    kinds += [5] * padding
    tokens += [f"[PAD{len(tokens) + i}]" for i in range(padding)]
    template = pathlib.Path(__file__).resolve().parent.parent / "assets/chat_template_0.8b_2b.jinja"
    return [field("tokenizer.ggml.model", "str", "gpt2"), field("tokenizer.ggml.pre", "str", "qwen35"),
            field("tokenizer.ggml.tokens", ("array", 8), tokens), field("tokenizer.ggml.token_type", ("array", 5), kinds),
            field("tokenizer.ggml.merges", ("array", 8), []), field("tokenizer.ggml.eos_token_id", "u32", 258),
            field("tokenizer.chat_template", "str", template.read_text(encoding="utf-8"))]


def copied_fields(path):
    """The tokenizer.* entries of another GGUF as the bytes they are."""
    data = pathlib.Path(path).read_bytes()
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    count, at, out = struct.unpack_from("<Q", data, 16)[0], 24, []

    def skip(kind, at):
        if kind == 8:
            return at + 8 + struct.unpack_from("<Q", data, at)[0]
        if kind == 9:
            item, n = struct.unpack_from("<IQ", data, at)
            at += 12
            if item in sizes:
                return at + n * sizes[item]
            for _ in range(n):
                at = skip(item, at)
            return at
        return at + sizes[kind]
    for _ in range(count):
        begin = at
        length = struct.unpack_from("<Q", data, at)[0]
        key = data[at + 8:at + 8 + length]
        at += 8 + length
        at = skip(struct.unpack_from("<I", data, at)[0], at + 4)
        if key.startswith(b"tokenizer."):
            out.append(data[begin:at])
    return out


def text_fields(kind, layers, vocab):
    _, d, f, hq, hkv, hv, *_ = SIZES[SIZE]
    p = "qwen35."
    return [field("general.architecture", "str", "qwen35"), field("general.type", "str", "model"), field("general.name", "str", f"Synthetic {SIZE}"),
            field(p + "block_count", "u32", layers), field(p + "context_length", "u32", 262144), field(p + "embedding_length", "u32", d),
            field(p + "feed_forward_length", "u32", f), field(p + "attention.head_count", "u32", hq), field(p + "attention.head_count_kv", "u32", hkv),
            field(p + "rope.dimension_sections", ("array", 5), [11, 11, 10, 0]), field(p + "rope.freq_base", "f32", 1e7),
            field(p + "attention.layer_norm_rms_epsilon", "f32", 1e-6), field(p + "attention.key_length", "u32", HEAD),
            field(p + "attention.value_length", "u32", HEAD), field(p + "ssm.conv_kernel", "u32", 4), field(p + "ssm.state_size", "u32", DELTA_HEAD),
            field(p + "ssm.group_count", "u32", KEY_HEADS), field(p + "ssm.time_step_rank", "u32", hv), field(p + "ssm.inner_size", "u32", hv * DELTA_HEAD),
            field(p + "full_attention_interval", "u32", 4), field(p + "rope.dimension_count", "u32", 64),
            field("general.quantization_version", "u32", 2), field("general.file_type", "u32", FILE_TYPES[kind])] + tokenizer_fields(vocab)


def tower_fields():
    _, d, *_, depth, width, mlp, heads = SIZES[SIZE]
    v = "clip.vision."
    return [field("general.architecture", "str", "clip"), field("general.type", "str", "mmproj"), field("general.file_type", "u32", 1),
            field("clip.has_vision_encoder", "bool", True), field("clip.projector_type", "str", "qwen3vl_merger"), field("clip.use_gelu", "bool", True),
            field(v + "image_size", "u32", 768), field(v + "patch_size", "u32", 16), field(v + "embedding_length", "u32", width),
            field(v + "feed_forward_length", "u32", mlp), field(v + "block_count", "u32", depth), field(v + "attention.head_count", "u32", heads),
            field(v + "attention.layer_norm_epsilon", "f32", 1e-6), field(v + "projection_dim", "u32", d),
            field(v + "image_mean", ("array", 6), [0.5] * 3), field(v + "image_std", ("array", 6), [0.5] * 3), field(v + "spatial_merge_size", "u32", 2),
            field(v + "is_deepstack_layers", ("array", 7), [False] * depth)]


def write(path, fields, tensors, seed):
    rng, pools, offset, infos = np.random.default_rng(seed), {}, 0, []
    for name, shape, kind, _ in tensors:
        infos.append(text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset))
        offset += -(-size_of(shape, kind) // 32) * 32
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(fields)) + b"".join(fields) + b"".join(infos)
    with open(path + ".part", "wb") as file:
        file.write(header + bytes(-len(header) % 32))
        for i, (_, shape, kind, what) in enumerate(tensors):
            size = 0
            for piece in data_of(shape, kind, what, pools, rng):
                file.write(piece)
                size += len(piece)
            file.write(bytes(-size % 32))
            if sys.stderr.isatty():
                print(f"\r{path}: {100 * (i + 1) // len(tensors)} %", end="", file=sys.stderr)
    os.replace(path + ".part", path)
    print(f"{path}: {os.path.getsize(path)} bytes", file=sys.stderr)


def main():
    global SIZE
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("type", choices=FILE_TYPES)
    parser.add_argument("out")
    parser.add_argument("--vocab", help="GGUF whose tokenizer is copied")
    parser.add_argument("--mmproj", help="also write the size's vision tower (F16) here")
    parser.add_argument("--layers", type=int, help="fewer layers than the released model has")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dry-run", action="store_true", help="print tensor counts and bytes only")
    args = parser.parse_args()
    SIZE = args.size
    layers = args.layers or SIZES[SIZE][0]
    tensors = tensors_of(args.type, layers)
    if args.dry_run:
        counts = {}
        for _, _, kind, _ in tensors:
            counts[NAMES[kind]] = counts.get(NAMES[kind], 0) + 1
        print(len(tensors), "tensors", counts, sum(size_of(shape, kind) for _, shape, kind, _ in tensors), "bytes")
        return
    write(args.out, text_fields(args.type, layers, args.vocab), tensors, args.seed)
    if args.mmproj:
        write(args.mmproj, tower_fields(), tower_of(), args.seed + 1)


SIZE = "0.8b"
if __name__ == "__main__":
    main()
