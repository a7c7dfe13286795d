# SPDX-License-Identifier: Apache-2.0
"""Backgrounds, photo faults, and pasting. Pictures are uint8 [H, W, 3] RGB, sides multiples of 32, 64 to 256."""

from __future__ import annotations

import math

import cv2
import numpy as np

from .assets import ASSETS
from .colours import COLOURS, PAINTED, PALETTE, SHAPE_COLOURS

SIZES = [64, 96, 128, 160, 192, 224, 256]


SIZE_WEIGHTS = [3, 18, 26, 22, 18, 7, 6]


def colour_of(rgb):
    """The name of a colour (r, g, b)."""
    return COLOURS[ASSETS["colour_table"][int(rgb[0]) >> 3, int(rgb[1]) >> 3, int(rgb[2]) >> 3]]


def luminance(c):
    """Perceived lightness of (r, g, b), 0 to 255."""
    return 0.3 * c[0] + 0.59 * c[1] + 0.11 * c[2]


def paint(rng, name, j=14):
    """A random paint (r, g, b) that still has the name `name`; j: how far it may stray."""
    b = rng.choice(PALETTE[name])
    j = min(j, 5) if name in ("grey", "white", "black") else j
    for _ in range(4):
        c = tuple(min(255, max(0, x + rng.randint(-j, j))) for x in b)
        if colour_of(c) == name:
            return c
    return b


def size(rng, lo=64, hi=256, square=0.55):
    """(height, width) of a picture; `square`: the chance that they are equal."""
    while True:
        w = rng.choices(SIZES, SIZE_WEIGHTS)[0]
        h = w if rng.random() < square else rng.choices(SIZES, SIZE_WEIGHTS)[0]
        if lo <= min(w, h) and max(w, h) <= hi and max(w, h) <= 2 * min(w, h):
            return h, w


