# SPDX-License-Identifier: Apache-2.0
"""thimble run: what is the prompt, what comes back, and how it ends."""
import base64
import json
import pathlib
import tempfile
import unittest

from harness import FIXTURES, GREEDY, PICTURE, VL, VL_GGUF, answer, thimble


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

    def test_seeds_of_64_bits(self):
        reply = answer("run", VL, "hello", "--seed", str(2**64 - 1), "-n", "1", "--json")
        self.assertEqual(reply["stats"]["seed"], 2**64 - 1)

    def test_huge_limits_are_no_mistake(self):
        reply = answer("run", VL, "hello", "--max-tokens", "2147483647", "--context", "60", *GREEDY)
        self.assertEqual(reply["finish_reason"], "context")

    def test_arguments_that_are_no_json_are_a_wrong_request(self):
        for arguments, status in (('{"a": 1}', 0), ("", 0), ("{a", 2), ("[1]", 2)):
            call = {"type": "function", "function": {"name": "f", "arguments": arguments}}
            talk = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "content": "x"}]
            done = thimble("run", VL, "--messages", "-", "-n", "1", text=json.dumps(talk))
            self.assertEqual(done.returncode, status, done.stderr)

    def test_data_urls(self):
        data = base64.b64encode(pathlib.Path(PICTURE).read_bytes()).decode()
        wanted = answer("run", VL, "hello", "--image", PICTURE, "-n", "4", *GREEDY)["ids"]
        for url in ("data:image/png;base64," + data, "DATA:;BASE64," + data, "data:image/png;base64," + data.replace("+", "%2B").replace("/", "%2f")):
            self.assertEqual(answer("run", VL, "hello", "--image", url, "-n", "4", *GREEDY)["ids"], wanted)
        for url in ("data:image/png,abc", "data:image/png;base64,@"):
            self.assertEqual(thimble("run", VL, "hello", "--image", url).returncode, 2)

    def test_a_message_that_goes_on_inside_its_thoughts(self):
        talk = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "<think>\nWell"}],
                "options": {"continue_final_message": True}}
        reply = answer("run", VL, "--messages", "-", "-n", "4", *GREEDY, text=json.dumps(talk))
        self.assertEqual(reply["text"], "")
        self.assertNotEqual(reply["thinking"], "")
        talk["messages"][1]["content"] = "Well"
        reply = answer("run", VL, "--messages", "-", "-n", "4", *GREEDY, text=json.dumps(talk))
        self.assertEqual(reply["thinking"], "")

    def test_the_screened_head_of_earlier_versions_is_accepted_with_a_warning(self):
        ask = ("run", str(FIXTURES / "gguf/text-tied-q8_0.gguf"), "--ids", "1,2,3", "-n", "9", "--temperature", "0", "--json")
        full, screened = thimble(*ask), thimble(*ask, "--head", "screened")
        self.assertEqual(screened.returncode, 0)
        self.assertIn("--head screened does nothing any more", screened.stderr)
        self.assertNotIn("--head", full.stderr)
        full, screened = json.loads(full.stdout), json.loads(screened.stdout)
        self.assertEqual(full["ids"], screened["ids"])
        self.assertIsNone(screened["stats"]["head"])
        self.assertGreater(screened["stats"]["cpu_seconds"], 0)
        self.assertEqual(thimble(*ask, "--head", "half").returncode, 2)

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
