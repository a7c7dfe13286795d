#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drives the thimble command as scripts and people do.

    cli_test.py THIMBLE FIXTURES
"""
import json
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

THIMBLE, FIXTURES = sys.argv[1], pathlib.Path(sys.argv[2])
VL = str(FIXTURES / "models/vl")
VL_GGUF = str(FIXTURES / "gguf/vl-f32.gguf")
PICTURE = str(FIXTURES / "vision/images/rgb.png")
GREEDY = ["--temperature", "0", "--ignore-eos", "--exact", "--json"]


def thimble(*args, text=None, env=None):
    return subprocess.run([THIMBLE, *args], input=text, capture_output=True, text=True, timeout=120, check=False,
                          stdin=subprocess.DEVNULL if text is None else None, env=os.environ | (env or {}))


def answer(*args, text=None, env=None):
    done = thimble(*args, text=text, env=env)
    if done.returncode != 0:
        raise AssertionError(f"{args}: status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def load(path):
    return json.loads((FIXTURES / path).read_text(encoding="utf-8"))


def npy(path):
    data = (FIXTURES / path).read_bytes()
    size = struct.unpack_from("<H", data, 8)[0]
    header = data[10:10 + size].decode("latin-1")
    shape = tuple(int(x) for x in header.split("'shape': (")[1].split(")")[0].split(",") if x.strip())
    return shape, data[10 + size:]


def png(width, height, rgb):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = b"".join(b"\0" + rgb[y * width * 3:(y + 1) * width * 3] for y in range(height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Pictures(unittest.TestCase):
    def check(self, model, folder):
        for case in load(f"expected/{folder}/vision/vision_cases.json"):
            images = [x for name in case["images"] for x in ("--image", str(FIXTURES / "vision/images" / name))]
            wanted, count = case["greedy"]["ids"], ["--max-tokens", str(len(case["greedy"]["ids"]))]
            limits = [] if os.path.isdir(model) else ["--min-pixels", "3072", "--max-pixels", "65536"]
            reply = answer("run", model, "--messages", "-", *images, *count, *GREEDY, *limits, text=json.dumps(case["conversation"]))
            self.assertEqual(reply["prompt_ids"], case["ids"], case["name"])
            self.assertEqual(reply["ids"], wanted, case["name"])
            reply = answer("run", model, "--ids", ",".join(map(str, case["ids"])), *images, *count, *GREEDY, *limits)
            self.assertEqual(reply["ids"], wanted, case["name"])

    def test_conversations_with_pictures_equal_the_reference(self):
        self.check(VL, "vl")
        self.check(str(FIXTURES / "models/vl-mtp"), "vl-mtp")
        self.check(VL_GGUF, "vl")

    def test_videos_equal_the_reference(self):
        for case in load("expected/vl/video/video_cases.json"):
            (count, height, width, _), data = npy("expected/vl/video/" + case["frames"]["file"])
            with tempfile.TemporaryDirectory() as folder:
                for i in range(count):
                    size = height * width * 3
                    pathlib.Path(folder, f"{i:03}.png").write_bytes(png(width, height, data[i * size:(i + 1) * size]))
                messages = [{"role": "user", "content": [{"type": "video", "video": "v"}, {"type": "text", "text": "What moves?"}]}]
                reply = answer("run", VL, "--messages", "-", "--frames", folder, "--all-frames", "--fps", str(case["fps"]), "--max-tokens",
                               str(len(case["greedy"]["ids"])), *GREEDY, text=json.dumps(messages))
            self.assertEqual(reply["prompt_ids"], case["ids"])
            self.assertEqual(reply["ids"], case["greedy"]["ids"])

    def test_refusals(self):
        wrong = thimble("run", str(FIXTURES / "gguf/text-untied-bf16.gguf"), "hi", "--mmproj", str(FIXTURES / "gguf/mmproj-vl-f32.gguf"))
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("belongs to another model", wrong.stderr)
        huge = thimble("run", VL, "hi", "--image", PICTURE, "--max-image-pixels", "10")
        self.assertEqual(huge.returncode, 3)
        self.assertIn("--max-image-pixels", huge.stderr)
        blind = thimble("run", str(FIXTURES / "models/text-tied"), "hi", "--image", PICTURE)
        self.assertEqual(blind.returncode, 4)
        self.assertIn("cannot see", blind.stderr)
        self.assertEqual(thimble("run", VL, "hi", "--image", "nowhere.png").returncode, 4)

    def test_embeddings(self):
        out = answer("embed-image", VL, PICTURE, "--exact", "--json")
        case = next(c for c in load("expected/vl/tower/tower_cases.json") if c["image"] == "rgb.png")
        self.assertEqual(out["grid"], case["grid_thw"])
        (rows, width), data = npy("expected/vl/tower/" + case["files"]["merged"]["file"])
        wanted = struct.unpack(f"<{rows * width}f", data)
        got = [x for row in out["embeddings"] for x in row]
        self.assertEqual((out["tokens"], len(got)), (rows, len(wanted)))
        self.assertLess(max(abs(a - b) for a, b in zip(got, wanted)), 1e-4)


class Text(unittest.TestCase):
    def test_logits(self):
        case = next(c for c in load("expected/text-tied/text_cases.json")["cases"] if c["name"] == "len5")
        ids = ",".join(map(str, case["ids"]))
        out = answer("logits", str(FIXTURES / "models/text-tied"), "--ids", ids, "--positions", "all", "--top", "3", "--full", "--exact", "--json")
        (rows, vocab), data = npy("expected/text-tied/" + case["files"]["logits"]["file"])
        wanted = struct.unpack(f"<{rows * vocab}f", data)
        self.assertEqual(out["tokens"], 5)
        for i, position in enumerate(out["positions"]):
            row = wanted[i * vocab:(i + 1) * vocab]
            self.assertEqual(position["index"], i)
            self.assertEqual(position["argmax"], row.index(max(row)))
            self.assertLess(max(abs(a - b) for a, b in zip(position["logits"], row)), 1e-3)
            self.assertEqual(position["top"][0][0], position["argmax"])
            self.assertEqual(len(position["top"]), 3)
        last = answer("logits", str(FIXTURES / "models/text-tied"), "--ids", ids, "--json")
        self.assertEqual(len(last["positions"]), 1)
        self.assertNotIn("logits", last["positions"][0])

    def test_tokenizer_lines(self):
        folder = str(FIXTURES / "tokenizer")
        cases = [json.loads(line) for line in (FIXTURES / "tokenizer/cases.jsonl").read_text(encoding="utf-8").splitlines()]
        lines = "".join(json.dumps({"text": c["text"], "special": True}) + "\n" for c in cases)
        for model in (str(FIXTURES / "tokenizer/qwen35-vocab.gguf"), folder):
            if model == folder and not os.path.exists(folder + "/tokenizer.json"):
                continue
            out = thimble("tokenize", model, "--jsonl", text=lines)
            self.assertEqual(out.returncode, 0, out.stderr)
            self.assertEqual([json.loads(x)["ids"] for x in out.stdout.rstrip("\n").split("\n")], [c["ids"] for c in cases])
        cases = [json.loads(line) for line in (FIXTURES / "tokenizer/decode_cases.jsonl").read_text(encoding="utf-8").splitlines()]
        for skip, key in ((False, "bytes_hex"), (True, "bytes_hex_skip_special")):
            lines = "".join(json.dumps({"ids": c["ids"], "skip_special": skip}) + "\n" for c in cases)
            out = thimble("detokenize", str(FIXTURES / "tokenizer/qwen35-vocab.gguf"), "--jsonl", text=lines)
            self.assertEqual([json.loads(x)["bytes_hex"] for x in out.stdout.rstrip("\n").split("\n")], [c[key] for c in cases])

    def test_render_lines(self):
        cases = load("chat/cases.json")
        lines = "".join(json.dumps({k: c[k] for k in ("messages", "tools", "options")}) + "\n" for c in cases)
        for model, key in (("models/text-tied", "0.8b_2b"), ("models/text-untied", "4b_9b")):
            out = thimble("render", str(FIXTURES / model), "--jsonl", text=lines)
            self.assertEqual(out.returncode, 0, out.stderr)
            for case, line in zip(cases, out.stdout.rstrip("\n").split("\n"), strict=True):
                got = json.loads(line)
                if "rendered" in case:
                    self.assertEqual(got.get("rendered"), case["rendered"][key], case["name"])
                else:
                    self.assertEqual(got["error"]["message"], case["error"][key]["message"], case["name"])

    def test_perplexity_and_info(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("The quick brown fox jumps over the lazy dog. " * 20)
            file.flush()
            out = answer("perplexity", str(FIXTURES / "models/text-tied"), file.name, "--context", "64", "--exact", "--json")
        self.assertGreater(out["tokens"], 100)
        self.assertAlmostEqual(out["perplexity"] / 2.718281828459045 ** out["nll"], 1.0, places=6)
        info = answer("info", VL_GGUF, "--json", "--context", "2000")
        self.assertEqual(info["architecture"], "qwen35")
        self.assertEqual(info["layer_kinds"], ["delta", "delta", "delta", "attention"])
        self.assertEqual(info["vision"]["depth"], 2)
        self.assertEqual(info["memory"]["context"], 2000)
        self.assertIn("version", answer("version", "--json"))


class Bench(unittest.TestCase):
    def test_what_is_measured(self):
        out = answer("bench", str(FIXTURES / "gguf/vl-q8_0.gguf"), "--prompt", "40", "--decode", "6", "--depth", "20", "--image", "320x256",
                     "--repeat", "3", "--threads", "1", "--json")
        self.assertEqual((out["isa"], out["threads"], out["repeat"]), (answer("version", "--json")["isa"], 1, 3))
        for part, tokens in (("prompt", 40), ("decode", 6), ("image", 80)):
            p = out[part]
            self.assertEqual((p["tokens"], len(p["runs"])), (tokens, 3))
            self.assertEqual(p["seconds"], sorted(p["runs"])[1])
            self.assertAlmostEqual(p["tokens_per_second"] * p["seconds"] / tokens, 1.0, places=6)
            self.assertLessEqual(p["slowest_tokens_per_second"], p["tokens_per_second"])
            self.assertLessEqual(p["tokens_per_second"], p["fastest_tokens_per_second"])
            self.assertIn(p["limit"], ("reading", "multiply-adds"))
            limits = out["limits"]
            reading = p["bytes"] / limits["read_bytes_per_second"]
            multiplying = (p["int8_multiply_adds"] / limits["int8_multiply_adds_per_second"]
                           + p["float_multiply_adds"] / limits["float_multiply_adds_per_second"])
            self.assertAlmostEqual(p["percent_of_limit"] * p["seconds"] / 100 / max(reading, multiplying), 1.0, places=6)
            self.assertLess(p["percent_of_limit"], 150)  # more than the machine can do is a mistake in counting
        self.assertEqual((out["decode"]["depth"], out["image"]["width"], out["image"]["height"]), (20, 320, 256))
        self.assertGreater(out["load"]["seconds"], 0)
        self.assertIn("Q8_0", out["model"]["file_type"])
        # By hand, see tests/conformance/workload_test.cc: six times weights and states, then keys and values.
        self.assertEqual(out["decode"]["bytes"], 6 * (389280 + 38400) + sum(range(21, 27)) * 256)
        exact = answer("bench", str(FIXTURES / "gguf/vl-q8_0.gguf"), "--prompt", "40", "--decode", "0", "--repeat", "1", "--exact", "--json")
        self.assertIsNone(exact["decode"])
        self.assertIsNone(exact["image"])
        self.assertEqual((exact["exact"], exact["prompt"]["int8_multiply_adds"]), (True, 0))

    def test_for_people(self):
        out = thimble("bench", VL_GGUF, "--prompt", "20", "--decode", "2", "--image", "64x64", "--repeat", "1")
        self.assertEqual(out.returncode, 0, out.stderr)
        for words in ("prompt of 20", "decoding 2", "picture of 256 x 256", "% of the limit", "GB/s", "loading"):
            self.assertIn(words, out.stdout)
        self.assertEqual(out.stderr, "")

    def test_refusals(self):
        for wrong in ("768", "0x64", "64x", "axb", "64x64x64", "99999x64", "-3x4"):
            out = thimble("bench", VL, f"--image={wrong}")
            self.assertEqual(out.returncode, 2, wrong)
            self.assertIn("768x512", out.stderr)
        for flags in (["--prompt", "-1"], ["--repeat", "0"], ["--depth", "many"], []):
            self.assertEqual(thimble("bench", *([VL] if flags else []), *flags).returncode, 2, flags)
        blind = thimble("bench", str(FIXTURES / "models/text-tied"), "--image", "64x64")
        self.assertEqual(blind.returncode, 4)
        self.assertIn("cannot see", blind.stderr)
        long = thimble("bench", VL, "--prompt", "100", "--context", "64")
        self.assertEqual(long.returncode, 3)
        self.assertIn("--prompt", long.stderr)

    def test_an_interrupt_ends_it(self):
        command = subprocess.Popen([THIMBLE, "bench", VL, "--repeat", "1000", "--decode", "500"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1)
        command.send_signal(signal.SIGINT)
        _, err = command.communicate(timeout=60)
        self.assertEqual(command.returncode, 130)
        self.assertIn("cancelled", err)


class Run(unittest.TestCase):
    def test_positionals(self):
        ids = ["--max-tokens", "3", *GREEDY]
        self.assertEqual(len(answer("run", VL, "hello", *ids)["ids"]), 3)
        self.assertEqual(len(answer("run", VL, "--ids", "1,2,3", *ids)["ids"]), 3)
        self.assertEqual(answer("run", VL, *ids, text="hello")["prompt_ids"], answer("run", VL, "hello", *ids)["prompt_ids"])
        self.assertEqual(answer("run", VL, "say: -", *ids, text="hello")["prompt_ids"], answer("run", VL, "say: hello", *ids)["prompt_ids"])
        self.assertEqual(answer("run", VL, "-", *ids, text="hello")["prompt_ids"], answer("run", VL, "hello", *ids)["prompt_ids"])
        # One that is no model is the prompt, for the built-in model.
        out = thimble("run", "no such model anywhere", env={"THIMBLE_BUILTIN": "/nonexistent"})
        self.assertEqual(out.returncode, 4)
        self.assertIn("built-in", out.stderr)
        self.assertEqual(thimble("run", VL, "a", "b").returncode, 2)
        self.assertEqual(thimble("run", VL, "").returncode, 2)

    def test_exit_statuses(self):
        self.assertEqual(thimble("nonsense").returncode, 2)
        self.assertEqual(thimble("run", VL, "x", "--temperature", "hot").returncode, 2)
        self.assertEqual(thimble("run", VL, "x", "--logit-bias", "9999999=1").returncode, 2)
        self.assertEqual(thimble("run", VL, "word " * 3000, "--context", "64").returncode, 3)
        self.assertEqual(thimble("info", "nothing-of-that-name").returncode, 4)
        with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
            data = pathlib.Path(VL_GGUF).read_bytes()
            for size, status in ((0, 5), (3000, 5), (len(data) - 100, 5)):
                file.seek(0)
                file.truncate()
                file.write(data[:size])
                file.flush()
                out = thimble("run", file.name, "hi")
                self.assertEqual(out.returncode, status, out.stderr)
                self.assertIn(file.name, out.stderr)

    def test_sampling_is_replayable_on_any_number_of_threads(self):
        replies = [answer("run", VL, "hello", "--seed", "5", "--max-tokens", "40", "--ignore-eos", "--threads", threads, "--json")["ids"] for threads in "123"]
        self.assertEqual(replies[0], replies[1])
        self.assertEqual(replies[0], replies[2])
        other = answer("run", VL, "hello", "--seed", "6", "--max-tokens", "40", "--ignore-eos", "--json")["ids"]
        self.assertNotEqual(replies[0], other)

    def test_limits_and_the_thinking_guard(self):
        reply = answer("run", VL, "hello", "--max-tokens", "5", *GREEDY)
        self.assertEqual((reply["finish_reason"], len(reply["ids"])), ("length", 5))
        reply = answer("run", VL, "hello", "--context", "60", *GREEDY)
        self.assertEqual(reply["finish_reason"], "context")
        close = answer("run", VL, "--ids", "1", "--max-tokens", "1", *GREEDY)  # ids: no guard
        self.assertFalse(close["stats"]["think_closed_by_budget"])
        reply = answer("run", VL, "hello", "--think", "on", "--think-budget", "7", "--max-tokens", "40", *GREEDY)
        self.assertTrue(reply["stats"]["think_closed_by_budget"])
        self.assertNotEqual(reply["thinking"], "")
        self.assertNotEqual(reply["text"], "")

    def test_a_closed_pipe_ends_quietly(self):
        command = subprocess.Popen([THIMBLE, "run", VL, "hello", "--max-tokens", "2000", "--ignore-eos", "--seed", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        command.stdout.read(1)
        command.stdout.close()
        self.assertEqual(command.stderr.read(), b"")
        command.stderr.close()
        command.wait(timeout=60)

    def test_an_interrupt_gives_what_there_is(self):
        command = subprocess.Popen([THIMBLE, "run", VL, "hello", "--context", "4000", "--max-tokens", "3500", "--ignore-eos", "--seed", "1", "--exact", "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(0.4)
        command.send_signal(signal.SIGINT)
        out, _ = command.communicate(timeout=60)
        if command.returncode == 0:
            self.skipTest("the machine was faster than the interrupt")
        self.assertEqual(command.returncode, 130)
        self.assertEqual(json.loads(out)["finish_reason"], "cancelled")


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


class Chat(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        pid, self.fd = pty.fork()
        if pid == 0:
            os.environ |= {"XDG_STATE_HOME": self.home.name, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
            os.execv(THIMBLE, [THIMBLE, "chat", VL, "--max-tokens", "6", "--temperature", "0"])
        self.pid = pid
        self.screen = ""

    def tearDown(self):
        os.close(self.fd)
        self.home.cleanup()

    def read_until(self, text, seconds=30):
        end = time.time() + seconds
        while text not in self.screen and time.time() < end:
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.screen += os.read(self.fd, 65536).decode("utf-8", "replace")
                except OSError:
                    break
        self.assertIn(text, self.screen)
        self.screen = self.screen.split(text, 1)[1]

    def say(self, text):
        os.write(self.fd, text.encode("utf-8"))

    def test_a_conversation(self):
        self.read_until("/help lists")
        self.say("/help\n")
        self.read_until("/image PATH")
        self.say("hello there\n")
        self.read_until("stopped at --max-tokens")
        self.say(f"/image {PICTURE}\n")
        self.read_until("attached")
        self.say("and this?\n")
        self.read_until("stopped at --max-tokens")
        self.say("/stats\n")
        self.read_until("remembered")
        saved = os.path.join(self.home.name, "talk.json")
        self.say(f"/save {saved}\n")
        self.read_until("saved 4 messages")
        messages = json.loads(pathlib.Path(saved).read_text(encoding="utf-8"))
        self.assertEqual([m["role"] for m in messages], ["user", "assistant", "user", "assistant"])
        self.say("\033[200~two\nlines\033[201~\n")
        self.read_until("stopped at --max-tokens")
        self.say("/reset\n")
        self.read_until("forgotten")
        self.say(f"/load {saved}\n")
        self.read_until("loaded 4 messages")
        self.say("/nothing\n")
        self.read_until("no command")
        self.say("\x03")
        self.say("/think on\n")
        self.read_until("thinking on")
        self.say("\x04")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]), 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=1)
