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


class WholePackOfAVersion:
    pack_is_older = False

    def test_a_whole_pack(self):
        options = ("--ids", "1,2,3", "-n", "8", "--temperature", "0", "--ignore-eos", "--json")
        packed, unpacked = (answer("run", str(model), *options)["ids"]
                            for model in (self.before / "vl-q8_0.thimble", FIXTURES / "gguf/vl-q8_0.gguf"))
        self.assertEqual(packed, unpacked)


class FilesOfVersion03(WholePackOfAVersion, FilesOfAVersion, unittest.TestCase):
    before = DATA / "v0.3"


class HistoryOfAVersion:
    def setUp(self):
        super().setUp()
        self.home = self.folder / "home"
        shutil.copytree(self.before / "home", self.home)
        self.environment = {"THIMBLE_HOME": str(self.home)}

    def chats(self, *words):
        return answer("chats", *words, "--json", env=self.environment)["chats"]

    def test_a_history(self):
        (chat,) = (chat for chat in self.chats() if chat["title"] == "What is this?")
        self.assertEqual((chat["messages"], chat["pictures"]), (4, 1))
        saved = self.folder / "saved.json"
        done = thimble("chat", VL, "--resume", chat["id"], "-n", "3", "--temperature", "0", text=f"Go on.\n/save {saved}\n", env=self.environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (self.before / "chat.json", saved))
        self.assertEqual([message["role"] for message in after], [message["role"] for message in before] + ["user", "assistant"])
        self.assertEqual([message["content"] for message in after[2:5]], [message["content"] for message in before[2:]])
        (found,) = self.chats("now?")
        self.assertEqual((found["id"], found["messages"]), (chat["id"], 6))


class FilesOfVersion04(HistoryOfAVersion, WholePackOfAVersion, FilesOfAVersion, unittest.TestCase):
    before = DATA / "v0.4"

    def test_it_has_one_chat(self):
        self.assertEqual(len(self.chats()), 1)


class BranchesOfAVersion(HistoryOfAVersion):
    def test_a_history_with_branches(self):
        before = json.loads((self.before / "tea.json").read_text(encoding="utf-8"))
        tea = self.chats()[0]  # it is pinned
        self.assertEqual((tea["title"], tea["messages"]), ("Tea", 5))
        whole = answer("chats", "--export", tea["id"], "--format", "json", env=self.environment)
        self.assertEqual((whole["chat"], whole["messages"]), (before["chat"], before["messages"]))
        done = thimble("chat", VL, "--resume", "Tea", "-n", "3", "--temperature", "0", text="Go on.\n", env=self.environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        after = answer("chats", "--export", tea["id"], "--format", "json", env=self.environment)
        self.assertEqual(after["messages"][:5], before["messages"])
        self.assertEqual((after["messages"][5]["parent"], len(after["messages"])), (before["chat"]["head"], 7))


class FilesOfVersion05(BranchesOfAVersion, WholePackOfAVersion, FilesOfAVersion, unittest.TestCase):
    before = DATA / "v0.5"


class FilesOfVersion06(BranchesOfAVersion, WholePackOfAVersion, FilesOfAVersion, unittest.TestCase):
    before = DATA / "v0.6"


if __name__ == "__main__":
    unittest.main()
