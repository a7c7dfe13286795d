#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How soon Ctrl-C ends `thimble run` while it reads a long prompt.

    interrupt.py THIMBLE MODEL [--runs 5] [--after SECONDS]

Starts the command with a prompt of some 9,000 tokens, sends SIGINT while it is read (--after seconds and up to two more from the start,
so that it falls anywhere in a pass; loading has to be over by then), and prints the seconds to the end of the process."""
import argparse
import random
import signal
import statistics
import subprocess
import time


def measure(thimble, model, after):
    prompt = " ".join(f"word{i % 97} thing" for i in range(2600)).encode()
    run = subprocess.Popen([thimble, "run", model, "--context", "16384", "--max-tokens", "1"], stdin=subprocess.PIPE,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run.stdin.write(prompt)
    run.stdin.close()
    time.sleep(after + 2 * random.random())
    begin = time.monotonic()
    run.send_signal(signal.SIGINT)
    if run.wait() != 130:
        raise SystemExit(f"ended by itself with status {run.returncode}: a smaller --after, or a larger model")
    return time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("thimble")
    parser.add_argument("model")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--after", type=float, default=4, help="seconds before the interrupt (default 4)")
    options = parser.parse_args()
    seconds = [measure(options.thimble, options.model, options.after) for _ in range(options.runs)]
    print("seconds:", ", ".join(f"{s:.3f}" for s in seconds))
    print(f"median {statistics.median(seconds):.3f}, longest {max(seconds):.3f}")


if __name__ == "__main__":
    main()
