# SPDX-License-Identifier: Apache-2.0
"""The student: decoder, draft head (MTP) and vision tower, and how its weights start from the teacher's."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .layers import Layer, Weight, rms_norm, rope_tables
from .rounding import linear
from .shape import Shape
from .teacher import Teacher
from .tokens import IMAGE
from .vision import Patches, VisionTower


class DraftHead(nn.Module):
    """Multi-token prediction: the hidden row of token t and the embedding of token t + 1 predict token t + 2.

    (DeepSeek-V3, arXiv 2412.19437, section 2.2; one layer of attention, the output head shared with the decoder.)"""

    def __init__(self, shape: Shape):
        super().__init__()
        self.eps = shape.eps
        self.fc = Weight(shape.width, 2 * shape.width)
        self.pre_fc_norm_embedding, self.pre_fc_norm_hidden = Weight(shape.width, value=0), Weight(shape.width, value=0)
        self.norm = Weight(shape.width, value=0)
        self.layers = nn.ModuleList([Layer(shape, is_attention=True)])

    def forward(self, hidden, next_embedding, rope):
        """hidden, next_embedding [B, T, D] -> normed hidden [B, T, D] for the shared output head."""
        x = torch.cat(
            [
                rms_norm(next_embedding, self.pre_fc_norm_embedding.weight, self.eps),
                rms_norm(hidden, self.pre_fc_norm_hidden.weight, self.eps),
            ],
            -1,
        )
        return rms_norm(self.layers[0](linear(x, self.fc.weight), rope), self.norm.weight, self.eps)


class Student(nn.Module):
    """`compute` is the type of activations: bfloat16 on a GPU, float32 on a CPU; weights are float32."""

    def __init__(self, shape: Shape, compute: torch.dtype = torch.float32):
        super().__init__()
        self.shape, self.compute = shape, compute
        self.model = nn.Module()
        decoder = self.model.language_model = nn.Module()
        decoder.embed_tokens = Weight(shape.vocabulary, shape.width)
        decoder.layers = nn.ModuleList(Layer(shape, shape.is_attention(number)) for number in range(shape.layers))
        decoder.norm = Weight(shape.width, value=0)
        self.model.visual = VisionTower(shape)
        self.mtp = DraftHead(shape)

    @property
    def decoder(self) -> nn.Module:
        return self.model.language_model

    @property
    def head(self) -> torch.Tensor:
        """The output head [V, D] is the embedding (tied)."""
        return self.decoder.embed_tokens.weight

    def mixer_parameters(self) -> list[nn.Parameter]:
        """What the teacher has no counterpart for: these start far from their place and learn faster."""
        return [p for name, p in self.decoder.named_parameters() if "linear_attn" in name or "self_attn" in name]

    def other_parameters(self) -> list[nn.Parameter]:
        """The rest of the decoder: embedding, MLPs, norms."""
        mixers = set(map(id, self.mixer_parameters()))
        return [p for p in self.decoder.parameters() if id(p) not in mixers]

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        return F.embedding(ids, self.head).to(self.compute)

    def rope(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return rope_tables(positions, self.shape, self.compute)

    def hidden(self, x: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Embedded x [B, T, D], positions [3, B, T] -> final normed hidden [B, T, D]."""
        rope = self.rope(positions)
        for layer in self.decoder.layers:
            x = layer(x, rope)
        return rms_norm(x, self.decoder.norm.weight, self.shape.eps)

    def forward(
        self, ids: torch.Tensor, positions: torch.Tensor | None = None, patches: Patches | None = None
    ) -> torch.Tensor:
        """ids [B, T] -> final normed hidden [B, T, D]. Pictures fill the <|image_pad|> places in their order."""
        if positions is None:
            positions = torch.arange(ids.shape[1], device=ids.device).expand(3, *ids.shape)
        x = self.embed(ids)
        if patches is not None:
            rows = self.model.visual(patches)
            kept = patches.valid.view(rows.shape[0], -1, self.shape.merge**2)[..., 0]
            x = x.masked_scatter((ids == IMAGE)[..., None], rows[kept].to(x.dtype))
        return self.hidden(x, positions)

    def logits(
        self, ids: torch.Tensor, positions: torch.Tensor | None = None, patches: Patches | None = None
    ) -> torch.Tensor:
        """[B, T, V]; for checks and evaluation. Training never holds them all: the losses fuse the head."""
        hidden = self(ids, positions, patches)
        return F.linear(hidden, self.head.to(hidden.dtype))

    def draft_hidden(self, ids, hidden, positions) -> torch.Tensor:
        """The draft head's rows for hidden rows of `ids`, without gradient to the decoder or the embedding."""
        following = torch.cat([ids[:, 1:], ids[:, -1:]], 1)
        embedded = F.embedding(following, self.head.detach()).to(self.compute)
        return self.mtp(hidden.detach(), embedded, self.rope(positions))


