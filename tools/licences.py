#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which libraries of others are in a program, and whether NOTICE and the page say so.

licences.py BUILD [--write]

BUILD is a build folder (Ninja) of the program, of the Android app's program or of the page's module. The headers that its
objects were made with tell the libraries; so do, of what is linked with its libraries inside, the sources that the Android
program's symbols name, the linker's map of the module, and the link command. Fails on what tools/licences/libraries.json does not
know, on a library of that file that an app's program does not have, and where NOTICE or apps/web/src/program_licences.json (for the
page's "About") differ from what that file and apps/web/src/licences.json (which the page's build holds against what is in the page)
say; --write makes both anew."""
import functools
import json
import os
import pathlib
import re
import subprocess
import sys

import linked_files

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEXTS = ROOT / "tools/licences"
TABLE = TEXTS / "libraries.json"
PAGE = ROOT / "apps/web/src/licences.json"
OF_PROGRAMS = ROOT / "apps/web/src/program_licences.json"
LOCK = ROOT / "apps/web/package-lock.json"
NOTICE = ROOT / "NOTICE"
BEGIN = "Libraries of others in the program (made by tools/licences.py):\n"
# The compiler's, the C library's and the kernel's own headers: their licences let every program be made with them.
SYSTEM = re.compile(r"/usr/include/c\+\+/|/usr/include/[^/]+-linux-gnu/(c\+\+|bits|sys|gnu|asm)/|/usr/lib/(gcc|llvm)|"
                    r".*/\.cache/zig/ziglang/lib/libc/include/(any|aarch64)-linux-any/")
SYSTEM_PACKAGES = ["libc6-dev", "linux-libc-dev"]
OBJECTS = re.compile(r"^(src|apps|CMakeFiles/thimble_(xgrammar|sqlite))")
# How a library is in what is given out, and in which build it is to be seen.
PLACES = {"inside": "Inside it:", "beside": "Loaded from the system when it starts:",
          "android": "Inside the Android app's native program:", "apk": "Inside the Android app's Java code:",
          "browser": "Inside the page's engine (WebAssembly):"}
# Whose page tells of it: what the server's program loads from the system is not given out with it.
CARRIERS = {"server": {"inside"}, "android": {"android", "apk"}, "browser": {"browser"}}
LICENCE_TEXTS = {"MIT": ["MIT"], "BSD-2-Clause": ["BSD"], "BSD-3-Clause": ["BSD"], "BSL-1.0": ["BSL"], "Apache-2.0": ["Apache"],
                 "Apache-2.0 WITH LLVM-exception": ["LLVM-exception", "Apache"], "public domain": [],
                 "Apache-2.0 WITH LLVM-exception, MIT and BSD-2-Clause": ["LLVM-exception", "Apache", "MIT", "BSD"]}


def kind_of(build):
    cache = (build / "CMakeCache.txt").read_text(encoding="utf-8")
    if "/aarch64-linux-musl.cmake" in cache:
        return "android"
    return "browser" if "/wasm32-wasi.cmake" in cache else "program"


@functools.cache
def system_headers():
    listing = subprocess.run(["dpkg", "-L", *SYSTEM_PACKAGES], capture_output=True, text=True, check=False).stdout
    return set(listing.splitlines())


def places_of(library):
    return [library["how"]] if isinstance(library["how"], str) else library["how"]


def library_of(path, libraries):
    for library in libraries:
        under = library.get("under")
        if under is not None:
            at = path.find(under)
            if at >= 0 and re.match(library["headers"], path[at + len(under):]):
                return library
        elif re.match(library["headers"], path):
            return library
    return None


def is_own(path):
    return path.startswith(f"{ROOT}/") and "/.cache/" not in path


@functools.cache
def names_below(folder):
    return {name for _, _, names in os.walk(folder) for name in names}


def names_of(library):
    """The names of a library's sources, as symbols say them: "sources" names folders below `under`, or one name."""
    sources = library.get("sources", [])
    return set().union(*(names_below(ROOT / library["under"] / name) if "/" in name else {name} for name in sources))


def of_sources(build, objects, libraries):
    """What the sources of the Android program, which its symbols name, are of: libraries, and names that none has."""
    compiled = {pathlib.Path(files[0]).name: files[0] for files in objects.values() if files}
    seen, unknown = [], set()
    for name in linked_files.sources_of(build / "android/thimble_android_symbols"):
        if name in compiled and is_own(compiled[name]):
            continue
        found = library_of(compiled[name], libraries) if name in compiled else next((one for one in libraries if name in names_of(one)), None)
        if found is None:
            unknown.add(f"{name}, whose code is in the program")
        else:
            seen.append(found)
    return seen, unknown


def of_linked(build, kind, objects, libraries):
    """Libraries that the link took code of, beside what is seen in headers; and the files that nobody knows."""
    if kind == "program":
        return [], set()
    if kind == "android":
        seen, unknown = of_sources(build, objects, libraries)
        files = linked_files.linked_with(build, "android/libthimble.so")
    else:
        seen, unknown = [], set()
        files = set().union(*(linked_files.members_in(path) for path in build.glob("apps/wasm/thimble-*.wasm.map")))
        if not files:
            unknown.add("no map of the linker is beside the module, so what was linked")
    for file in files:
        if is_own(file):
            continue
        found = next((library for library in libraries if re.match(library.get("archives", "$."), file)), None)
        if found is None:
            unknown.add(f"{file}, which is linked,")
        else:
            seen.append(found)
    return seen, unknown


def of_headers(objects, libraries):
    seen, unknown, system = [], set(), system_headers()
    for header in set().union(*map(set, objects.values())):
        library = library_of(header, libraries)
        if library is not None:
            seen.append(library)
        elif not is_own(header) and not SYSTEM.match(header) and header not in system:
            unknown.add(header)
    return seen, unknown


