#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions per token of whole models on 64-bit ARM, counted under qemu-user, as a Markdown table in millions.

    cmake --preset aarch64 -DTHIMBLE_BENCH=ON && cmake --build build-aarch64 --target model_tokens
    bench/instructions/tokens.py --program GCC build-aarch64/bench/model_tokens s08.thimble

A program is called as PROGRAM MODEL PROMPT DECODE: it reads a prompt of PROMPT tokens, then DECODE single ones. Each is
run three times on each processor, with a short and a long prompt and with few and many single tokens; what is shown is
the difference per token, so that loading and set-up drop out. Emulation is slow: a whole 0.8B takes some minutes a row.
Programs run one after the other, on one thread each.
"""
import argparse
import tempfile

import counting


def numbers(text):
    """"64,128" as two growing numbers."""
    few, many = map(int, text.split(","))
    if not 0 < few < many:
        raise argparse.ArgumentTypeError(f"two growing numbers; found '{text}'")
    return few, many


def per_token(count, prompt, decode):
    """Instructions by kind of a token of a prompt and of a single one. `count(prompt, decode)` are those of a run."""
    base = count(prompt[0], decode[0])
    longer = count(prompt[1], decode[0])
    more = count(prompt[0], decode[1])
    return {
        "prompt": {kind: (longer[kind] - base[kind]) / (prompt[1] - prompt[0]) for kind in base},
        "decode": {kind: (more[kind] - base[kind]) / (decode[1] - decode[0]) for kind in base},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", nargs=3, action="append", required=True, metavar=("NAME", "PROGRAM", "MODEL"),
                        help="a program to count, and the model it is given; again for more")
    parser.add_argument("--cpu", action="append", metavar="NAME",
                        help="a processor of QEMU's: cortex-a53 (ARMv8.0), cortex-a76 (dotprod), max (i8mm); all three unless given")
    parser.add_argument("--prompt", type=numbers, default=(64, 128), metavar="FEW,MANY", help="tokens of the prompts (64,128)")
    parser.add_argument("--decode", type=numbers, default=(1, 3), metavar="FEW,MANY", help="single tokens (1,3)")
    options = parser.parse_args()
    if lacking := counting.missing():
        parser.error(f"this machine lacks {', '.join(lacking)}")
    with tempfile.TemporaryDirectory() as folder:
        plugin = counting.build_plugin(folder)
        columns = ["all", *counting.KINDS]
        print("| processor | program | token of | " + " | ".join(columns) + " |")
        print("|---|---|---" + "|---" * len(columns) + "|")
        for cpu in options.cpu or ["cortex-a53", "cortex-a76", "max"]:
            for name, program, model in options.program:
                def count(prompt, decode, command=(program, model), cpu=cpu):
                    return counting.run(plugin, cpu, [*command, prompt, decode])[0]
                for what, counts in per_token(count, options.prompt, options.decode).items():
                    cells = [f"{counts[kind] / 1e6:.1f}" for kind in columns]
                    print(f"| {cpu} | {name} | {what} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
