# SPDX-License-Identifier: Apache-2.0
"""The teacher, SmolLM2-135M-Instruct (Llama form), read from its GGUF; its weights are frozen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from v0.convert import Reader

from .layers import rotate

F32, Q4_1, Q8_0 = 0, 3, 8  # GGUF tensor types that occur in the file
BLOCK = 32


def dequantise(data, kind: int, count: int) -> np.ndarray:
    """`count` float32 values from the bytes that start with a GGUF tensor (docs/formats.md describes the blocks)."""
    if kind == F32:
        return np.frombuffer(data, np.float32, count).copy()
    size = {Q4_1: 20, Q8_0: 34}.get(kind)
    if size is None:
        raise ValueError(f"GGUF tensor type {kind} is not read here")
    blocks = np.frombuffer(data, np.uint8, count // BLOCK * size).reshape(-1, size)

    def half(at: int) -> np.ndarray:
        return blocks[:, at : at + 2].copy().view(np.float16).astype(np.float32)

    if kind == Q8_0:
        return (blocks[:, 2:].view(np.int8).astype(np.float32) * half(0)).reshape(-1)
    codes = np.concatenate([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], 1).astype(np.float32)
    return (codes * half(0) + half(2)).reshape(-1)


def half_order(w: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of a projection from GGUF's adjacent rotary pairs (0, 1), (2, 3) ... to halves: element i with i + E/2."""
    return w.view(heads, -1, 2, w.shape[1]).transpose(1, 2).reshape(w.shape).contiguous()


@dataclass(frozen=True)
class TeacherShape:
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    theta: float
    eps: float


def read(path) -> tuple[dict, TeacherShape, dict[str, torch.Tensor]]:
    """A Llama GGUF -> key values, sizes, float32 tensors under their GGUF names (rows of q and k in half order)."""
    reader = Reader(str(path))
    values = reader.values
    heads, kv_heads = values["llama.attention.head_count"], values["llama.attention.head_count_kv"]
    shape = TeacherShape(
        layers=values["llama.block_count"],
        heads=heads,
        kv_heads=kv_heads,
        head_dim=values["llama.embedding_length"] // heads,
        theta=values["llama.rope.freq_base"],
        eps=values["llama.attention.layer_norm_rms_epsilon"],
    )
    tensors, data = {}, memoryview(reader.data)
    for name, (kind, sizes, offset) in reader.tensors.items():
        w = torch.from_numpy(dequantise(data[offset:], kind, int(np.prod(sizes))).reshape(sizes[::-1]))
        if name.endswith(("attn_q.weight", "attn_k.weight")):
            w = half_order(w, heads if name.endswith("attn_q.weight") else kv_heads)
        tensors[name] = w
    return values, shape, tensors


