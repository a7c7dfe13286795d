# SPDX-License-Identifier: Apache-2.0
"""The gated delta rule in three forms: token by token, in chunks, and the gradient inside a chunk.

Per head, with state S [K, V], decay exp(g_t), writing strength beta_t (Yang, Kautz, Hatamizadeh 2024, "Gated Delta
Networks", arXiv 2412.06464):

    S_t = exp(g_t) S_(t-1) + k_t (beta_t (v_t - (exp(g_t) S_(t-1))^T k_t))^T        o_t = S_t^T q_t

q and k come L2-normalised, q times 1 / sqrt(K). Shapes: q, k [B, T, H, K], v [B, T, H, V], g, beta [B, T, H] -> o [B,
T, H, V].
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

CHUNK = 64


def normalised(q: torch.Tensor, k: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """L2 norm per head; the 1e-6 stands inside the root, as in the reference implementation."""
    q = q * torch.rsqrt((q * q).sum(-1, keepdim=True) + 1e-6) * q.shape[-1] ** -0.5
    return q, k * torch.rsqrt((k * k).sum(-1, keepdim=True) + 1e-6)


def recurrent(q, k, v, g, beta) -> torch.Tensor:
    """The definition, one token after the other. Slow; what the other forms are checked against."""
    q, k = normalised(q, k)
    state = q.new_zeros(q.shape[0], q.shape[2], q.shape[3], v.shape[3])
    outputs = []
    for t in range(q.shape[1]):
        state = state * g[:, t].exp()[..., None, None]
        remembered = torch.einsum("bhkv,bhk->bhv", state, k[:, t])
        state = state + torch.einsum("bhk,bhv->bhkv", k[:, t], beta[:, t, :, None] * (v[:, t] - remembered))
        outputs.append(torch.einsum("bhkv,bhk->bhv", state, q[:, t]))
    return torch.stack(outputs, 1)


def chunked(q, k, v, g, beta) -> torch.Tensor:
    """The same in chunks of 64 tokens, matrix products only; differentiable.

    Inside a chunk, with G the running sum of g and S the state before it, the written rows U solve

        (I + A) U = beta (v - exp(G) k S),   A_ij = beta_i exp(G_i - G_j) k_i . k_j for j < i

    (the WY form: Yang et al. 2024, arXiv 2406.06484, with the decay of 2412.06464, section 3.3), and

        o = exp(G) q S + tril(exp(G_i - G_j) q_i . k_j) U        S' = exp(G_last) S + (exp(G_last - G) k)^T U
    """
    length = q.shape[1]
    q, k = normalised(q, k)
    padding = -length % CHUNK

    def split(x):
        """[B, T, H, ...] -> [B, H, chunks, 64, ...]; padding rows have beta = 0, k = 0 and g = 0, so they change
        nothing.
        """
        x = F.pad(x, [0, 0] * (x.dim() - 2) + [0, padding])
        return x.unflatten(1, (-1, CHUNK)).movedim(3, 1)

    q, k, v, g, beta = (split(x) for x in (q, k, v, g, beta))
    total = g.cumsum(-1)
    causal = torch.ones(CHUNK, CHUNK, dtype=torch.bool, device=q.device).tril()
    decay = (total[..., :, None] - total[..., None, :]).masked_fill(~causal, float("-inf")).exp()
    system = (beta[..., None] * decay * (k @ k.transpose(-1, -2))).tril(-1) + torch.eye(
        CHUNK, device=q.device, dtype=q.dtype
    )
    right = torch.cat([beta[..., None] * v, (beta * total.exp())[..., None] * k], -1)
    solved = torch.linalg.solve_triangular(system, right, upper=False, unitriangular=True)
    from_values, from_state = solved.split([v.shape[-1], k.shape[-1]], -1)
    within = decay * (q @ k.transpose(-1, -2))
    state = q.new_zeros(*q.shape[:2], q.shape[-1], v.shape[-1])
    outputs = []
    for c in range(q.shape[2]):
        written = from_values[:, :, c] - from_state[:, :, c] @ state
        outputs.append((total[:, :, c].exp()[..., None] * q[:, :, c]) @ state + within[:, :, c] @ written)
        last = total[:, :, c, -1]
        to_end = (last[..., None] - total[:, :, c]).exp()[..., None] * k[:, :, c]
        state = last.exp()[..., None, None] * state + to_end.transpose(-1, -2) @ written
    out = torch.stack(outputs, 2)  # [B, H, chunks, 64, V]
    return out.movedim(1, 3).flatten(1, 2)[:, :length]


def chunk_gradients(q, k, u, do, du, state, dstate, total_log2, scale: float):
    """Gradient of one chunk's outputs and of the state it leaves, to q, k, w and the running decay.

    With G = total_log2 [..., 64] (log2 of the decay from the chunk's start), `state` the one before the chunk, u the
    written rows:

        o = scale (exp2(G) q state + tril(exp2(G_i - G_j) q k^T) u)
        state' = exp2(G_last) state + (exp2(G_last - G) k)^T u

    and u = (its part from values) - w state. q, k [..., 64, K], u, do, du [..., 64, V], state, dstate (gradient of
    state') [..., K, V]. -> dq, dk, dw and the gradient to ln 2 times G, [..., 64]. gpu_kernels.py puts this in the
    place of a Triton kernel that is miscompiled.
    """
    lower_state, lower_dstate = state.to(q.dtype), dstate.to(q.dtype)
    last = total_log2[..., -1:]
    dscores = (do @ u.transpose(-1, -2)).float()
    dq = (do @ lower_state.transpose(-1, -2)).float() * torch.exp2(total_log2)[..., None] * scale
    dk = (u @ lower_dstate.transpose(-1, -2)).float() * torch.exp2(last - total_log2)[..., None]
    dw = -(du.to(u.dtype) @ lower_state.transpose(-1, -2))
    dlast = (state.float() * dstate.float()).sum((-1, -2)) * torch.exp2(last[..., 0]) + (dk * k.float()).sum((-1, -2))
    size = total_log2.shape[-1]
    causal = torch.ones(size, size, dtype=torch.bool, device=total_log2.device).tril()
    decay = torch.exp2((total_log2[..., :, None] - total_log2[..., None, :]).masked_fill(~causal, float("-inf")))
    dscores = (dscores * decay * scale).to(k.dtype)
    dq = dq + (dscores @ k).float()
    dk = dk + (dscores.transpose(-1, -2) @ q).float()
    dtotal = (dq * q.float()).sum(-1) - (dk * k.float()).sum(-1)
    dtotal = torch.cat([dtotal[..., :-1], dtotal[..., -1:] + dlast[..., None]], -1)
    return dq.to(q.dtype), dk.to(k.dtype), dw, dtotal
