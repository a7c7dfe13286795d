# SPDX-License-Identifier: Apache-2.0
"""Choosing an emoji and painting it. Items are what assets.read_item describes."""

from __future__ import annotations

from .assets import ASSETS, STYLE_WEIGHTS
from .colours import COLOURS
from .drawing import background, paste, size


def pick_emoji(rng):
    """An item, drawn by group and subgroup weights."""
    g = rng.choices(ASSETS["groups"], cum_weights=ASSETS["group_weights"])[0]
    return rng.choices(ASSETS["by_group"][g], cum_weights=ASSETS["item_weights"][g])[0]


def pick_style(rng, r):
    """One of the styles that an item has."""
    k = list(r["styles"])
    return k[0] if len(k) == 1 else rng.choices(k, [STYLE_WEIGHTS[x] for x in k])[0]


def emoji_cell(r, st):
    """The item's picture [96, 96, 4] in a style, premultiplied."""
    return ASSETS["sheets"][st][r["styles"][st]]


def main_colours(r, st):
    """[(colour name, part)] of an item in a style."""
    return [(COLOURS[i], f) for i, f in r["colours"].get(st, [])]


def colours_to_avoid(r, st):
    """Colours that a background must not have, for the item would vanish on it."""
    mc = main_colours(r, st)
    a = [n for n, f in mc if f >= 0.22]
    if "beige" in a:
        a += ["white", "yellow"]
    if "yellow" in a or "orange" in a:
        a += ["orange"] + (["yellow"] if "orange" in a else [])
    return a


NOFLIP = ("symbols", "flags")


def emoji_image(rng, r, st=None, hw=None):
    """One emoji on a background -> picture, style, words for the background, its colour name or None."""
    st = st or pick_style(rng, r)
    h, w = hw or size(rng)
    im, bd, bc = background(rng, h, w, colours_to_avoid(r, st))
    S = min(h, w)
    sz = S * (rng.uniform(0.62, 1.0) if rng.random() < 0.75 else rng.uniform(0.42, 0.62))
    sz = max(sz, min(S, 44))
    fx, fy = (w - sz) / 2, (h - sz) / 2
    fl = rng.random() < 0.25 and r["group"] in ("animals-nature", "food-drink")
    paste(
        rng,
        im,
        emoji_cell(r, st),
        w / 2 + rng.uniform(-0.8, 0.8) * fx,
        h / 2 + rng.uniform(-0.8, 0.8) * fy,
        sz,
        flip=fl,
    )
    return im, st, bd, bc