class Teacher:
    """Plain grouped-query attention layers. Shapes: B batch, T tokens, D width, H / K heads, E head size."""

    def __init__(
        self, shape: TeacherShape, tensors: dict[str, torch.Tensor], device="cpu", compute: torch.dtype = torch.float32
    ):
        self.shape, self.compute, self.device = shape, compute, torch.device(device)
        self.weights = {name: w.to(self.device, compute) for name, w in tensors.items()}
        self.layers = [
            {name.split(".", 2)[2]: w for name, w in self.weights.items() if name.startswith(f"blk.{number}.")}
            for number in range(shape.layers)
        ]

    @property
    def head(self) -> torch.Tensor:
        """The output head [V, D] is the embedding (tied)."""
        return self.weights["token_embd.weight"]

    def norm(self, x, w):
        return F.rms_norm(x, (x.shape[-1],), w, self.shape.eps)

    def rope(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """positions [B, T] -> cos, sin [B, 1, T, E]."""
        head = self.shape.head_dim
        frequency = self.shape.theta ** (-2.0 * torch.arange(head // 2, device=positions.device).float() / head)
        angle = positions.float()[..., None] * frequency
        angle = torch.cat([angle, angle], -1)[:, None]
        return angle.cos().to(self.compute), angle.sin().to(self.compute)

    def query_key_value(self, layer: dict, normed: torch.Tensor):
        """normed [B, T, D] -> q [B, H, T, E], k, v [B, K, T, E], before the rotary embedding."""
        batch, length, _ = normed.shape
        return tuple(
            F.linear(normed, layer[f"attn_{name}.weight"]).view(batch, length, -1, self.shape.head_dim).transpose(1, 2)
            for name in "qkv"
        )

    def mlp(self, layer: dict, x: torch.Tensor) -> torch.Tensor:
        """x + MLP(norm x)."""
        normed = self.norm(x, layer["ffn_norm.weight"])
        gated = F.silu(F.linear(normed, layer["ffn_gate.weight"])) * F.linear(normed, layer["ffn_up.weight"])
        return x + F.linear(gated, layer["ffn_down.weight"])

    @torch.no_grad()
    def forward(self, ids: torch.Tensor, taps: bool = False):
        """ids [B, T] -> final normed hidden [B, T, D]; with `taps` also, per layer, (normed input of attention, its
        output).
        """
        batch, length = ids.shape
        x = F.embedding(ids, self.head)
        rope = self.rope(torch.arange(length, device=ids.device)[None])
        seen = []
        for layer in self.layers:
            normed = self.norm(x, layer["attn_norm.weight"])
            q, k, v = self.query_key_value(layer, normed)
            out = F.scaled_dot_product_attention(rotate(q, *rope), rotate(k, *rope), v, is_causal=True, enable_gqa=True)
            mixed = F.linear(out.transpose(1, 2).reshape(batch, length, -1), layer["attn_output.weight"])
            if taps:
                seen.append((normed, mixed))
            x = self.mlp(layer, x + mixed)
        x = self.norm(x, self.weights["output_norm.weight"])
        return (x, seen) if taps else x

    @torch.no_grad()
    def generate(
        self,
        prompts: list[list[int]],
        max_new: int,
        end: int,
        temperature: float = 0.6,
        top_k: int = 40,
        unfinished: bool = False,
    ) -> list[list[int] | None]:
        """Samples an answer to each prompt (ids), all in one left-padded batch with a key/value cache.

        -> ids without the end token; for an answer that did not end in `max_new` tokens None, or what there is if
        `unfinished`.
        """
        shape, device = self.shape, self.device
        batch, longest = len(prompts), max(map(len, prompts))
        room = longest + max_new
        ids = torch.full((batch, longest), end, dtype=torch.long)
        for row, prompt in zip(ids, prompts):
            row[longest - len(prompt) :] = torch.tensor(prompt)
        padding = torch.tensor([longest - len(prompt) for prompt in prompts], device=device)
        places = torch.arange(room, device=device)
        is_key = places[None] >= padding[:, None]  # [B, room]
        keys = torch.zeros(shape.layers, batch, shape.kv_heads, room, shape.head_dim, dtype=self.compute, device=device)
        values = torch.zeros_like(keys)
        answers = torch.full((batch, max_new), end, dtype=torch.long, device=device)
        done = torch.zeros(batch, dtype=torch.bool, device=device)
        x = F.embedding(ids.to(device), self.head)
        positions = (places[None, :longest] - padding[:, None]).clamp(min=0)
        start = 0
        for step in range(max_new):
            length = x.shape[1]
            stop = start + length
            rope = self.rope(positions)
            mask = is_key[:, None, None, :stop]
            if step == 0:  # padding rows see themselves, so that no row of the softmax is empty
                mask = mask & (places[None, None, None, :stop] <= places[None, None, :stop, None])
                mask = mask | torch.eye(stop, dtype=torch.bool, device=device)
            for number, layer in enumerate(self.layers):
                q, k, v = self.query_key_value(layer, self.norm(x, layer["attn_norm.weight"]))
                keys[number, :, :, start:stop], values[number, :, :, start:stop] = rotate(k, *rope), v
                q, k, v = rotate(q, *rope), keys[number, :, :, :stop], values[number, :, :, :stop]
                if length == 1:  # the query heads of a group as rows of one product: faster than grouped attention
                    q = q.reshape(batch, shape.kv_heads, -1, shape.head_dim)
                    out = F.scaled_dot_product_attention(
                        q, k, v, attn_mask=mask.expand(-1, shape.kv_heads, q.shape[2], -1)
                    )
                    out = out.reshape(batch, 1, -1)
                else:
                    out = F.scaled_dot_product_attention(
                        q, k, v, attn_mask=mask.expand(-1, shape.heads, -1, -1), enable_gqa=True
                    )
                    out = out.transpose(1, 2).reshape(batch, length, -1)
                x = self.mlp(layer, x + F.linear(out, layer["attn_output.weight"]))
            last = self.norm(x[:, -1], self.weights["output_norm.weight"])
            best, tokens = F.linear(last, self.head).float().topk(min(top_k, self.head.shape[0]), -1)
            drawn = tokens.gather(1, torch.multinomial(F.softmax(best / temperature, -1), 1))[:, 0]
            drawn = torch.where(done, torch.full_like(drawn, end), drawn)
            answers[:, step] = drawn
            done |= drawn == end
            if step % 16 == 15 and bool(done.all()):  # asking the GPU costs a wait: not every step
                break
            x = F.embedding(drawn[:, None], self.head)
            positions = torch.full((batch, 1), stop, device=device) - padding[:, None]
            start = stop
        results: list[list[int] | None] = []
        for row, is_done in zip(answers.cpu().tolist(), done.cpu().tolist()):
            if is_done:
                results.append(row[: row.index(end)])
            else:
                results.append(row if unfinished else None)
        return results
