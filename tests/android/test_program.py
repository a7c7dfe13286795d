# SPDX-License-Identifier: Apache-2.0
"""The program as a process: starting, answering, being cut off, being full, checking itself."""
import json
import pathlib
import signal
import struct
import subprocess

import harness

TINY = "text-tied-q8_0.gguf"


def bitmap(width, height):
    """A picture of one colour, as the app hands it over."""
    row = b"\x20\x40\x80" * width
    row += b"\0" * (-len(row) % 4)
    data = row * height
    return struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54 + len(data), 0, 54, 40, width, height, 1, 24, 0, len(data), 2835, 2835, 0, 0) + data


class Starting(harness.Case):
    def test_help_and_what_is_no_option(self):
        run = subprocess.run([*harness.COMMAND, "--help"], capture_output=True, text=True, check=True)
        self.assertIn("--self-check", run.stdout)
        run = subprocess.run([*harness.COMMAND, "--version"], capture_output=True, text=True, check=True)
        self.assertRegex(run.stdout, r"^\d+\.\d+\.\d+\n$")
        for wrong in (["--hlep"], ["--self-check", "--builtin"], ["--self-check", "x"]):
            run = subprocess.run([*harness.COMMAND, *wrong], capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 2)
            self.assertIn("[options]", run.stderr)

    def test_the_first_line_starts_it(self):
        child = self.start()
        started = child.find("started")
        self.assertEqual(started["version"], "test")
        self.assertEqual(started["threads"], 2)
        self.assertEqual(started["models"], 0)
        self.assertTrue(started["isa"])
        self.assertEqual(child.end(), 0)

    def test_another_first_line_is_a_failure(self):
        for first in (b'{"stop": true}\n', b"nonsense\n", b'{"start": {}}\n'):
            child = harness.Child(None)
            self.running.append(child)
            child.write(first)
            self.assertEqual(child.finish(), 2)
            self.assertEqual(child.find("failed")["code"], "invalid")

    def test_without_a_line_it_ends(self):
        child = harness.Child(None)
        self.running.append(child)
        self.assertEqual(child.end(), 0)


