#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for weak symbols in the kernels' object files: check_kernel_symbols.py NM OBJECT...

A weak function (a template or inline function that was not inlined) compiled for one instruction set may be the copy that
the linker keeps for the whole program, which then dies on processors without it.
"""
import shutil
import subprocess
import sys


def main(nm, objects):
    if shutil.which(nm) is None:
        print(f"no {nm}: skipped")
        return 77
    faults = 0
    for path in objects:
        for line in subprocess.run([nm, "-C", path], capture_output=True, text=True, check=True).stdout.splitlines():
            if line[17:18] in "WVu":
                print(f"{path}: weak symbol {line[19:]}")
                faults += 1
    print(f"{len(objects)} objects, {faults} weak symbols")
    return 1 if faults or not objects else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
