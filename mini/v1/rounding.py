# SPDX-License-Identifier: Apache-2.0
"""Training with the weights rounded to 4 bits, so that the Q4_0 file loses little.

While it is switched on, every product that the Q4_0 file stores in 4 bits sees rounded weights; the gradient goes to
the unrounded ones as if rounding were not there (the straight-through estimator, Bengio et al. 2013, arXiv
1308.3432).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

BLOCK = 32
_state = {"four_bit": False}


def set_four_bit(enabled: bool) -> None:
    _state["four_bit"] = enabled


def is_four_bit() -> bool:
    return _state["four_bit"]


def q4_0(w: torch.Tensor) -> torch.Tensor:
    """w, any shape of a multiple of 32 elements, to Q4_0 and back: blocks of 32, one float16 scale, levels -8 to 7.

    The value of largest magnitude, sign and all, becomes level -8 (the rule of ggml's quantize_row_q4_0)."""
    blocks = w.reshape(-1, BLOCK).float()
    largest = blocks.gather(1, blocks.abs().argmax(1, keepdim=True))
    scale = (largest / -8).half().float()
    inverse = torch.where(scale == 0, torch.zeros_like(scale), 1 / scale)
    levels = torch.clamp(torch.floor(blocks * inverse + 8.5), 0, 15) - 8
    return (levels * scale).reshape(w.shape).to(w.dtype)


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w):
        return q4_0(w)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def linear(x: torch.Tensor, w: torch.Tensor, bias: torch.Tensor | None = None, rounded: bool = True) -> torch.Tensor:
    """x [..., in] times w [out, in] in x's type; `rounded` says whether 4-bit training covers this weight."""
    if rounded and _state["four_bit"]:
        w = _StraightThrough.apply(w)
    return F.linear(x, w.to(x.dtype), None if bias is None else bias.to(x.dtype))
