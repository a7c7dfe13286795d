# SPDX-License-Identifier: Apache-2.0
"""Files of versions before this one are still read (tests/data/v0.1/README.md and so on)."""
import json
import os
import pathlib
import shutil
import tempfile
import unittest

from harness import FIXTURES, PICTURE, VL, answer, thimble

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"


class FilesOfAVersion:
    """What each version's class tests, with `before`: the folder of its files."""
    pack_is_older = True  # than the form of today: it is written anew, once

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_a_chat(self):
        chat = self.folder / "chat.json"
        chat.write_text((self.before / "chat.json").read_text(encoding="utf-8").replace("PICTURE", PICTURE), encoding="utf-8")
        saved = self.folder / "saved.json"
        done = thimble("chat", VL, "-n", "3", "--temperature", "0", text=f"/load {chat}\nGo on.\n/save {saved}\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("loaded 5 messages", done.stderr)
        before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (chat, saved))
        self.assertEqual(after[:5], before)
        self.assertEqual(len(after), 7)
        reply = answer("run", VL, "--messages", str(chat), "-n", "2", "--json")
        self.assertEqual(len(reply["pictures"]), 1)

    def test_a_chat_with_tools(self):
        saved = self.folder / "saved.json"
        done = thimble("chat", VL, "-n", "3", "--temperature", "0", text=f"/load {self.before / 'tools.json'}\nGo on.\n/save {saved}\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (self.before / "tools.json", saved))
        self.assertEqual(after["messages"][:5], before["messages"])
        self.assertEqual(after["tools"], before["tools"])

    def test_a_pack_cache(self):
        model = self.folder / "v.gguf"
        shutil.copy(FIXTURES / "gguf/vl-q8_0.gguf", model)
        os.utime(model, ns=(1_700_000_000 * 10**9,) * 2)
        pack = self.folder / "v.gguf.thimble-pack"
        shutil.copy(self.before / "vl-q8_0.thimble-pack", pack)
        options = ("run", str(model), "--ids", "1,2,3", "-n", "8", "--temperature", "0", "--ignore-eos", "--json")
        if self.pack_is_older:
            renewed = thimble(*options, "-v", "--pack-cache", "auto")
            self.assertEqual(renewed.returncode, 0, renewed.stderr)
            self.assertIn(f"pack cache: written to {pack}", renewed.stderr)
        data = pack.read_bytes()
        kept = thimble(*options, "-v", "--pack-cache", "auto")
        self.assertEqual(kept.returncode, 0, kept.stderr)
        self.assertRegex(kept.stderr, r"pack cache: [0-9.]+ KiB from ")
        self.assertNotIn("written", kept.stderr)
        self.assertEqual(pack.read_bytes(), data)
        self.assertEqual(json.loads(kept.stdout)["ids"], answer(*options, "--pack-cache", "off")["ids"])


class FilesOfVersion01(FilesOfAVersion, unittest.TestCase):
    before = DATA / "v0.1"


class FilesOfVersion02(FilesOfAVersion, unittest.TestCase):
    before = DATA / "v0.2"


class FilesOfVersion03(FilesOfAVersion, unittest.TestCase):
    before = DATA / "v0.3"
    pack_is_older = False

    def test_a_whole_pack(self):
        options = ("--ids", "1,2,3", "-n", "8", "--temperature", "0", "--ignore-eos", "--json")
        packed, unpacked = (answer("run", str(model), *options)["ids"]
                            for model in (self.before / "vl-q8_0.thimble", FIXTURES / "gguf/vl-q8_0.gguf"))
        self.assertEqual(packed, unpacked)


if __name__ == "__main__":
    unittest.main()
