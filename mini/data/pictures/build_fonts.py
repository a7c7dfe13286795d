# SPDX-License-Identifier: Apache-2.0
"""python -m pictures.build_fonts OUT (in mini/data): Latin subsets of Debian's free fonts into OUT/fonts.

Needs fontTools and the Debian packages that docs/mini.md lists. The subsets are only a means to draw training
pictures; to hand on font files, take Debian's originals (some names are reserved).
"""

from __future__ import annotations

import pathlib
import sys

from fontTools import subset
from fontTools.ttLib import TTFont

TRUETYPE, OPENTYPE = pathlib.Path("/usr/share/fonts/truetype"), pathlib.Path("/usr/share/fonts/opentype")
FONTS = {
    "DejaVuSans": TRUETYPE / "dejavu/DejaVuSans.ttf",
    "DejaVuSerif-Bold": TRUETYPE / "dejavu/DejaVuSerif-Bold.ttf",
    "LiberationSans": TRUETYPE / "liberation/LiberationSans-Regular.ttf",
    "LiberationSerif": TRUETYPE / "liberation/LiberationSerif-Regular.ttf",
    "LiberationMono-Bold": TRUETYPE / "liberation/LiberationMono-Bold.ttf",
    "NotoSans-Bold": TRUETYPE / "noto/NotoSans-Bold.ttf",
    "NotoSerif": TRUETYPE / "noto/NotoSerif-Regular.ttf",
    "NotoSansMono": TRUETYPE / "noto/NotoSansMono-Regular.ttf",
    "Roboto": TRUETYPE / "roboto/unhinted/RobotoTTF/Roboto-Medium.ttf",
    "OpenSans": TRUETYPE / "open-sans/OpenSans-Regular.ttf",
    "Lato-Bold": TRUETYPE / "lato/Lato-Bold.ttf",
    "ComicNeue": OPENTYPE / "comic-neue/ComicNeue-Bold.otf",
    "DancingScript": OPENTYPE / "dancingscript/DancingScript-Bold.otf",
    "GNUTypewriter": OPENTYPE / "gnutypewriter/GNUTypewriter.ttf",
    "Lobster": OPENTYPE / "lobster/lobster.otf",
    "HumorSans": OPENTYPE / "humor-sans/Humor-Sans.ttf",
}
LETTERS = [*range(32, 127), *map(ord, "£€°é–’×")]


def main(out: pathlib.Path) -> None:
    folder = out / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in FONTS.items():
        if not path.exists():
            sys.exit(f"{path} is not there: install its Debian package (docs/mini.md)")
        font, options = TTFont(path), subset.Options()
        options.layout_features = ["kern"]
        options.hinting = False
        options.name_IDs = [1, 2, 4, 6, 13, 14]  # names and licence
        options.notdef_outline = True
        options.glyph_names = False
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=LETTERS)
        subsetter.subset(font)
        target = folder / f"{name}{'.ttf' if 'glyf' in font else '.otf'}"
        font.save(target)
        print(target.name, target.stat().st_size)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
