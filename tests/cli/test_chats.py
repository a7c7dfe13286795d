# SPDX-License-Identifier: Apache-2.0
"""Chats that are kept: thimble chats, and thimble chat with --continue, --resume, --no-history and /title."""
import fcntl
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import stat
import subprocess
import tempfile
import time
import unittest

from harness import FIXTURES, PATIENCE, PICTURE, THIMBLE, VL, can_mount, open_chat, thimble, with_mounts

SHORT = ["--max-tokens", "6", "--temperature", "0", "--ignore-eos"]
ANSWERED = "stopped at --max-tokens"
PIPE_SIZE = 1031  # F_SETPIPE_SZ, which Python knows from 3.10 on only
KEYS = ["id", "title", "model", "messages", "tokens", "pictures", "created", "updated"]


class Kept(unittest.TestCase):
    """A store of its own for each test."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name, "home")
        self.env = {"THIMBLE_HOME": str(self.home)}
        self.folder = folder.name

    def run_chat(self, text, *args, model=VL):
        done = thimble("chat", model, *SHORT, *args, text=text, env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def chats(self, *args):
        done = thimble("chats", "--json", *args, env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["chats"]

    def export(self, chat, form="json"):
        done = thimble("chats", "--export", chat, "--format", form, env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout) if form == "json" else done.stdout

    def shown(self, chat):
        """The messages of the shown branch."""
        document = self.export(chat)
        messages = {m["id"]: m for m in document["messages"]}
        branch, at = [], document["chat"]["head"]
        while at:
            branch.insert(0, messages[at])
            at = messages[at]["parent"]
        return branch

    def files_with(self, text):
        return [p.name for p in self.home.rglob("*") if p.is_file() and text.encode() in p.read_bytes()]


class Command(Kept):
    def test_nothing_is_made_where_nothing_is_kept(self):
        self.assertEqual(self.chats(), [])
        self.assertIn("no chats yet", thimble("chats", env=self.env).stderr)
        self.assertEqual(thimble("chats", "--delete", "x", env=self.env).returncode, 4)
        self.run_chat("hello\n/again\n/title no\n", "--no-history")
        self.run_chat("/help\n/stats\n")
        self.assertFalse(self.home.exists())

    def test_chats_are_listed_newest_first(self):
        self.run_chat("Why is the sky blue? And please say so in many more words than I would ever need to hear.\n")
        self.run_chat(f"/title Green tea\nhello\nlook {PICTURE}\n")
        second, first = self.chats()
        self.assertEqual(list(first), KEYS)
        self.assertEqual(first["title"], "Why is the sky blue? And please say so in many more words…")
        self.assertEqual((second["title"], second["messages"], second["pictures"], second["model"]), ("Green tea", 4, 1, "vl"))
        self.assertGreater(second["tokens"], 20)
        self.assertLess(abs(first["created"] / 1000 - time.time()), 600)
        listed = thimble("chats", env=self.env).stdout
        self.assertLess(listed.index("Green tea (4 messages, vl)"), listed.index("Why is the sky blue?"))
        self.assertIn(first["id"], listed)
        # What is said in one makes it the newest.
        self.run_chat("more\n", "--resume", first["id"])
        self.assertEqual([c["id"] for c in self.chats()], [first["id"], second["id"]])
        self.assertEqual(stat.S_IMODE(os.stat(self.home / "chats").st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(os.stat(self.home / "chats/chats.sqlite").st_mode), 0o600)

    def test_search_export_and_delete(self):
        self.run_chat("/title Music\ntell me of quartzxylophones, 100% of them\n")
        self.run_chat(f"看 {PICTURE}\n/title 緑茶 \x1b[31m\n")
        tea, quartz = self.chats()
        self.assertEqual([c["id"] for c in self.chats("QUARTZ tell")], [quartz["id"]])
        self.assertEqual([c["id"] for c in self.chats("茶")], [tea["id"]])
        self.assertEqual([c["id"] for c in self.chats("0%")], [quartz["id"]])
        self.assertEqual(self.chats("nothing like it"), [])
        self.assertIn("    tell me of quartzxylophones, 100% of them", thimble("chats", "quartz", env=self.env).stdout)
        self.assertIn("\\x1b[31m", thimble("chats", env=self.env).stdout)
        markdown = self.export(quartz["id"], "markdown")
        self.assertEqual(markdown, thimble("chats", "--export", quartz["id"], env=self.env).stdout)
        self.assertTrue(markdown.startswith("# Music\n"), markdown)
        self.assertIn("## Assistant (vl), ", markdown)
        document = self.export(tea["id"])
        self.assertEqual((document["thimble"], document["chat"]["id"], len(document["messages"])), (1, tea["id"], 2))
        self.assertEqual(document["messages"][0]["pictures"][0]["name"], "rgb.png")
        self.assertNotEqual(self.files_with("quartzxylophone"), [])
        done = thimble("chats", "--delete", quartz["id"], env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.files_with("quartzxylophone"), [])
        self.assertEqual([c["id"] for c in self.chats()], [tea["id"]])
        for args in (["--delete", quartz["id"]], ["--export", quartz["id"]]):
            self.assertEqual(thimble("chats", *args, env=self.env).returncode, 4)
        self.assertEqual(thimble("chats", "--format", "json", env=self.env).returncode, 2)
        self.assertEqual(thimble("chats", "--delete", "a", "--export", "b", env=self.env).returncode, 2)

    def test_files_that_cannot_be_used_are_named(self):
        self.run_chat("hello\n")
        path = self.home / "chats/chats.sqlite"
        backup = next((self.home / "chats/backups").glob("*.sqlite"), None)
        if backup is None:  # made when the next command opens it
            self.chats()
            backup = next((self.home / "chats/backups").glob("*.sqlite"))
        whole = path.read_bytes()
        with sqlite3.connect(path) as newer:
            newer.execute("PRAGMA user_version = 99")
        newer.close()
        done = thimble("chats", env=self.env)
        self.assertEqual(done.returncode, 4)
        self.assertIn("newer Thimble", done.stderr)
        damaged = b"not a database at all" + whole[21:]
        path.write_bytes(damaged)
        done = thimble("chats", env=self.env)
        self.assertEqual(done.returncode, 5)
        self.assertIn(backup.name, done.stderr)
        self.assertEqual(path.read_bytes(), damaged)
        # One can talk all the same, and hears of it.
        done = self.run_chat("hello\nagain\n")
        self.assertEqual(done.stdout.count("\n"), 2)
        self.assertEqual(done.stderr.count("not kept"), 1)
        self.assertEqual(thimble("chat", VL, "--continue", env=self.env, text="").returncode, 5)

    def test_a_place_that_cannot_be_written(self):
        done = thimble("chat", VL, *SHORT, text="hello\n", env={"THIMBLE_HOME": "/dev/null/nowhere"})
        self.assertEqual(done.returncode, 0)
        self.assertIn("not kept", done.stderr)
        self.assertEqual(thimble("chat", VL, "--continue", text="", env={"THIMBLE_HOME": "/dev/null/nowhere"}).returncode, 5)

    @unittest.skipUnless(can_mount(), "no file systems of one's own here")
    def test_a_full_disk(self):
        place = pathlib.Path(self.folder, "small")
        place.mkdir()
        script = 'mount -t tmpfs -o size=400k none "$1" && export THIMBLE_HOME="$1" && shift && "$@"; echo status $?; "$1" chats --json'
        done = with_mounts(script, str(place), THIMBLE, "chat", VL, *SHORT, text="hello\n" + "word " * 100_000 + "\nagain\n")
        self.assertIn("disk is full", done.stderr)
        self.assertIn("status", done.stdout)
        kept = json.loads(done.stdout.splitlines()[-1])["chats"]
        self.assertLessEqual(sum(c["messages"] for c in kept), 2)


class Resumed(Kept):
    def texts(self, chat):
        return [(m["role"], m["text"]) for m in self.shown(chat)]

    def test_an_answer_is_the_one_that_would_have_come(self):
        options = ["--exact", "--system", "Be brief.", "--think", "on", "--context", "2048"]
        turns = ["hello there", f"look at this {PICTURE}", "and now?", "go on"]
        self.run_chat("\n".join(turns) + "\n", *options)
        whole = self.chats()[0]
        self.run_chat("\n".join(turns[:2]) + "\n/title Broken\n", *options)
        broken = self.chats()[0]
        self.assertNotEqual(whole["id"], broken["id"])
        options.remove("--system")
        options.remove("Be brief.")  # comes from the chat
        self.run_chat(turns[2] + "\n", *options, "--continue")
        done = self.run_chat(turns[3] + "\n", *options, "--resume", "broken")
        self.assertIn('going on with "Broken"', done.stderr)
        self.assertEqual(self.texts(broken["id"]), self.texts(whole["id"]))
        self.assertEqual([m["facts"]["usage"] for m in self.shown(broken["id"])[1::2]],
                         [m["facts"]["usage"] for m in self.shown(whole["id"])[1::2]])
        self.assertEqual(len(self.chats()), 2)

    def test_what_no_longer_fitted_is_still_left_out(self):
        options = ["--exact", "--context", "160", "--max-tokens", "12", "--temperature", "0", "--ignore-eos"]
        turns = [f"this is message number {i} of some" for i in range(9)]
        thimble("chat", VL, *options, text="\n".join(turns) + "\n", env=self.env)
        whole = self.chats()[0]
        thimble("chat", VL, *options, text=turns[0] + "\n", env=self.env)
        broken = self.chats()[0]["id"]
        for turn in turns[1:]:
            done = thimble("chat", VL, *options, "--resume", broken, text=turn + "\n", env=self.env)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(self.shown(whole["id"])[-1]["facts"]["left_out"], 2)
        self.assertEqual(self.texts(broken), self.texts(whole["id"]))

    def test_pictures_are_read_again_as_they_were(self):
        copy = os.path.join(self.folder, "cup.png")
        shutil.copy(PICTURE, copy)
        self.run_chat(f"look {copy}\n")
        os.remove(copy)  # the store has its own
        done = self.run_chat("and now?\n/save " + self.folder + "/saved.json\n/context\n", "--continue", "--max-pixels", "4096")
        self.assertIn("1 picture", done.stderr)
        kept = self.shown(self.chats()[0]["id"])
        self.assertEqual(kept[0]["pictures"][0]["tokens"], 6)
        self.assertEqual(thimble("run", VL, "--messages", self.folder + "/saved.json", "-n", "2").returncode, 0)
        blind = thimble("chat", str(FIXTURES / "models/text-tied"), "--continue", text="", env=self.env)
        self.assertEqual(blind.returncode, 4)
        self.assertIn("pictures", blind.stderr)

    def test_words_that_name_no_chat_or_several(self):
        done = thimble("chat", VL, "--continue", text="", env=self.env)
        self.assertEqual((done.returncode, "no chat yet" in done.stderr), (4, True))
        self.run_chat("/title Tea\nhello\n")
        self.run_chat("/title Tea for two\nhello\n")
        self.run_chat("/title tea for three\nhello\n")
        self.assertEqual(thimble("chat", VL, "--resume", "coffee", text="", env=self.env).returncode, 4)
        self.assertEqual(thimble("chat", VL, "--resume", "tea for", text="", env=self.env).returncode, 2)
        self.assertIn('"Tea"', thimble("chat", VL, "--resume", "tea", text="", env=self.env).stderr)
        for wrong in (["--resume", ""], ["--resume", "tea", "--continue"], ["--continue", "--no-history"]):
            self.assertEqual(thimble("chat", VL, *wrong, text="", env=self.env).returncode, 2)

    def test_the_model_of_a_chat_is_found_by_its_name(self):
        self.assertEqual(thimble("import", VL, "--link", "--name", "mine", env=self.env).returncode, 0)
        self.run_chat("hello\n", model="mine")
        done = thimble("chat", *SHORT, "--continue", text="more\n", env=self.env | {"THIMBLE_BUILTIN": "/nonexistent"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.run_chat("hello\n")  # by its path
        done = thimble("chat", "--continue", text="", env=self.env | {"THIMBLE_BUILTIN": "/nonexistent"})
        self.assertIn("was with vl", done.stderr)


class Branches(Kept):
    def test_edits_and_new_answers_are_branches(self):
        self.run_chat("one\ntwo\n/again\n/edit 1 another one\nthree\n")
        chat = self.chats()[0]
        self.assertEqual(chat["messages"], 4 + 1 + 2 + 2)
        self.assertEqual([m["text"] for m in self.shown(chat["id"])[::2]], ["another one", "three"])
        roots = [m["text"] for m in self.export(chat["id"])["messages"] if m["parent"] == ""]
        self.assertEqual(roots, ["one", "another one"])

    def test_reset_and_load_begin_new_ones(self):
        saved = self.folder + "/talk.json"
        self.run_chat(f"/title First\nlook {PICTURE}\n/save {saved}\n/reset\nnext\n")
        self.assertEqual([(c["title"], c["messages"]) for c in self.chats()], [("next", 2), ("First", 2)])
        self.run_chat(f"/load {saved}\nand now?\n", "--system", "Be brief.")
        loaded = self.chats()[0]
        self.assertEqual((loaded["title"], loaded["messages"], loaded["pictures"]), ("look", 4, 1))
        done = self.run_chat("more\n", "--continue")
        self.assertEqual(len(self.shown(loaded["id"])), 6, done.stderr)
        # Its last message answered anew, or edited, is said in it too.
        self.run_chat(f"/load {saved}\n/again\n/edit 1 look here\nmore\n")
        again = self.chats()[0]
        self.assertEqual((again["messages"], again["pictures"]), (2 + 1 + 2 + 2, 1))
        self.assertEqual([m["text"] for m in self.shown(again["id"])[::2]], ["look here", "more"])

    def test_commands_that_find_nothing_to_do(self):
        done = thimble("chat", VL, *SHORT, text="/again\n/edit 1 x\n/edit\n", env=self.env)
        self.assertEqual(done.returncode, 2)
        self.assertEqual(self.chats(), [])

    def test_what_is_taken_back_is_not_kept(self):
        done = thimble("chat", VL, *SHORT, "--context", "64", text="word " * 200 + "\nhello\n" + "word " * 200 + "\n", env=self.env)
        self.assertNotEqual(done.returncode, 0)
        chat, = self.chats()
        self.assertEqual([m["role"] for m in self.export(chat["id"])["messages"]], ["user", "assistant"])
        self.assertEqual(self.shown(chat["id"])[0]["text"], "hello")

    def test_a_chat_that_is_open_elsewhere(self):
        self.run_chat("one\n")
        chat = self.chats()[0]["id"]
        t = open_chat(self, VL, *SHORT, "--continue", env=self.env)
        done = self.run_chat("two here\n", "--resume", chat)
        self.assertIn("open in another Thimble", done.stderr)
        t.type("two there\n")
        t.read_until("went on elsewhere")
        t.read_until(ANSWERED)
        t.type("three there\n")
        self.assertNotIn("elsewhere", t.read_until(ANSWERED))
        t.type("/quit\n")
        self.assertEqual(t.finish(), 0)
        self.assertEqual([m["text"] for m in self.shown(chat)[::2]], ["one", "two there", "three there"])
        self.assertEqual(self.chats()[0]["messages"], 8)
        self.assertNotIn("open in another", self.run_chat("four\n", "--continue").stderr)

    def test_many_at_once(self):
        many = [subprocess.Popen([THIMBLE, "chat", VL, *SHORT, "--threads", "1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, env=os.environ | self.env, text=True) for _ in range(4)]
        for i, process in enumerate(many):
            process.stdin.write("".join(f"message {j} of {i}\n" for j in range(5)))
            process.stdin.close()
        for process in many:
            told = process.stderr.read()
            process.stderr.close()
            self.assertEqual(process.wait(PATIENCE), 0)
            self.assertNotIn("not kept", told)
        self.assertEqual([c["messages"] for c in self.chats()], [10] * 4)
        self.assertEqual({m["state"] for c in self.chats() for m in self.shown(c["id"])}, {"done"})

    def test_one_that_is_deleted_meanwhile(self):
        self.run_chat("one\n")
        chat = self.chats()[0]["id"]
        t = open_chat(self, VL, *SHORT, "--continue", env=self.env)
        self.assertEqual(thimble("chats", "--delete", chat, env=self.env).returncode, 0)
        t.type("two\n")
        t.read_until("not kept: it was deleted elsewhere")
        t.read_until(ANSWERED)
        t.type("/reset\n")
        t.read_until("forgotten")
        t.type("new\n")
        t.read_until(ANSWERED)
        t.type("/quit\n")
        self.assertEqual(t.finish(), 0)
        self.assertEqual([c["title"] for c in self.chats()], ["new"])


class Cut(Kept):
    """A chat in the middle of an answer: it waits, because nobody reads what it writes."""

    def setUp(self):
        super().setUp()
        read, write = os.pipe()
        fcntl.fcntl(write, PIPE_SIZE, 4096)
        self.process = subprocess.Popen([THIMBLE, "chat", VL, "--temperature", "0", "--ignore-eos"], stdin=subprocess.PIPE, stdout=write,
                                        stderr=subprocess.DEVNULL, env=os.environ | self.env)
        os.close(write)
        self.output = os.fdopen(read, "rb")
        self.addCleanup(self.end)
        self.process.stdin.write(b"count\n")
        self.process.stdin.flush()
        end = time.monotonic() + PATIENCE
        self.answer = {"text": ""}
        while not self.answer["text"]:
            self.assertLess(time.monotonic(), end, "no answer came")
            time.sleep(0.05)
            chats = self.chats()
            messages = self.export(chats[0]["id"])["messages"] if chats else []
            self.answer = messages[1] if len(messages) > 1 else self.answer
        self.assertEqual(self.answer["state"], "running")
        self.chat = self.chats()[0]["id"]

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.output.close()

    def test_by_a_kill(self):
        self.process.kill()
        self.process.wait()
        question, answer = self.shown(self.chat)
        self.assertEqual((question["text"], answer["state"]), ("count", "stopped"))
        self.assertTrue(answer["text"].startswith(self.answer["text"]))
        self.assertEqual(os.listdir(self.home / "chats/running"), [])
        done = self.run_chat("go on\n", "--continue")
        self.assertEqual(len(self.shown(self.chat)), 4, done.stderr)

    def test_before_the_first_word(self):
        """A question that a killed command had asked, without any answer."""
        self.process.kill()
        self.process.wait()
        answer = self.shown(self.chat)[1]["id"]
        with sqlite3.connect(self.home / "chats/chats.sqlite") as store:  # as if nothing had come yet
            store.execute("UPDATE messages SET text = '' WHERE id = ?", (answer,))
        store.close()
        done = self.run_chat("/again\n", "--continue")
        self.assertIn("has no answer", done.stderr)
        self.assertEqual([(m["role"], bool(m["text"])) for m in self.shown(self.chat)], [("user", True), ("assistant", True)])

    def test_by_ctrl_c(self):
        self.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        self.process.stdin.close()
        self.output.read()
        self.process.wait(PATIENCE)
        answer = self.shown(self.chat)[1]
        self.assertEqual((answer["state"], answer["facts"]["finish"]), ("stopped", "cancelled"))
        self.assertTrue(answer["text"].startswith(self.answer["text"]))

    def test_one_that_lives_is_left_alone(self):
        done = self.run_chat("meanwhile\n", "--continue")
        self.assertIn("written elsewhere", done.stderr)
        self.output.close()
        self.process.kill()
        self.process.wait()
        self.assertEqual([m["text"] for m in self.shown(self.chat) if m["role"] == "user"], ["count", "meanwhile"])
