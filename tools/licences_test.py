#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""licences_test.py BUILD: tools/licences.py passes for this build, and does not where a library or NOTICE is wrong."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest

import licences

BUILD = sys.argv.pop(1)


class Licences(unittest.TestCase):
    def run_it(self, table=None, notice=None):
        out = io.StringIO()
        with tempfile.TemporaryDirectory() as folder:
            kept = licences.TABLE, licences.NOTICE
            if table is not None:
                licences.TABLE = pathlib.Path(folder) / "libraries.json"
                licences.TABLE.write_text(json.dumps(table))
            if notice is not None:
                licences.NOTICE = pathlib.Path(folder) / "NOTICE"
                licences.NOTICE.write_text(notice)
            try:
                with contextlib.redirect_stdout(out):
                    return licences.main([BUILD]), out.getvalue()
            finally:
                licences.TABLE, licences.NOTICE = kept

    def test_this_build(self):
        status, out = self.run_it()
        self.assertEqual(status, 0, out)

    def test_a_library_that_nobody_knows(self):
        table = [library for library in json.loads(licences.TABLE.read_text()) if library["name"] != "CLI11"]
        status, out = self.run_it(table)
        self.assertEqual(status, 1)
        self.assertIn("/usr/include/CLI/", out)

    def test_a_notice_that_says_something_else(self):
        status, out = self.run_it(notice=licences.NOTICE.read_text().replace("Niels Lohmann", "Nobody"))
        self.assertEqual(status, 1)
        self.assertIn("--write", out)


if __name__ == "__main__":
    unittest.main()
