# SPDX-License-Identifier: Apache-2.0
"""Draws training pictures with questions and answers, endlessly.

    from pictures import sampler            # mini/data on the path
    sampler.load(folder)                    # once, before workers are forked
    s = sampler.sample(random.Random(1))
    s["images"]                             # list of uint8 [H, W, 3] RGB, sides multiples of 32, 64 to 256
    s["turns"], s["kind"]                   # [(question, answer), ...]; one of KIND_WEIGHTS
    s["image_after"]                        # whether the pictures stand behind the first question

Answers are right by construction: what is asked about has been drawn on purpose.
"""

from __future__ import annotations

import random
import re

from .assets import ASSETS, cumulative, load
from .charts import chart
from .digits import handwritten_digits
from .drawing import finish
from .emoji_pictures import (
    counting,
    emoji_with_label,
    empty_picture,
    one_emoji,
    several_emoji,
    two_pictures,
    wrong_premise,
)
from .printed import printed_text
from .shapes import shape_picture

__all__ = ["KIND_WEIGHTS", "counting", "load", "match", "sample"]

KINDS = {
    "emoji": one_emoji,
    "emoji_multi": several_emoji,
    "emoji_text": emoji_with_label,
    "two_images": two_pictures,
    "premise": wrong_premise,
    "nothing": empty_picture,
    "shapes": shape_picture,
    "text": printed_text,
    "chart": chart,
    "digits": handwritten_digits,
}
KIND_WEIGHTS = {
    "emoji": 0.38,
    "emoji_multi": 0.10,
    "emoji_text": 0.03,
    "two_images": 0.05,
    "premise": 0.04,
    "nothing": 0.02,
    "shapes": 0.11,
    "text": 0.19,
    "chart": 0.065,
    "digits": 0.025,
}
WITH_LETTERING = ("text", "emoji_text", "chart", "digits")  # blurred less: they must stay legible
_CUMULATIVE = cumulative(KIND_WEIGHTS[kind] for kind in KINDS)


def sample(rng: random.Random, kind: str | None = None) -> dict:
    """One picture conversation of `kind`, or of a kind drawn by KIND_WEIGHTS (without files: shapes only)."""
    load()
    if not ASSETS["has_files"]:
        kind = "shapes"
    kind = kind or rng.choices(list(KINDS), cum_weights=_CUMULATIVE)[0]
    drawn, turns, info = KINDS[kind](rng)
    pictures = drawn if isinstance(drawn, list) else [drawn]
    blur, hardness = (0.08, 0.6) if kind in WITH_LETTERING else (0.15, 1.0)
    pictures = [finish(rng, picture, blur, hardness) for picture in pictures]
    turns = [(str(question), str(answer)) for question, answer in turns]
    return {"images": pictures, "turns": turns, "kind": kind, "info": info, "image_after": rng.random() < 0.12}


def match(answer: str, accepted: list[str], kind: str = "") -> bool:
    """Whether an answer has one of the accepted strings as whole words, in any case; of kind "yesno": as its first
    word.
    """
    said = re.sub(r"\s+", " ", answer.lower().replace("\u2019", "'")).strip()
    if kind == "yesno":
        return bool(said) and re.findall(r"[a-z]+", said + " x")[0] in [word.lower() for word in accepted]
    for wanted in accepted:
        pattern = re.escape(re.sub(r"\s+", " ", wanted.lower()))
        if re.search(rf"(?<![a-z0-9]){pattern}(?![a-z0-9])", said):
            return True
    return False