@torch.no_grad()
def start_from_teacher(student: Student, teacher: Teacher) -> None:
    """Copies what has a counterpart and sets the rest so that the student starts near the teacher.

    Attention layers: query, key, value as they are; gate rows zero, so the gate is 1/2 and the output projection is
    doubled. Delta layers: the same query, key and value (keys and values repeated for each query head of a group), a
    convolution that passes the token itself with a little noise, a small random gate. Norm weights are stored as the
    distance to 1.
    """
    shape, decoder, weights = student.shape, student.decoder, teacher.weights
    heads, head, width, group = shape.heads, shape.head_dim, shape.width, shape.heads // shape.kv_heads
    decoder.embed_tokens.weight.copy_(weights["token_embd.weight"].float())
    decoder.norm.weight.copy_(weights["output_norm.weight"].float() - 1)
    for layer, number in zip(decoder.layers, shape.teacher_layers, strict=True):
        of = {name: w.float() for name, w in teacher.layers[number].items()}
        layer.input_layernorm.weight.copy_(of["attn_norm.weight"] - 1)
        layer.post_attention_layernorm.weight.copy_(of["ffn_norm.weight"] - 1)
        layer.mlp.gate_proj.weight.copy_(of["ffn_gate.weight"])
        layer.mlp.up_proj.weight.copy_(of["ffn_up.weight"])
        layer.mlp.down_proj.weight.copy_(of["ffn_down.weight"])
        q, k, v, out = (of[f"attn_{name}.weight"] for name in ("q", "k", "v", "output"))
        if layer.is_attention:
            mixer = layer.self_attn
            query_and_gate = torch.zeros(heads, 2, head, width, device=q.device)
            query_and_gate[:, 0] = q.view(heads, head, width)
            mixer.q_proj.weight.copy_(query_and_gate.reshape(-1, width))
            mixer.k_proj.weight.copy_(k)
            mixer.v_proj.weight.copy_(v)
            mixer.o_proj.weight.copy_(2 * out)
        else:
            mixer = layer.linear_attn
            k, v = (w.view(-1, 1, head, width).expand(-1, group, -1, -1).reshape(-1, width) for w in (k, v))
            mixer.in_proj_qkv.weight.copy_(torch.cat([q, k, v]))
            mixer.out_proj.weight.copy_(out)
            taps = torch.zeros_like(mixer.conv1d.weight)
            taps[:, 0, -1] = 1
            mixer.conv1d.weight.copy_(taps + 0.02 * torch.randn_like(taps))
            mixer.in_proj_z.weight.normal_(0, 0.03)
    if decoder.layers[-1].is_attention:
        student.mtp.layers[0].load_state_dict(decoder.layers[-1].state_dict())
    student.mtp.fc.weight.copy_(torch.cat([0.3 * torch.eye(width), 0.7 * torch.eye(width)], 1))


@torch.no_grad()
def match_query_key_sizes(student: Student, teacher: Teacher, ids: torch.Tensor) -> None:
    """Sets the attention layers' head norms to the mean size of the teacher's queries and keys on ids [B, T].

    The teacher has no such norms; with these weights the student's scores start at the teacher's mean size."""
    _, taps = teacher.forward(ids, taps=True)
    for layer, number in zip(student.decoder.layers, student.shape.teacher_layers, strict=True):
        if layer.is_attention:
            q, k, _ = teacher.query_key_value(teacher.layers[number], taps[number][0])
            layer.self_attn.q_norm.weight.fill_(q.float().pow(2).mean().sqrt().item() - 1)
            layer.self_attn.k_norm.weight.fill_(k.float().pow(2).mean().sqrt().item() - 1)
