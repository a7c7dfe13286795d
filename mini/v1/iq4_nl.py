# SPDX-License-Identifier: Apache-2.0
"""IQ4_NL with searched scales: 4-bit codes into a table of 16 uneven levels, so the best scale is not where the
largest value fits.
"""

from __future__ import annotations

import numpy as np

# The levels of the format (docs/formats.md).
LEVELS = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32)
MIDDLES = (LEVELS[1:] + LEVELS[:-1]) / 2
BLOCK = 32
CANDIDATES = [
    (end, stretch) for end in (LEVELS[0], LEVELS[-1]) for stretch in np.linspace(0.82, 1.12, 12, dtype=np.float32)
]


def inverse(scale: np.ndarray) -> np.ndarray:
    return np.divide(1, scale, out=np.zeros_like(scale), where=scale != 0)


def best_scales(x: np.ndarray) -> np.ndarray:
    """x [N, 32] -> [N, 1]: the scale of least squared error among 24 candidates.

    A candidate puts the value of largest magnitude near either end of the table, picks the codes, and takes the scale
    that fits those codes best (a least-squares line through zero).
    """
    largest = np.take_along_axis(x, np.abs(x).argmax(1)[:, None], 1)
    best_error = np.full((len(x), 1), np.inf, np.float32)
    best = np.zeros((len(x), 1), np.float32)
    for end, stretch in CANDIDATES:
        levels = LEVELS[np.searchsorted(MIDDLES, x * inverse(largest / end * stretch))]
        scale = (x * levels).sum(1, keepdims=True) / (levels * levels).sum(1, keepdims=True)
        error = ((x - scale * levels) ** 2).sum(1, keepdims=True)
        is_better = error < best_error
        best_error, best = np.where(is_better, error, best_error), np.where(is_better, scale, best)
    return best


def iq4_nl(w: np.ndarray) -> np.ndarray:
    """float32 [rows, columns] (columns a multiple of 32) -> uint8 [rows, columns / 32 * 18]: float16 scale, 16 bytes
    of codes.
    """
    out = []
    for x in np.array_split(w.reshape(-1, BLOCK).astype(np.float32), max(1, w.size // (BLOCK * 65536))):
        scales = best_scales(x).astype(np.float16)
        codes = np.searchsorted(MIDDLES, x * inverse(scales.astype(np.float32))).astype(np.uint8)
        out.append(np.concatenate([scales.view(np.uint8).reshape(-1, 2), codes[:, :16] | (codes[:, 16:] << 4)], 1))
    return np.concatenate(out).reshape(w.shape[0], -1)
