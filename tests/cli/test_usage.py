# SPDX-License-Identifier: Apache-2.0
"""What the command says about itself, and to wrong words."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from harness import PATIENCE, THIMBLE, VL, VL_GGUF, answer, thimble

COMMANDS = ["chat", "chats", "run", "info", "tokenize", "detokenize", "render", "logits", "perplexity", "bench", "embed-image", "list", "import", "pack", "serve", "completion", "version"]


class Help(unittest.TestCase):
    def test_every_command_explains_itself(self):
        everything = thimble("--help").stdout
        for command in COMMANDS:
            self.assertIn(f"  {command} ", everything)
            told = thimble(command, "--help")
            self.assertEqual(told.returncode, 0)
            self.assertIn(f"Usage: thimble {command}", told.stdout)
            self.assertTrue("Example" in told.stdout or command == "list", command)
            self.assertNotIn("thimble run --help", told.stdout)  # what stands below `thimble --help`
            self.assertNotIn("\n\n\n", told.stdout)
            self.assertLess(max(map(len, told.stdout.splitlines())), 112, command)

    def test_version(self):
        self.assertEqual(thimble("--version").stdout.split()[0], "thimble")
        self.assertEqual(set(answer("version", "--json")), {"version", "isa", "cpu", "threads"})


class WrongWords(unittest.TestCase):
    def check(self, *args, says, status=2, **how):
        done = thimble(*args, **how)
        self.assertEqual(done.returncode, status, done)
        self.assertEqual(done.stdout, "")
        self.assertIn(says, done.stderr)

    def test_near_misses_are_named(self):
        self.check("chatt", says="did you mean chat?")
        self.check("run", VL, "x", "--temprature", "1", says="--temperature")
        self.check("model.gguf", says="thimble chat model.gguf")
        self.check("run", VL, "two", "words", says="quotes")
        self.check("import", says="PATH is required")
        self.check("run", VL, "--please tell me", says="goes after --")

    def test_numbers_have_limits(self):
        for flag, value in (("--threads", "0"), ("--threads", "many"), ("--context", "-5"), ("--temperature", "nan"), ("--temperature", "-1"),
                            ("--top-p", "1.5"), ("--max-tokens", "0"), ("--think", "maybe"), ("--fps", "0"), ("--max-image-pixels", "-1"),
                            ("--presence-penalty", "nan"), ("--logit-bias", "1"), ("--logit-bias", "1=nan"), ("--isa", "z80"),
                            ("--seed", "-1"), ("--seed", "18446744073709551616"), ("--seed", "x"), ("--ids", ""), ("--messages", ""),
                            ("--frames", ""), ("--tools", ""), ("--mmproj", ""), ("--top-k", "99999999")):
            done = thimble("run", VL, "x", flag, value)
            self.assertEqual(done.returncode, 2, (flag, value, done.stderr))
        self.assertEqual(thimble("run", VL, "x", "-n", "1", env={"THIMBLE_ISA": "z80"}).returncode, 2)
        self.check("run", VL, "x", "--min-pixels", "5000", "--max-pixels", "4000", says="--min-pixels")
        self.check("run", VL, "x", "--max-tokens", "0", says="from 1 to 2147483647")
        self.check("run", VL, "x", "--ids", "", says="--ids")

    def test_unknown_models(self):
        self.check("chat", "nothing-like-it", status=4, says="no name in the model store")
        self.check("run", "missing.gguf", "hello", status=4, says="missing.gguf")
        self.check("info", "bultin", status=4, says="did you mean 'builtin'?")

    def test_options_alone_are_a_chat(self):
        env = {"THIMBLE_BUILTIN": VL_GGUF}
        done = thimble("--context", "64", "--threads", "1", "--verbose", env=env, text="")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("on 1 threads", done.stderr)
        self.check("--contxt", "64", says="did you mean --context?", env=env)
        self.check("--verbose", "version", says="--verbose")

    def test_options_of_other_commands_do_no_harm(self):
        common = ["--threads", "1", "--context", "100", "--verbose"]
        for command in (["tokenize", VL, "x"], ["detokenize", VL, "1"], ["info", VL], ["list"], ["version"], ["logits", VL, "--ids", "1"]):
            self.assertEqual(thimble(*command, *common).returncode, 0, command)


class Completion(unittest.TestCase):
    def complete(self, *words, home):
        """What bash offers for the last of the words of a command line."""
        script = """source <("$1" completion bash); shift
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _thimble; printf '%s\\n' "${COMPREPLY[@]}" """
        done = subprocess.run(["bash", "-c", script, "bash", THIMBLE, THIMBLE, *words], capture_output=True, text=True, check=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE, env=os.environ | {"THIMBLE_HOME": home, "THIMBLE_BUILTIN": "/nonexistent"})
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash(self):
        with tempfile.TemporaryDirectory() as home:
            os.makedirs(home + "/models/qwen-small")
            self.assertEqual(self.complete("t", home=home), ["tokenize"])
            self.assertEqual(set(self.complete("", home=home)), set(COMMANDS))
            self.assertEqual(self.complete("run", "--temp", home=home), ["--temperature"])
            self.assertEqual(self.complete("run", "x", "--max-i", home=home), ["--max-image-pixels"])
            self.assertEqual(self.complete("chat", "--think", "o", home=home), ["on", "off"])
            self.assertEqual(self.complete("chat", "q", home=home), ["qwen-small"])
            self.assertEqual(self.complete("run", "m", "--image", "x", home=home), [])  # paths are the shell's
            self.assertEqual(self.complete("list", "--ima", home=home), [])

    def test_other_shells_are_told(self):
        self.assertEqual(thimble("completion", "csh").returncode, 2)


class Reference(unittest.TestCase):
    """docs/cli.md, where the tests run inside a source folder."""

    def test_the_page_names_every_option_and_no_other(self):
        page = pathlib.Path(__file__).resolve().parents[2].joinpath("docs/cli.md").read_text(encoding="utf-8")
        written = set(re.findall(r"(?<![-\w])--[a-z][a-z-]*", page))
        real = set()
        for command in ["", *COMMANDS]:
            told = thimble(*command.split(), "--help").stdout.split("Example")[0]
            real |= set(re.findall(r"(?<![-\w])--[a-z][a-z-]*", told))
        real -= {"--help", "--version"}
        self.assertEqual(real - written, set(), "not in docs/cli.md")
        self.assertEqual(written - real - {"--help"}, set(), "only in docs/cli.md")
