# SPDX-License-Identifier: Apache-2.0
"""thimble import and list."""
import tempfile
import unittest

import gguf_edit
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

    def test_a_split_model_is_named_without_its_number(self):
        keys, tensors = gguf_edit.read(VL_GGUF)
        parts = list(tensors.items())
        with tempfile.TemporaryDirectory() as home:
            for number, part in enumerate((parts[:9], parts[9:])):
                split = {"split.no": (2, number), "split.count": (2, 2), "split.tensors.count": (5, len(parts))}
                gguf_edit.write(f"{home}/Some-Model-0000{number + 1}-of-00002.gguf", (keys if number == 0 else {}) | split, dict(part))
            env = {"THIMBLE_HOME": home}
            manifest = answer("import", home + "/Some-Model-00002-of-00002.gguf", "--json", env=env)
            self.assertEqual((manifest["name"], len(manifest["files"])), ("some-model", 2))
            self.assertEqual(len(answer("run", "some-model", "hi", "--max-tokens", "2", *GREEDY, env=env)["ids"]), 2)
