#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions per multiply-add of packed kernels, counted under qemu-user, as a Markdown table.

    cmake --preset aarch64 -DTHIMBLE_BENCH=ON && cmake --build build-aarch64 --target product_bench
    bench/instructions/products.py build-aarch64/bench/product_bench

What is counted is the difference between many and few repeats of the same products, so that start and set-up drop out.
"""
import re
import sys
import tempfile

import counting

TABLES = ["neon_i8mm", "neon", "neon_mull", "scalar"]
FAMILIES = ["q4_k", "q6_k", "q8_0", "q4_0"]
FORMS = [("narrow", 1), ("wide", 64)]


def run(plugin, bench, table, family, form, rows, repeats):
    """Instructions and multiply-adds of one run."""
    counts, text = counting.run(plugin, "max", [bench, table, family, form, rows, repeats])
    return counts["all"], int(re.search(r"multiply-adds (\d+)", text)[1])


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    bench = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        plugin = counting.build_plugin(folder)
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
