# SPDX-License-Identifier: Apache-2.0
"""python -m pictures.build_pack PACKAGES OUT (in mini/data): emoji sheets and emoji_meta.json into OUT.

PACKAGES holds the unpacked npm packages emojibase-data, @twemoji/svg, @iconify-json/fluent-emoji-flat,
@lobehub/fluent-emoji-3d and @iconify-json/openmoji under the folder names of PACKAGE (docs/mini.md: versions,
licences); Noto's pictures come from Debian's fonts-noto-color-emoji. Needs fontTools, uharfbuzz, resvg_py, opencv,
pillow and numpy.

OpenMoji is for held-out pictures only: its sheet is written as emoji_openmoji.webp and never read by the sampler.
"""

from __future__ import annotations

import io
import json
import pathlib
import sys
from collections.abc import Callable

import cv2
import numpy as np
import resvg_py
import uharfbuzz
from fontTools.ttLib import TTFont
from PIL import Image

from . import names
from .sampler.colours import COLOURS, colour_table

PACKAGE = {
    "names": "emojibase-data-17.0.0/package/en",
    "twemoji": "twemoji-svg-15.0.0/package",
    "fluentflat": "iconify-json-fluent-emoji-flat-1.2.6/package",
    "fluent3d": "lobehub-fluent-emoji-3d-1.1.0/package/assets",
    "openmoji": "iconify-json-openmoji-1.2.29/package",
}
NOTO = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
CELL, COLUMNS = 96, 40
COMPONENTS = 2  # Unicode's group of skin tones and hair: no pictures of their own
SWEETS = (
    "soft ice cream,shaved ice,ice cream,doughnut,cookie,birthday cake,shortcake,cupcake,pie,chocolate bar,candy,"
    "lollipop,custard,honey pot"
).split(",")
# Of that package not surely Microsoft's.
NOT_FLUENT = ("country-flag", "subdivision-flag", "family")
Renderer = Callable[[dict], Image.Image | None]


def plain_code(code: str) -> str:
    """Code points without the variation selector that asks for a coloured form."""
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")


def draw_svg(text: str) -> Image.Image:
    return Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=text, width=CELL + 32)))).convert("RGBA")


def noto() -> Renderer:
    """The bitmap strikes of Noto Color Emoji, found by shaping."""
    font = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(NOTO)))
    table = TTFont(NOTO)
    order, strike = table.getGlyphOrder(), table["CBDT"].strikeData[0]

    def render(emoji: dict) -> Image.Image | None:
        for text in (emoji["emoji"], emoji["emoji"].replace("\ufe0f", "")):
            buffer = uharfbuzz.Buffer()
            buffer.add_str(text)
            buffer.guess_segment_properties()
            uharfbuzz.shape(font, buffer)
            glyphs = [order[info.codepoint] for info in buffer.glyph_infos if order[info.codepoint] in strike]
            if len(glyphs) == 1:
                return Image.open(io.BytesIO(strike[glyphs[0]].imageData)).convert("RGBA")
        return None

    return render


def files(folder: pathlib.Path, draw: Callable[[pathlib.Path], Image.Image]) -> Renderer:
    """One file an emoji, called by its code."""
    paths = {plain_code(path.stem): path for path in folder.iterdir() if path.suffix in (".svg", ".webp")}

    def render(emoji: dict) -> Image.Image | None:
        path = paths.get(plain_code(emoji["hexcode"]))
        return draw(path) if path else None

    return render


def icons(folder: pathlib.Path) -> Renderer:
    """An Iconify package: all drawings in one JSON file."""
    pack = json.loads((folder / "icons.json").read_text(encoding="utf-8"))
    by_code = {
        plain_code(code): name for code, name in json.loads((folder / "chars.json").read_text(encoding="utf-8")).items()
    }

    def render(emoji: dict) -> Image.Image | None:
        name = by_code.get(plain_code(emoji["hexcode"]))
        if name is None:
            name = emoji["label"].lower().replace("’", "").replace(":", "").replace(" ", "-")
            if "(" in name or name not in pack["icons"]:
                return None
        icon = pack["icons"].get(name) or pack["icons"].get(pack.get("aliases", {}).get(name, {}).get("parent"))
        if icon is None:
            return None
        width, height = (icon.get(side, pack.get(side, 16)) for side in ("width", "height"))
        box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
        return draw_svg(
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{box}" width="{width}" height="{height}">{icon["body"]}</svg>'
        )

    return render


def fitted(picture: Image.Image, padding: int = 1) -> np.ndarray | None:
    """uint8 [CELL, CELL, 4]: the drawn part, scaled to fill the cell; None if next to nothing is drawn."""
    ys, xs = np.where(np.asarray(picture)[..., 3] > 12)
    if len(xs) < 20:
        return None
    picture = picture.crop((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1))
    scale = (CELL - 2 * padding) / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    pixels = np.asarray(picture, np.float32)
    # Scaled with colours times opacity, so that transparent pixels do not bleed in.
    pixels = np.concatenate([pixels[..., :3] * pixels[..., 3:] / 255, pixels[..., 3:]], -1)
    pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    pixels = pixels.clip(0, 255)
    opacity = pixels[..., 3:] / 255
    pixels[..., :3] = np.where(opacity > 0, pixels[..., :3] / np.maximum(opacity, 1e-3), 0)
    out = np.zeros((CELL, CELL, 4), np.uint8)
    y, x = (CELL - height) // 2, (CELL - width) // 2
    out[y : y + height, x : x + width] = pixels.clip(0, 255).round()
    return out