def version_faults(libraries):
    """Where a name says another version than the file that pins it, and a text that is not the one of the library any more."""
    faults = []
    for library in libraries:
        if "version" in library:
            file, pattern = library["version"]
            found = re.search(pattern, (ROOT / file).read_text(encoding="utf-8"))
            if found is None or found.group(1) not in library["name"]:
                faults.append(f"{library['name']}: {file} says {found.group(1) if found else 'no version'}")
        if "more_from" in library:
            theirs = ROOT / library["under"] / library["more_from"]
            if theirs.read_text(encoding="utf-8") != (TEXTS / library["more"]).read_text(encoding="utf-8"):
                faults.append(f"{library['name']}: {theirs} is not tools/licences/{library['more']} any more")
    return faults


def page_section():
    """What is in the page that the program carries, of the versions that are locked."""
    lock = json.loads(LOCK.read_text())["packages"]
    lines = ["\nIn the page that it gives out:\n\n"]
    for library in json.loads(PAGE.read_text()):
        name = library["name"]
        locked = lock[f"node_modules/{name}"]["version"]
        if locked != library["version"]:
            raise SystemExit(f"{PAGE.name} tells of {name} {library['version']}, and {locked} is locked: run scripts/build-page")
        owners = [line.strip(" .") for line in library["text"].splitlines() if re.match(r"\s*Copyright \(c\)", line)]
        owners = [re.sub(r"^Copyright \(c\) ", "", owner) for owner in owners]
        lines.append(f"- {name}: {library['licence']}, Copyright (c) {'; '.join(owners)}\n")
    return "".join(lines)


def indented(name):
    return ["  " + line if line.strip() else line for line in (TEXTS / name).read_text(encoding="utf-8").splitlines(True)]


def section(libraries):
    lines = [BEGIN]
    for how, words in PLACES.items():
        lines.append(f"\n{words}\n\n")
        for library in libraries:
            if how in places_of(library):
                owners = f", Copyright (c) {'; '.join(library['copyright'])}" if library["copyright"] else ""
                lines.append(f"- {library['name']}: {library['licence']}{owners}\n")
    lines.append(page_section())
    for name in ("MIT", "BSD"):
        lines.append(f"\nThe {name} licence{'s' if name == 'BSD' else ''}:\n\n")
        lines += indented(f"{name}.txt")
    lines.append("\nThe exception that LLVM's libraries add to the Apache licence, which is in LICENSE:\n\n")
    lines += indented("LLVM-exception.txt")
    lines.append("\nThe Boost licence asks for nothing where only object code is passed on.\n")
    for library in libraries:
        if "more" in library:
            lines.append(f"\nWhat {library['name']} says of its parts:\n\n")
            lines += indented(library["more"])
    return "".join(lines)


def of_programs(libraries):
    """For the page: what is in the program behind it, by the page's carrier, and the texts of the licences, each once."""
    texts = {}

    def text(name, path):
        texts[name] = path.read_text(encoding="utf-8").strip("\n")
        return name

    def told(library):
        names = LICENCE_TEXTS.get(library["licence"])
        if names is None:
            raise SystemExit(f"{library['name']}: tools/licences.py has no text for {library['licence']}")
        needs = [text(name, ROOT / "LICENSE" if name == "Apache" else TEXTS / f"{name}.txt") for name in names]
        if "more" in library:
            needs = [text(library["more"], TEXTS / library["more"])]
        return {"name": library["name"], "licence": library["licence"], "copyright": library["copyright"], "texts": needs}

    found = {carrier: [told(library) for library in libraries if places & set(places_of(library))] for carrier, places in CARRIERS.items()}
    return json.dumps({**found, "texts": texts}, indent=1, ensure_ascii=False) + "\n"


def stale(libraries, write):
    """What does not say what it should, once it was written where that is wanted."""
    text = NOTICE.read_text(encoding="utf-8")
    own = text[:text.index(BEGIN)] if BEGIN in text else text.rstrip() + "\n\n"
    wanted = {NOTICE: own + section(libraries), OF_PROGRAMS: of_programs(libraries)}
    if write:
        for path, content in wanted.items():
            path.write_text(content, encoding="utf-8")
    return [path.name for path, content in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != content]


def main(arguments):
    if not arguments or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    libraries = json.loads(TABLE.read_text(encoding="utf-8"))
    build = pathlib.Path(arguments[0]).resolve()
    kind = kind_of(build)
    here = [library for library in libraries if kind in places_of(library) or kind == "program" and {"inside", "beside"} & set(places_of(library))]
    objects = linked_files.objects_of(build, OBJECTS)
    seen, unknown = of_headers(objects, here)
    more_seen, more_unknown = of_linked(build, kind, objects, here)
    unknown |= more_unknown
    names = {library["name"] for library in seen + more_seen}
    for file in sorted(unknown)[:20]:
        print(f"{file}: of a library that tools/licences/libraries.json does not know")
    faults = version_faults(here + [library for library in libraries if kind == "android" and "apk" in places_of(library)])
    # The program may be built without some of its libraries, an app's is always the same.
    faults += [f"{library['name']}: told of, and not in it" for library in here if kind != "program" and library["name"] not in names]
    faults += [f"{name} differs from tools/licences/libraries.json: run tools/licences.py BUILD --write" for name in stale(libraries, "--write" in arguments)]
    for fault in faults:
        print(fault)
    print(f"{len(names)} libraries in the program, {len(unknown)} files of unknown ones")
    return 1 if unknown or faults or not names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
