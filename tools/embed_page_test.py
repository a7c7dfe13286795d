#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What embed_page.py makes of a folder, and which folders it refuses."""
import contextlib
import gzip
import io
import pathlib
import re
import tempfile
import unittest

import embed_page


def page(folder, **more):
    files = {"index.html": b"<!doctype html><title>x</title>" + b"<p>words</p>" * 100, "assets/app-B2xKw_1a.js": b"let a = 1;\n" * 100,
             "icons/mark.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>"} | {name.replace("__", "/"): data for name, data in more.items()}
    for name, data in files.items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return files


class EmbedPage(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name

    def run_it(self):
        out = pathlib.Path(self.folder).parent / (pathlib.Path(self.folder).name + ".cc")
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            status = embed_page.main([self.folder, "Files", str(out)])
        text = out.read_text(encoding="ascii") if status == 0 else said.getvalue()
        out.unlink(missing_ok=True)
        return status, text

    def array(self, text, name):
        numbers = re.search(rf"{name}\[\] = {{\n([0-9,\n]*)}};", text).group(1)
        return bytes(int(number) for number in numbers.replace("\n", "").split(","))

    def test_bytes_paths_and_types(self):
        files = page(self.folder)
        status, text = self.run_it()
        self.assertEqual(status, 0)
        self.assertIn('{"/", "text/html; charset=utf-8"', text)
        self.assertRegex(text, r'\{"/assets/app-B2xKw_1a\.js", "text/javascript; charset=utf-8", "[0-9a-f]{32}", .*, true\}')
        self.assertRegex(text, r'\{"/icons/mark\.svg", "image/svg\+xml", "[0-9a-f]{32}", .*, false\}')
        self.assertEqual(self.array(text, "k0"), files["assets/app-B2xKw_1a.js"])
        self.assertEqual(gzip.decompress(self.array(text, "k0z")), files["assets/app-B2xKw_1a.js"])
        self.assertNotIn("k1z", text, "a small file is no smaller compressed")
        self.assertEqual(self.run_it()[1], text)

    def test_maps_stay_at_home(self):
        page(self.folder, assets__app_map=b"")
        (pathlib.Path(self.folder) / "assets/app_map").rename(pathlib.Path(self.folder) / "assets/app.js.map")
        self.assertNotIn(".map", self.run_it()[1])

    def test_what_is_no_page(self):
        self.assertIn("no index.html", self.run_it()[1])
        page(self.folder)
        (pathlib.Path(self.folder) / "odd name.js").write_bytes(b"")
        self.assertIn("odd name.js", self.run_it()[1])
        (pathlib.Path(self.folder) / "odd name.js").rename(pathlib.Path(self.folder) / "program.exe")
        status, said = self.run_it()
        self.assertEqual(status, 1)
        self.assertIn("program.exe: of what type", said)


if __name__ == "__main__":
    unittest.main()
