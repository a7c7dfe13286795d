# SPDX-License-Identifier: Apache-2.0
"""GGUF files taken apart and put together again, so that tests can make the variants that are met in the world."""
import io
import pathlib
import struct

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
ALIGNMENT = 32


def read(path):
    """{key: (type, value)}, an array's value being (element type, list), and {tensor: (dimensions, type, bytes)}."""
    data = pathlib.Path(path).read_bytes()
    at = 0

    def take(form):
        nonlocal at
        value = struct.unpack_from("<" + form, data, at)[0]
        at += struct.calcsize("<" + form)
        return value

    def text():
        nonlocal at
        size = take("Q")
        at += size
        return data[at - size:at]

    def value(kind):
        if kind == STRING:
            return text()
        if kind == ARRAY:
            element = take("I")
            return element, [value(element) for _ in range(take("Q"))]
        return take(SCALARS[kind])

    magic, _, num_tensors, num_keys = take("4s"), take("I"), take("Q"), take("Q")
    if magic != b"GGUF":
        raise ValueError(f"{path} is no GGUF file")
    keys = {}
    for _ in range(num_keys):
        name, kind = text().decode(), take("I")
        keys[name] = (kind, value(kind))
    heads = [(text().decode(), [take("Q") for _ in range(take("I"))], take("I"), take("Q")) for _ in range(num_tensors)]
    first = -(-at // ALIGNMENT) * ALIGNMENT
    ends = sorted(head[3] for head in heads) + [len(data) - first]
    tensors = {name: (dims, kind, data[first + begin:first + next(end for end in ends if end > begin)])
               for name, dims, kind, begin in heads}
    return keys, tensors


def write(path, keys, tensors, version=3):
    out = io.BytesIO()

    def text(data):
        data = data if isinstance(data, bytes) else data.encode()
        return struct.pack("<Q", len(data)) + data

    def value(kind, data):
        if kind == STRING:
            return text(data)
        if kind == ARRAY:
            return struct.pack("<IQ", data[0], len(data[1])) + b"".join(value(data[0], item) for item in data[1])
        return struct.pack("<" + SCALARS[kind], data)

    def pad(data):
        return data + b"\0" * (-len(data) % ALIGNMENT)

    out.write(b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)))
    for name, (kind, data) in keys.items():
        out.write(text(name) + struct.pack("<I", kind) + value(kind, data))
    offset = 0
    for name, (dims, kind, data) in tensors.items():
        out.write(text(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims) + struct.pack("<IQ", kind, offset))
        offset += len(pad(data))
    out.write(b"\0" * (-out.tell() % ALIGNMENT) + b"".join(pad(data) for _, _, data in tensors.values()))
    pathlib.Path(path).write_bytes(out.getvalue())
