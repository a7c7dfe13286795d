# SPDX-License-Identifier: Apache-2.0
"""Chats that get longer than their context: what is left out, /context, /edit and /again."""
import json
import pathlib
import re
import tempfile
import unittest

from harness import FIXTURES, PICTURE, VL, VL_GGUF, answer, open_chat, png, thimble

SHORT = ["--max-tokens", "6", "--temperature", "0", "--ignore-eos"]
ANSWERED = "stopped at --max-tokens"
LEFT_OUT = re.compile(r"(the first exchange|the first \d+ exchanges|one more exchange|\d+ more exchanges) \(([\d,]+) tokens?\) no longer "
                      r"(?:fits and was|fit and were) left out")
USED = re.compile(r"context: ([\d,]+) of ([\d,]+) tokens used, ([\d,]+) free")
ROW = re.compile(r"^thimble: +(\d+)? +(you|answer|system|tool|tools) +([\d,]+)  (.*)$", re.MULTILINE)


def number(text):
    return int(text.replace(",", ""))


class Contexts(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return str(pathlib.Path(self.folder.name, name))

    def chat(self, *lines, model=VL, options=()):
        return thimble("chat", model, *SHORT, *options, text="".join(line + "\n" for line in lines))

    def saved(self, name):
        return json.loads(pathlib.Path(self.path(name)).read_text(encoding="utf-8"))

    def said(self, name):
        """Each message's text."""
        return [m["content"] if isinstance(m["content"], str) else m["content"][-1]["text"] for m in self.saved(name)]


class ATooLongChat(Contexts):
    def test_60_turns_in_a_context_of_256_with_pictures(self):
        for model in (VL, VL_GGUF):
            lines = []
            for turn in range(60):
                if turn % 5 == 2:
                    lines.append(f"/image {PICTURE}")
                lines.append(f"message number {turn} of many, so that it gets long" + " and longer" * (turn % 4))
            done = self.chat(*lines, f"/save {self.path('long.json')}", "/context", model=model, options=("--context", "256", "--system", "Be brief."))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stderr.count(ANSWERED), 60)
            notes = [note.group(1) for note in LEFT_OUT.finditer(done.stderr)]
            self.assertGreater(len(notes), 3)
            self.assertLess(len(notes), 40)
            self.assertTrue(notes[0].startswith("the first "), notes)
            self.assertTrue(all("more exchange" in note for note in notes[1:]), notes)
            messages = self.saved("long.json")  # what was said is all there
            self.assertEqual(len(messages), 121)
            self.assertEqual(messages[0]["role"], "system")
            self.assertIn("message number 0 ", json.dumps(messages[1]))
            self.assertEqual(sum("rgb.png" in json.dumps(m) for m in messages), 12)
            used, context, free = (number(x) for x in USED.search(done.stderr).groups())
            self.assertEqual((context, used + free), (256, 256))
            rows = ROW.findall(done.stderr)
            self.assertEqual(sum(number(row[2]) for row in rows), used)
            self.assertEqual(rows[0][1], "system")  # it always stays
            self.assertEqual(rows[-2][0], "60")

    def test_with_stop_it_ends_as_it_did(self):
        lines = ["a message of some words"] * 30
        done = self.chat(*lines, f"/save {self.path('stop.json')}", options=("--context", "128", "--when-full", "stop"))
        self.assertEqual(done.returncode, 3)
        self.assertIn("[context] the prompt has ", done.stderr)
        self.assertIsNone(LEFT_OUT.search(done.stderr))
        answered = done.stderr.count(ANSWERED)
        self.assertLess(answered, 10)
        done = self.chat(*lines, options=("--context", "128", "--when-full", "window"))
        self.assertEqual((done.returncode, done.stderr.count(ANSWERED)), (0, 30))
        self.assertEqual(thimble("chat", VL, "--when-full", "forget", text="").returncode, 2)

    def test_an_answer_that_fills_the_context_is_cut_and_the_chat_goes_on(self):
        done = thimble("chat", VL, "--context", "200", "--temperature", "0", "--ignore-eos", text="hello\nagain\nand again\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count("the context of 200 tokens is full: the answer was cut"), 3)
        self.assertEqual(len(LEFT_OUT.findall(done.stderr)), 2)

    def test_a_message_that_does_not_fit_by_itself_is_refused_with_its_count(self):
        done = self.chat("hello", "word " * 300, "hello again", f"/save {self.path('talk.json')}", options=("--context", "128"))
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stderr, r"\[context\] the message has \d\d\d tokens, what always stays \d+, the context 128; shorten it, or raise "
                         r"--context \(at most 4096\)")
        self.assertIsNone(LEFT_OUT.search(done.stderr))  # nothing was sacrificed for it
        self.assertEqual(done.stderr.count(ANSWERED), 2)
        self.assertEqual(len(self.saved("talk.json")), 4)

    def test_a_long_file_is_read_as_far_as_it_fits(self):
        talk = [{"role": "system", "content": "Be brief."}]
        for turn in range(50):
            talk += [{"role": "user", "content": f"question {turn}"}, {"role": "assistant", "content": "answer"}]
        call = {"name": "clock", "arguments": {}}
        talk += [{"role": "user", "content": "what time is it?"}, {"role": "assistant", "content": "", "tool_calls": [{"function": call}]},
                 {"role": "tool", "content": "noon"}, {"role": "assistant", "content": "Noon."}]
        pathlib.Path(self.path("long.json")).write_text(json.dumps(talk), encoding="utf-8")
        done = self.chat(f"/load {self.path('long.json')}", "and now?", f"/save {self.path('saved.json')}", "/context", options=("--context", "256"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"the first \d\d exchanges \([\d,]+ tokens\) no longer fit and were left out")
        self.assertEqual(len(self.saved("saved.json")), len(talk) + 2)
        rows = ROW.findall(done.stderr)
        self.assertEqual([row[1] for row in rows[-6:]], ["you", "answer", "tool", "answer", "you", "answer"])
        self.assertEqual([row[0] for row in rows[-6:]], ["51", "", "", "", "52", ""])


class WhatTheContextHolds(Contexts):
    def test_what_a_picture_will_take_is_what_it_takes(self):
        for context in ("4096", "160"):
            photo = self.path("photo.png")
            pathlib.Path(photo).write_bytes(png(900, 700, bytes(900 * 700 * 3)))
            lines = ["a message of several words"] * 6
            done = self.chat(*lines, f"/image {photo}", "/context", "what is this?", "/context", model=VL_GGUF, options=("--context", context))
            self.assertEqual(done.returncode, 0, done.stderr)
            before, after = (section for section in done.stderr.split("context: ")[1:3])
            told = re.search(r"attached: \S*photo.png will take ([\d,]+) tokens \(read at (\d+) x (\d+)\)", before)
            tokens = number(told.group(1))
            self.assertEqual(tokens, int(told.group(2)) * int(told.group(3)) // 1024)
            question = [row for row in ROW.findall(after) if "[1 picture] what is this?" in row[3]]
            self.assertEqual(len(question), 1)
            self.assertGreater(number(question[0][2]), tokens)
            self.assertLess(number(question[0][2]), tokens + 16)
            self.assertNotIn("will take", after)
            leaves_out = re.search(r"the next message leaves out (\d+) exchanges?, ([\d,]+) tokens", before)
            self.assertEqual(leaves_out is not None, context == "160")
            self.assertEqual(LEFT_OUT.search(done.stderr) is not None, context == "160")

    def test_an_empty_chat_and_one_with_a_system_text(self):
        done = self.chat("/context")
        self.assertIn("context: 0 of 4,096 tokens used, 4,096 free", done.stderr)
        done = self.chat("/context", options=("--system", "Be brief.", "--context", "100"))
        self.assertRegex(done.stderr, r"context: \d+ of 100 tokens used")
        self.assertRegex(done.stderr, r"system +\d+  Be brief\.")
        # Tools that came with a file are counted too.
        talk = {"messages": [{"role": "user", "content": "hello"}], "tools": [{"type": "function", "function": {"name": "clock"}}]}
        pathlib.Path(self.path("tools.json")).write_text(json.dumps(talk), encoding="utf-8")
        done = self.chat(f"/load {self.path('tools.json')}", "/context")
        self.assertRegex(done.stderr, r"tools +\d\d\d")
        self.assertEqual(sum(number(row[2]) for row in ROW.findall(done.stderr)), number(USED.search(done.stderr).group(1)))

    def test_run_leaves_nothing_out(self):
        self.assertEqual(answer("run", VL, "hello", *SHORT, "--json")["stats"]["dropped"], {"messages": 0, "tokens": 0})


class AnotherTry(Contexts):
    def test_edit_answers_from_there_as_if_nothing_had_been_said_behind_it(self):
        done = self.chat("one", f"two {PICTURE}", "three", "/edit 2 something else", f"/save {self.path('edited.json')}", "/reset", "one",
                         f"something else {PICTURE}", f"/save {self.path('straight.json')}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.saved("edited.json"), self.saved("straight.json"))
        self.assertEqual(self.said("edited.json")[::2], ["one", "something else"])

    def test_again_answers_the_same_messages(self):
        done = self.chat("one", "two", f"/save {self.path('a.json')}", "/again", f"/save {self.path('b.json')}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count(ANSWERED), 3)
        self.assertEqual(self.saved("a.json"), self.saved("b.json"))
        # With another draw, another answer to the same question.
        done = thimble("chat", VL, "--max-tokens", "20", "--temperature", "1", "--ignore-eos",
                       text=f"one\n/save {self.path('a.json')}\n/again\n/save {self.path('b.json')}\n")
        before, after = self.said("a.json"), self.said("b.json")
        self.assertEqual((len(after), after[0]), (2, "one"))
        self.assertNotEqual(before[1], after[1])

    def test_a_loaded_question_without_an_answer_gets_one(self):
        pathlib.Path(self.path("asked.json")).write_text('[{"role": "user", "content": "hello"}]', encoding="utf-8")
        done = self.chat(f"/load {self.path('asked.json')}", "/again", f"/save {self.path('answered.json')}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([m["role"] for m in self.saved("answered.json")], ["user", "assistant"])

    def test_what_cannot_be_edited(self):
        for lines, told in ((["/again"], "nothing was asked yet"), (["/edit 1 x"], "nothing was asked yet"),
                            (["one", "/edit 2 x"], "questions have the numbers 1 to 1, found 2"), (["one", "/edit 0 x"], "found 0"),
                            (["one", "/edit -1 x"], "found -1"), (["one", "/edit 99999999999999999999 x"], "/edit takes the number"),
                            (["one", "/edit"], "/edit takes the number"), (["one", "/edit 1"], "/edit takes the number"),
                            (["one", "/edit one two"], "/edit takes the number")):
            done = self.chat(*lines, f"/save {self.path('talk.json')}")
            self.assertEqual(done.returncode, 2, lines)
            self.assertIn(told, done.stderr)
            self.assertEqual(len(self.saved("talk.json")), 2 * (len(lines) - 1))

    def test_an_edit_that_fails_changes_nothing(self):
        done = self.chat("one", "two", "/edit 1 " + "word " * 300, f"/save {self.path('talk.json')}", options=("--context", "128"))
        self.assertEqual(done.returncode, 3)
        self.assertEqual(self.said("talk.json")[::2], ["one", "two"])

    def test_messages_left_out_keep_their_numbers_and_can_be_edited(self):
        lines = [f"message {i}" for i in range(1, 31)]
        done = self.chat(*lines, "/edit 3 changed", f"/save {self.path('talk.json')}", "/context", options=("--context", "200"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIsNotNone(LEFT_OUT.search(done.stderr))
        self.assertEqual(self.said("talk.json")[::2], ["message 1", "message 2", "changed"])
        self.assertEqual([row[0] for row in ROW.findall(done.stderr)], ["1", "", "2", "", "3", ""])

    def test_pictures_of_messages_left_out_are_gone(self):
        lines = [f"look {PICTURE}"] + [f"message {i}" for i in range(2, 31)]
        done = self.chat(*lines, "/edit 1 changed", f"/save {self.path('talk.json')}", options=("--context", "200"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("pictures were given back", done.stderr)
        self.assertEqual(len(self.saved("talk.json")), 60)

    def test_at_a_terminal_tab_knows_the_commands(self):
        t = open_chat(self, str(FIXTURES / "models/vl"), *SHORT)
        for line in ("one", "/ed\t 1 three", "/ag\t"):
            t.type(line + "\n")
            t.read_until(ANSWERED)
        t.type("/con\t\n")
        t.read_until("tokens used")
        self.assertNotIn("one", t.read_until("three"))
        t.read_until("> ")
        t.type("/quit\n")
        self.assertEqual(t.finish(), 0)


if __name__ == "__main__":
    unittest.main()
