# SPDX-License-Identifier: Apache-2.0
"""The vision tower in the Qwen 3.5 form (that of Qwen3-VL without deep stacking): patches to rows for the decoder."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from .layers import Weight, rotate
from .rounding import linear
from .shape import Shape

EPS = 1e-6


class Patches(NamedTuple):
    """Pictures of a batch, padded to N patches each. Patches come merge block by merge block: four neighbours follow
    each other.
    """

    pixels: torch.Tensor  # [B, N, 3 x 16 x 16] in -1 ... 1, order (channel, y, x)
    rows: torch.Tensor  # [B, N] patch row
    columns: torch.Tensor  # [B, N] patch column
    heights: torch.Tensor  # [B] patch rows of the picture
    widths: torch.Tensor  # [B] patch columns of the picture
    valid: torch.Tensor  # [B, N] bool, False on padding


class LayerNorm(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x):
        return F.layer_norm(x, (x.shape[-1],), self.weight.to(x.dtype), self.bias.to(x.dtype), EPS)


class Linear(nn.Module):
    """With a bias; never rounded to 4 bits, since the vision file is F16."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * (0.5 / math.sqrt(inputs)))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return linear(x, self.weight, self.bias, rounded=False)


class Block(nn.Module):
    """Full attention inside a picture, then an MLP with tanh GELU."""

    def __init__(self, shape: Shape):
        super().__init__()
        width, self.heads = shape.vision_width, shape.vision_heads
        self.norm1, self.norm2 = LayerNorm(width), LayerNorm(width)
        self.attn, self.mlp = nn.Module(), nn.Module()
        self.attn.qkv, self.attn.proj = Linear(width, 3 * width), Linear(width, width)
        self.mlp.linear_fc1, self.mlp.linear_fc2 = Linear(width, shape.vision_mlp), Linear(shape.vision_mlp, width)

    def forward(self, x, rope, mask):
        batch, length, width = x.shape
        q, k, v = (
            self.attn.qkv(self.norm1(x)).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        )
        out = F.scaled_dot_product_attention(rotate(q, *rope), rotate(k, *rope), v, attn_mask=mask)
        x = x + self.attn.proj(out.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp.linear_fc2(F.gelu(self.mlp.linear_fc1(self.norm2(x)), approximate="tanh"))


class VisionTower(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape, width, side = shape, shape.vision_width, shape.patch
        inputs = 2 * 3 * side * side  # two frames: the released models embed video in pairs of frames
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Module()
        self.patch_embed.proj.weight = nn.Parameter(torch.randn(width, 3, 2, side, side) * (0.5 / math.sqrt(inputs)))
        self.patch_embed.proj.bias = nn.Parameter(torch.zeros(width))
        self.pos_embed = Weight(shape.position_grid**2, width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.vision_layers))
        merged = shape.merge**2 * width
        self.merger = nn.Module()
        self.merger.norm, self.merger.linear_fc1 = LayerNorm(width), Linear(merged, merged)
        self.merger.linear_fc2 = Linear(merged, shape.width)

    def position_rows(self, p: Patches) -> torch.Tensor:
        """[B, N, width]: the learned 48 x 48 grid, stretched over the picture and read bilinearly."""
        side = self.shape.position_grid
        y, x = (
            at.float() * ((side - 1.0) / torch.clamp(size - 1, min=1).float())[:, None]
            for at, size in ((p.rows, p.heights), (p.columns, p.widths))
        )
        y0, x0 = (at.floor().long().clamp(0, side - 1) for at in (y, x))
        y1, x1 = ((at + 1).clamp(max=side - 1) for at in (y0, x0))
        fy, fx = (y - y0)[..., None], (x - x0)[..., None]
        grid = self.pos_embed.weight
        return (
            grid[y0 * side + x0] * (1 - fy) * (1 - fx)
            + grid[y0 * side + x1] * (1 - fy) * fx
            + grid[y1 * side + x0] * fy * (1 - fx)
            + grid[y1 * side + x1] * fy * fx
        )

    def rope(self, p: Patches, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """cos, sin [B, 1, N, head]: half of the pairs turn with the row, half with the column; theta 10,000."""
        head = self.shape.vision_width // self.shape.vision_heads
        frequency = 10000.0 ** (-2.0 * torch.arange(head // 4, device=p.rows.device).float() / (head / 2))
        angle = torch.cat([p.rows[..., None].float() * frequency, p.columns[..., None].float() * frequency], -1)
        angle = torch.cat([angle, angle], -1)[:, None]
        return angle.cos().to(dtype), angle.sin().to(dtype)

    def forward(self, p: Patches) -> torch.Tensor:
        """-> [B, N / 4, D], one row for each 2 x 2 patches; rows of padding mean nothing."""
        pixels = p.pixels
        # A still picture is its own second frame: the two frames' weights add up.
        w = self.patch_embed.proj.weight.sum(2).reshape(self.shape.vision_width, -1)
        x = F.linear(pixels, w.to(pixels.dtype), self.patch_embed.proj.bias.to(pixels.dtype))
        x = x + self.position_rows(p).to(x.dtype)
        rope = self.rope(p, x.dtype)
        mask = p.valid[:, None, None, :].expand(-1, 1, x.shape[1], -1)
        for block in self.blocks:
            x = block(x, rope, mask)
        x = self.merger.norm(x).reshape(x.shape[0], x.shape[1] // self.shape.merge**2, -1)
        return self.merger.linear_fc2(F.gelu(self.merger.linear_fc1(x)))  # exact GELU here, as in the reference
