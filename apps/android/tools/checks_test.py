#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checks of the Android program find what they are there for.

checks_test.py COMPILER

COMPILER makes programs for 64-bit ARM from C: cmake/toolchains/zig/zig-cc."""
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import check_elf  # noqa: E402
import check_syscalls  # noqa: E402

COMPILER = ""
FLAGS = ["-O2", "-fPIE", "-pie", "-static", "-Wl,-z,max-page-size=16384"]
PLAIN = "int main(void) { return 0; }"
CALL = """
#include <sys/syscall.h>
#include <unistd.h>
int main(void) { return (int)syscall(%s, 0, 0, 0, 0, 0); }
"""
SVC = """
int main(void) {
  register long number __asm__("x8") = %d;
  register long first __asm__("x0") = 0;
  __asm__ volatile("svc #0" : "+r"(first) : "r"(number) : "memory");
  return (int)first;
}
"""


class Checks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def build(self, text):
        folder = pathlib.Path(self.folder.name)
        source, program = folder / "x.c", folder / "x"
        source.write_text(text, encoding="ascii")
        subprocess.run([COMPILER, *FLAGS, str(source), "-o", str(program)], check=True)
        return program

    def run_check(self, script, *arguments):
        return subprocess.run([sys.executable, str(HERE / script), *map(str, arguments)], capture_output=True, text=True, check=False)

    def test_a_plain_program_passes(self):
        program = self.build(PLAIN)
        self.assertEqual(self.run_check("check_elf.py", program).returncode, 0)
        calls = self.run_check("check_syscalls.py", program)
        self.assertEqual(calls.returncode, 0, calls.stdout)
        self.assertIn("exit_group", calls.stdout)

    def test_a_forbidden_call_is_found_however_it_is_made(self):
        for name, text in (("statx", SVC % 291), ("rseq", CALL % "293"), ("set_robust_list", CALL % "SYS_set_robust_list")):
            calls = self.run_check("check_syscalls.py", self.build(text))
            self.assertEqual(calls.returncode, 1, name)
            self.assertIn(f"{name} is not allowed", calls.stdout)

    def test_a_call_of_any_number_is_a_fault(self):
        text = SVC.replace("int main(void)", "int main(int count, char** values)") % 0
        calls = self.run_check("check_syscalls.py", self.build(text.replace("= 0;\n  register long first", "= count;\n  register long first")))
        self.assertEqual(calls.returncode, 1, calls.stdout)
        self.assertIn("cannot be read", calls.stdout)

    def test_a_list_of_ones_own(self):
        none = pathlib.Path(self.folder.name) / "none.txt"
        none.write_text("# nothing\n", encoding="ascii")
        self.assertEqual(self.run_check("check_syscalls.py", self.build(PLAIN), "--list", none).returncode, 1)

    def test_other_forms_of_programs_are_refused(self):
        good = bytearray(self.build(PLAIN).read_bytes())
        self.assertEqual(check_elf.faults(good), [])
        fixed = bytearray(good)
        struct.pack_into("<H", fixed, 16, 2)
        self.assertIn("not position independent", check_elf.faults(fixed)[0])
        other = bytearray(good)
        struct.pack_into("<H", other, 18, 62)
        self.assertIn("not for AArch64", check_elf.faults(other)[0])
        broken = pathlib.Path(self.folder.name) / "broken"
        broken.write_bytes(fixed)
        self.assertEqual(self.run_check("check_elf.py", broken).returncode, 1)
        table, = struct.unpack_from("<Q", good, 32)
        entry, count = struct.unpack_from("<HH", good, 54)
        for index in range(count):
            at = table + index * entry
            segment, flags = struct.unpack_from("<II", good, at)
            changed = bytearray(good)
            struct.pack_into("<I", changed, at + 4, flags | check_elf.PF_X | check_elf.PF_W)
            if segment in (check_elf.PT_LOAD, check_elf.PT_GNU_STACK):
                self.assertTrue(check_elf.faults(changed), index)
            if segment == check_elf.PT_LOAD:
                small = bytearray(good)
                struct.pack_into("<Q", small, at + 48, 4096)
                self.assertTrue(any("not to 16384" in fault for fault in check_elf.faults(small)))
            struct.pack_into("<I", changed, at, check_elf.PT_INTERP)
            self.assertTrue(any("interpreter" in fault for fault in check_elf.faults(changed)))
        self.assertTrue(check_elf.faults(b"#!/bin/sh\n"))

    def test_the_list_has_names_that_there_are(self):
        names = set(check_syscalls.names_by_number().values())
        self.assertEqual(set(check_syscalls.read_allowed(HERE / "allowed_calls.txt")) - names, set())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    COMPILER = sys.argv.pop(1)
    unittest.main()
