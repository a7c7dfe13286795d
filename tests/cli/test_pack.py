# SPDX-License-Identifier: Apache-2.0
"""thimble pack: a model in one file answers as the files it was made from."""
import pathlib
import shutil
import tempfile
import unittest

from harness import FIXTURES, PICTURE, answer, thimble


class Pack(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def pack(self, model, name, *args):
        out = self.folder / name
        done = thimble("pack", str(model), str(out), *map(str, args))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        self.assertIn(name, done.stdout)
        self.assertEqual(sorted(path.name for path in self.folder.glob("*.part")), [])
        return out

    def ids(self, model, *args):
        return answer("run", str(model), "What is this?", "-n", "8", "--temperature", "0", "--ignore-eos", "--json",
                      *map(str, args))["ids"]

    def test_a_text_model(self):
        model = FIXTURES / "gguf/text-untied-q8_0.gguf"
        out = self.pack(model, "m.thimble")
        options = ("--ids", "5,6,7", "-n", "6", "--temperature", "0", "--ignore-eos", "--json")
        self.assertEqual(answer("run", str(out), *options)["ids"], answer("run", str(model), *options)["ids"])
        told = answer("info", str(out), "--json")
        self.assertEqual(told["sizes"], answer("info", str(model), "--json")["sizes"])
        self.assertEqual(told["pack_caches"], [])
        # It stands alone, under any name.
        moved = self.folder / "other" / "name.gguf"
        moved.parent.mkdir()
        out.rename(moved)
        self.assertEqual(answer("run", str(moved), *options, "--pack-cache", "on")["ids"],
                         answer("run", str(model), *options)["ids"])
        self.assertEqual([path.name for path in moved.parent.iterdir()], ["name.gguf"])

    def test_a_folder_with_its_tower(self):
        out = self.pack(FIXTURES / "models/vl", "m.thimble")
        self.assertEqual(self.ids(out), self.ids(FIXTURES / "models/vl"))
        self.assertEqual(self.ids(out, "--image", PICTURE), self.ids(FIXTURES / "models/vl", "--image", PICTURE))

    def test_a_model_and_its_vision_file(self):
        model = self.folder / "m.gguf"
        mmproj = self.folder / "mmproj.gguf"
        shutil.copy(FIXTURES / "gguf/vl-q8_0.gguf", model)
        shutil.copy(FIXTURES / "gguf/mmproj-vl-f16.gguf", mmproj)
        text = self.pack(model, "m.thimble")
        vision = self.pack(model, "v.thimble", "--vision")
        wanted = self.ids(model, "--image", PICTURE)
        mmproj.rename(self.folder / "mmproj.away")
        model.rename(self.folder / "model.away")
        self.assertEqual(self.ids(text, "--mmproj", vision, "--image", PICTURE), wanted)

    def test_what_is_refused(self):
        model = FIXTURES / "gguf/text-untied-q8_0.gguf"
        out = self.pack(model, "m.thimble")
        data = out.read_bytes()
        again = thimble("pack", str(model), str(out))
        self.assertEqual(again.returncode, 2)
        self.assertIn("is there already", again.stderr)
        self.assertEqual(out.read_bytes(), data)
        self.assertEqual(thimble("pack", str(out), str(self.folder / "n.thimble")).returncode, 2)
        self.assertEqual(thimble("pack", str(model), str(self.folder / "n.thimble"), "--vision").returncode, 2)
        self.assertEqual(thimble("pack", str(self.folder / "nothing.gguf"), str(self.folder / "n.thimble")).returncode, 4)
        exact = thimble("run", str(out), "--ids", "5", "-n", "1", "--exact")
        self.assertEqual(exact.returncode, 4)
        self.assertIn("--exact", exact.stderr)
        for size in (50, 200, 5000, len(data) - 1):
            out.write_bytes(data[:size])
            cut = thimble("run", str(out), "--ids", "5", "-n", "1")
            self.assertIn(cut.returncode, (4, 5), cut.stderr)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["m.thimble"])


if __name__ == "__main__":
    unittest.main()
