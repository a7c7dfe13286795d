# SPDX-License-Identifier: Apache-2.0
"""On which processors threads run: on a machine that says that its cores are not alike."""
import os
import pathlib
import re
import unittest

import harness

TINY = "text-tied-q8_0.gguf"


@unittest.skipIf(harness.IS_EMULATED, "threads are the emulator's")
@unittest.skipUnless(harness.can_mount(), "no mounts of its own here")
@unittest.skipUnless({0, 1} <= os.sched_getaffinity(0), "processors 0 and 1 are not both to be had")
class Cores(harness.Case):
    def phone(self, speeds):
        """The program on a machine whose cores are so fast; more of them than there really are count as switched off."""
        cpu = pathlib.Path(self.folder, "cpu")
        for number, speed in enumerate(speeds):
            folder = cpu / f"cpu{number}"
            folder.mkdir(parents=True)
            (folder / "cpu_capacity").write_text(f"{speed}\n")
        (cpu / "present").write_text(f"0-{len(speeds) - 1}\n")
        within = harness.with_mounts('mount --bind "$1" /sys/devices/system/cpu', str(cpu))
        return self.start(within=within, builtin=str(self.fixture(TINY)))

    @staticmethod
    def masks(process):
        """Lists of the processors that its threads may use."""
        masks = set()
        for status in pathlib.Path(f"/proc/{process}/task").glob("*/status"):
            masks.add(re.search(r"^Cpus_allowed_list:\s*(\S+)", status.read_text("ascii"), re.MULTILINE).group(1))
        return masks

    def test_the_engine_runs_on_the_fast_ones(self):
        child = self.phone([250, 1024, 1024])  # of the fast ones one is switched off
        self.assertEqual(child.find("started")["processors"], [1])
        self.assertEqual(child.chat(1)[0], 200)
        # Beside threads that run wherever this test may.
        self.assertEqual(self.masks(child.process.pid) - self.masks("self"), {"1"})
        self.assertEqual(child.end(), 0)

    def test_threads_beyond_the_fast_ones_take_the_others(self):
        child = self.phone([250, 1024])
        self.assertEqual(child.find("started")["processors"], [0, 1])
        self.assertEqual(child.chat(1)[0], 200)
        self.assertEqual(child.end(), 0)

    def test_cool_mode_prefers_those_in_between(self):
        child = self.phone([800, 1024])
        self.assertEqual(child.find("started")["processors"], [0, 1])
        self.assertEqual(child.chat(1)[0], 200)
        child.say({"readings": {"thermal": 1, "mode": "cool"}})  # one thread of two
        child.wait(lambda: child.find("decision"))
        self.assertEqual(child.chat(2)[0], 200)
        self.assertIn("0", self.masks(child.process.pid))
        for _ in range(4):  # it works harder step by step
            child.say({"readings": {"thermal": 0, "mode": "fast"}})
        self.assertEqual(child.chat(3)[0], 200)
        self.assertNotIn("0", self.masks(child.process.pid))
        self.assertEqual(child.end(), 0)

    def test_cores_that_are_not_to_be_had_are_done_without(self):
        child = self.phone([200, 200] + [200] * 1020 + [1024] * 2)
        self.assertEqual(child.find("started")["processors"], [])
        before = self.masks(child.process.pid)
        self.assertEqual(child.chat(1)[0], 200)
        child.say({"readings": {"thermal": 0, "mode": "cool"}})
        self.assertEqual(child.chat(2)[0], 200)
        self.assertEqual(self.masks(child.process.pid), before)
        status, body = child.ask(3, "GET", "/thimble/v1/self-check")
        self.assertEqual(status, 200)
        self.assertIn(b'"chosen":[1022,1023],"placed":[]', body)
        self.assertEqual(child.end(), 0)
