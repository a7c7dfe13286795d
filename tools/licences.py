#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which libraries of others are in the program, and whether NOTICE says so.

licences.py BUILD [--write]

BUILD is a build folder (Ninja): the headers that the program's objects were made with tell the libraries. Fails on a header
that tools/licences/libraries.json does not know, and where NOTICE differs from what that file and apps/web/src/licences.json (which
the page's build holds against what is in the page) say; --write makes NOTICE anew."""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "tools/licences/libraries.json"
PAGE = ROOT / "apps/web/src/licences.json"
LOCK = ROOT / "apps/web/package-lock.json"
NOTICE = ROOT / "NOTICE"
BEGIN = "Libraries of others in the program (made by tools/licences.py):\n"
# The compiler's and the C library's own headers: their licences let every program be made with them.
SYSTEM = re.compile(r"/usr/include/c\+\+/|/usr/include/[^/]+-linux-gnu/(c\+\+|bits|sys|gnu|asm)/|/usr/lib/(gcc|llvm)")
SYSTEM_PACKAGES = ["libc6-dev", "linux-libc-dev"]
OBJECTS = re.compile(r"^(src|apps|CMakeFiles/thimble_xgrammar)")


def headers_of(build):
    """Every header outside the project that an object of the program was made with."""
    listing = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], capture_output=True, text=True, check=True).stdout
    headers, counts = set(), False
    for line in listing.splitlines():
        if line and not line.startswith(" "):
            counts = bool(OBJECTS.match(line))
        elif counts and line.strip():
            path = line.strip()
            if not path.startswith("/"):
                path = str((build / path).resolve())
            headers.add(path)
    return headers


def system_headers():
    listing = subprocess.run(["dpkg", "-L", *SYSTEM_PACKAGES], capture_output=True, text=True, check=False).stdout
    return set(listing.splitlines())


def library_of(header, libraries):
    for library in libraries:
        under = library.get("under")
        if under is not None:
            at = header.find(under)
            if at >= 0 and re.match(library["headers"], header[at + len(under):]):
                return library
        elif re.match(library["headers"], header):
            return library
    return None


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


def section(libraries):
    lines = [BEGIN]
    for how, words in (("inside", "Inside it:"), ("beside", "Loaded from the system when it starts:"),
                       ("android", "Inside the Android app's native program, beside the JSON library:")):
        lines.append(f"\n{words}\n\n")
        for library in libraries:
            if library["how"] == how:
                owners = f", Copyright (c) {'; '.join(library['copyright'])}" if library["copyright"] else ""
                lines.append(f"- {library['name']}: {library['licence']}{owners}\n")
    lines.append(page_section())
    for name in ("MIT", "BSD"):
        lines.append(f"\nThe {name} licence{'s' if name == 'BSD' else ''}:\n\n")
        lines += ["  " + line if line.strip() else line for line in (ROOT / f"tools/licences/{name}.txt").read_text().splitlines(True)]
    lines.append("\nThe Boost licence asks for nothing where only object code is passed on, nor does the Apache licence with LLVM's exception\n"
                 "where it got in by compiling; the Apache licence is in LICENSE.\n")
    return "".join(lines)


def main(arguments):
    if not arguments or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    libraries = json.loads(TABLE.read_text())
    build = pathlib.Path(arguments[0]).resolve()
    unknown, seen, system = set(), set(), system_headers()
    for header in headers_of(build):
        library = library_of(header, libraries)
        if library is not None:
            seen.add(library["name"])
        elif not header.startswith(str(ROOT)) and not SYSTEM.match(header) and header not in system:
            unknown.add(header)
    for header in sorted(unknown)[:20]:
        print(f"{header}: of a library that tools/licences/libraries.json does not know")
    text = NOTICE.read_text()
    own = text[:text.index(BEGIN)] if BEGIN in text else text.rstrip() + "\n\n"
    if "--write" in arguments:
        NOTICE.write_text(own + section(libraries))
    elif own + section(libraries) != text:
        print("NOTICE differs from tools/licences/libraries.json: run tools/licences.py BUILD --write")
        return 1
    print(f"{len(seen)} libraries in the program, {len(unknown)} headers of unknown ones")
    return 1 if unknown or not seen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