class Answering(harness.Case):
    def test_a_model_comes_is_kept_once_and_answers_after_a_restart(self):
        child = self.start()
        vision, text = (self.fixture(name).read_bytes() for name in ("mmproj-vl-f16.gguf", "vl-q8_0.gguf"))
        self.assertEqual(child.send(1, "eyes", "mmproj-vl-f16.gguf", vision)[0], 200)
        status, body = child.send(2, "eyes", "vl-q8_0.gguf", text, 100_000)
        self.assertEqual(status, 200, body)
        self.assertTrue(json.loads(body)["model"])
        kept = sorted(path.name for path in pathlib.Path(self.folder, "models").rglob("*") if path.is_file())
        self.assertEqual(kept, ["model.pack", "vision.gguf"])
        self.assertEqual(child.end(), 0)
        child = self.start()
        self.assertEqual(child.find("started")["models"], 1)
        status, body = child.ask(1, "PUT", "/thimble/v1/pictures", bitmap(64, 48), [["content-type", "image/bmp"]])
        self.assertEqual(status, 200, body)
        picture = f"thimble:{json.loads(body)['id']}"
        content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": picture}}]
        status, body = child.chat(2, model="eyes", messages=[{"role": "user", "content": content}])
        self.assertEqual(status, 200, body)
        self.assertGreater(json.loads(body)["usage"]["prompt_tokens"], 4)
        self.assertEqual(child.end(), 0)

    def test_the_built_in_model_answers_and_chats_are_kept(self):
        child = self.start(builtin=str(self.fixture(TINY)))
        status, body = child.chat(1)
        self.assertEqual(status, 200, body)
        status, body = child.ask(2, "GET", "/thimble/v1/chats")
        self.assertEqual(status, 200, body)  # this build has its database
        status, body = child.ask(3, "POST", "/thimble/v1/chats", b'{"title": "A chat"}')
        self.assertLess(status, 300, body)
        self.assertEqual(child.end(), 0)
        child = self.start(builtin=str(self.fixture(TINY)))
        self.assertIn(b"A chat", child.ask(1, "GET", "/thimble/v1/chats")[1])
        self.assertEqual(child.end(), 0)

    def test_whether_the_built_in_model_is_packed_is_said(self):
        child = self.start()
        self.assertEqual((child.find("started")["models"], child.find("started")["builtin"]), (0, False))
        self.assertEqual(child.end(), 0)
        child = self.start(builtin=str(self.fixture(TINY)))
        self.assertTrue(child.find("started")["builtin"])
        self.assertEqual(child.end(), 0)
        child = self.start()  # its file is not needed any more
        self.assertEqual((child.find("started")["models"], child.find("started")["builtin"]), (1, True))
        self.assertEqual(child.end(), 0)
        pathlib.Path(self.folder, "models/builtin/model.pack").unlink()
        child = self.start()
        self.assertFalse(child.find("started")["builtin"])
        self.assertEqual(child.end(), 0)

    def test_an_answer_streams_and_is_the_same_again(self):
        child = self.start(builtin=str(self.fixture(TINY)))
        answers = [child.chat(number, stream=True, temperature=0, max_tokens=8)[1] for number in (1, 2)]
        texts = [[json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
                  for line in answer.decode().splitlines() if line.startswith("data: {") and '"delta"' in line]
                 for answer in answers]
        self.assertEqual("".join(texts[0]), "".join(texts[1]))
        self.assertEqual(child.end(), 0)

    def test_what_is_no_model_is_a_sentence(self):
        child = self.start()
        status, body = child.send(1, "no", "no.gguf", b"GGUF" + b"\0" * 100)
        self.assertGreaterEqual(status, 400)
        self.assertIn("error", json.loads(body))
        self.assertEqual(list(pathlib.Path(self.folder, "models").rglob("*.gguf")), [])
        self.assertEqual(child.ask(2, "GET", "/nothing")[0], 404)
        self.assertEqual(child.ask(3, "POST", "/v1/chat/completions", b"x", [])[0], 415)
        self.assertEqual(child.end(), 0)

    def test_half_a_download_is_a_sentence(self):
        half = self.fixture(TINY).read_bytes()
        half = half[:len(half) // 2]  # of whose length the picker knows no better
        child = self.start()
        status, body = child.send(1, "half", "half.gguf", half)
        self.assertGreaterEqual(status, 400)
        self.assertIn("message", json.loads(body)["error"])
        listed = json.loads(child.ask(2, "GET", "/thimble/v1/models")[1])
        self.assertNotIn("half", [model["name"] for model in listed["models"]])
        self.assertEqual(child.send(3, "half", "half.gguf", self.fixture(TINY).read_bytes())[0], 200)
        self.assertEqual(child.chat(4, model="half")[0], 200)
        self.assertEqual(child.end(), 0)

    def test_memory_that_is_not_there_is_said(self):
        child = self.start(builtin=str(self.fixture(TINY)), memory_bytes=1 << 20)
        status, body = child.chat(1)
        self.assertEqual(status, 503, body)
        self.assertEqual(child.end(), 0)


class CutOff(harness.Case):
    def test_half_a_file_is_gone_on_with(self):
        data = self.fixture(TINY).read_bytes()
        half = len(data) // 2
        child = self.start()
        child.say({"request": 1, "method": "PUT", "path": "/thimble/v1/models/tiny/tiny.gguf", "more": True,
                   "headers": [["content-type", "application/octet-stream"], ["content-length", str(len(data))]]})
        child.say({"body": 1, "more": True}, data[:half])
        child.ask(2, "GET", "/health")  # what was said before it is taken
        child.process.send_signal(signal.SIGKILL)
        child.finish()
        child = self.start()
        status, body = child.ask(1, "GET", "/thimble/v1/models/tiny/tiny.gguf")
        self.assertEqual((status, json.loads(body)["bytes"]), (200, half))
        rest = data[half:]
        status, body = child.ask(2, "PUT", "/thimble/v1/models/tiny/tiny.gguf", rest, [
            ["content-type", "application/octet-stream"], ["content-range", f"bytes {half}-{len(data) - 1}/{len(data)}"]])
        self.assertLess(status, 300, body)
        self.assertTrue(json.loads(body)["model"])
        self.assertEqual(child.end(), 0)

    def test_input_that_ends_within_a_body_is_a_broken_frame(self):
        for data in (b'{"request": 1, "method": "POST", "path": "/tokenize", "bytes": 9}\n{"a"',
                     b'{"request": 1, "method": "POST", "path": "/tokenize", "bytes": 2}\n{}x\n'):
            child = self.start()
            child.write(data)
            self.assertEqual(child.end(), 2)
            self.assertEqual(child.find("failed")["code"], "corrupt")

    def test_an_answer_on_its_way_ends_as_cancelled(self):
        child = self.start(builtin=str(self.fixture(TINY)))
        request = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 400, "stream": True, "ignore_eos": True}
        child.say({"readings": {"thermal": 2, "mode": "cool"}})  # slowly
        child.say({"request": 1, "method": "POST", "path": "/v1/chat/completions",
                   "headers": [["content-type", "application/json"]]}, json.dumps(request).encode())
        child.wait(lambda: child.bodies.get(1))
        child.say({"stop": True})
        self.assertEqual(child.finish(), 0)
        self.assertIn(1, child.ended)

    def test_what_was_asked_before_the_end_is_answered(self):
        child = self.start(builtin=str(self.fixture(TINY)))
        child.say({"request": 1, "method": "GET", "path": "/openapi.json"})
        child.say({"request": 2, "method": "GET", "path": "/health"})
        self.assertEqual(child.end(), 0)
        self.assertEqual(child.ended, {1, 2})


