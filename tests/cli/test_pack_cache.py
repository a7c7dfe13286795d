# SPDX-License-Identifier: Apache-2.0
"""--pack-cache: a second start uses the file that the first one wrote, and nothing that happens to it changes answers."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import FIXTURES, PATIENCE, PICTURE, THIMBLE, answer, thimble

IDS = ["--ids", "5,6,7", "-n", "6", "--temperature", "0", "--ignore-eos", "--json"]


class PackCache(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name) / "caches"
        self.folder = pathlib.Path(folder.name) / "models"
        self.folder.mkdir()
        self.model = self.folder / "m.gguf"
        shutil.copy(FIXTURES / "gguf/text-untied-q8_0.gguf", self.model)
        self.cache = self.folder / "m.gguf.thimble-pack"
        self.env = {"XDG_CACHE_HOME": str(self.home)}
        self.expected = answer("run", str(self.model), *IDS, "--pack-cache", "off", env=self.env)["ids"]
        self.assertEqual(len(self.expected), 6)

    def run_with(self, use, **env):
        """Ids, and what was said about the cache."""
        done = thimble("run", str(self.model), *IDS, "-v", *(["--pack-cache", use] if use else []), env=self.env | env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f'"ids":{self.expected}'.replace(" ", ""), done.stdout.replace(" ", ""))
        return [line for line in done.stderr.splitlines() if "pack cache" in line]

    def names(self):
        return sorted(path.name for path in self.folder.iterdir())

    def test_second_start(self):
        self.assertEqual(self.run_with(None), [])
        self.assertEqual(self.names(), ["m.gguf"])  # nobody asked for one
        self.assertIn("written to " + str(self.cache), self.run_with("on")[0])
        self.assertEqual(self.names(), ["m.gguf", "m.gguf.thimble-pack"])
        for use in (None, "auto", "on"):
            said = self.run_with(use)
            self.assertEqual(len(said), 1)
            self.assertIn("from " + str(self.cache), said[0])
        self.assertEqual(self.run_with("off"), [])
        self.assertEqual(self.run_with(None, THIMBLE_PACK_CACHE="off"), [])
        self.assertIn("from", self.run_with("auto", THIMBLE_PACK_CACHE="off")[0])  # the option counts
        self.assertFalse(self.home.exists())
        quiet = thimble("run", str(self.model), *IDS, env=self.env)
        self.assertEqual(quiet.stderr, "")

    def test_damage_changes_nothing(self):
        self.run_with("on")
        good = self.cache.read_bytes()
        for damaged in (b"", good[:1000], good[:-1], b"x" * len(good), good[:5000] + bytes([good[5000] ^ 1]) + good[5001:]):
            self.cache.write_bytes(damaged)
            self.assertIn("written to", self.run_with(None)[-1])
            self.assertEqual(self.cache.read_bytes(), good)
        os.utime(self.model, (1, 1))  # the same bytes are the same model
        self.assertIn("from", self.run_with(None)[0])
        self.assertEqual(self.cache.read_bytes(), good)

    def test_closed_folder(self):
        (self.folder / "m.gguf.thimble-pack.part").mkdir()  # as if the folder could not be written, for root too
        said = self.run_with("on")[0]
        self.assertIn(str(self.home / "thimble"), said)
        self.assertIn(str(self.folder.resolve()).replace("/", "%"), said)
        self.assertIn("from " + str(self.home), self.run_with(None)[0])
        self.assertEqual(self.names(), ["m.gguf", "m.gguf.thimble-pack.part"])
        said = self.run_with("on", XDG_CACHE_HOME="/proc/nowhere")[0]
        self.assertIn("not written", said)

    def test_no_room(self):
        done = subprocess.run(["bash", "-c", 'ulimit -f 100; exec "$@"', "-", THIMBLE, "run", str(self.model), *IDS, "-v",
                               "--pack-cache", "on"], env=os.environ | self.env, capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("not written", done.stderr)
        self.assertEqual(self.names(), ["m.gguf"])

    def test_two_at_once(self):
        command = [THIMBLE, "run", str(self.model), *IDS, "--pack-cache", "on"]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | self.env) for _ in range(4)]
        for process in running:
            out, err = process.communicate(timeout=PATIENCE)
            self.assertEqual((process.returncode, err), (0, b""))
            self.assertIn(f'"ids":{self.expected}'.replace(" ", ""), out.decode().replace(" ", ""))
        self.assertIn("from", self.run_with(None)[0])
        self.assertEqual(self.names(), ["m.gguf", "m.gguf.thimble-pack"])

    def test_info_says_so(self):
        self.assertEqual(answer("info", str(self.model), "--json", env=self.env)["pack_caches"], [])
        self.run_with("on")
        found = answer("info", str(self.model), "--json", env=self.env)["pack_caches"]
        self.assertEqual(found, [{"path": str(self.cache), "bytes": self.cache.stat().st_size}])
        self.assertIn(str(self.cache), thimble("info", str(self.model), env=self.env).stdout)

    def test_a_tower_is_in_it_before_the_first_picture(self):
        model = self.folder / "vl"
        shutil.copytree(FIXTURES / "models/vl", model)
        picture = ("run", str(model), "What is this?", "--image", PICTURE, "-n", "6", "--temperature", "0", "--ignore-eos", "--json")
        wanted = answer(*picture, "--pack-cache", "off", env=self.env)["ids"]
        done = thimble("run", str(model), *IDS, "-v", "--pack-cache", "on", env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("pack cache: written to ", done.stderr)
        caches = list(model.glob("*.thimble-pack*"))
        self.assertEqual(len(caches), 1)
        data = caches[0].read_bytes()
        self.assertEqual(answer(*picture, "--pack-cache", "on", env=self.env)["ids"], wanted)
        self.assertEqual(caches[0].read_bytes(), data)
        # Damage in the tower's part costs time, and no answer.
        middle = len(data) // 2
        caches[0].write_bytes(data[:middle] + bytes(byte ^ 1 for byte in data[middle:middle + 4096]) + data[middle + 4096:])
        self.assertEqual(answer(*picture, "--pack-cache", "auto", env=self.env)["ids"], wanted)

    def test_wrong_words(self):
        self.assertEqual(thimble("run", str(self.model), *IDS, "--pack-cache", "maybe").returncode, 2)
        wrong = thimble("run", str(self.model), *IDS, env={"THIMBLE_PACK_CACHE": "maybe"})
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("THIMBLE_PACK_CACHE", wrong.stderr)
