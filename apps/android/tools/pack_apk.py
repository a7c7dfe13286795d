#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts an unaligned, unsigned APK together: pack_apk.py RESOURCES.apk CLASSES.dex PROGRAM PAGE_FOLDER BUILTIN|- OUT.apk

RESOURCES.apk is what aapt2 linked (manifest and resources), PROGRAM the native program, PAGE_FOLDER the page, BUILTIN the built-in
model. Order, times and attributes are fixed, so that the same inputs give the same bytes anywhere."""
import pathlib
import struct
import sys
import zipfile

AARCH64 = 183
TIME = (1981, 1, 1, 1, 1, 2)  # the first that every tool takes
# Compressed already. Everything else, the program too, is deflated: the system unpacks it (android:extractNativeLibs).
STORED = {".png", ".webp", ".woff2", ".gguf"}


def check_program(program):
    head = program.read_bytes()[:20]
    if head[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", head, 18)[0] != AARCH64:
        raise SystemExit(f"{program}: is no program for 64-bit ARM; build one with the preset android (apps/android/native)")


def page_entries(folder):
    if not (folder / "index.html").is_file():
        raise SystemExit(f"{folder}: has no index.html; make the page first (apps/web/tools/android_page.mjs)")
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield f"assets/page/{file.relative_to(folder).as_posix()}", file.read_bytes(), file.suffix not in STORED


def entries(resources, dex, program, page, builtin):
    with zipfile.ZipFile(resources) as linked:
        for info in linked.infolist():
            # From Android 11 on resources.arsc must lie there uncompressed and aligned.
            stays = info.filename == "resources.arsc" or info.compress_type == zipfile.ZIP_STORED
            yield info.filename, linked.read(info), not stays
    yield "classes.dex", dex.read_bytes(), True
    yield "lib/arm64-v8a/libthimble.so", program.read_bytes(), True
    yield from page_entries(page)
    if builtin is not None:
        yield "assets/builtin.gguf", builtin.read_bytes(), False


def main(arguments):
    if len(arguments) != 6:
        print(__doc__)
        return 2
    resources, dex, program, page = map(pathlib.Path, arguments[:4])
    builtin = None if arguments[4] == "-" else pathlib.Path(arguments[4])
    check_program(program)
    with zipfile.ZipFile(arguments[5], "w") as apk:
        for name, data, is_deflated in sorted(entries(resources, dex, program, page, builtin), key=lambda entry: entry[0]):
            info = zipfile.ZipInfo(name, TIME)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED if is_deflated else zipfile.ZIP_STORED
            apk.writestr(info, data, compresslevel=9)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
