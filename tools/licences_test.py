#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""licences_test.py BUILD: tools/licences.py passes for this build, of whatever kind it is, and does not where a library, NOTICE or
what the page tells is wrong."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

import licences
import linked_files

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
KIND = licences.kind_of(BUILD)


class Check(unittest.TestCase):
    def run_it(self, **files):
        """With other files in place of TABLE, NOTICE or OF_PROGRAMS."""
        out = io.StringIO()
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            for name, text in files.items():
                path = pathlib.Path(folder) / getattr(licences, name).name
                path.write_text(text, encoding="utf-8")
                stack.enter_context(mock.patch.object(licences, name, path))
            stack.enter_context(contextlib.redirect_stdout(out))
            return licences.main([str(BUILD)]), out.getvalue()

    def refuse(self, words, **files):
        status, out = self.run_it(**files)
        self.assertEqual(status, 1)
        self.assertRegex(out, words)

    def table(self, change):
        return json.dumps(change(json.loads(licences.TABLE.read_text(encoding="utf-8"))))

    def without(self, name):
        return self.table(lambda libraries: [library for library in libraries if not library["name"].startswith(name)])


class Licences(Check):
    def test_this_build(self):
        status, out = self.run_it()
        self.assertEqual(status, 0, out)

    def test_a_library_whose_headers_nobody_knows(self):
        self.refuse("/usr/include/nlohmann/.*does not know", TABLE=self.without("JSON for Modern C++"))

    def test_a_library_that_is_not_in_it(self):
        own = {"name": "libnone", "headers": "/none/", "licence": "MIT", "how": KIND, "copyright": []}
        if KIND != "program":  # which may be built without some
            self.refuse("libnone: told of, and not in it", TABLE=self.table(lambda libraries: [*libraries, own]))

    def test_a_notice_that_says_something_else(self):
        self.refuse("NOTICE differs.*--write", NOTICE=licences.NOTICE.read_text(encoding="utf-8").replace("Niels Lohmann", "Nobody"))

    def test_a_page_that_says_something_else(self):
        text = licences.OF_PROGRAMS.read_text(encoding="utf-8")
        self.refuse("program_licences.json differs.*--write", OF_PROGRAMS=text.replace("Rich Felker", "Nobody"))

    def test_a_licence_without_a_text(self):
        def change(libraries):
            libraries[0]["licence"] = "Unheard-of"
            return libraries
        with self.assertRaisesRegex(SystemExit, "no text for Unheard-of"):
            self.run_it(TABLE=self.table(change))


@unittest.skipUnless(KIND == "program", "of the program")
class Program(Check):
    def test_one_of_several(self):
        self.refuse("/usr/include/CLI/", TABLE=self.without("CLI11"))


@unittest.skipUnless(KIND == "android", "of the Android app's program")
class Android(Check):
    def test_sources_that_nobody_knows(self):
        self.refuse("sqlite3.c, whose code is in the program", TABLE=self.without("SQLite 3"))
        # Each linked library is seen without its headers, too.
        for name, source in (("musl", r"__libc_start_main\.c"), ("libc++, libc++abi and libunwind", r"abort_message\.cpp"), ("Zig", "compiler_rt")):
            def change(libraries, name=name):
                return [{**library, "sources": []} if library["name"].startswith(name) else library for library in libraries]
            self.refuse(f"{source}, whose code is in the program", TABLE=self.table(change))

    def test_a_source_and_a_library_that_came_in(self):
        names = linked_files.sources_of(BUILD / "android/thimble_android_symbols")
        self.assertGreater(len(names), 300)
        with mock.patch.object(linked_files, "sources_of", return_value=names | {"inflate.c"}):
            self.refuse("inflate.c, whose code is in the program")
        for file in ("-lz", "/usr/lib/libz.a", f"{licences.ROOT}/.cache/zlib/libz.a"):
            with mock.patch.object(linked_files, "linked_with", return_value={file}):
                self.refuse(f"{file}, which is linked")

    def test_another_version_and_another_text(self):
        def renamed(libraries):
            return [{**library, "name": library["name"].replace("3.54.1", "3.0.0")} for library in libraries]
        self.refuse("SQLite 3.0.0: .*sqlite3.h says 3.54.1", TABLE=self.table(renamed))

        def other_text(libraries):
            return [{**library, "more": "MIT.txt"} if library["name"] == "musl" else library for library in libraries]
        self.refuse("musl/COPYRIGHT is not tools/licences/MIT.txt any more", TABLE=self.table(other_text))


@unittest.skipUnless(KIND == "browser", "of the page's module")
class Browser(Check):
    def test_archives_that_nobody_knows(self):
        for name, archive in (("wasi-libc", "libc"), ("libc++, libc++abi and compiler-rt", r"libclang_rt\.builtins-wasm32")):
            def change(libraries, name=name):
                return [{**library, "archives": "$."} if library["name"].startswith(name) else library for library in libraries]
            self.refuse(rf"/{archive}\.a, which is linked", TABLE=self.table(change))

    def test_a_module_without_a_map(self):
        with mock.patch.object(linked_files, "members_in", return_value=set()):
            self.refuse("no map of the linker")


if __name__ == "__main__":
    unittest.main()
