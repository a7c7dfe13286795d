#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks who includes whom (docs/architecture.md, "Floors"), where third-party and system headers may stand, and that
files and the living page stay short enough to be read. `check_floors.py [FOLDER]`: the project in FOLDER."""
import pathlib
import re
import sys

# Every folder of code -> the folders and single headers of src/ it may include, besides itself.
CORE = ["base", "sys", "files", "text", "sampling", "image/image.h", "image/preprocess.h", "kernels/kernels.h",
        "kernels/kernel_table.h", "ops", "model"]
ALL = ["base", "sys", "kernels", "image", "files", "text", "sampling", "ops", "model", "engine", "measure", "talk", "grammar",
       "service", "host"]
MAY = {
    "src/base": [],
    "src/sys": ["base"],
    "src/kernels": ["base"],
    "src/image": ["base"],
    "src/files": ["base", "sys"],
    "src/text": ["base", "files"],
    "src/sampling": ["base", "text"],
    "src/ops": ["base", "sys", "kernels"],
    "src/model": ["base", "sys", "files", "image/image.h", "image/preprocess.h", "kernels", "ops"],
    "src/engine": CORE,
    "src/measure": CORE + ["kernels", "engine"],
    "src/talk": ["base", "sys", "files/json.h", "text", "sampling", "image/image.h", "image/preprocess.h", "ops", "model", "engine"],
    "src/grammar": ["base", "sys", "files/json.h", "text", "engine/token_filter.h"],
    "src/service": ["base", "sys/mutex.h", "sys/machine.h", "files/json.h", "text", "sampling", "image/image.h", "engine", "talk",
                    "grammar"],
    "src/host": ALL,
    "apps/cli": ["base", "sys", "files", "text", "sampling", "image", "engine", "measure", "talk", "grammar", "host", "service/chat_store.h", "service/chat_form.h",
                 "model/config.h", "model/load.h", "model/batch.h", "kernels/kernels.h"],
    "apps/server": ["base", "sys", "files/json.h", "text", "engine", "talk", "grammar", "service", "host"],
    "apps/common": ["base", "sys", "files", "text", "image/decode_codecs.h", "engine", "model/config.h", "model/write_pack.h",
                    "model/unused_tensors.h", "service", "host/model_folder.h"],
    "apps/wasm": ["base", "sys", "files", "text", "engine", "kernels/kernels.h", "kernels/self_check.h", "service"],
    "apps/android": ["base", "sys", "files", "text", "engine", "measure", "ops", "model/pack_store.h", "kernels/kernels.h", "kernels/self_check.h", "service",
                     "host"],
    "bench": ALL,
    "fuzz": ["base", "sys", "kernels", "image", "files", "text", "sampling", "ops", "model", "engine", "talk", "grammar",
             "service", "host"],
    "tests": ALL,
}
# Unit tests beside the code include what their folder may, and these.
TESTS_MAY = {
    "src/kernels": ["sys"],
    "src/text": ["sys"],
    # Models are opened by their paths.
    "src/engine": ["host"],
    "src/measure": ["host"],
    "src/service": ["host"],
}
# Headers of one folder that even those who may include the folder leave alone -> who may not.
PRIVATE = {
    r"engine/(engine_parts|session_memory|workshop)\.h": r"src/engine/.*|src/measure/bench\.(cc|h)|.*_test\.cc|tests/.*",
}
# Header that is not ours -> the files that may include it, and what it is.
OUTSIDE = [
    (r"nlohmann/.*", r"src/files/json\.cc|src/image/[a-z]+_test\.cc", "the JSON library"),
    (r"CLI/.*", r"apps/cli/[a-z_]+\.(cc|h)", "the library for command lines"),
    (r"histedit\.h", r"apps/cli/[a-z_]+\.cc", "the library for editing lines"),
    (r"png\.h", r"src/image/decode_png\.cc|src/image/decode_(alpha|large)_test\.cc", "a codec"),
    (r"jpeglib\.h|jerror\.h", r"src/image/decode_(jpeg|large_test)\.cc", "a codec"),
    (r"webp/.*", r"src/image/decode_webp\.cc|src/image/decode_alpha_test\.cc", "a codec"),
    (r"gif_lib\.h", r"src/image/decode_gif\.cc", "a codec"),
    (r"libheif/.*", r"src/image/decode_heif\.cc", "a codec"),
    (r"boost/.*", r"apps/server/[a-z_]+\.(cc|h)", "the library for the network"),
    (r"xgrammar/.*", r"src/grammar/token_masker\.cc", "the library for grammars"),
    (r"sqlite3\.h", r"src/host/sqlite\.cc", "the database"),
    (r"gtest/.*|gmock/.*", r"src/.*_test\.cc|tests/.*", "the library for tests"),
    (r"benchmark/.*", r"bench/.*", "the library for benchmarks"),
    (r"sys/mman\.h", r"src/(sys|base)/.*|tests/faults/.*|apps/android/native/call_check\.cc", "the system's memory"),
    (r"immintrin\.h|arm_neon\.h|wasm_simd128\.h", r"src/kernels/isa/.*|tests/(emulated_|packed_|float_)[a-z0-9_]+\.(h|cc)",
     "instructions of one processor"),
    (r"(unistd|fcntl|dirent|sched|poll|termios|langinfo|cpuid)\.h|sys/.*", r"src/(sys|host)/.*|apps/.*|tests/(faults|server)/.*|.*_test\.cc",
     "the operating system"),
    (r"filesystem", r"src/host/.*|apps/.*|bench/.*|tests/.*|.*_test\.cc", "missing in WebAssembly (sys/folder.h is for the core)"),
    (r"thread|mutex|condition_variable", r"src/sys/.*|src/measure/sessions\.cc|apps/.*|tests/.*|.*_test\.cc",
     "threads, which only sys starts (a system may have none)"),
]
MAX_LINES = 700
LONG_ON_PURPOSE = re.compile(r"src/.*(table|grids).*")  # tables are not read in one sitting
MAX_PAGE_LINES = 120
PAGE = "docs/architecture.md"
SUFFIXES = (".h", ".cc", ".inl")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def entries_hold(entries, target):
    return any(target == entry or target.split("/")[0] == entry for entry in entries)


def check_own(folder, name, where, target):
    """`target` is a header of src/."""
    owner = target.split("/")[0]
    is_test = name.endswith("_test.cc")
    entries = MAY[folder] + (TESTS_MAY.get(folder, []) if is_test else [])
    if folder != f"src/{owner}" and not entries_hold(entries, target):
        yield f"{where}: {folder} may not include {target}; of src/ it may include {', '.join(entries) or 'nothing'} (MAY)"
    for header, places in PRIVATE.items():
        if re.fullmatch(header, target) and not re.fullmatch(places, name):
            yield f"{where}: {target} is for {owner}'s own files, not for {folder} (PRIVATE)"


def check_outside(name, where, target):
    """`target` is a header of somebody else. The first line of OUTSIDE that knows it rules."""
    for header, places, what in OUTSIDE:
        if re.fullmatch(header, target):
            if not re.fullmatch(places, name):
                yield f"{where}: <{target}> is {what}: it belongs in {places} only (OUTSIDE)"
            return


def check_file(root, folder, path):
    name = path.relative_to(root).as_posix()
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > MAX_LINES and not LONG_ON_PURPOSE.fullmatch(name):
        yield f"{name}: {len(lines)} lines, at most {MAX_LINES} can be read in one sitting: split it"
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, target = match.groups()
        where = f"{name}:{number}"
        if kind == '"' and (root / "src" / target).exists():
            yield from check_own(folder, name, where, target)
        elif kind == '"' and folder.startswith("src/") and not name.endswith("_test.cc"):
            yield f"{where}: there is no src/{target}; headers are named from src/"
        else:
            yield from check_outside(name, where, target)


def check(root):
    """All faults, one sentence each."""
    for path in sorted(p for top in ("src", "apps") for p in (root / top).glob("*") if p.is_dir()):
        folder = path.relative_to(root).as_posix()
        if folder not in MAY and any(p.suffix in SUFFIXES for p in path.rglob("*")):
            yield f"{folder}: a new folder: say in tools/check_floors.py (MAY) and {PAGE} whom it may include"
    for folder in MAY:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES:
                yield from check_file(root, folder, path)
    page = root / PAGE
    if not page.exists():
        yield f"{PAGE} is missing"
    elif (count := len(page.read_text(encoding="utf-8").splitlines())) > MAX_PAGE_LINES:
        yield f"{PAGE}: {count} lines, at most {MAX_PAGE_LINES}: history and measurements belong in docs/decisions.md"


def main(arguments):
    root = pathlib.Path(arguments[0] if arguments else pathlib.Path(__file__).parent.parent).resolve()
    faults = list(check(root))
    for fault in faults:
        print(fault)
    print(f"{len(faults)} faults in who includes whom and how long files are")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
