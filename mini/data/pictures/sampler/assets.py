# SPDX-License-Identifier: Apache-2.0
"""What pictures are drawn with: emoji in four styles, fonts, words, handwritten digits, noise and soft backgrounds.

load() fills ASSETS once a process; before workers are forked, so that they share the memory. Only what needs no file
(noise, backgrounds, colour names) is there without the data: then the sampler draws shapes only.
"""

from __future__ import annotations

import json
import pathlib

import cv2
import numpy as np
from PIL import Image

from .colours import colour_table
from .words import with_article, without_article

cv2.setNumThreads(0)  # workers are processes

ASSETS: dict = {}
SIDE = 320  # of noise and backgrounds; pictures are cut out of them
STYLE_WEIGHTS = {"noto": 1.0, "twemoji": 1.0, "fluentflat": 0.8, "fluent3d": 1.0}
GROUP_WEIGHTS = {
    "animals-nature": 0.23,
    "food-drink": 0.19,
    "objects": 0.18,
    "travel-places": 0.14,
    "activities": 0.10,
    "smileys-emotion": 0.07,
    "people-body": 0.04,
    "flags": 0.045,
    "symbols": 0.025,
}
# Weight of an item inside its group, by subgroup; 1 if not listed.
SUBGROUP_WEIGHTS = {
    "time": 0.12,
    "alphanum": 0.4,
    "arrow": 0.6,
    "av-symbol": 0.6,
    "geometric": 0.5,
    "zodiac": 0.5,
    "family": 0.4,
    "hand-fingers-open": 0.7,
}
# Words that do not tell two things apart.
COMMON = set(
    "a an the of with and in on at to its face symbol sign button hand person man woman people two pair picture "
    "showing piece box bowl cup glass plate bottle old small large black white red green blue".split()
)


def cumulative(weights) -> list[float]:
    out, total = [], 0.0
    for weight in weights:
        total += weight
        out.append(total)
    return out


def read_sheet(path: pathlib.Path, cell: int, columns: int) -> np.ndarray:
    """A sheet of emoji -> uint8 [count, cell, cell, 4], colours multiplied by their opacity."""
    sheet = np.array(Image.open(path).convert("RGBA"))
    opacity = sheet[..., 3].astype(np.uint16)
    for channel in range(3):
        sheet[..., channel] = (sheet[..., channel] * opacity + 127) // 255
    rows = sheet.shape[0] // cell
    cells = sheet.reshape(rows, cell, columns, cell, 4).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(cells.reshape(rows * columns, cell, cell, 4))


def read_item(packed: dict, styles) -> dict:
    """One emoji of emoji_meta.json (short keys) with what questions need.

    label: CLDR's short name; phrase: with its article ("a red apple"); noun: without; aliases: other names; words:
    those that tell it apart; group, subgroup: Unicode's; kind: animal, food, ... or ""; styles: {style: place in its
    sheet}; colours: {style: [(colour number, part)]}; tags: CLDR's keywords.
    """
    label, group, subgroup = packed["n"], packed["g"], packed["s"]
    # An alias that begins with "!" is a better name than CLDR's.
    aliases = [alias.removeprefix("!") for alias in packed["a"]]
    has_better_name = bool(packed["a"]) and packed["a"][0].startswith("!")
    if subgroup.startswith("animal-") and label.endswith(" face"):
        aliases = [label[:-5], *aliases]
    phrase, noun = packed["p"], label
    if has_better_name:
        phrase, noun = with_article(aliases[0]), aliases[0]
    elif group == "flags":
        noun = without_article(phrase)
    aliases = list(dict.fromkeys(aliases))
    is_plural = not phrase.startswith(("a ", "an ", "the ")) and (
        phrase.split()[0] in ("two", "strips", "silhouettes") or label.endswith("s")
    )
    names = [label, without_article(packed["p"]), *aliases]
    words = {word for name in names for word in name.lower().replace("-", " ").split()} - COMMON
    return {
        "label": label,
        "cldr_phrase": packed["p"],
        "phrase": phrase,
        "noun": noun,
        "aliases": aliases,
        "is_plural": is_plural,
        "words": words,
        "group": group,
        "subgroup": subgroup,
        "kind": packed["k"],
        "tags": packed["t"],
        "styles": {style: place for style, place in packed["st"].items() if style in styles},
        "colours": packed["c"],
    }


