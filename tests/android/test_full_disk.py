# SPDX-License-Identifier: Apache-2.0
"""A phone whose storage is full: sentences, nothing lost, and it goes on when there is room. Real disks, small ones."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import time
import unittest

import harness
from test_program import bitmap

TINY = "text-tied-q8_0.gguf"


@unittest.skipIf(harness.IS_EMULATED, "mounts are the machine's own")
@unittest.skipUnless(harness.can_mount() and shutil.which("nsenter"), "no small disk is to be had here")
class FullDisk(harness.Case):
    def setUp(self):
        super().setUp()
        self.data = self.fixture(TINY).read_bytes()

    def disk(self, size, mounted=""):
        """The folder, or one in it, becomes a disk of so many bytes, for as long as the test lasts."""
        place = pathlib.Path(self.folder, mounted)
        place.mkdir(exist_ok=True)
        holder = subprocess.Popen([*harness.with_mounts(f'mount -t tmpfs -o size={size} none "$1" && echo mounted', str(place)), "cat"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(holder.communicate)
        self.assertEqual(holder.stdout.readline(), b"mounted\n")
        self.within = ["nsenter", "--user", "--mount", "--preserve-credentials", "-t", str(holder.pid)]
        self.seen = pathlib.Path(f"/proc/{holder.pid}/root{place}")  # from outside

    def fill(self, left=0):
        """Other things take all of the disk, but for so many bytes."""
        disk = os.statvfs(self.seen)
        with open(self.seen / "other", "ab") as other:
            other.write(b"x" * max(0, disk.f_bavail * disk.f_frsize - left))

    def make_room(self):
        (self.seen / "other").unlink()

    def begin(self, child, number, from_=0, to=None):
        """The head of a piece of the file, and what is to follow."""
        to = len(self.data) if to is None else to
        child.say({"request": number, "method": "PUT", "path": "/thimble/v1/models/tiny/tiny.gguf", "more": True,
                   "headers": [["content-type", "application/octet-stream"], ["content-range", f"bytes {from_}-{to - 1}/{len(self.data)}"]]})
        return self.data[from_:to]

    def ended(self, child, number):
        child.wait(lambda: number in child.ended)
        return child.heads[number]["status"], json.loads(child.bodies[number])

    def is_kept(self):
        return sorted(str(path.relative_to(self.seen / "models")) for path in (self.seen / "models").rglob("*") if path.is_file())

    def test_it_fills_while_a_file_comes(self):
        self.disk(4 * len(self.data))
        child = self.start(within=self.within)
        third = len(self.data) // 3
        rest = self.begin(child, 1)
        child.say({"body": 1, "more": True}, rest[:third])
        child.ask(2, "GET", "/health")  # what was said before it is taken
        self.fill()
        child.say({"body": 1}, rest[third:])
        status, body = self.ended(child, 1)
        self.assertEqual((status, body["error"]["type"]), (507, "server_error"))
        self.assertIn("make room and go on", body["error"]["message"])
        self.assertNotIn(self.folder, body["error"]["message"])
        status, body = child.ask(3, "GET", "/thimble/v1/models/tiny/tiny.gguf")
        there = json.loads(body)["bytes"]
        self.assertGreaterEqual(there, third)
        # Still full: refused before anything is sent.
        child.say({"body": 4}, self.begin(child, 4, there))
        status, body = self.ended(child, 4)
        self.assertEqual(status, 507)
        self.assertIn("phone", body["error"]["message"])
        self.make_room()
        child.say({"body": 5}, self.begin(child, 5, there))
        status, body = self.ended(child, 5)
        self.assertEqual((status, body.get("model"), body.get("sha256")), (200, True, hashlib.sha256(self.data).hexdigest()), body)
        self.assertEqual(self.is_kept(), ["tiny/model.pack"])
        self.assertEqual(child.chat(6, model="tiny")[0], 200)
        self.assertEqual(child.end(), 0)

    def test_it_is_full_when_the_pack_is_to_be_made(self):
        self.disk(4 * len(self.data))
        child = self.start(within=self.within)
        half = len(self.data) // 2
        rest = self.begin(child, 1)
        child.say({"body": 1, "more": True}, rest[:half])
        child.ask(2, "GET", "/health")
        self.fill(len(self.data) - half + 100_000)
        child.say({"body": 1}, rest[half:])
        status, body = self.ended(child, 1)
        self.assertEqual(status, 507, body)
        self.assertIn("make room", body["error"]["message"])
        self.assertEqual(self.is_kept(), ["tiny/.upload/tiny.gguf"])
        status, body = child.ask(3, "GET", "/thimble/v1/models")
        self.assertEqual([model["name"] for model in json.loads(body)["unfinished"]], ["tiny"])
        self.make_room()
        # Who asks after it has it made ready.
        self.assertTrue(json.loads(child.ask(10, "GET", "/thimble/v1/models/tiny/tiny.gguf")[1])["whole"])
        deadline = time.monotonic() + harness.LONGEST
        while json.loads(child.ask(11, "GET", "/thimble/v1/models")[1])["unfinished"] and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(self.is_kept(), ["tiny/model.pack"])
        self.assertEqual(child.chat(4, model="tiny")[0], 200)
        self.assertEqual(child.end(), 0)

    def test_a_conversation_goes_on_and_what_was_kept_stays(self):
        self.disk(4 * len(self.data) + (2 << 20))
        child = self.start(within=self.within, builtin=str(self.fixture(TINY)))
        status, body = child.ask(1, "POST", "/thimble/v1/chats", b'{"title": "Before"}')
        self.assertLess(status, 300, body)
        chat = json.loads(body)["id"]
        say = {"id": "1" * 24, "role": "user", "text": "Hello. " * 40}
        self.assertLess(child.ask(2, "POST", f"/thimble/v1/chats/{chat}/messages", json.dumps(say).encode())[0], 300)
        self.fill()
        say = {"id": "2" * 24, "parent": "1" * 24, "role": "user", "text": "And then? " * 20_000}
        status, body = child.ask(3, "POST", f"/thimble/v1/chats/{chat}/messages", json.dumps(say).encode())
        self.assertEqual(status, 507, body)
        self.assertIn("full", json.loads(body)["error"]["message"])
        # It answers all the same, also where the answer is to be kept.
        self.assertEqual(child.chat(4)[0], 200)
        status, body = child.ask(5, "GET", f"/thimble/v1/chats/{chat}")
        self.assertEqual(status, 200)
        self.assertEqual([message["text"] for message in json.loads(body)["messages"]], ["Hello. " * 40])
        self.make_room()
        self.assertLess(child.ask(6, "POST", f"/thimble/v1/chats/{chat}/messages", json.dumps(say).encode())[0], 300)
        self.assertEqual(child.end(), 0)
        child = self.start(within=self.within)
        self.assertEqual(len(json.loads(child.ask(1, "GET", f"/thimble/v1/chats/{chat}")[1])["messages"]), 2)
        self.assertEqual(child.end(), 0)

    def test_there_is_no_room_for_anything_from_the_first_start_on(self):
        self.disk(2 * len(self.data) + (2 << 20))
        self.fill()
        child = self.start(within=self.within, builtin=str(self.fixture(TINY)))
        self.assertEqual(child.find("started")["models"], 0)
        told = [line["text"] for line in child.lines if line.get("log") in ("error", "warning")]
        self.assertTrue(any("cannot be made ready" in text for text in told), told)
        self.assertTrue(any("not kept" in text for text in told), told)
        self.assertEqual(child.ask(1, "GET", "/health")[0], 200)
        status, body = child.chat(2)
        self.assertGreaterEqual(status, 400)
        self.assertIn("error", json.loads(body))
        self.assertEqual(child.end(), 0)
        self.assertEqual([name for name in self.is_kept() if not name.startswith("builtin/.upload")], [])
        self.make_room()
        child = self.start(within=self.within, builtin=str(self.fixture(TINY)))
        self.assertEqual(child.find("started")["models"], 1)
        self.assertEqual(child.chat(1)[0], 200)
        self.assertEqual(child.end(), 0)

    def test_pictures_are_read_without_room_for_the_vision_files_pack(self):
        self.disk(64 << 10, "cache")
        child = self.start(within=self.within)
        vision, text = (self.fixture(name).read_bytes() for name in ("mmproj-vl-f16.gguf", "vl-q8_0.gguf"))
        child.send(1, "eyes", "mmproj-vl-f16.gguf", vision)
        self.assertEqual(child.send(2, "eyes", "vl-q8_0.gguf", text)[0], 200)
        answers = []
        for number in (10, 20):
            status, body = child.ask(number, "PUT", "/thimble/v1/pictures", bitmap(64, 48), [["content-type", "image/bmp"]])
            picture = f"thimble:{json.loads(body)['id']}"
            content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": picture}}]
            status, body = child.chat(number + 1, model="eyes", temperature=0, messages=[{"role": "user", "content": content}])
            self.assertEqual(status, 200, body)
            answers.append(json.loads(body)["choices"][0]["message"]["content"])
        self.assertEqual(answers[0], answers[1])
        self.assertEqual([path.name for path in self.seen.rglob("*") if path.is_file()], [])
        self.assertEqual(child.end(), 0)
