# SPDX-License-Identifier: Apache-2.0
"""What a program was linked from: the sources that its symbols name, the files of its link command, or the linker's map."""
import functools
import pathlib
import re
import shlex
import struct
import subprocess

SHT_SYMTAB, STT_FILE = 2, 4


@functools.cache
def objects_of(build, counts):
    """Object -> the files it was made with, its source first; of the objects that the pattern `counts` names."""
    listing = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], capture_output=True, text=True, check=True).stdout
    objects, files = {}, None
    for line in listing.splitlines():
        if line and not line.startswith(" "):
            files = objects.setdefault(line.split(": #deps")[0], []) if counts.match(line) else None
        elif files is not None and line.strip():
            path = line.strip()
            files.append(str((build / path).resolve()))
    return objects


def sources_of(program):
    """The names of the sources that the symbols of an ELF file name; the linker keeps one of each object it took."""
    data = program.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise SystemExit(f"{program}: it is no 64-bit little-endian ELF file")
    table, = struct.unpack_from("<Q", data, 40)
    entry, count = struct.unpack_from("<HH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + index * entry) for index in range(count)]
    names = set()
    for _, kind, _, _, offset, size, link, _, _, _ in sections:
        if kind != SHT_SYMTAB:
            continue
        strings = sections[link][4]
        for at in range(offset, offset + size, 24):
            name, info = struct.unpack_from("<IB", data, at)
            if info & 15 == STT_FILE:
                names.add(data[strings + name:data.index(b"\0", strings + name)].decode())
    return names - {""}


def linked_with(build, target):
    """What the link command of a target names that this build has not made: libraries and objects of others."""
    commands = subprocess.run(["ninja", "-C", str(build), "-t", "commands", target], capture_output=True, text=True, check=True).stdout
    words = shlex.split(commands.strip().splitlines()[-1])
    return {word for word in words if re.match(r"-l|/.*\.(a|o|so)$|/.*\.so\.", word) and not word.startswith(str(build))}


def members_in(linker_map):
    """The archives and objects of others in a map of wasm-ld; the paths of what this build has made do not begin at the root."""
    return {str(pathlib.Path(path).resolve()) for path in re.findall(r"(?<=\s)(/[^\s:()]+\.(?:a|o))(?=[(:])", linker_map.read_text())}