class TwoAtOnce(harness.Case):
    """Android ends an app and starts it again: the child of the one before may still be there, over the same folders."""

    def test_the_second_answers_and_nothing_is_lost(self):
        first = self.start(builtin=str(self.fixture(TINY)))
        self.assertEqual(first.send(1, "tiny", "tiny.gguf", self.fixture(TINY).read_bytes())[0], 200)
        self.assertLess(first.ask(2, "POST", "/thimble/v1/chats", b'{"title": "Of the first"}')[0], 300)
        second = self.start(builtin=str(self.fixture(TINY)))
        self.assertFalse(any("made ready" in line.get("text", "") for line in second.lines))
        self.assertEqual(second.chat(1, model="tiny")[0], 200)
        self.assertIn(b"Of the first", second.ask(2, "GET", "/thimble/v1/chats")[1])
        # Both write.
        self.assertLess(second.ask(3, "POST", "/thimble/v1/chats", b'{"title": "Of the second"}')[0], 300)
        self.assertLess(first.ask(3, "POST", "/thimble/v1/chats", b'{"title": "Of the first again"}')[0], 300)
        self.assertEqual(first.chat(4, model="tiny")[0], 200)
        first.process.send_signal(signal.SIGKILL)
        first.finish()
        listed = second.ask(4, "GET", "/thimble/v1/chats")[1]
        for title in (b"Of the first", b"Of the second", b"Of the first again"):
            self.assertIn(title, listed)
        self.assertEqual(second.end(), 0)

    def test_a_model_that_both_bring_in(self):
        data = self.fixture(TINY).read_bytes()
        half = len(data) // 2
        first, second = self.start(), self.start()
        path = "/thimble/v1/models/tiny/tiny.gguf"

        def part(begin, end):
            return [["content-type", "application/octet-stream"], ["content-range", f"bytes {begin}-{end - 1}/{len(data)}"]]
        self.assertEqual(first.ask(1, "PUT", path, data[:half], part(0, half))[0], 200)
        # The second goes on with what the first has sent, and the first hears that it is done.
        self.assertEqual(json.loads(second.ask(1, "GET", path)[1])["bytes"], half)
        status, body = second.ask(2, "PUT", path, data[half:], part(half, len(data)))
        self.assertEqual(status, 200, body)
        status, body = first.ask(2, "PUT", path, data[half:], part(half, len(data)))
        self.assertGreaterEqual(status, 400, body)
        self.assertIn("message", json.loads(body)["error"])
        for child in (first, second):
            self.assertEqual(child.chat(3, model="tiny")[0], 200)
            self.assertEqual(child.end(), 0)


class CheckingItself(harness.Case):
    def test_alone_and_over_the_lines(self):
        run = subprocess.run([*harness.COMMAND, "--self-check", "--builtin", str(self.fixture(TINY))], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        report = json.loads(run.stdout)
        self.assertTrue(report["passed"])
        self.assertTrue(all(report["calls"].values()), report["calls"])
        self.assertTrue(any(kernel["runs"] and kernel["passed"] for kernel in report["kernels"]))
        self.assertTrue(report["file"]["mapped"])
        self.assertEqual(report["answer"]["tokens"], 8)
        self.assertGreater(report["memory"]["read_bytes_per_second"], 0)
        child = self.start(builtin=str(self.fixture(TINY)))
        status, body = child.ask(1, "GET", "/thimble/v1/self-check")
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body).keys(), report.keys())
        self.assertEqual(json.loads(body)["file"]["name"], "model.pack")
        self.assertEqual(child.end(), 0)

    def test_a_model_that_is_none_is_told(self):
        run = subprocess.run([*harness.COMMAND, "--self-check", "--builtin", __file__], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 1)
        report = json.loads(run.stdout)
        self.assertFalse(report["passed"])
        self.assertIn("error", report["answer"])
