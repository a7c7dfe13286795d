# SPDX-License-Identifier: Apache-2.0
"""The five places where a GPU run uses fused kernels (package fla-core), and what a CPU does instead.

Everything else in v1 is plain PyTorch. The kernels are used when CUDA and fla-core are there; `IN_USE` says so. They
need sequence lengths in multiples of 64.
"""

from __future__ import annotations

import warnings

import torch
import torch.nn.functional as F

from . import delta_rule


def _search_less() -> None:
    """Makes Triton try two plausible launch shapes a kernel instead of dozens: searching takes longer here than it
    saves.
    """
    import triton

    search = triton.autotune

    def distance(config) -> float:
        far = abs(config.num_warps - 4) + 0.5 * abs(config.num_stages - 3)
        return far + sum(
            abs(size - 64) / 16
            for name, size in config.kwargs.items()
            if name in ("BK", "BV") and isinstance(size, int)
        )

    def autotune(configs, key, **options):
        return search(configs=sorted(configs, key=distance)[:2], key=key, **options)

    triton.autotune = autotune


def _replace_miscompiled_kernel() -> None:
    """Puts delta_rule.chunk_gradients in the place of fla's chunk_bwd_dqkwg.

    Triton 3.4.0 to 3.7.0 gets that kernel wrong on Hopper GPUs: no error, but wrong gradients of q, k, w and g (issue
    640 of flash-linear-attention; fla-core 0.6 refuses to run it there). The PyTorch form, compiled, costs little: it
    is a small part of the backward pass. It works on whole chunks, hence lengths in multiples of 64. The smoke test
    checks it against automatic differentiation.
    """
    from fla.ops.gated_delta_rule import chunk

    compiled = torch.compile(delta_rule.chunk_gradients, dynamic=True)
    size = delta_rule.CHUNK

    def chunk_bwd_dqkwg(q, k, v, do, h, dh, w=None, g=None, dv=None, scale=None, **other):
        """fla's arguments: q, k [B, T, H, K], v, do, dv [B, T, H, V], h, dh [B, chunks, H, K, V], g [B, T, H] log2."""
        batch, length, heads, width = k.shape
        if other.get("state_v_first") or other.get("cu_seqlens") is not None:
            raise ValueError("states laid out as [V, K] and packed sequences are not handled here")
        if length % size:
            raise ValueError(f"lengths must be multiples of {size}, not {length}")

        def to_chunks(x):
            return x.view(batch, length // size, size, heads, -1).transpose(2, 3)

        def from_chunks(x):
            return x.transpose(2, 3).reshape(batch, length, heads, -1).contiguous()

        states, dstates = (x.view(batch, length // size, heads, width, -1) for x in (h, dh))
        total = to_chunks(g)[..., 0].float()
        dq, dk, dw, dg = compiled(
            to_chunks(q), to_chunks(k), to_chunks(v), to_chunks(do), to_chunks(dv), states, dstates, total, scale
        )
        return (
            from_chunks(dq),
            from_chunks(dk),
            from_chunks(dw),
            dg.transpose(2, 3).reshape(batch, length, heads).contiguous(),
        )

    chunk.chunk_bwd_dqkwg = chunk_bwd_dqkwg


IN_USE = False
if torch.cuda.is_available():
    try:
        _search_less()  # before fla is imported: its kernels ask for their search while they are defined
        from fla.modules.causal_conv1d import causal_conv1d
        from fla.modules.fused_kl_div.ops import fused_kl_div_loss
        from fla.modules.fused_linear_cross_entropy.ops import fused_linear_cross_entropy_loss
        from fla.modules.norm.fused_norm_gate import rms_norm_gated
        from fla.ops.gated_delta_rule import chunk_gated_delta_rule

        _replace_miscompiled_kernel()
        IN_USE = True
    except ImportError as error:
        warnings.warn(f"fla-core cannot be used ({error}): plain PyTorch instead, several times slower", stacklevel=1)


def gated_delta_rule(q, k, v, g, beta) -> torch.Tensor:
    """See delta_rule.py; q and k not normalised yet."""
    if IN_USE:
        return chunk_gated_delta_rule(q, k, v, g, beta, use_qk_l2norm_in_kernel=True)[0]
    return delta_rule.chunked(q, k, v, g, beta)


def causal_conv_silu(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """x [B, T, C], w [C, taps], the last tap on the token itself -> SiLU of the per-channel convolution, [B, T, C]."""
    if IN_USE:
        return causal_conv1d(x, w, activation="silu")[0]
    padded = F.pad(x.transpose(1, 2), (w.shape[1] - 1, 0))
    return F.silu(F.conv1d(padded, w[:, None], groups=w.shape[0])).transpose(1, 2)


def gated_rms_norm(x: torch.Tensor, gate: torch.Tensor, w: torch.Tensor, eps: float) -> torch.Tensor:
    """x, gate [B, T, H, V], w [V] -> RMSNorm(x) w SiLU(gate): the norm first, then the gate."""
    w = w.to(x.dtype)
    if IN_USE:
        width = x.shape[-1]
        return rms_norm_gated(x.reshape(-1, width), gate.reshape(-1, width), w, None, eps=eps).view(x.shape)
    return F.rms_norm(x, (x.shape[-1],), w, eps) * F.silu(gate)


def kl_to_teacher(x, teacher_x, w, teacher_w) -> torch.Tensor:
    """Mean over rows of KL(teacher || student) in nats; x, teacher_x [N, D] final hidden states, w, teacher_w [V, D]
    heads.
    """
    if IN_USE:
        return fused_kl_div_loss(x, teacher_x, w.to(x.dtype), teacher_w, accumulate_grad_in_fp32=False)
    ours, theirs = F.log_softmax(F.linear(x, w), -1), F.log_softmax(F.linear(teacher_x, teacher_w), -1)
    return F.kl_div(ours, theirs, log_target=True, reduction="batchmean")


def cross_entropy(x, targets, w) -> torch.Tensor:
    """Mean over targets other than -100, in nats; x [N, D] final hidden states, targets [N], w [V, D] head."""
    if IN_USE:
        return fused_linear_cross_entropy_loss(x, targets, w.to(x.dtype), accumulate_grad_in_fp32=False)
    return F.cross_entropy(F.linear(x, w.to(x.dtype)), targets, ignore_index=-100)
