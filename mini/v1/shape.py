# SPDX-License-Identifier: Apache-2.0
"""Every size of the student, and which teacher layer each of its layers starts from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Sizes of a Qwen 3.5 model; the defaults are Thimble Mini v1.

    Width, MLP, heads, KV heads, head size and vocabulary are the teacher's, since the student starts from its
    weights. The delta layers have as many heads, and as wide ones, as attention has query heads, for the same reason.
    """

    width: int = 576
    layers: int = 28
    vocabulary: int = 49152
    heads: int = 9
    kv_heads: int = 3
    head_dim: int = 64
    mlp: int = 1536
    conv: int = 4
    rope_theta: float = 100000.0
    rope_sections: tuple[int, int, int] = (11, 11, 10)  # pairs of a head that turn with time, row, column
    eps: float = 1e-6
    context: int = 8192
    dropped_teacher_layers: tuple[int, ...] = (21, 25)  # so that 28 = 7 x (3 delta + 1 attention) are left

    vision_width: int = 256
    vision_layers: int = 8
    vision_heads: int = 4
    vision_mlp: int = 1024
    patch: int = 16
    merge: int = 2  # merge x merge patches become one token
    position_grid: int = 48  # side of the learned grid of position embeddings

    attention_interval: int = 4

    def is_attention(self, layer: int) -> bool:
        """Every fourth layer is gated attention, the three before it are Gated DeltaNet."""
        return layer % self.attention_interval == self.attention_interval - 1

    @property
    def teacher_layers(self) -> list[int]:
        """Entry l: the teacher layer whose place student layer l takes."""
        total = self.layers + len(self.dropped_teacher_layers)
        return [layer for layer in range(total) if layer not in self.dropped_teacher_layers]


MINI = Shape()
# For tests on a CPU: every part is there, 5 teacher layers become 4, and all rows still hold whole blocks of 32.
MICRO = Shape(
    width=64,
    layers=4,
    vocabulary=320,
    heads=4,
    kv_heads=2,
    head_dim=16,
    mlp=128,
    rope_sections=(3, 3, 2),
    context=512,
    dropped_teacher_layers=(1,),
    vision_width=32,
    vision_layers=2,
    vision_heads=2,
    vision_mlp=64,
)
SHAPES = {"mini": MINI, "micro": MICRO}
