# SPDX-License-Identifier: Apache-2.0
"""Which of twelve names a colour has, and paints of each name."""

from __future__ import annotations

import numpy as np

COLOURS = "red orange yellow green blue purple pink brown black grey white beige".split()
RED, ORANGE, YELLOW, GREEN, BLUE, PURPLE, PINK, BROWN, BLACK, GREY, WHITE, BEIGE = range(len(COLOURS))
# Typical paints; beige is a name that pictures may have, but none that is painted.
PALETTE = {
    "red": [(220, 30, 30), (190, 20, 35), (240, 60, 50)],
    "orange": [(250, 140, 20), (240, 120, 30)],
    "yellow": [(250, 220, 40), (240, 205, 20), (250, 235, 110)],
    "green": [(40, 160, 60), (20, 120, 50), (110, 200, 90), (60, 190, 120)],
    "blue": [(40, 90, 220), (30, 60, 150), (90, 160, 240), (20, 150, 220)],
    "purple": [(130, 50, 190), (110, 60, 170), (160, 100, 220)],
    "pink": [(250, 130, 180), (245, 170, 200), (240, 90, 160)],
    "brown": [(120, 72, 30), (140, 85, 45), (95, 55, 25)],
    "black": [(12, 12, 14), (30, 30, 32)],
    "grey": [(128, 128, 128), (160, 162, 165), (100, 100, 103)],
    "white": [(252, 252, 252), (246, 246, 248)],
}
PAINTED = list(PALETTE)
# Of flat shapes and lettering; the order is part of what a seed draws.
SHAPE_COLOURS = "red orange yellow green blue purple pink brown black white grey".split()
STEPS = 32  # of each channel in the table


def classify(rgb: np.ndarray) -> np.ndarray:
    """[..., 3] of 0 ... 255 -> uint8 [...], indices of COLOURS. By hue in degrees, saturation and value; later rules
    win.
    """
    scaled = np.asarray(rgb, np.float32) / 255.0
    r, g, b = scaled[..., 0], scaled[..., 1], scaled[..., 2]
    value = scaled.max(-1)
    spread = value - scaled.min(-1)
    divisor = np.where(spread == 0, 1, spread)
    sixth = np.where(
        value == r, ((g - b) / divisor) % 6, np.where(value == g, (b - r) / divisor + 2, (r - g) / divisor + 4)
    )
    hue, saturation = sixth * 60, spread / np.maximum(value, 1e-3)
    out = np.full(hue.shape, GREY, np.uint8)
    reds, oranges = (hue < 14) | (hue >= 345), (hue >= 14) & (hue < 42)
    yellows, pinks = (hue >= 42) & (hue < 68), (hue >= 296) & (hue < 345)
    out[reds] = RED
    out[oranges] = ORANGE
    out[yellows] = YELLOW
    out[(hue >= 68) & (hue < 168)] = GREEN
    out[(hue >= 168) & (hue < 252)] = BLUE
    out[(hue >= 252) & (hue < 296)] = PURPLE
    out[pinks] = PINK
    out[pinks & (value < 0.5)] = PURPLE
    out[(reds | ((hue >= 335) & pinks)) & (saturation < 0.58) & (value > 0.78)] = PINK
    out[oranges & (hue < 20) & (saturation < 0.5) & (value > 0.8)] = PINK
    out[oranges & (saturation < 0.5) & (value > 0.78) & (hue >= 20)] = BEIGE
    out[yellows & (saturation < 0.28) & (value > 0.75)] = BEIGE
    dark_red = reds & (value < 0.55) & (saturation < 0.85) & (hue > 4) & (hue < 20)
    dull_red = reds & (saturation < 0.6) & (value < 0.7)
    out[dark_red | dull_red | (oranges & (value < 0.68)) | (yellows & (value < 0.5))] = BROWN
    out[oranges & (saturation < 0.62) & (value < 0.82)] = BROWN
    out[(saturation < 0.14) | ((saturation < 0.22) & (value < 0.55))] = GREY
    out[(saturation < 0.10) & (value > 0.86)] = WHITE
    out[(value < 0.24) | ((value < 0.34) & (saturation < 0.28))] = BLACK
    return out


def colour_table() -> np.ndarray:
    """uint8 [32, 32, 32]: the name's number for colours in steps of 8."""
    centres = (np.arange(STEPS) + 0.5) * (256 / STEPS)
    return classify(np.stack(np.meshgrid(centres, centres, centres, indexing="ij"), -1))
