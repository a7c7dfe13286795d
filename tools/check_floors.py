#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks who includes whom (docs/architecture.md, "Floors"), where third-party headers may stand, and file lengths."""
import pathlib
import re
import sys

# Folder of src/ (or apps/) -> folders and single headers it may include, besides itself.
MAY = {
    "base": [],
    "sys": ["base"],
    "kernels": ["base"],
    "image": ["base"],
    "files": ["base", "sys"],
    "text": ["base", "files"],
    "sampling": ["base", "text"],
    "ops": ["base", "sys", "kernels"],
    "model": ["base", "sys", "files", "image/image.h", "image/preprocess.h", "kernels", "ops"],
    "engine": ["base", "sys", "files", "text", "sampling", "image/image.h", "image/preprocess.h", "kernels/kernels.h",
               "kernels/kernel_table.h", "ops", "model"],
    "talk": ["base", "sys", "files/json.h", "text", "sampling", "image/image.h", "image/preprocess.h", "ops", "model", "engine"],
    "host": ["base", "sys", "files", "text", "sampling", "image", "kernels", "ops", "model", "engine", "talk"],
    "apps/cli": ["host", "base", "sys", "files", "text", "sampling", "image", "engine", "talk", "model/config.h", "model/load.h", "model/batch.h",
                 "kernels/kernels.h"],
}
# Third-party header -> the files that may include it.
BOUND = {
    r"nlohmann/.*": r"src/files/json\.cc",
    r"CLI/.*": r"apps/cli/(main|options|command_[a-z_]+|[a-z_]+)\.(cc|h)",
    r"histedit\.h": r"apps/cli/[a-z_]+\.cc",
    r"png\.h": r"src/image/decode_png\.cc",
    r"jpeglib\.h|jerror\.h": r"src/image/decode_jpeg\.cc",
    r"webp/.*": r"src/image/decode_webp\.cc",
    r"gif_lib\.h": r"src/image/decode_gif\.cc",
    r"libheif/.*": r"src/image/decode_heif\.cc",
    r"sys/mman\.h": r"src/(sys|base)/.*",
    r"immintrin\.h|arm_neon\.h|wasm_simd128\.h": r"src/kernels/isa/.*",
}
MAX_LINES = 700
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def allowed(folder, target):
    owner = target.split("/")[0]
    if owner == folder.split("/")[-1] or owner == folder:
        return True
    return any(target == entry or owner == entry for entry in MAY[folder])


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    faults = []
    for folder in MAY:
        base = root / (folder if folder.startswith("apps/") else f"src/{folder}")
        for path in sorted(base.rglob("*")):
            if path.suffix not in (".h", ".cc", ".inl"):
                continue
            name = path.relative_to(root).as_posix()
            lines = path.read_text(encoding="utf-8").splitlines()
            if len(lines) > MAX_LINES and "table" not in path.name and "grids" not in path.name:
                faults.append(f"{name}: {len(lines)} lines, at most {MAX_LINES} can be read in one sitting")
            is_test = path.name.endswith("_test.cc")
            for number, line in enumerate(lines, 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                kind, target = match.groups()
                if kind == '"' and (root / "src" / target).exists():
                    if not allowed(folder, target) and not is_test:
                        faults.append(f"{name}:{number}: {folder} may not include {target}")
                    continue
                for header, places in BOUND.items():
                    if re.fullmatch(header, target) and not re.fullmatch(places, name) and not is_test:
                        faults.append(f"{name}:{number}: <{target}> belongs in {places} only")
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults in who includes whom")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
