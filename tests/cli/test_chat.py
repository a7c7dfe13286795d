# SPDX-License-Identifier: Apache-2.0
"""thimble chat at a terminal (a pseudo-terminal) and in a pipe."""
import json
import os
import pathlib
import shutil
import stat
import tempfile
import unittest

from harness import FIXTURES, PICTURE, VL, open_chat, thimble

SHORT = ["--max-tokens", "6", "--temperature", "0", "--ignore-eos"]
ANSWERED = "stopped at --max-tokens"


class AtATerminal(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.state = os.path.join(self.folder.name, "state")

    def open(self, *args, **how):
        return open_chat(self, *args, env={"XDG_STATE_HOME": self.state} | how.pop("env", {}), **how)

    def test_a_conversation(self):
        t = self.open(VL, *SHORT)
        t.type("/help\n")
        t.read_until("/image PATH")
        t.type("hello there\n")
        t.read_until(ANSWERED)
        t.type(f"/image {PICTURE}\n")
        t.read_until("attached")
        t.read_until("[1 picture]")
        t.type("and this?\n")
        t.read_until(ANSWERED)
        t.type("/stats\n")
        stats = t.read_until("; context")
        self.assertIn("remembered", stats)  # the past was not read again
        self.assertIn("looked at 1 picture", stats)
        t.type("and now?\n")
        t.read_until(ANSWERED)
        t.type("/stats\n")
        self.assertNotIn("looked at", t.read_until("; context"))  # nor an old picture looked at again
        t.type("/think on\n")
        t.read_until("thinking on")
        t.type("\x04")
        self.assertEqual(t.finish(), 0)

    def test_save_reset_and_load(self):
        t = self.open(VL, *SHORT, "--system", "Be brief.")
        t.type(f"look {PICTURE}\n")
        t.read_until(ANSWERED)
        path = os.path.join(self.folder.name, "my talk.json")
        t.type(f"/save {path}\n")
        t.read_until("saved 3 messages")
        messages = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        self.assertEqual([m["role"] for m in messages], ["system", "user", "assistant"])
        self.assertEqual(messages[1]["content"], [{"type": "image", "image": PICTURE}, {"type": "text", "text": "look"}])
        self.assertEqual(sorted(os.listdir(self.folder.name)), ["my talk.json", "state"])  # no half-written file
        t.type("/reset\n")
        t.read_until("forgotten")
        escaped = path.replace(" ", "\\ ")
        t.type(f"/load {escaped}\n")
        t.read_until("loaded 3 messages")
        t.type("go on\n")
        t.read_until(ANSWERED)
        t.type(f"/save '{path}'\n")
        t.read_until("saved 5 messages")
        t.type("/load nowhere.json\n")
        t.read_until("not loaded")
        t.type(f"/save {self.folder.name}/no/such/folder.json\n")
        t.read_until("not saved")
        t.type("/quit\n")
        self.assertEqual(t.finish(), 0)
        # What chat saves, run reads.
        self.assertEqual(thimble("run", VL, "--messages", path, "--max-tokens", "2").returncode, 0)

    def test_pictures_by_their_paths(self):
        home = os.path.join(self.folder.name, "home")
        os.mkdir(home)
        for name in ("a b.png", "second.PNG"):
            shutil.copy(PICTURE, os.path.join(home, name))
        t = self.open(VL, *SHORT, cwd=home, env={"HOME": home})
        count = 0
        for line in ("/image ~/a\\ b.png", "/image a b.png", "/image 'a b.png'", '"a b.png"', "a\\ b.png", "file://" + home + "/a%20b.png",
                     home + "/a b.png", "~/second.PNG", "second.PNG"):
            t.type(line + "\n")
            t.read_until("attached")
            count += 1
            t.read_until(f"[{count} picture")
        t.type("second.PNG 'a b.png'\n")
        t.read_until(f"[{count + 2} pictures]")
        t.type("/reset\n")
        t.read_until("forgotten")
        t.type("what is in second.PNG?\n")
        t.read_until(ANSWERED)
        t.type("it's here: second.PNG or not\n")
        t.read_until(ANSWERED)
        t.type("and nowhere.png\n")  # no such file: words like any other
        t.read_until(ANSWERED)
        t.type("/save talk.json\n")
        t.read_until("saved 6 messages")
        content = [m["content"] for m in json.loads(pathlib.Path(home, "talk.json").read_text(encoding="utf-8")) if m["role"] == "user"]
        picture = {"type": "image", "image": os.path.join(home, "second.PNG")}
        self.assertEqual(content, [[picture, {"type": "text", "text": "what is in second.PNG?"}],
                                   [picture, {"type": "text", "text": "it's here: second.PNG or not"}], "and nowhere.png"])

    def test_failures_are_told_and_the_chat_goes_on(self):
        broken = os.path.join(self.folder.name, "broken.png")
        pathlib.Path(broken).write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
        t = self.open(VL, *SHORT, "--context", "128")
        for line, told in ((f"/image {broken}", "broken.png"), ("/image nowhere.png", "nowhere.png"), ("/image", "takes the path"),
                           ("/imag x", "did you mean /image?"), ("/think maybe", "on, off or auto"), ("/xyzzy", "there is no command /xyzzy"),
                           ("/load", "takes a file name"), ("word " * 200, "context")):
            t.type(line + "\n")
            t.read_until(told)
            t.read_until("> ")
        t.type("/etc/passwd is a path, not a command\n")
        t.read_until(ANSWERED)
        t.type("/quit\n")
        self.assertEqual(t.finish(), 0)

    def test_a_model_without_eyes_says_so(self):
        t = self.open(str(FIXTURES / "models/text-tied"), *SHORT)
        t.type(f"what is {PICTURE}\n")
        t.read_until("cannot see")
        t.type("hello\n")
        t.read_until(ANSWERED)

    def test_line_editing_history_and_continued_lines(self):
        path = os.path.join(self.folder.name, "talk.json")
        t = self.open(VL, *SHORT)
        t.type("wörld\x01hello \x05!\n")  # Ctrl-A, Ctrl-E
        t.read_until(ANSWERED)
        t.type("one\\\n")
        t.read_until(". ")
        t.type("two\n")
        t.read_until(ANSWERED)
        t.type("/sa\t" + path + "\n")
        t.read_until("saved 4 messages")
        messages = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        self.assertEqual([m["content"] for m in messages if m["role"] == "user"], ["hello wörld!", "one\ntwo"])
        t.type("\x04")
        self.assertEqual(t.finish(), 0)
        history = os.path.join(self.state, "thimble", "history")
        self.assertEqual(stat.S_IMODE(os.stat(history).st_mode), 0o600)
        t = self.open(VL, *SHORT)
        t.type("\x1b[A\x1b[A\x1b[A\x1b[A\n")  # four up: the first message
        self.assertIn("hello wörld!", t.read_until(ANSWERED))


class InAPipe(unittest.TestCase):
    def test_lines_are_messages_and_answers_lines(self):
        done = thimble("chat", VL, *SHORT, text="hello\n  /think off\nagain\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("\n"), 2, done.stdout)
        self.assertNotIn("\x1b", done.stdout)
        self.assertNotIn("> ", done.stdout)
        self.assertIn("thinking off", done.stderr)

    def test_a_failed_turn_shows_in_the_status(self):
        self.assertEqual(thimble("chat", VL, *SHORT, text="/image nowhere.png\nhello\n").returncode, 4)
        self.assertEqual(thimble("chat", VL, "--logit-bias", "x", text="hello\n").returncode, 2)

    def test_without_a_built_in_model_one_sentence_helps(self):
        done = thimble("chat", env={"THIMBLE_BUILTIN": "/nonexistent"}, text="")
        self.assertEqual(done.returncode, 4)
        self.assertIn("/nonexistent", done.stderr)

    def test_the_built_in_model_introduces_itself(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(FIXTURES / "gguf/text-tied-f32.gguf", folder + "/builtin.gguf")
            facts = {"name": "Tiny Thing", "note": "for tests", "licence": "Apache-2.0", "cannot": "see"}
            pathlib.Path(folder, "builtin.json").write_text(json.dumps(facts), encoding="utf-8")
            env = {"THIMBLE_BUILTIN": folder + "/builtin.gguf"}
            for command in ([], ["chat"], ["chat", "builtin"]):
                done = thimble(*command, env=env, text="")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("This is Tiny Thing, for tests", done.stderr)
            self.assertNotIn("Tiny Thing", thimble("run", "hello", "--max-tokens", "2", env=env).stderr)
            told = thimble("info", "builtin", env=env).stdout
            self.assertIn("Apache-2.0", told)
            self.assertEqual(json.loads(thimble("info", "--json", env=env).stdout)["builtin"], facts)
            names = json.loads(thimble("list", "--json", env=env).stdout)["models"]
            self.assertEqual((names[0]["name"], names[0]["title"]), ("builtin", "Tiny Thing"))
