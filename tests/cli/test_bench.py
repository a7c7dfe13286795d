# SPDX-License-Identifier: Apache-2.0
"""What `thimble bench` measures and says."""
import signal
import subprocess
import unittest

from harness import FIXTURES, PATIENCE, THIMBLE, VL, VL_GGUF, Terminal, answer, thimble


class Bench(unittest.TestCase):
    def test_what_is_measured(self):
        out = answer("bench", str(FIXTURES / "gguf/vl-q8_0.gguf"), "--prompt", "40", "--decode", "6", "--depth", "20", "--image", "320x256",
                     "--repeat", "3", "--threads", "1", "--json")
        self.assertEqual((out["isa"], out["threads"], out["repeat"]), (answer("version", "--json")["isa"], 1, 3))
        for part, tokens in (("prompt", 40), ("decode", 6), ("image", 80)):
            p = out[part]
            self.assertEqual((p["tokens"], len(p["runs"])), (tokens, 3))
            self.assertEqual(p["seconds"], sorted(p["runs"])[1])
            self.assertAlmostEqual(p["tokens_per_second"] * p["seconds"] / tokens, 1.0, places=6)
            self.assertLessEqual(p["slowest_tokens_per_second"], p["tokens_per_second"])
            self.assertLessEqual(p["tokens_per_second"], p["fastest_tokens_per_second"])
            self.assertIn(p["limit"], ("reading", "multiply-adds"))
            limits = out["limits"]
            reading = p["bytes"] / limits["read_bytes_per_second"]
            multiplying = (p["int8_multiply_adds"] / limits["int8_multiply_adds_per_second"]
                           + p["float_multiply_adds"] / limits["float_multiply_adds_per_second"])
            self.assertAlmostEqual(p["percent_of_limit"] * p["seconds"] / 100 / max(reading, multiplying), 1.0, places=6)
            # More than the machine can do is a mistake in counting. Bytes are counted by hand below: a model that lies in the
            # processor's caches, as this one does, is read faster than memory.
            self.assertLess(multiplying / p["seconds"], 1.5)
        self.assertEqual((out["decode"]["depth"], out["image"]["width"], out["image"]["height"]), (20, 320, 256))
        self.assertGreater(out["load"]["seconds"], 0)
        self.assertIn("Q8_0", out["model"]["file_type"])
        # By hand, see tests/conformance/workload_test.cc: six times weights and states, then keys and values.
        self.assertEqual(out["decode"]["bytes"], 6 * (389280 + 38400) + sum(range(21, 27)) * 256)
        exact = answer("bench", str(FIXTURES / "gguf/vl-q8_0.gguf"), "--prompt", "40", "--decode", "0", "--repeat", "1", "--exact", "--json")
        self.assertIsNone(exact["decode"])
        self.assertIsNone(exact["image"])
        self.assertEqual((exact["exact"], exact["prompt"]["int8_multiply_adds"]), (True, 0))

    def test_for_people(self):
        out = thimble("bench", VL_GGUF, "--prompt", "20", "--decode", "2", "--image", "64x64", "--repeat", "1")
        self.assertEqual(out.returncode, 0, out.stderr)
        for words in ("prompt of 20", "decoding 2", "picture of 256 x 256", "% of the limit", "GB/s", "loading"):
            self.assertIn(words, out.stdout)
        self.assertEqual(out.stderr, "")

    def test_refusals(self):
        for wrong in ("768", "0x64", "64x", "axb", "64x64x64", "99999x64", "-3x4"):
            out = thimble("bench", VL, f"--image={wrong}")
            self.assertEqual(out.returncode, 2, wrong)
            self.assertIn("768x512", out.stderr)
        for flags in (["--prompt", "-1"], ["--repeat", "0"], ["--depth", "many"], []):
            self.assertEqual(thimble("bench", *([VL] if flags else []), *flags).returncode, 2, flags)
        blind = thimble("bench", str(FIXTURES / "models/text-tied"), "--image", "64x64")
        self.assertEqual(blind.returncode, 4)
        self.assertIn("cannot see", blind.stderr)
        long = thimble("bench", VL, "--prompt", "100", "--context", "64")
        self.assertEqual(long.returncode, 3)
        self.assertIn("--prompt", long.stderr)

    def test_an_interrupt_ends_it(self):
        long = ["bench", VL, "--repeat", "200", "--decode", "2000"]
        # While it loads again and again ...
        with subprocess.Popen([THIMBLE, *long, "-v"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as command:
            self.addCleanup(command.kill)
            self.assertTrue(any("loaded in" in line for line in command.stderr))
            command.send_signal(signal.SIGINT)
            _, err = command.communicate(timeout=PATIENCE)
        self.assertEqual(command.returncode, 130)
        self.assertIn("cancelled", err)
        # ... and while it measures.
        t = Terminal(*long, env={"THIMBLE_PROGRESS_DELAY": "0"})
        self.addCleanup(t.close)
        t.read_until("measuring")
        t.type("\x03")
        t.read_until("cancelled")
        self.assertEqual(t.finish(), 130)