def main_colours(cell: np.ndarray, table: np.ndarray) -> list[list]:
    """[[colour number, part], ...]: up to four that cover at least 8 % each."""
    pixels = cell[cell[..., 3] > 128][:, :3] >> 3
    found = table[pixels[:, 0], pixels[:, 1], pixels[:, 2]]
    parts = np.bincount(found, minlength=len(COLOURS)) / max(1, len(found))
    return [[int(i), round(float(parts[i]), 2)] for i in np.argsort(-parts)[:4] if parts[i] >= 0.08]


def bled(cell: np.ndarray) -> np.ndarray:
    """Colours extended under transparent pixels, so that lossy coding leaves no dark edge."""
    colours, filled = cell[..., :3].copy(), (cell[..., 3] > 0).astype(np.uint8)
    colours[filled == 0] = 0
    for _ in range(4):
        total = cv2.blur(colours.astype(np.float32) * filled[..., None], (3, 3))
        weight = cv2.blur(filled.astype(np.float32), (3, 3))
        new = (filled == 0) & (weight > 0)
        colours[new] = (total[new] / weight[new][:, None]).clip(0, 255)
        filled[new] = 1
    solid = cell[..., 3] > 128
    colours[filled == 0] = cell[..., :3][solid].mean(0) if solid.any() else 0
    return np.dstack([colours, cell[..., 3]])


def write_sheet(path: pathlib.Path, cells: list[np.ndarray], quality: int) -> None:
    rows = -(-len(cells) // COLUMNS)
    sheet = np.zeros((rows * CELL, COLUMNS * CELL, 4), np.uint8)
    for number, cell in enumerate(cells):
        y, x = number // COLUMNS * CELL, number % COLUMNS * CELL
        sheet[y : y + CELL, x : x + CELL] = bled(cell)
    Image.fromarray(sheet).save(path, quality=quality, alpha_quality=85, method=4, exact=True)
    print(path.name, len(cells), path.stat().st_size)


def main(packages: pathlib.Path, out: pathlib.Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    folder = {name: packages / path for name, path in PACKAGE.items()}
    fluent3d = files(folder["fluent3d"], lambda path: Image.open(path).convert("RGBA"))
    renderers: dict[str, Renderer] = {
        "noto": noto(),
        "twemoji": files(folder["twemoji"], lambda path: draw_svg(path.read_text(encoding="utf-8"))),
        "fluentflat": icons(folder["fluentflat"]),
        "fluent3d": fluent3d,
        "openmoji": icons(folder["openmoji"]),
    }
    emoji = json.loads((folder["names"] / "data.json").read_text(encoding="utf-8"))
    messages = json.loads((folder["names"] / "messages.json").read_text(encoding="utf-8"))
    groups = {row["order"]: row["key"] for row in messages["groups"]}
    subgroups: dict[int, str] = {}
    for row in messages["subgroups"]:
        subgroups.setdefault(row["order"], row["key"])
    table, items = colour_table(), []
    cells: dict[str, list[np.ndarray]] = {style: [] for style in renderers}
    ordered = sorted((e for e in emoji if e.get("group", COMPONENTS) != COMPONENTS), key=lambda e: e["order"])
    for one in ordered:
        label, group, subgroup = one["label"], groups[one["group"]], subgroups[one["subgroup"]]
        places, colours = {}, {}
        for style, render in renderers.items():
            if style == "fluent3d" and (subgroup in NOT_FLUENT or label == "family"):
                continue
            picture = render(one)
            cell = fitted(picture) if picture is not None else None
            if cell is not None:
                places[style] = len(cells[style])
                cells[style].append(cell)
                colours[style] = main_colours(cell, table)
        if not set(places) - {"openmoji"}:
            continue
        if group == "food-drink" and label in SWEETS:
            subgroup = "food-sweet"
        items.append(
            {
                "h": one["hexcode"],
                "e": one["emoji"],
                "n": label.replace("’", "'"),
                "p": names.phrase(label, subgroup),
                "a": names.ALIASES.get(label, []),
                "t": one.get("tags", []),
                "g": group,
                "s": subgroup,
                "k": names.kind(label, group, subgroup),
                "st": places,
                "c": colours,
            }
        )
    for style, found in cells.items():
        write_sheet(out / f"emoji_{style}.webp", found, 90 if style == "openmoji" else 86)
    meta = {"cell": CELL, "cols": COLUMNS, "colours": COLOURS, "items": items}
    text = json.dumps(meta, ensure_ascii=False, separators=(",", ":"))
    (out / "emoji_meta.json").write_text(text, encoding="utf-8")
    print(len(items), "emoji")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
