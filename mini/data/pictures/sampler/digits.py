# SPDX-License-Identifier: Apache-2.0
"""Handwritten digits (UCI), one to four of them."""

from __future__ import annotations

import math

import cv2
import numpy as np

from .assets import ASSETS
from .drawing import background, contrast


def handwritten_digits(rng):
    """One to four handwritten digits, turned and stretched a little -> picture, turns, facts."""
    n = rng.choices([1, 2, 3, 4], [5, 3, 2, 1])[0]
    s = rng.choice([64, 96, 128]) if n == 1 else 64 if n > 2 or rng.random() < 0.5 else 96
    w = min(256, s * n if n < 4 else 192)
    w = max(64, w // 32 * 32)
    h = s if s % 32 == 0 else 64
    g = np.zeros((h, w), np.uint8)
    y = ""
    cw = w / n
    for i in range(n):
        k = rng.randrange(len(ASSETS["digit_images"]))
        y += str(ASSETS["digit_labels"][k])
        d = ASSETS["digit_images"][k].astype(np.float32) * (255 / 16)
        sz = min(cw, h) * rng.uniform(0.8, 0.98)
        f = sz / 9
        a = math.radians(rng.uniform(-12, 12))
        sx = f * rng.uniform(0.8, 1.05)
        co, si, shr = math.cos(a), math.sin(a), rng.uniform(-0.2, 0.2)
        M = np.array([[sx * co, -f * si + shr * f, 0], [sx * si, f * co, 0]], np.float32)
        c = M[:, :2] @ np.array([3.5, 3.5], np.float32)
        M[:, 2] = [cw * (i + 0.5) - c[0], h / 2 - c[1]]
        p = cv2.warpAffine(d, M, (w, h), flags=cv2.INTER_CUBIC, borderValue=0)
        g = np.maximum(g, cv2.convertScaleAbs(p - rng.uniform(55, 95), alpha=2.6) * (p > 55))
    g = cv2.GaussianBlur(g, (0, 0), rng.uniform(0.6, 1.2)) if rng.random() < 0.7 else g
    im, _bd, _bc = background(rng, h, w, plain=0.85)
    bgc = im.reshape(-1, 3).mean(0)
    c, _nm = contrast(rng, bgc, 110)
    a = cv2.merge([g] * 3)
    cc = np.empty_like(im)
    cc[:] = c
    im = cv2.add(cv2.multiply(im, 255 - a, scale=1 / 255.0), cv2.multiply(cc, a, scale=1 / 255.0))
    if n == 1:
        q = rng.choice(
            [
                "What digit is this?",
                "Which digit do you see?",
                "What number is this?",
                "What number did I write?",
                "Read the handwritten digit.",
                "What is this?",
            ]
        )
        a = (
            rng.choice(["It's a {y}.", "The digit is {y}.", "{y}", "It is the number {y}."])
            .format(y=y)
            .replace("a 8", "an 8")
        )
    else:
        q = rng.choice(
            [
                "What number is this?",
                "Read the handwritten number.",
                "Which digits do you see?",
                "What number did I write?",
                "What is written here?",
            ]
        )
        a = rng.choice(["The number is {y}.", "{y}", "It says {y}."]).format(y=y)
    return im, [(q, a)], {"text": y}