def grouped(items: list[dict], key: str) -> dict[str, list[dict]]:
    groups: dict[str, list[dict]] = {}
    for item in items:
        groups.setdefault(item[key], []).append(item)
    return groups


def load_emoji(folder: pathlib.Path) -> None:
    meta = json.loads((folder / "emoji_meta.json").read_text(encoding="utf-8"))
    sheets = {style: read_sheet(folder / f"emoji_{style}.webp", meta["cell"], meta["cols"]) for style in STYLE_WEIGHTS}
    items = [read_item(packed, sheets) for packed in meta["items"]]
    groups = grouped(items, "group")
    ASSETS.update(
        sheets=sheets,
        by_group=groups,
        by_subgroup=grouped(items, "subgroup"),
        groups=list(GROUP_WEIGHTS),
        group_weights=cumulative(GROUP_WEIGHTS.values()),
        item_weights={
            group: cumulative(SUBGROUP_WEIGHTS.get(item["subgroup"], 1.0) for item in groups[group])
            for group in GROUP_WEIGHTS
        },
    )
    # Things that one can ask for by name, and those of them whose plural is regular enough to count.
    ASSETS["simple"] = [
        item
        for item in items
        if item["group"] in ("animals-nature", "food-drink", "objects", "travel-places", "activities")
        and not item["is_plural"]
        and item["subgroup"] not in ("time", "place-map")
        and item["phrase"].startswith(("a ", "an "))
    ]
    ASSETS["countable"] = [
        item
        for item in ASSETS["simple"]
        if item["noun"] == without_article(item["phrase"])
        and not item["noun"].endswith("s")
        and not {" ", "-"} & set(item["noun"])
    ]


def noise_fields(rng: np.random.Generator) -> list[np.ndarray]:
    """Eight int16 fields [320, 320, 3] of deviation 32: white noise and softer ones, every other one grey."""
    fields = []
    for number in range(8):
        grain = SIDE if number < 4 else 10 * number
        field = rng.normal(0, 1, (grain, grain, 3)).astype(np.float32)
        if grain != SIDE:
            field = cv2.resize(field, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        if number % 2:
            field[:] = field[..., :1]
        fields.append((field / field.std() * 32).clip(-127, 127).astype(np.int16))
    return fields


def soft_background(rng: np.random.Generator) -> np.ndarray:
    """uint8 [320, 320, 3]: overlapping soft spots, like a photograph out of focus."""
    side = SIDE // 8
    field = np.empty((side, side, 3), np.float32)
    field[:] = rng.uniform(20, 235, 3)
    y, x = np.mgrid[0:side, 0:side]
    for _ in range(int(rng.integers(4, 12))):
        at_x, at_y, radius = rng.uniform(-5, 45), rng.uniform(-5, 45), rng.uniform(4, 18)
        distance = ((x - at_x) / radius) ** 2 + ((y - at_y) / (radius * rng.uniform(0.5, 2))) ** 2
        mask = np.exp(-(distance ** rng.uniform(0.8, 3)))[..., None]
        field = field * (1 - mask) + rng.uniform(10, 245, 3) * mask
    field = cv2.resize(field, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 1, (80, 80, 3)).astype(np.float32)
    return (field + cv2.resize(grain, (SIDE, SIDE)) * rng.uniform(0, 9)).clip(0, 255).astype(np.uint8)


def load(folder: pathlib.Path | None = None) -> None:
    """Reads `folder` (what mini/data/pictures builds); nothing is done the second time."""
    if ASSETS:
        return
    rng = np.random.default_rng(5)
    ASSETS["noise"] = noise_fields(rng)
    ASSETS["soft_backgrounds"] = [soft_background(rng) for _ in range(48)]
    ASSETS["colour_table"] = colour_table()
    ASSETS["has_files"] = folder is not None and (folder / "emoji_meta.json").exists()
    if not ASSETS["has_files"]:
        return
    load_emoji(folder)
    fonts = sorted(path for path in (folder / "fonts").iterdir() if path.suffix in (".ttf", ".otf"))
    ASSETS.update(fonts=[str(path) for path in fonts], font_cache={})
    ASSETS["words"] = (folder / "wordlist.txt").read_text(encoding="utf-8").split()
    digits = np.load(folder / "digits.npz")
    ASSETS.update(digit_images=digits["x"], digit_labels=digits["y"])
