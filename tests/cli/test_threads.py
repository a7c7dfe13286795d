# SPDX-License-Identifier: Apache-2.0
"""How many threads the command takes, why, and what it remembers of that."""
import json
import os
import pathlib
import re
import tempfile
import unittest

from harness import THIMBLE, VL, answer, can_mount, thimble, with_mounts

BENCH = ["bench", VL, "--prompt", "8", "--decode", "0", "--repeat", "1"]
RUN = ["run", VL, "hello", "-n", "2", "-v"]


class Machine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.file = self.folder / "thimble/threads.json"
        self.env = {"XDG_CACHE_HOME": folder.name}

    def said(self, done):
        """The number of threads and the reason that `-v` told."""
        self.assertEqual(done.returncode, 0, done.stderr)
        found = re.search(r"^thimble: threads: (\d+) \((.*)\)$", done.stderr, re.MULTILINE)
        self.assertIsNotNone(found, done.stderr)
        return int(found[1]), found[2]


class Same(Machine):
    """What holds on every machine; this one's, or one that a subclass makes up."""

    def here(self, *args):
        return thimble(*args, env=self.env)

    def kept(self):
        """The number of threads that the file holds; None without one: no choice on this machine, or too busy to make it."""
        if not self.file.exists():
            return None
        (choice,) = json.loads(self.file.read_text(encoding="utf-8"))["choices"]
        return choice["threads"]

    def test_the_same_everywhere(self):
        threads, why = self.said(self.here(*RUN))
        first = self.kept()
        self.assertGreaterEqual(threads, 1)
        self.assertLessEqual(threads, json.loads(self.here("version", "--json").stdout)["threads"])
        self.assertEqual(first is not None, "measured now" in why, why)
        out = json.loads(self.here(*BENCH, "--json").stdout)
        if first is not None:  # every other command takes what the first one kept
            self.assertEqual((threads, out["threads"]), (first, first))
            self.assertIn("as measured before", out["threads_why"])
        elif "no choice to measure" in why:
            self.assertEqual((out["threads"], out["threads_why"], self.kept()), (threads, why, None))
        elif self.kept() is None:  # the cores were busy both times
            self.assertEqual(out["threads"], threads)
        kept = self.kept()  # by the second command, if the cores were busy only for the first
        threads = out["threads"] if kept is None else kept
        self.assertEqual(out["threads"], threads)
        info = json.loads(self.here("info", VL, "--json").stdout)
        self.assertEqual(info["threads"], threads)
        self.assertRegex(self.here("info", VL).stdout, rf"(?m)^threads +{threads} \(.*cores?.*\)$")


class Threads(Machine):
    def test_the_option_counts(self):
        self.assertEqual(self.said(thimble(*RUN, "--threads", "3", env=self.env)), (3, "as --threads says"))
        info = answer("info", VL, "--json", "--threads", "5", env=self.env)
        self.assertEqual((info["threads"], info["threads_why"]), (5, "as --threads says"))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_measured_on_request_and_remembered(self):
        out = thimble(*BENCH, "--calibrate", env=self.env)
        self.assertEqual(out.returncode, 0, out.stderr)
        found = re.search(r"(\d+) threads \(.*measured", out.stdout)
        self.assertIsNotNone(found, out.stdout)
        if "busy" in out.stdout:  # then nothing must be concluded
            self.assertFalse(self.file.exists())
            return
        (choice,) = json.loads(self.file.read_text(encoding="utf-8"))["choices"]
        self.assertEqual(choice["threads"], int(found[1]))
        self.assertIn("kept in " + str(self.file), out.stdout)
        self.assertEqual(self.said(thimble(*RUN, env=self.env))[0], choice["threads"])
        self.assertIn(f"as measured before ({self.file})", thimble("info", VL, env=self.env).stdout)

    def test_without_a_home(self):
        out = thimble(*BENCH, "--calibrate", env={"XDG_CACHE_HOME": "", "HOME": ""})
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertRegex(out.stdout, r"\d+ threads \(.*measured")
        self.assertNotIn("kept in", out.stdout)

    def test_refusals(self):
        both = thimble(*BENCH, "--calibrate", "--threads", "2")
        self.assertEqual(both.returncode, 2)
        self.assertIn("--calibrate", both.stderr)
        self.assertEqual(thimble(*RUN, "--isa", "z80", env=self.env).returncode, 2)
        self.assertEqual(thimble("info", VL, "--isa", "z80", env=self.env).returncode, 0)


class MadeUpMachine(Machine):
    def make(self, siblings, capacity):
        """Gives every processor its siblings and its speed, each as a function of the processor's place among all."""
        self.cpus = tempfile.TemporaryDirectory()
        self.addCleanup(self.cpus.cleanup)
        processors = sorted(os.sched_getaffinity(0))
        for place, number in enumerate(processors):
            topology = pathlib.Path(self.cpus.name) / f"cpu{number}/topology"
            topology.mkdir(parents=True)
            among = ",".join(str(processors[other]) for other in siblings(place) if other < len(processors))
            (topology / "thread_siblings_list").write_text(among + "\n", encoding="utf-8")
            (topology.parent / "cpu_capacity").write_text(f"{capacity(place)}\n", encoding="utf-8")
        return len(processors)

    def there(self, *args):
        return with_mounts('export XDG_CACHE_HOME="$1"; mount --bind "$2" /sys/devices/system/cpu && shift 2 && exec "$@"',
                           str(self.folder), self.cpus.name, THIMBLE, *args)


@unittest.skipUnless(can_mount(), "no file systems of one's own here")
@unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "one processor leaves no choice")
class CoresWithTwoThreads(MadeUpMachine, Same):
    """The same where every core runs two threads."""

    def setUp(self):
        super().setUp()
        self.make(lambda place: (place & ~1, place | 1), lambda place: 1024)

    def here(self, *args):
        return self.there(*args)


@unittest.skipUnless(can_mount(), "no file systems of one's own here")
@unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "one processor leaves no choice")
class OtherMachines(MadeUpMachine):
    """A machine whose first processor is big and all others little."""

    def setUp(self):
        super().setUp()
        count = self.make(lambda place: (place,), lambda place: 300 if place else 1024)
        self.text = f"1 + {count - 1} cores"

    def test_chosen_without_being_asked(self):
        info = json.loads(self.there("info", VL, "--json").stdout)
        self.assertEqual(info["threads"], 1)
        self.assertRegex(info["threads_why"], rf"^{re.escape(self.text)}(, \d+ usable)?, not measured yet$")
        threads, why = self.said(self.there(*RUN))
        self.assertTrue(why.startswith(self.text), why)
        if "busy" in why:
            self.assertEqual(threads, 1)
            self.assertFalse(self.file.exists())
            return
        self.assertIn("measured now", why)
        again, why = self.said(self.there(*RUN))
        self.assertEqual(again, threads)
        self.assertIn(f"as measured before ({self.file})", why)
        self.file.write_text("{", encoding="utf-8")  # damaged: measured again
        self.assertIn("measured", self.said(self.there(*RUN))[1])
