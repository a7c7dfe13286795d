#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Says no unless a program is one that Android runs and that nobody can change while it runs.

check_elf.py PROGRAM

64-bit little-endian ELF for AArch64; position independent and static; every LOAD segment where pages of 16 KiB can hold
it, none of them writable and executable; no executable stack; what is relocated at start is read-only afterwards."""
import struct
import sys

PAGE = 16384
ET_DYN, EM_AARCH64 = 3, 183
PT_LOAD, PT_INTERP, PT_GNU_STACK, PT_GNU_RELRO = 1, 3, 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2


def faults(data):
    """All that is wrong, one sentence each."""
    if data[:6] != b"\x7fELF\x02\x01" or len(data) < 64:
        return ["it is no 64-bit little-endian ELF file"]
    kind, machine = struct.unpack_from("<HH", data, 16)
    table, = struct.unpack_from("<Q", data, 32)
    entry, count = struct.unpack_from("<HH", data, 54)
    found = []
    if machine != EM_AARCH64:
        found.append(f"it is for machine {machine}, not for AArch64 ({EM_AARCH64})")
    if kind != ET_DYN:
        found.append(f"it is of type {kind}, not position independent ({ET_DYN})")
    kinds = set()
    for index in range(count):
        segment, flags, offset, address, _, _, _, align = struct.unpack_from("<IIQQQQQQ", data, table + index * entry)
        kinds.add(segment)
        if segment == PT_INTERP:
            found.append("it names an interpreter: it is not static")
        if segment == PT_LOAD and (align < PAGE or (address - offset) % PAGE != 0):
            found.append(f"the segment at {address:#x} is aligned to {align}, not to {PAGE}")
        if segment == PT_LOAD and flags & PF_X and flags & PF_W:
            found.append(f"the segment at {address:#x} is writable and executable")
        if segment == PT_GNU_STACK and flags & PF_X:
            found.append("its stack is executable")
    for segment, name in ((PT_LOAD, "LOAD"), (PT_GNU_STACK, "GNU_STACK"), (PT_GNU_RELRO, "GNU_RELRO")):
        if segment not in kinds:
            found.append(f"it has no {name} segment")
    return found


def main(arguments):
    if len(arguments) != 1:
        print(__doc__)
        return 2
    with open(arguments[0], "rb") as file:
        found = faults(file.read())
    for fault in found:
        print(f"{arguments[0]}: {fault}")
    print(f"{len(found)} faults in the form of the program")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
