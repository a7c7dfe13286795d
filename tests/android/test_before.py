# SPDX-License-Identifier: Apache-2.0
"""The app's folder as versions before this one left it is still read (tests/data/v0.6/README.md)."""
import itertools
import json
import pathlib
import shutil
import time

import harness
import test_program

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
MODEL, VISION = (harness.FIXTURES / "gguf" / name for name in ("vl-q8_0.gguf", "mmproj-vl-f16.gguf"))


class FolderOfVersion06(harness.Case):
    before = DATA / "v0.6"

    def setUp(self):
        super().setUp()
        self.home = pathlib.Path(self.folder, "no_backup")
        shutil.copytree(self.before / "app", self.home)
        for name in ("eyes", "builtin"):
            self.put(self.before / "vl-q8_0.thimble", f"models/{name}/model.pack")
        self.put(VISION, "models/eyes/vision.gguf")
        self.put(MODEL, "builtin/builtin-0.6.0.gguf")
        self.put(MODEL, "models/half/.upload/half.gguf.457696.part").write_bytes(MODEL.read_bytes()[:40_000])
        self.tea = json.loads((self.before / "app/tea.json").read_text(encoding="utf-8"))

    def put(self, source, name):
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
        return path

    def files(self):
        return {str(path.relative_to(self.home)): path.read_bytes() for name in ("models", "packs") for path in (self.home / name).rglob("*") if path.is_file()}

    def start_it(self):
        return self.start(models=str(self.home / "models"), chats=str(self.home / "chats"), cache=str(self.home / "packs"),
                          builtin=str(self.home / "builtin/builtin-0.6.0.gguf"), kv="f16")

    def get(self, child, number, path, method="GET", body=None):
        status, answer = child.ask(number, method, path, None if body is None else json.dumps(body).encode())
        self.assertLess(status, 300, answer)
        return json.loads(answer) if answer else None

    def answer(self, child, number, **more):
        """What a model says, once the one before is free: an answer's end is told a moment earlier."""
        end = time.monotonic() + harness.LONGEST
        for attempt in itertools.count(1000 * number):
            status, body = child.chat(attempt, **more)
            if status != 409 or time.monotonic() > end:
                break
            time.sleep(0.05)
        self.assertEqual(status, 200, body)
        return json.loads(body)["choices"][0]["message"]["content"]

    def test_chats_settings_and_pictures(self):
        child = self.start_it()
        listed, = self.get(child, 1, "/thimble/v1/chats")["chats"]
        self.assertEqual((listed["title"], listed["pinned"], listed["folder"]), ("Tea", True, "Letters"))
        path = "/thimble/v1/chats/" + self.tea["chat"]["id"]
        self.assertEqual(self.get(child, 2, path), self.tea)
        self.assertEqual(self.get(child, 3, "/thimble/v1/settings"), {"theme": "dark", "maxTokens": 3000, "instructions": "Be brief."})
        picture, = (picture for message in self.tea["messages"] for picture in message["pictures"])
        status, kept = child.ask(4, "GET", "/thimble/v1/pictures/" + picture["sha256"])
        self.assertEqual((status, kept), (200, test_program.bitmap(24, 16)))
        # It can be gone on with.
        reply = {"id": "newmessage00000000000001", "parent": self.tea["chat"]["head"], "role": "assistant", "state": "running", "text": ""}
        self.get(child, 5, path + "/messages", "POST", reply)
        request = {"messages": [{"role": "user", "content": "And this?"}], "max_tokens": 4, "stream": True}
        status, answer = child.ask(6, "POST", "/v1/chat/completions", json.dumps(request).encode(), [["content-type", "application/json"], ["x-conversation-id", reply["id"]]])
        self.assertEqual(status, 200, answer)
        messages = self.get(child, 7, path)["messages"]
        self.assertEqual(messages[:-1], self.tea["messages"])
        self.assertEqual((messages[-1]["id"], messages[-1]["state"], messages[-1]["facts"]["usage"]["completion_tokens"]), (reply["id"], "done", 4))
        self.assertEqual(child.end(), 0)

    def test_models_are_opened_as_they_are(self):
        before = self.files()
        child = self.start_it()
        self.assertFalse([line for line in child.lines if "made ready" in line.get("text", "")])
        models = {model["name"]: model for model in self.get(child, 1, "/thimble/v1/models")["models"]}
        self.assertEqual(set(models), {"builtin", "eyes"})
        asked = {"temperature": 0, "max_tokens": 8, "ignore_eos": True}
        answers = {self.answer(child, number, model=name, **asked) for number, name in enumerate(("builtin", "eyes"), 2)}
        status, body = child.ask(4, "PUT", "/thimble/v1/pictures", test_program.bitmap(24, 16), [["content-type", "image/bmp"]])
        content = [{"type": "text", "text": "And this?"}, {"type": "image_url", "image_url": {"url": f"thimble:{json.loads(body)['id']}"}}]
        self.answer(child, 5, model="eyes", messages=[{"role": "user", "content": content}])
        self.assertEqual(self.files(), before, "nothing was made anew")
        # As this version makes it of the same file.
        status, body = child.send(6, "new", "new.gguf", MODEL.read_bytes())
        self.assertEqual(status, 200, body)
        self.assertEqual(answers, {self.answer(child, 7, model="new", **asked)})
        self.assertEqual(child.end(), 0)

    def test_half_a_model_is_gone_on_with(self):
        child = self.start_it()
        path, data = "/thimble/v1/models/half/half.gguf", MODEL.read_bytes()
        self.assertEqual(self.get(child, 1, path)["bytes"], 40_000)
        status, body = child.ask(2, "PUT", path, data[40_000:], [
            ["content-type", "application/octet-stream"], ["content-range", f"bytes 40000-{len(data) - 1}/{len(data)}"]])
        self.assertEqual(status, 200, body)
        self.assertTrue(json.loads(body)["model"])
        self.assertEqual(child.chat(3, model="half")[0], 200)
        self.assertEqual(child.end(), 0)
