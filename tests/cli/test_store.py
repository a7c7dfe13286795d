# SPDX-License-Identifier: Apache-2.0
"""thimble import and list."""
import tempfile
import unittest

from harness import GREEDY, PICTURE, VL, VL_GGUF, answer, thimble


class Store(unittest.TestCase):
    def test_import_and_list(self):
        with tempfile.TemporaryDirectory() as home:
            env = {"THIMBLE_HOME": home}
            manifest = answer("import", VL_GGUF, "--name", "eyes", "--json", env=env)
            self.assertEqual(sorted(f.get("file", f.get("path")) for f in manifest["files"]), ["mmproj-vl-f32.gguf", "vl-f32.gguf"])
            self.assertEqual(len(manifest["files"][0]["sha256"]), 64)
            self.assertEqual(thimble("import", VL_GGUF, "--name", "eyes", env=env).returncode, 2)
            self.assertEqual(thimble("import", VL_GGUF, "--name", "../evil", env=env).returncode, 2)
            self.assertEqual(thimble("import", VL, "--link", env=env).returncode, 0)
            names = {m["name"] for m in answer("list", "--json", env=env)["models"]}
            self.assertTrue({"eyes", "vl"} <= names)
            reply = answer("run", "eyes", "hi", "--image", PICTURE, "--max-tokens", "2", *GREEDY, env=env)
            self.assertEqual(len(reply["ids"]), 2)
            self.assertEqual(len(answer("run", "vl", "hi", "--max-tokens", "2", *GREEDY, env=env)["ids"]), 2)
            self.assertEqual(thimble("import", VL, "--link", "--copy", "--name", "both", env=env).returncode, 2)
            self.assertNotIn("both", thimble("list", env=env).stdout)