def background(rng, h, w, avoid=(), plain=0.45):
    """-> image, words ("a blue background"), colour name or None. avoid: colour names that must not be the plain
    colour.
    """
    u = rng.random()
    if u < plain:
        n = (
            rng.choice([c for c in PAINTED if c not in avoid] or PAINTED)
            if rng.random() < 0.75
            else ("white" if "white" not in avoid else "black" if "black" not in avoid else "blue")
        )
        c = paint(rng, n)
        im = np.empty((h, w, 3), np.uint8)
        im[:] = c
        if rng.random() < 0.15:
            im = noisy(rng, im, 0.25)
        return (
            im,
            f"a {'plain ' if rng.random() < 0.2 else ''}{n} background" if n[0] != "o" else "an orange background",
            n,
        )
    if u < plain + 0.17:
        ns = [c for c in PAINTED if c not in avoid]
        a, b = rng.sample(ns, 2) if len(ns) > 1 else rng.sample(PAINTED, 2)
        ca, cb = np.array(paint(rng, a), np.float32), np.array(paint(rng, b), np.float32)
        th = rng.choice([0, 1]) if rng.random() < 0.6 else rng.random() * 6.3
        if th in (0, 1):
            t = np.linspace(0, 1, w if th == 0 else h, dtype=np.float32)
            t = t[None, :, None] if th == 0 else t[:, None, None]
        else:
            t = (
                np.linspace(0, 1, w, dtype=np.float32)[None, :, None] * abs(math.cos(th))
                + np.linspace(0, 1, h, dtype=np.float32)[:, None, None] * abs(math.sin(th))
            ) / (abs(math.cos(th)) + abs(math.sin(th)))
        im = np.empty((h, w, 3), np.uint8)
        im[:] = ca + (cb - ca) * t
        return (
            im,
            rng.choice(
                [
                    f"a background that fades from {a} to {b}",
                    f"a {a} and {b} background" if a[0] != "o" else f"an {a} and {b} background",
                ]
            ),
            None,
        )
    if u < plain + 0.29:
        n = rng.choice([c for c in PAINTED if c not in avoid] or PAINTED)
        im = np.empty((h, w, 3), np.uint8)
        im[:] = paint(rng, n)
        return noisy(rng, im, rng.uniform(0.6, 1.4)), "a noisy background", None
    if u < plain + 0.36:
        ns = [c for c in PAINTED if c not in avoid]
        a, b = rng.sample(ns if len(ns) > 1 else PAINTED, 2)
        s = rng.choice([6, 10, 16, 24])
        d = rng.random() < 0.5
        im = np.empty((h, w, 3), np.uint8)
        im[:] = paint(rng, a)
        cb = paint(rng, b)
        if rng.random() < 0.5:
            for i in range(0, w if d else h, 2 * s):
                if d:
                    im[:, i : i + s] = cb
                else:
                    im[i : i + s] = cb
            return im, "a striped background", None
        yy = (np.arange(h) // s)[:, None]
        xx = (np.arange(w) // s)[None]
        im[(yy + xx) % 2 == 0] = cb
        return im, "a checked background", None
    b = rng.choice(ASSETS["soft_backgrounds"])
    y, x = rng.randint(0, 320 - h), rng.randint(0, 320 - w)
    im = b[y : y + h, x : x + w]
    if rng.random() < 0.5:
        im = im[:, ::-1]
    if rng.random() < 0.5:
        im = im[::-1]
    if rng.random() < 0.5:
        im = im[..., rng.choice([(1, 0, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])]
    return np.ascontiguousarray(im), "a blurry background", None


def noisy(rng, im, k=1.0):
    """With additive noise of deviation 32 k."""
    h, w = im.shape[:2]
    n = rng.choice(ASSETS["noise"])
    y, x = rng.randint(0, 320 - h), rng.randint(0, 320 - w)
    return cv2.add(im, (n[y : y + h, x : x + w] * np.float32(k)).astype(np.int16), dtype=cv2.CV_8U)


def finish(rng, im, blur=0.15, hard=1.0):
    """mild photo faults: gain, blur, noise, JPEG"""
    u = rng.random
    if u() < 0.45:
        im = cv2.convertScaleAbs(im, alpha=rng.uniform(0.88, 1.1), beta=rng.uniform(-8, 8) if u() < 0.5 else 0)
    if u() < 0.25:
        im = cv2.multiply(im, (rng.uniform(0.94, 1.05), rng.uniform(0.95, 1.05), rng.uniform(0.92, 1.06), 0))
    if u() < blur:
        im = cv2.GaussianBlur(im, (0, 0), rng.uniform(0.4, 1.3 * hard))
    if u() < 0.12:
        im = noisy(rng, im, rng.uniform(0.1, 0.35 * hard))
    if u() < 0.3:
        e = cv2.imencode(".jpg", im, [cv2.IMWRITE_JPEG_QUALITY, rng.randint(35, 92)])[1]
        im = cv2.imdecode(e, 1)
    return np.ascontiguousarray(im)


def paste(rng, im, c, cx, cy, sz, rot=None, flip=False):
    """draws premultiplied RGBA cell c with side sz around (cx, cy)"""
    C = c.shape[0]
    if flip:
        c = c[:, ::-1]
    if sz < C * 0.62:
        c = cv2.resize(c, (max(8, round(sz)),) * 2, interpolation=cv2.INTER_AREA)
    n = c.shape[0]
    s = sz / n
    rot = rng.uniform(-20, 20) if rot is None and rng.random() < 0.5 else (rot or 0)
    h, w = im.shape[:2]
    rr = sz * 0.5 * (abs(math.cos(math.radians(rot))) + abs(math.sin(math.radians(rot)))) + 2
    x0, x1, y0, y1 = max(0, int(cx - rr)), min(w, int(cx + rr) + 1), max(0, int(cy - rr)), min(h, int(cy + rr) + 1)
    M = cv2.getRotationMatrix2D((n / 2, n / 2), rot, s)
    M[0, 2] += cx - n / 2 - x0
    M[1, 2] += cy - n / 2 - y0
    p = cv2.warpAffine(c, M, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR if s < 1.05 else cv2.INTER_CUBIC, borderValue=0)
    roi = im[y0:y1, x0:x1]
    inv = cv2.merge([255 - p[..., 3]] * 3)
    im[y0:y1, x0:x1] = cv2.add(cv2.multiply(roi, inv, scale=1 / 255.0), p[..., :3])


def contrast(rng, bgc, minimum=105):
    """A colour for lettering on bgc, more than `minimum` away in luminance: ((r, g, b), name)."""
    for _ in range(30):
        n = rng.choice(["black", "black", "white"] + SHAPE_COLOURS)
        c = paint(rng, n)
        if abs(luminance(c) - luminance(bgc)) > minimum:
            return c, n
    return ((0, 0, 0), "black") if luminance(bgc) > 128 else ((255, 255, 255), "white")


def rounded_rectangle(im, x0, y0, x1, y1, c, r):
    """A filled rectangle from (x0, y0) to (x1, y1) with corners of radius r."""
    cv2.rectangle(im, (x0 + r, y0), (x1 - r, y1), c, -1)
    cv2.rectangle(im, (x0, y0 + r), (x1, y1 - r), c, -1)
    for x, y in ((x0 + r, y0 + r), (x1 - r, y0 + r), (x0 + r, y1 - r), (x1 - r, y1 - r)):
        cv2.circle(im, (x, y), r, c, -1, cv2.LINE_AA)
