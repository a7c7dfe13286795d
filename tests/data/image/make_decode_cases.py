#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes decode_cases.json: small pictures of every kind the decoders read, with the pixels the reference sees, and
pictures they must refuse. Needs numpy, Pillow 13 and pillow-heif 1.8; the committed file is what they gave.

The reference loads a picture with Pillow: EXIF orientation applied, converted to RGB (alpha dropped), then pixels of
the colour that Pillow still calls transparent become white.
"""
import io
import json
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
import pillow_heif

pillow_heif.register_heif_opener()
warnings.simplefilter("ignore")
W, H = 13, 9
rng = np.random.Generator(np.random.PCG64(35))


def painted(h=H, w=W):
    """Smooth colours with one hard edge; no symmetry."""
    y, x = np.mgrid[0:h, 0:w].astype(float)
    a = np.stack([255 * x / (w - 1), 255 * y / (h - 1), 128 + 100 * np.sin((x + 2 * y) / 4)], -1)
    a[y * w > 2 * h * (x - w / 2)] *= 0.6
    return np.clip(np.rint(a), 0, 255).astype(np.uint8)


def loaded(data):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    if image.info.get("transparency") is not None:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255)), image)
    return np.asarray(image.convert("RGB"))


cases, refused = [], []


def add(name, data, tolerance=0):
    rgb = loaded(data)
    cases.append({"name": name, "file": data.hex(), "width": rgb.shape[1], "height": rgb.shape[0],
                  "rgb": rgb.tobytes().hex(), "tolerance": tolerance})


def refuse(name, data, code, says):
    refused.append({"name": name, "file": data.hex(), "code": code, "says": says})


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# ---- PNG ----

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def packed_rows(samples, depth):
    """[h, w, channels] -> filtered rows (filter 0, or Sub at 8 bits and more)."""
    out = b""
    for row in samples:
        flat = row.reshape(-1)
        if depth == 16:
            out += b"\0" + flat.astype(">u2").tobytes()
        elif depth == 8:
            line = flat.astype(np.uint8)
            step = row.shape[-1]
            out += b"\1" + np.concatenate([line[:step], line[step:] - line[:-step]]).tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in flat)
            bits += "0" * (-len(bits) % 8)
            out += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    return out


def png(samples, depth, kind, before=b"", interlaced=False, size=None, after=b""):
    h, w = samples.shape[:2]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        parts = [samples[y::dy, x::dx] for y, x, dy, dx in passes]
        raw = b"".join(packed_rows(p, depth) for p in parts if p.size)
    else:
        raw = packed_rows(samples, depth)
    head = struct.pack(">IIBBBBB", *(size or (w, h)), depth, kind, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + chunk(b"IDAT", zlib.compress(raw)) + after +
            chunk(b"IEND", b""))


def exif_of(orientation, order="<"):
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


palette = rng.integers(0, 256, (256, 3)).astype(np.uint8)
plte = lambda n: chunk(b"PLTE", palette[:n].tobytes())
for kind, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
    for depth in depths:
        samples = rng.integers(0, 1 << depth, (H, W, CHANNELS[kind]))
        if (kind, depth) == (0, 16):
            samples[: H // 2] //= 250  # values on both sides of the clip
        for interlaced in (False, True):
            name = f"png_type{kind}_{depth}bit" + ("_interlaced" if interlaced else "")
            add(name, png(samples, depth, kind, plte(1 << depth) if kind == 3 else b"", interlaced))

small = lambda depth, kind: rng.integers(0, min(1 << depth, 4), (H, W, CHANNELS[kind]))
key = lambda *v: chunk(b"tRNS", struct.pack(f">{len(v)}H", *v))
add("png_key_gray1", png(small(1, 0), 1, 0, key(0)))
add("png_key_gray2_black", png(small(2, 0), 2, 0, key(0)))
add("png_key_gray2_other", png(small(2, 0), 2, 0, key(2)))
add("png_key_gray4_other", png(small(4, 0), 4, 0, key(2)))
add("png_key_gray8", png(small(8, 0), 8, 0, key(2)))
add("png_key_gray16_black", png(small(16, 0), 16, 0, key(0)))
add("png_key_gray16_other", png(small(16, 0), 16, 0, key(2)))
rgb_key = small(8, 2)
add("png_key_rgb8", png(rgb_key, 8, 2, key(*(int(v) for v in rgb_key[4, 6]))))
add("png_key_rgb16", png(rgb_key * 257, 16, 2, key(*(int(v) for v in rgb_key[4, 6]))))
add("png_palette_one_transparent", png(small(8, 3), 8, 3, plte(4) + chunk(b"tRNS", bytes([255, 255, 0]))))
add("png_palette_two_transparent", png(small(8, 3), 8, 3, plte(4) + chunk(b"tRNS", bytes([0, 255, 0]))))
add("png_palette_half_transparent", png(small(8, 3), 8, 3, plte(4) + chunk(b"tRNS", bytes([255, 128, 0]))))
twice = chunk(b"PLTE", bytes([9, 8, 7, 1, 2, 3, 9, 8, 7, 4, 5, 6]))
add("png_palette_transparent_colour_twice", png(small(8, 3), 8, 3, twice + chunk(b"tRNS", bytes([255, 255, 0]))))
add("png_palette_index_beyond", png(small(8, 3), 8, 3, plte(3)))
add("png_exif_before", png(painted(), 8, 2, chunk(b"eXIf", exif_of(6))))
add("png_exif_after", png(painted(), 8, 2, after=chunk(b"eXIf", exif_of(8, ">"))))
refuse("png_absurd_size", png(painted(), 8, 2, size=(2**31 - 1, 2**31 - 1)), "exhausted", "--max-image-pixels")
refuse("png_wide", png(painted(), 8, 2, size=(100_000_001, 1)), "exhausted", "100000001 x 1")
refuse("png_zero_size", png(painted(), 8, 2, size=(0, 9)), "corrupt", "[png]")
refuse("png_more_rows_than_data", png(painted(), 8, 2, size=(W, 4 * H)), "corrupt", "truncated or damaged")
refuse("png_wrong_checksum", png(painted(), 8, 2)[:-16 - 4] + b"abcd" + png(painted(), 8, 2)[-16:], "corrupt", "[png]")

# ---- JPEG ----
photo = Image.fromarray(painted(24, 32))
baseline = saved(photo, "JPEG", quality=90)
add("jpeg_420", baseline, 5)
add("jpeg_444", saved(photo, "JPEG", quality=90, subsampling=0), 3)
add("jpeg_422", saved(photo, "JPEG", quality=90, subsampling=1), 5)
add("jpeg_progressive", saved(photo, "JPEG", quality=90, progressive=True), 5)
add("jpeg_restarts", saved(photo, "JPEG", quality=90, restart_marker_rows=1), 5)
add("jpeg_rgb", saved(photo, "JPEG", quality=90, keep_rgb=True), 3)
add("jpeg_gray", saved(photo.convert("L"), "JPEG", quality=90), 3)
cmyk = saved(photo.convert("CMYK"), "JPEG", quality=90)
add("jpeg_cmyk", cmyk, 3)
adobe = cmyk.index(b"Adobe") + 11  # the byte that says how the channels are coded
ycck = cmyk[:adobe] + b"\x02" + cmyk[adobe + 1:]
add("jpeg_ycck", ycck, 3)
for orientation in range(1, 9):
    order = "<" if orientation % 2 else ">"
    add(f"jpeg_exif{orientation}", saved(photo, "JPEG", quality=90, subsampling=0,
                                         exif=b"Exif\0\0" + exif_of(orientation, order)), 3)
add("jpeg_exif9", saved(photo, "JPEG", quality=90, subsampling=0, exif=b"Exif\0\0" + exif_of(9)), 3)
frame = baseline.index(b"\xff\xc0")
patch = lambda data, at, new: data[:at] + new + data[at + len(new):]
refuse("jpeg_absurd_size", patch(baseline, frame + 5, b"\xff\x00\xff\x00"), "exhausted", "--max-image-pixels")
refuse("jpeg_zero_height", patch(baseline, frame + 5, b"\0\0"), "corrupt", "[jpeg]")
refuse("jpeg_12_bits", patch(baseline, frame + 4, b"\x0c"), "unsupported", "[jpeg]")
refuse("jpeg_more_rows_than_data", patch(baseline, frame + 5, b"\0\x60"), "corrupt", "truncated or damaged")


def jpeg_of_scans(num_bits):
    """8x8 flat gray, one coefficient and one bit a scan: legal, and (63 * num_bits + 1) passes over the picture."""
    segment = lambda mark, data: b"\xff" + bytes([mark]) + struct.pack(">H", len(data) + 2) + data
    one_code = bytes([1] + [0] * 15) + b"\0"  # symbol 0 as "0"
    scan = lambda first, last, high, low: segment(0xDA, bytes([1, 1, 0, first, last, high << 4 | low])) + b"\x7f"
    out = (b"\xff\xd8" + segment(0xDB, b"\0" + b"\1" * 64) + segment(0xC2, bytes([8, 0, 8, 0, 8, 1, 1, 0x11, 0])) +
           segment(0xC4, b"\x00" + one_code) + segment(0xC4, b"\x10" + one_code) + scan(0, 0, 0, 0))
    for k in range(1, 64):
        for low in reversed(range(num_bits)):
            out += scan(k, k, 0 if low == num_bits - 1 else low + 1, low)
    return out + b"\xff\xd9"


add("jpeg_64_scans", jpeg_of_scans(1))
refuse("jpeg_882_scans", jpeg_of_scans(14), "corrupt", "more than 200 scans")

# ---- WebP ----
alpha = painted()[..., :1] // 2
rgba = Image.fromarray(np.concatenate([painted(), alpha], -1))
flat = Image.fromarray(painted())
webp = saved(flat, "WEBP", lossless=True)
add("webp_lossless", webp)
add("webp_lossless_alpha", saved(rgba, "WEBP", lossless=True, exact=True))
add("webp_lossy", saved(photo, "WEBP", quality=80), 3)
add("webp_lossy_alpha", saved(rgba, "WEBP", quality=80), 3)
add("webp_exif6", saved(flat, "WEBP", lossless=True, exif=b"Exif\0\0" + exif_of(6)))
two = [rgba, Image.fromarray(np.asarray(rgba)[::-1])]
add("webp_animated", saved(two[0], "WEBP", lossless=True, exact=True, save_all=True, append_images=two[1:]))


def webp_animation(left, top, canvas):
    """One lossless frame somewhere on a canvas."""
    u24 = lambda v: struct.pack("<I", v)[:3]
    part = lambda kind, data: kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    bitstream = webp[12:]
    head = u24(left // 2) + u24(top // 2) + u24(W - 1) + u24(H - 1) + u24(100) + b"\0"
    body = (part(b"VP8X", b"\2\0\0\0" + u24(canvas[0] - 1) + u24(canvas[1] - 1)) + part(b"ANIM", b"\0" * 6) +
            part(b"ANMF", head + bitstream))
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


add("webp_frame_on_canvas", webp_animation(4, 2, (20, 15)))
refuse("webp_frame_beyond_canvas", webp_animation(4, 2, (15, 15)), "corrupt", "fit its canvas")
refuse("webp_absurd_canvas", webp_animation(4, 2, (1 << 24, 255)), "exhausted", "--max-image-pixels")

# ---- GIF ----
indexed = Image.new("P", (W, H))
indexed.putpalette(palette[:16].tobytes())
indexed.putdata([int(v) for v in rng.integers(0, 16, W * H)])
gif = saved(indexed, "GIF", interlace=0)
add("gif", gif)
large = Image.new("P", (17, 19))  # Pillow does not interlace sides below 16
large.putpalette(palette[:16].tobytes())
large.putdata([int(v) for v in rng.integers(0, 16, 17 * 19)])
add("gif_interlaced", saved(large, "GIF", interlace=1))
add("gif_transparent", saved(indexed, "GIF", interlace=0, transparency=3))
other = indexed.copy()
other.putdata([int(v) for v in rng.integers(0, 16, W * H)])
add("gif_animated", saved(indexed, "GIF", save_all=True, append_images=[other], loop=0, comment=b"two frames"))
add("gif_gray", saved(Image.fromarray(painted()[..., 0]), "GIF"))


def gif_on_canvas(data, canvas, left, top):
    at = 13 + 3 * (2 << (data[10] & 7)) if data[10] & 128 else 13
    while data[at] == 0x21:  # extensions
        at += 2
        while data[at]:
            at += data[at] + 1
        at += 1
    assert data[at] == 0x2C
    data = patch(data, at + 1, struct.pack("<HH", left, top))
    return patch(data, 6, struct.pack("<HH", *canvas))


add("gif_on_canvas", gif_on_canvas(gif, (20, 14), 3, 2))
add("gif_on_canvas_transparent", gif_on_canvas(saved(indexed, "GIF", interlace=0, transparency=3), (20, 14), 7, 5))
add("gif_beyond_canvas", gif_on_canvas(gif, (8, 6), 3, 2))
refuse("gif_absurd_canvas", gif_on_canvas(gif, (65535, 65535), 3, 2), "exhausted", "--max-image-pixels")
refuse("gif_without_frame", gif[:13 + 3 * 16] + b";", "corrupt", "no frame")

# ---- BMP ----


def bmp(pixels, bits, size=(W, H), compression=0, header=40, colours=b"", masks=b"", num_colours=0):
    if header == 12:
        head = struct.pack("<IHHHH", 12, size[0], size[1], 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", header, *size, 1, bits, compression, len(pixels), 0, 0, num_colours, 0)
        head = (head + (masks if header > 40 else b"")).ljust(header, b"\0") + (masks if header == 40 else b"")
    start = 14 + len(head) + len(colours)
    return struct.pack("<2sIII", b"BM", start + len(pixels), 0, start) + head + colours + pixels


def bmp_rows(samples, bits):
    out = b""
    for row in samples:
        if bits < 8:
            line = "".join(format(int(v), f"0{bits}b") for v in row.reshape(-1))
            line += "0" * (-len(line) % 8)
            line = int(line, 2).to_bytes(len(line) // 8, "big")
        elif bits == 16:
            line = row.astype("<u2").tobytes()
        elif bits == 32 and row.ndim == 1:
            line = row.astype("<u4").tobytes()
        else:
            line = row.astype(np.uint8).tobytes()
        out += line + b"\0" * (-len(line) % 4)
    return out


bgr0 = np.concatenate([palette[:, ::-1], np.zeros((256, 1), np.uint8)], -1)
for bits in (1, 4, 8):
    values = rng.integers(0, 1 << bits, (H, W))
    add(f"bmp_{bits}bit", bmp(bmp_rows(values, bits), bits, colours=bgr0[:1 << bits].tobytes()))
add("bmp_8bit_short_palette", bmp(bmp_rows(rng.integers(0, 20, (H, W)), 8), 8, colours=bgr0[:20].tobytes(),
                                  num_colours=20))
add("bmp_4bit_core", bmp(bmp_rows(rng.integers(0, 16, (H, W)), 4), 4, header=12,
                         colours=palette[:16, ::-1].tobytes()))
add("bmp_24bit", bmp(bmp_rows(painted()[::-1], 24), 24))
add("bmp_24bit_core", bmp(bmp_rows(painted()[::-1], 24), 24, header=12))
add("bmp_24bit_top_down", bmp(bmp_rows(painted()[::-1], 24), 24, size=(W, -H)))
add("bmp_32bit", bmp(bmp_rows(rng.integers(0, 256, (H, W, 4)), 32), 32))
fives = rng.integers(0, 1 << 16, (H, W))
add("bmp_16bit", bmp(bmp_rows(fives, 16), 16))
add("bmp_565", bmp(bmp_rows(fives, 16), 16, compression=3, masks=struct.pack("<III", 0xF800, 0x7E0, 0x1F)))
add("bmp_565_v4", bmp(bmp_rows(fives, 16), 16, compression=3, header=108,
                      masks=struct.pack("<IIII", 0xF800, 0x7E0, 0x1F, 0)))
words = rng.integers(0, 1 << 32, (H, W))
add("bmp_masked_32bit", bmp(bmp_rows(words, 32), 32, compression=3, header=124,
                            masks=struct.pack("<IIII", 0xFF, 0xFF00, 0xFF0000, 0xFF000000)))
runs8 = b"".join(bytes([5, 7, 0, 4, 1, 2, 3, 4, 4, i, 0, 0]) for i in range(H - 1)) + bytes([9, 200, 0, 0, 0, 1])
add("bmp_rle8", bmp(runs8, 8, compression=1, colours=bgr0.tobytes()))
# A jump, a run beyond the edge, rows that end early.
skips = bytes([3, 1, 0, 2, 2, 3, 4, 5, 0, 0, 20, 6, 0, 0]) + bytes([2, 9, 0, 0]) * (H - 5) + bytes([0, 1])
add("bmp_rle8_jump", bmp(skips, 8, compression=1, colours=bgr0.tobytes()))
runs4 = b"".join(bytes([7, 0x5A, 0, 6, 0x12, 0x34, 0x56, 0, 0, 0]) for i in range(H)) + bytes([0, 1])
add("bmp_rle4", bmp(runs4, 4, compression=2, colours=bgr0[:16].tobytes()))
refuse("bmp_absurd_size", bmp(b"", 24, size=(2**31 - 1, -2**31)), "corrupt", "[bmp]")
refuse("bmp_large_size", bmp(b"", 24, size=(2**31 - 1, 2**31 - 1)), "exhausted", "--max-image-pixels")
refuse("bmp_zero_width", bmp(b"", 24, size=(0, 5)), "corrupt", "[bmp]")
refuse("bmp_negative_width", bmp(b"", 24, size=(-5, 5)), "corrupt", "[bmp]")
refuse("bmp_more_rows_than_data", bmp(bmp_rows(painted(), 24), 24, size=(W, H + 1)), "corrupt", "do not fit")
refuse("bmp_2_bits", bmp(b"\0" * 400, 2), "unsupported", "bits a pixel")
refuse("bmp_jpeg_inside", bmp(b"\0" * 400, 24, compression=4), "unsupported", "compression")
refuse("bmp_mask_with_gap", bmp(bmp_rows(fives, 16), 16, compression=3, masks=struct.pack("<III", 0xF0F, 0, 0)),
       "unsupported", "gaps")
refuse("bmp_header_of_13", bmp(b"", 24)[:14] + struct.pack("<I", 13) + b"\0" * 100, "unsupported", "header")
refuse("bmp_runs_without_end", bmp(bytes([5, 7, 0, 0]), 8, compression=1, colours=bgr0.tobytes()), "corrupt", "[bmp]")
refuse("bmp_runs_top_down", bmp(runs8, 8, size=(W, -H), compression=1, colours=bgr0.tobytes()), "corrupt", "bottom up")

# ---- HEIC ----
add("heic", saved(Image.fromarray(painted(64, 96)), "HEIF", quality=90), 8)

# ---- not pictures ----
refuse("empty", b"", "unsupported", "found nothing")
refuse("pdf", b"%PDF-1.7\n", "unsupported", "25 50 44 46")
refuse("text", b"hello", "unsupported", "68 65 6c 6c 6f")
refuse("riff_of_sound", b"RIFF\0\0\0\0WAVEfmt ", "unsupported", "PNG, JPEG, WebP, GIF, BMP or HEIC")

out = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("decode_cases.json"))
lines = [json.dumps(c) for c in cases], [json.dumps(c) for c in refused]
out.write_text('{"decoded": [\n' + ",\n".join(lines[0]) + '\n],\n"refused": [\n' + ",\n".join(lines[1]) + "\n]}\n")
print(len(cases), "decoded,", len(refused), "refused,", out.stat().st_size, "bytes")
