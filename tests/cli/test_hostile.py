# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around the command: readers that leave, disks that fill, signals, memory, bytes that are no text."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import PATIENCE, PICTURE, THIMBLE, VL, VL_GGUF, can_mount, catches, forced, open_chat, thimble, with_memory, with_mounts

LONG = ["--context", "4000", "--max-tokens", "3500", "--ignore-eos", "--seed", "1", "--exact", "--think", "off"]


class Bytes(unittest.TestCase):
    """Nothing from a model or a file may drive the terminal."""

    def test_control_bytes_that_a_model_writes(self):
        done = thimble("run", VL, "hello", "--max-tokens", "3", *forced("\x1b"))
        self.assertEqual((done.returncode, done.stdout), (0, "\\x1b\\x1b\\x1b\n"))
        reply = json.loads(thimble("run", VL, "hello", "--max-tokens", "2", "--json", *forced("\x1b")).stdout)
        self.assertEqual(reply["text"], "\x1b\x1b")  # programs get what was written, in JSON's escapes
        t = open_chat(self, VL, "--max-tokens", "3", *forced("\x1b"))
        t.type("hello\n")
        t.read_until("\\x1b\\x1b\\x1b")

    def test_detokenize_escapes_for_people_only(self):
        ids = thimble("tokenize", VL, "--jsonl", text='{"text": "a\\u001b[31m"}').stdout
        ids = ",".join(map(str, json.loads(ids)["ids"]))
        self.assertEqual(thimble("detokenize", VL, ids).stdout, "a\x1b[31m")
        from harness import Terminal
        t = Terminal("detokenize", VL, ids)
        self.addCleanup(t.close)
        self.assertEqual(t.finish(), 0)
        self.assertEqual(t.raw, "a\\x1b[31m\r\n")

    def test_names_that_people_type(self):
        for command in (["info", "evil\x1b[31m\x07name"], ["chat", "evil\x1b]0;title\x07"], ["run", VL, "hi", "--image", "\x1b[2J.png"], ["\x1b[2J"]):
            done = thimble(*command)
            self.assertIn(done.returncode, (2, 4))
            self.assertNotRegex(done.stderr, "[\x00-\x08\x0b-\x1f\x7f-\x9f]")
            self.assertIn("\\x1b", done.stderr)

    def test_names_that_files_bear(self):
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(os.fsencode(folder), b"caf\xe9\x1b[31m.png")
            shutil.copy(os.fsencode(PICTURE), name)
            done = thimble("run", VL, "hi", "--image", name, "--max-image-pixels", "10")
            self.assertEqual(done.returncode, 3)
            self.assertIn("caf\\xe9\\x1b[31m.png", done.stderr)
            t = open_chat(self, VL, cwd=folder)
            t.type("/image \t")  # completion leaves out what cannot be typed
            shutil.copy(PICTURE, folder + "/\x1b[31mred.png")
            pathlib.Path(folder, "talk.json").write_text(
                json.dumps([{"role": "user", "content": [{"type": "image", "image": "\x1b[31mnowhere.png"}]}]), encoding="utf-8")
            t.type("\x03")
            t.read_until("> ")
            t.type("/load talk.json\n")
            t.read_until("\\x1b[31mnowhere.png")
            self.assertNotIn("\x1b[31m", t.raw)

    def test_names_inside_files(self):
        data = pathlib.Path(VL_GGUF).read_bytes()
        key = data.index(b"general.architecture")
        begin = data.index(b"qwen35", key)
        with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
            file.write(data[:begin] + b"q\x1b[31m" + data[begin + 6:])
            file.flush()
            done = thimble("info", file.name)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("q\\x1b[31m", done.stderr)
        self.assertNotIn("\x1b", done.stderr)

    def test_prompts_that_are_no_text(self):
        ids = [json.loads(thimble("run", VL, "--json", "--max-tokens", "1", *how).stdout)["prompt_ids"]
               for how in ([b"caf\xe9!"], ["caf\ufffd!"])]
        self.assertEqual(ids[0], ids[1])
        piped = thimble("run", VL, "--json", "--max-tokens", "1", text=b"caf\xe9!")
        self.assertEqual(json.loads(piped.stdout)["prompt_ids"], ids[0])

    def test_files_that_are_no_text(self):
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/talk.json"
            pathlib.Path(path).write_bytes(b'[{"role": "user", "content": "caf\xe9"}]')
            done = thimble("run", VL, "--messages", path)
            self.assertEqual(done.returncode, 2)
            self.assertIn("talk.json", done.stderr)
            pathlib.Path(path).write_bytes(b"caf\xe9 \xff\x00 and more words")
            done = thimble("perplexity", VL, path, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreater(json.loads(done.stdout)["tokens"], 5)
        done = thimble("run", VL, "hi", "--image", "-", text=b"\xff\xd8\xff no picture")
        self.assertEqual(done.returncode, 5, done.stderr)


class Pipes(unittest.TestCase):
    def test_a_closed_pipe_ends_quietly(self):
        for command in (["run", VL, "hello", *LONG], ["logits", VL, "--ids", "1,2,3,4,5,6,7,8", "--positions", "all", "--full", "--json"],
                        ["chat", VL, *LONG]):
            script = 'printf "hello\\n" | "$@" | head -c 1 >/dev/null; echo ${PIPESTATUS[1]}'
            begin = time.monotonic()
            done = subprocess.run(["bash", "-c", script, "bash", THIMBLE, *command], capture_output=True, text=True, timeout=PATIENCE, check=False)
            self.assertEqual(done.stderr, "", command)
            self.assertEqual(done.stdout, f"{128 + signal.SIGPIPE}\n", command)
            self.assertLess(time.monotonic() - begin, PATIENCE / 2)

    def test_missing_streams_are_not_replaced_by_files(self):
        done = subprocess.run(["sh", "-c", '"$1" version >&-', "sh", THIMBLE], capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 5)
        self.assertIn("standard output", done.stderr)
        with tempfile.TemporaryDirectory() as home:
            script = 'THIMBLE_HOME=$1 "$2" import "$3" --name copy >&- 2>&-'
            subprocess.run(["sh", "-c", script, "sh", home, THIMBLE, VL_GGUF], check=False, timeout=PATIENCE)
            copy = pathlib.Path(home, "models/copy", os.path.basename(VL_GGUF))
            self.assertEqual(copy.read_bytes(), pathlib.Path(VL_GGUF).read_bytes())


class Disks(unittest.TestCase):
    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full here")
    def test_output_that_does_not_arrive_is_a_failure(self):
        for command in (["version"], ["info", VL, "--json"], ["tokenize", VL, "x"], ["detokenize", VL, "65"], ["run", VL, "x", "-n", "3"],
                        ["run", VL, "x", "-n", "3", "--json"], ["logits", VL, "--ids", "1", "--json"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([THIMBLE, *command], stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False,
                                      timeout=PATIENCE)
            self.assertEqual(done.returncode, 5, command)
            self.assertIn("standard output", done.stderr)

    def test_save_replaces_ordinary_files_only(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "talk.json").write_text("old", encoding="utf-8")
            os.chmod(folder + "/talk.json", 0o640)
            os.symlink("talk.json", folder + "/link.json")
            os.mkfifo(folder + "/fifo")
            done = thimble("chat", VL, "--system", "x", text=f"/save {folder}/fifo\n/save {folder}\n/save {folder}/link.json\n")
            self.assertEqual(done.returncode, 2)
            self.assertIn("no ordinary file", done.stderr)
            self.assertIn("is a folder", done.stderr)
            self.assertTrue(os.path.islink(folder + "/link.json"))
            self.assertEqual(len(json.loads(pathlib.Path(folder, "talk.json").read_text(encoding="utf-8"))), 1)
            self.assertEqual(os.stat(folder + "/talk.json").st_mode & 0o777, 0o640)
            self.assertEqual(sorted(os.listdir(folder)), ["fifo", "link.json", "talk.json"])

    @unittest.skipUnless(can_mount(), "no file systems of one's own here")
    def test_a_full_disk_keeps_the_old_file(self):
        with tempfile.TemporaryDirectory() as folder:
            long = folder + "/long.json"
            pathlib.Path(long).write_text(json.dumps([{"role": "user", "content": "word " * 20000}]), encoding="utf-8")
            os.mkdir(folder + "/small")
            script = """mount -t tmpfs -o size=32k tmpfs "$1/small" && printf old >"$1/small/talk.json" || exit 99
                printf '/load %s\\n/save %s\\n' "$1/long.json" "$1/small/talk.json" | "$2" chat "$3"
                status=$?; cat "$1/small/talk.json"; ls -A "$1/small"; exit $status"""
            done = with_mounts(script, folder, THIMBLE, VL)
        self.assertEqual(done.returncode, 3, done.stderr)  # out of room
        self.assertEqual(done.stdout, "oldtalk.json\n")
        self.assertIn("not saved", done.stderr)


class Signals(unittest.TestCase):
    def start(self, *args):
        command = subprocess.Popen([THIMBLE, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(command.kill)
        return command

    def test_an_interrupt_gives_what_there_is(self):
        command = self.start("run", VL, "hello", *LONG, "--json", "--verbose")
        self.assertIn("loaded in", command.stderr.readline())
        command.send_signal(signal.SIGINT)
        out, _ = command.communicate(timeout=PATIENCE)
        self.assertEqual(command.returncode, 130)
        reply = json.loads(out)
        self.assertEqual(reply["finish_reason"], "cancelled")
        self.assertLess(len(reply["ids"]), 3500)

    def test_an_interrupt_from_the_first_moment_on(self):
        # As soon as the command listens it obeys: while loading (then there is no reply) or just after.
        command = self.start("run", VL, "hello", *LONG, "--json")
        while not catches(command.pid, signal.SIGINT):
            self.assertIsNone(command.poll())
        command.send_signal(signal.SIGINT)
        out, errors = command.communicate(timeout=PATIENCE)
        self.assertEqual(command.returncode, 130, errors)
        if out:
            self.assertEqual(json.loads(out)["finish_reason"], "cancelled")
        else:
            self.assertIn("cancelled", errors)


@unittest.skipUnless(can_mount(), "no file systems of one's own here")
class Memory(unittest.TestCase):
    def test_what_cannot_fit_is_refused_before_loading(self):
        done = with_memory(20000, "run", VL, "hello")
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertRegex(done.stderr, r"needs [0-9.]+ MiB, 19\.5 MiB free; try a smaller file")
        self.assertEqual(with_memory(2000000, "run", VL, "hello", "-n", "1").returncode, 0)

    def test_frames_that_cannot_fit(self):
        with tempfile.TemporaryDirectory() as folder:
            for i in range(8):
                shutil.copy(PICTURE, f"{folder}/{i}.png")
            done = with_memory(1, "run", VL, "hello", "--frames", folder, "--all-frames")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("smaller or fewer", done.stderr)
