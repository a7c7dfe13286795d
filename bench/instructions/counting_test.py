#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What counts instructions counts a loop of known ones right, in one thread and in several, and the table of tokens says
so. Skipped where there is no emulator or no compiler for 64-bit ARM."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import counting
import tokens

CROSS = "aarch64-linux-gnu-gcc"
A_MILLION = {"all": 1_000_000, "dot": 200_000, "vector": 200_000, "load": 300_000, "store": 100_000, "other": 200_000}


class Counting(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.plugin = counting.build_plugin(folder.name)
        cls.loop = str(pathlib.Path(folder.name) / "loop")
        subprocess.run([CROSS, "-O1", "-Wall", "-Wextra", "-Werror", "-march=armv8.2-a+dotprod", "-static", "-pthread", "-o",
                        cls.loop, counting.HERE / "loop.c"], check=True)

    def count(self, threads, prompt, decode, cpu="max"):
        return counting.run(self.plugin, cpu, [self.loop, threads, prompt, decode])[0]

    def expect(self, counts, times):
        for kind, number in A_MILLION.items():
            self.assertAlmostEqual(counts[kind] / (times * number), 1, delta=0.001, msg=kind)

    def test_a_loop(self):
        few, many = self.count(1, 1, 0), self.count(1, 3, 0)
        self.assertEqual(few["all"], sum(few[kind] for kind in counting.KINDS))
        self.expect({kind: many[kind] - few[kind] for kind in few}, 2)

    def test_threads_beside_each_other(self):
        few, many = self.count(4, 1, 0), self.count(4, 6, 0)
        self.expect({kind: many[kind] - few[kind] for kind in few}, 20)

    def test_tokens(self):
        found = tokens.per_token(lambda prompt, decode: self.count(1, prompt, decode, "cortex-a76"), (1, 3), (1, 4))
        self.expect(found["prompt"], 1)
        self.expect(found["decode"], 2)

    def test_table(self):
        done = subprocess.run([sys.executable, counting.HERE / "tokens.py", "--program", "loop", self.loop, "2", "--cpu", "max",
                               "--prompt", "1,2", "--decode", "1,2"], capture_output=True, text=True, check=True)
        rows = done.stdout.splitlines()
        self.assertEqual(rows[2], "| max | loop | prompt | 2.0 | 0.4 | 0.4 | 0.6 | 0.2 | 0.4 |")
        self.assertEqual(rows[3], "| max | loop | decode | 4.0 | 0.8 | 0.8 | 1.2 | 0.4 | 0.8 |")

    def test_a_program_that_fails(self):
        with self.assertRaises(SystemExit) as failed:
            counting.run(self.plugin, "max", [self.loop])
        self.assertIn("loop THREADS PROMPT DECODE", str(failed.exception.code))


if __name__ == "__main__":
    if lacking := counting.missing(CROSS):
        print(f"skipped: this machine lacks {', '.join(lacking)}")
        sys.exit(77)
    unittest.main()
