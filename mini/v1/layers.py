# SPDX-License-Identifier: Apache-2.0
"""The decoder's layers in the Qwen 3.5 form: gated attention, Gated DeltaNet, MLP.

Parameter names are Hugging Face's (Qwen3_5ForConditionalGeneration), so that state_dict() is a released file's list
of tensors. Shapes: B batch, T tokens, D width, H query heads, K key/value heads, E head size.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from . import gpu_kernels
from .rounding import linear
from .shape import Shape


class Weight(nn.Module):
    """A bare parameter called `weight`: normal with standard deviation `std`, or all `value`."""

    def __init__(self, *shape: int, std: float = 0.02, value: float | None = None):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(*shape) * std if value is None else torch.full(shape, float(value)))


def rms_norm(x: torch.Tensor, w: torch.Tensor, eps: float) -> torch.Tensor:
    """RMSNorm times (1 + w): Qwen 3.5 stores the distance to 1 (but for the norm inside Gated DeltaNet)."""
    return F.rms_norm(x, (x.shape[-1],), (1 + w).to(x.dtype), eps)


def rope_tables(positions: torch.Tensor, shape: Shape, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """positions [3, B, T] (time, row, column) -> cos, sin [B, 1, T, E] of the interleaved multimodal rotary embedding.

    Pair j turns by position times theta^(-2j/E); pairs take time, row, column in turn (0 1 2 0 1 2 ...) while the
    axis' section lasts, and time after that (Qwen3-VL technical report, arXiv 2511.21631, "interleaved MRoPE").
    """
    pair = torch.arange(shape.head_dim // 2, device=positions.device)
    frequency = shape.rope_theta ** (-2.0 * pair.float() / shape.head_dim)
    _, rows, columns = shape.rope_sections
    axis = torch.where(
        (pair % 3 == 1) & (pair < 3 * rows), 1, torch.where((pair % 3 == 2) & (pair < 3 * columns), 2, 0)
    )
    angle = (positions.float()[axis] * frequency[:, None, None]).permute(1, 2, 0)  # [B, T, E/2]
    angle = torch.cat([angle, angle], -1)[:, None]
    return angle.cos().to(dtype), angle.sin().to(dtype)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary embedding of x [B, heads, T, E]; element i pairs with i + E/2."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


class GatedAttention(nn.Module):
    """Grouped-query attention with a norm on every query and key head, and a sigmoid gate on the result.

    q_proj holds each head's query rows and then its gate rows (Qwen3-Next's layout)."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        query, key = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
        self.q_proj, self.k_proj, self.v_proj = (
            Weight(2 * query, shape.width),
            Weight(key, shape.width),
            Weight(key, shape.width),
        )
        self.o_proj = Weight(shape.width, query)
        self.q_norm, self.k_norm = Weight(shape.head_dim, value=0), Weight(shape.head_dim, value=0)

    def forward(self, x, rope):
        """x [B, T, D] -> [B, T, D]; rope: rope_tables' result."""
        batch, length, _ = x.shape
        head, eps = self.shape.head_dim, self.shape.eps
        q, gate = linear(x, self.q_proj.weight).view(batch, length, -1, 2 * head).chunk(2, -1)
        k, v = (linear(x, p.weight).view(batch, length, -1, head) for p in (self.k_proj, self.v_proj))
        q = rotate(rms_norm(q, self.q_norm.weight, eps).transpose(1, 2), *rope)
        k = rotate(rms_norm(k, self.k_norm.weight, eps).transpose(1, 2), *rope)
        out = F.scaled_dot_product_attention(q, k, v.transpose(1, 2), is_causal=True, enable_gqa=True)
        out = out.transpose(1, 2).reshape(batch, length, -1) * torch.sigmoid(gate.reshape(batch, length, -1))
        return linear(out, self.o_proj.weight)


class GatedDeltaNet(nn.Module):
    """The recurrent mixer (arXiv 2412.06464): short convolution, gated delta rule, gated norm."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        heads, inner = shape.heads, shape.heads * shape.head_dim
        self.in_proj_qkv, self.in_proj_z = Weight(3 * inner, shape.width), Weight(inner, shape.width)
        self.in_proj_b, self.in_proj_a = Weight(heads, shape.width), Weight(heads, shape.width)
        self.conv1d = Weight(3 * inner, 1, shape.conv)
        # Decays spread over heads from slow to fast: A from 0.5 to 16, and a time step of 0.02 where in_proj_a gives 0.
        self.A_log = nn.Parameter(torch.log(torch.logspace(math.log10(0.5), math.log10(16.0), heads)))
        step = torch.full((heads,), 0.02)
        self.dt_bias = nn.Parameter(step + torch.log(-torch.expm1(-step)))  # softplus of this is the step
        self.norm, self.out_proj = Weight(shape.head_dim, value=1), Weight(shape.width, inner)

    def forward(self, x):
        """x [B, T, D] -> [B, T, D]."""
        batch, length, _ = x.shape
        by_head = (batch, length, self.shape.heads, self.shape.head_dim)
        mixed = gpu_kernels.causal_conv_silu(linear(x, self.in_proj_qkv.weight), self.conv1d.weight[:, 0].to(x.dtype))
        q, k, v = (part.reshape(by_head) for part in mixed.chunk(3, -1))
        gate = linear(x, self.in_proj_z.weight).view(by_head)
        # These two small projections decide how long a memory lasts; they are never rounded to 4 bits.
        beta = torch.sigmoid(linear(x, self.in_proj_b.weight, rounded=False))
        step = F.softplus(linear(x, self.in_proj_a.weight, rounded=False).float() + self.dt_bias)
        out = gpu_kernels.gated_delta_rule(q, k, v, -torch.exp(self.A_log) * step, beta)
        out = gpu_kernels.gated_rms_norm(out, gate, self.norm.weight, self.shape.eps)
        return linear(out.reshape(batch, length, -1), self.out_proj.weight)


class Mlp(nn.Module):
    """SwiGLU (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.gate_proj, self.up_proj = Weight(shape.mlp, shape.width), Weight(shape.mlp, shape.width)
        self.down_proj = Weight(shape.width, shape.mlp)

    def forward(self, x):
        return linear(F.silu(linear(x, self.gate_proj.weight)) * linear(x, self.up_proj.weight), self.down_proj.weight)


class Layer(nn.Module):
    """Norm, mixer, norm, MLP, each pair with a residual."""

    def __init__(self, shape: Shape, is_attention: bool):
        super().__init__()
        self.is_attention, self.eps = is_attention, shape.eps
        self.input_layernorm, self.post_attention_layernorm = Weight(shape.width, value=0), Weight(shape.width, value=0)
        if is_attention:
            self.self_attn = GatedAttention(shape)
        else:
            self.linear_attn = GatedDeltaNet(shape)
        self.mlp = Mlp(shape)

    def mix(self, normed, rope):
        """The mixer alone, on inputs that are normed already; what the alignment stage trains."""
        return self.self_attn(normed, rope) if self.is_attention else self.linear_attn(normed)

    def forward(self, x, rope):
        x = x + self.mix(rms_norm(x, self.input_layernorm.weight, self.eps), rope)
        return x + self.mlp(rms_norm(x, self.post_attention_layernorm.weight, self.eps))
