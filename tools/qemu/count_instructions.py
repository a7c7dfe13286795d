#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions per multiply-add of packed kernels, counted under qemu-user, as a Markdown table.

    cmake --preset aarch64 -DTHIMBLE_BENCH=ON && cmake --build build-aarch64 --target product_bench
    tools/qemu/count_instructions.py build-aarch64/bench/product_bench

What is counted is the difference between many and few repeats of the same products, so that start and set-up drop out.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

TABLES = ["neon_i8mm", "neon", "neon_mull", "scalar"]
FAMILIES = ["q4_k", "q6_k", "q8_0", "q4_0"]
FORMS = [("narrow", 1), ("wide", 64)]
EMULATOR = ["qemu-aarch64", "-cpu", "max", "-L", "/usr/aarch64-linux-gnu"]


def run(plugin, bench, table, family, form, rows, repeats):
    """Instructions and multiply-adds of one run."""
    command = EMULATOR + ["-plugin", plugin, bench, table, family, form, str(rows), str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return int(re.search(r"instructions (\d+)", done.stderr)[1]), int(re.search(r"multiply-adds (\d+)", done.stdout)[1])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    bench = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        plugin = str(pathlib.Path(folder) / "count_plugin.so")
        source = pathlib.Path(__file__).resolve().parent / "count_plugin.c"
        subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", plugin, source], check=True)
        print("| table | form | " + " | ".join(FAMILIES) + " |")
        print("|---|---" + "|---" * len(FAMILIES) + "|")
        for table in TABLES:
            for form, rows in FORMS:
                cells = []
                for family in FAMILIES:
                    few, few_products = run(plugin, bench, table, family, form, rows, 1)
                    many, many_products = run(plugin, bench, table, family, form, rows, 3)
                    cells.append(f"{(many - few) / (many_products - few_products):.3f}")
                print(f"| {table} | {form} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
