#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/check_floors.py finds each kind of fault in a small project, and none in one without."""
import pathlib
import tempfile
import unittest

import check_floors


class Floors(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("docs/architecture.md", "# Architecture\n")
        self.write("src/base/text.h", "#include <string>\n")
        self.write("src/files/json.h", '#include "base/text.h"\n')
        self.write("src/engine/engine.h", '#include "files/json.h"\n')
        self.write("src/engine/engine_parts.h", '#include "engine/engine.h"\n')
        self.write("src/measure/bench.cc", '#include "engine/engine_parts.h"\n')
        self.write("src/talk/window.cc", '#include "engine/engine.h"\n')
        self.write("apps/cli/main.cc", '#include "cli/options.h"\n#include "measure/bench.h"\n#include <CLI/CLI.hpp>\n')
        self.write("src/measure/bench.h", '#include "engine/engine.h"\n')

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def faults(self):
        return list(check_floors.check(self.root))

    def check_one(self, *words):
        faults = self.faults()
        self.assertEqual(len(faults), 1, faults)
        for word in words:
            self.assertIn(word, faults[0])

    def test_none(self):
        self.assertEqual(self.faults(), [])

    def test_upward(self):
        self.write("src/base/text.h", '\n#  include "engine/engine.h"\n')
        self.check_one("src/base/text.h:2", "src/base may not include engine/engine.h")

    def test_a_single_header_does_not_open_its_folder(self):
        self.write("src/files/gguf.h", "")
        self.write("src/talk/window.cc", '#include "files/json.h"\n#include "files/gguf.h"\n')
        self.check_one("src/talk/window.cc:2", "files/gguf.h", "files/json.h")

    def test_measuring_is_for_those_on_top(self):
        self.write("src/engine/session.cc", '#include "measure/bench.h"\n')
        self.check_one("src/engine/session.cc:1", "measure/bench.h")

    def test_private_headers(self):
        self.write("src/talk/window.cc", '#include "engine/engine_parts.h"\n')
        self.check_one("engine's own files", "src/talk")

    def test_headers_that_are_not_there(self):
        self.write("src/engine/session.cc", '#include "cli/options.h"\n')
        self.check_one("there is no src/cli/options.h")

    def test_libraries_and_the_system(self):
        for file, header in (("src/text/chat.cc", "nlohmann/json.hpp"), ("src/engine/x.cc", "unistd.h"), ("src/base/x.cc", "sys/stat.h"),
                             ("src/model/x.cc", "immintrin.h"), ("src/talk/x.cc", "thread"), ("src/files/x.cc", "filesystem"),
                             ("src/ops/x.cc", "gtest/gtest.h"), ("fuzz/x_fuzz.cc", "png.h"), ("bench/x.cc", "sys/mman.h")):
            with self.subTest(file=file, header=header):
                self.write(file, f"#include <{header}>\n")
                self.check_one(f"{file}:1", f"<{header}>")
                (self.root / file).unlink()
        for file, header in (("src/sys/x.cc", "unistd.h"), ("src/sys/x.cc", "sys/mman.h"), ("src/ops/x_test.cc", "gtest/gtest.h"),
                             ("tests/x.cc", "filesystem"), ("bench/x.cc", "benchmark/benchmark.h")):
            with self.subTest(file=file, header=header):
                self.write(file, f"#include <{header}>\n")
                self.assertEqual(self.faults(), [])
                (self.root / file).unlink()

    def test_the_other_folders_too(self):
        self.write("fuzz/x_fuzz.cc", '#include "measure/bench.h"\n')
        self.check_one("fuzz/x_fuzz.cc:1", "fuzz may not include measure/bench.h")

    def test_a_test_beside_the_code_does_not_reach_up(self):
        self.write("src/files/json_test.cc", '#include "engine/engine.h"\n')
        self.check_one("src/files/json_test.cc:1")

    def test_a_folder_that_nobody_knows(self):
        self.write("src/attic/x.cc", "")
        self.check_one("src/attic", "a new folder")

    def test_lengths(self):
        self.write("tests/long.h", "\n" * (check_floors.MAX_LINES + 1))
        self.check_one("tests/long.h", "split it")
        (self.root / "tests/long.h").unlink()
        self.write("src/text/unicode_tables.h", "\n" * (check_floors.MAX_LINES + 1))
        self.assertEqual(self.faults(), [])
        self.write("docs/architecture.md", "\n" * (check_floors.MAX_PAGE_LINES + 1))
        self.check_one("docs/architecture.md", "docs/decisions.md")


if __name__ == "__main__":
    unittest.main()
