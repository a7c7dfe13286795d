# SPDX-License-Identifier: Apache-2.0
"""Through the command: the reference's numbers, for pictures, videos, logits, tokens and prompts."""
import json
import os
import pathlib
import struct
import tempfile
import unittest

from harness import FIXTURES, GREEDY, PICTURE, VL, VL_GGUF, answer, load, npy, png, thimble


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
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("word " * 6000)
            file.flush()
            # Windows are no longer than what the model was made for.
            out = answer("perplexity", str(FIXTURES / "models/text-tied"), file.name, "--context", "100000", "--json")
            same = answer("perplexity", str(FIXTURES / "models/text-tied"), file.name, "--context", "4096", "--json")
        self.assertEqual(out, same)
        info = answer("info", VL_GGUF, "--json", "--context", "2000")
        self.assertEqual(info["architecture"], "qwen35")
        self.assertEqual(info["layer_kinds"], ["delta", "delta", "delta", "attention"])
        self.assertEqual(info["vision"]["depth"], 2)
        self.assertEqual(info["memory"]["context"], 2000)
        self.assertIn("version", answer("version", "--json"))
