# SPDX-License-Identifier: Apache-2.0
"""--schema FILE: answers that are valid by a JSON schema, in `run` and `chat`."""
import json
import pathlib
import tempfile
import unittest

from harness import VL, answer, open_chat, thimble

CITY = {"type": "object", "additionalProperties": False, "required": ["name", "people", "kind"],
        "properties": {"name": {"type": "string", "maxLength": 20}, "people": {"type": "integer", "minimum": 0, "maximum": 9000000},
                       "kind": {"enum": ["town", "city"]}}}
WITHOUT = "this build has no grammars"


class Schema(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        if WITHOUT in thimble("run", VL, "hello", "--schema", self.file({}), "-n", "1").stderr:
            self.skipTest(WITHOUT)

    def file(self, schema, name="schema.json"):
        path = self.folder / name
        path.write_text(schema if isinstance(schema, str) else json.dumps(schema), encoding="utf-8")
        return str(path)

    def check_city(self, text):
        city = json.loads(text)
        self.assertEqual(sorted(city), ["kind", "name", "people"])
        self.assertLessEqual(len(city["name"]), 20)
        self.assertTrue(isinstance(city["people"], int) and 0 <= city["people"] <= 9000000)
        self.assertIn(city["kind"], ("town", "city"))

    def test_answers_are_valid_whatever_the_model_likes(self):
        for seed in range(12):
            reply = answer("run", VL, "hello", "--schema", self.file(CITY), "--seed", str(seed), "-n", "300", "--json")
            self.assertEqual(reply["finish_reason"], "stop", reply)
            self.check_city(reply["text"])
        greedy = answer("run", VL, "hello", "--schema", self.file({"const": {"a": ["b", 1.5]}}), "--temperature", "0", "--json")
        self.assertEqual(json.loads(greedy["text"]), {"a": ["b", 1.5]})

    def test_thinking_comes_first(self):
        reply = answer("run", VL, "hello", "--schema", self.file(CITY), "--seed", "3", "-n", "300", "--think", "on", "--think-budget", "9", "--json")
        self.assertNotEqual(reply["thinking"], "")
        self.check_city(reply["text"])

    def test_the_same_on_any_number_of_threads(self):
        replies = [answer("run", VL, "hello", "--schema", self.file(CITY), "--seed", "4", "-n", "200", "--threads", threads, "--json")["ids"]
                   for threads in "12"]
        self.assertEqual(*replies)

    def test_an_answer_that_is_cut_says_so(self):
        done = thimble("run", VL, "hello", "--schema", self.file(CITY), "-n", "3")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("cut at --max-tokens", done.stderr)
        self.assertNotIn("cut", thimble("run", VL, "hello", "--schema", self.file(CITY), "--seed", "1", "-n", "300").stderr)

    def test_what_is_wrong_is_said_before_a_model_is_read(self):
        for schema, status, word in (({"not": {}}, 4, "#/not"), ({"items": {"uniqueItems": True}}, 4, "#/items/uniqueItems"),
                                     ({"type": "text"}, 2, "#/type"), ("{", 5, "not valid JSON"), ({"$ref": "#"}, 2, "$ref"),
                                     ({"type": "string", "maxLength": 20000}, 4, "#/maxLength")):
            done = thimble("run", VL, "hello", "--schema", self.file(schema))
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(word, done.stderr)
            self.assertIn("schema.json", done.stderr)
            self.assertEqual(done.stdout, "")
        self.assertEqual(thimble("run", VL, "hello", "--schema", str(self.folder / "none")).returncode, 4)
        self.assertEqual(thimble("run", VL, "hello", "--schema", "-").returncode, 2)
        both = thimble("run", VL, "hello", "--schema", self.file({}), "--ignore-eos")
        self.assertEqual(both.returncode, 2)
        self.assertIn("--ignore-eos", both.stderr)

    def test_every_answer_of_a_chat(self):
        done = thimble("chat", VL, "--schema", self.file({"enum": ["yes", "no"]}), text="one?\ntwo?\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        answers = [json.loads(line) for line in done.stdout.split()]
        self.assertEqual(len(answers), 2, done.stdout)
        self.assertTrue(set(answers) <= {"yes", "no"})
        chat = open_chat(self, VL, "--schema", self.file({"enum": ["yes", "no"]}))
        for _ in range(2):
            chat.type("hello\r")
            self.assertRegex(chat.read_until("> "), '"(yes|no)"')
