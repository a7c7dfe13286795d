# SPDX-License-Identifier: Apache-2.0
"""thimble chat as people at a terminal know it: keys, signals, pasting, wrapping, colours, bars."""
import json
import os
import pathlib
import signal
import tempfile
import termios
import time
import unittest

from harness import PATIENCE, PICTURE, VL, Terminal, forced, open_chat
from screen import Screen, width

SHORT = ["--max-tokens", "6", "--temperature", "0", "--ignore-eos"]
ANSWERED = "stopped at --max-tokens"


class Keys(unittest.TestCase):
    def test_an_interrupt_stops_the_answer_not_the_chat(self):
        t = open_chat(self, VL, "--exact", *forced(" while"))  # about 4,000 times
        t.type("hello\n")
        t.read_until(" while while")
        t.type("\x03")
        t.read_until("stopped")
        t.read_until("> ")
        t.type("/stats\n")
        t.read_until("ended by cancelled")
        t.read_until("> ")
        t.type("again\n")
        t.read_until("\n")
        t.type("\x03")  # before or after the first token, whichever it is
        t.read_until("stopped")
        t.read_until("> ")
        t.type("\x04")
        self.assertEqual(t.finish(), 0)

    def test_an_interrupt_empties_the_line_and_two_leave(self):
        t = open_chat(self, VL, *SHORT)
        t.type("typed and dropped")
        t.read_until("dropped")
        t.type("\x03")
        t.read_until("> ")
        t.type("\x03")
        t.read_until("once more")
        t.read_until("> ")
        t.type("/think off\n")  # whoever goes on has not left
        t.read_until("thinking off")
        t.read_until("> ")
        t.type("\x03")
        t.read_until("once more")
        t.read_until("> ")
        t.type("\x03")
        self.assertEqual(t.finish(), 0)

    def test_an_interrupt_is_told_of_whatever_was_typed_before_it(self):
        t = open_chat(self, VL)
        for turn in range(200):  # the terminal drops what was typed: before, while, or after it is looked at
            t.type("abc")
            t.read_until("abc")
            t.type("x" * (turn % 50) + "\x03")
            t.read_until("> ", 10)
        t.type("/quit\n")
        self.assertEqual(t.finish(), 0)

    def test_what_is_typed_during_an_answer_waits_unseen(self):
        t = open_chat(self, VL, "--max-tokens", "200", "--exact", *forced(" while"))
        t.type("hello\n")
        t.read_until(" while")
        # An edited line, then Ctrl-D: each key keeps its meaning for the one who reads next.
        t.type("/thimk\x7f\x7fnk off\n\x04")
        self.assertNotIn("/th", t.read_until(ANSWERED))
        t.read_until("thinking off")
        self.assertEqual(t.finish(), 0)

    def test_the_terminal_is_given_back(self):
        for how in ("leave", signal.SIGTERM, signal.SIGHUP):
            t = open_chat(self, VL, *SHORT)
            self.assertEqual(t.modes() & (termios.ECHO | termios.ICANON), 0)
            if how == "leave":
                t.type("/quit\n")
                self.assertEqual(t.finish(), 0)
            else:
                t.signal(how)
                self.assertEqual(t.finish(), -how)
            self.assertEqual(t.modes() & (termios.ECHO | termios.ICANON), termios.ECHO | termios.ICANON, how)
            self.assertGreater(t.raw.rfind("\x1b[?2004l"), t.raw.rfind("\x1b[?2004h"), how)

    def test_a_stop_gives_the_terminal_back_for_a_while(self):
        t = open_chat(self, VL, *SHORT)
        t.type("/think o")
        t.read_until("/think o")
        t.type("\x1a")  # Ctrl-Z
        end = time.monotonic() + PATIENCE
        pid = 0
        while pid == 0 and time.monotonic() < end:
            t._read(0.05)
            pid, status = os.waitpid(t.pid, os.WUNTRACED | os.WNOHANG)
        self.assertTrue(pid == t.pid and os.WIFSTOPPED(status))
        self.assertEqual(t.modes() & (termios.ECHO | termios.ICANON), termios.ECHO | termios.ICANON)
        t.signal(signal.SIGCONT)
        t.read_until("/think o")  # drawn again
        t.type("ff\n")
        t.read_until("thinking off")
        t.type("\x04")
        self.assertEqual(t.finish(), 0)

    def test_an_impatient_interrupt_ends_the_program(self):
        t = Terminal("chat", VL, "--exact", "--ignore-eos", env={"XDG_STATE_HOME": "/dev/null"})
        self.addCleanup(t.close)
        t.read_until("> ")
        t.type("hello " * 600 + "\n")  # reading this takes a moment, in which nobody looks for a first Ctrl-C
        t.read_until("\n")
        end = time.monotonic() + PATIENCE
        while t.status is None and time.monotonic() < end:
            t.type("\x03")
            t._read(0.02)
            pid, status = os.waitpid(t.pid, os.WNOHANG)
            if pid:
                t.status = os.waitstatus_to_exitcode(status)
        self.assertIn(t.status, (0, -signal.SIGINT))
        self.assertEqual(t.modes() & (termios.ECHO | termios.ICANON), termios.ECHO | termios.ICANON)


class Pasting(unittest.TestCase):
    def sent(self, *typed):
        """The messages that arrive when this is typed, each to be answered."""
        with tempfile.TemporaryDirectory() as folder:
            t = open_chat(self, VL, *SHORT, "--context", "4000")
            for text in typed:
                t.type(text)
                t.read_until(ANSWERED)
                t.read_until("> ")
            t.type(f"/save {folder}/talk.json\n")
            t.read_until("saved")
            messages = json.loads(pathlib.Path(folder, "talk.json").read_text(encoding="utf-8"))
            t.close()
        return [m["content"] for m in messages if m["role"] == "user"]

    def test_pasted_lines_are_one_message_with_every_character(self):
        self.assertEqual(self.sent("\033[200~Grüße\r\n日本 🙂\n\tend\n\033[201~!\n"), ["Grüße\n日本 🙂\n    end!"])

    def test_what_is_pasted_cannot_press_keys(self):
        # Neither Enter, nor Ctrl-D, nor Tab, nor escape sequences; and what looks like the end is not the end.
        self.assertEqual(self.sent("\033[200~a\rb\x04\tc\x1b[A\x1b[20c\033[201~\n"), ["a\nb    c[A[20c"])

    def test_a_long_paste_arrives_whole(self):
        text = "\n".join(f"line {i} of many" for i in range(300))
        self.assertEqual(self.sent(f"\033[200~{text}\033[201~\n"), [text])

    def test_bytes_that_are_no_text(self):
        self.assertEqual(self.sent(b"caf\xe9 \xff\xc3\xa9\n"), ["caf\ufffd \ufffdé"])

    def test_a_dropped_path_is_a_picture(self):
        # Terminals hand a dropped file over as a paste of its path.
        t = open_chat(self, VL, *SHORT)
        t.type(f"\033[200~'{PICTURE}' \033[201~\n")
        t.read_until("attached")
        t.read_until("[1 picture] > ")
        t.type(f"what is this \033[200~file://{PICTURE}\033[201~\n")
        t.read_until("attached")
        t.read_until(ANSWERED)
        t.type("/stats\n")
        t.read_until("looked at 1 picture")  # both are the same picture


class Appearance(unittest.TestCase):
    def answer_lines(self, columns, *options):
        """The lines of an answer as they stand on a terminal so wide."""
        t = open_chat(self, VL, *options, columns=columns)
        t.type("hello\n")
        t.read_until("\n")
        begin = t.raw.rindex("hello")
        t.read_until("stopped at")
        lines = Screen(columns).feed(t.raw[begin:]).lines()
        self.assertIn("stopped at", "".join(lines))
        answer = lines[1:next(i for i, line in enumerate(lines) if line.startswith("stopped at"))]
        t.close()
        return answer

    def test_answers_are_wrapped_at_words(self):
        lines = self.answer_lines(30, "--max-tokens", "40", *forced(" while", " there"))
        words = " ".join(lines).split()
        self.assertEqual((len(words), set(words)), (40, {"while", "there"}))
        for line, following in zip(lines, lines[1:]):
            self.assertLess(len(line), 30)
            self.assertGreaterEqual(len(line) + 1 + len(following.split()[0]), 30, "a line was broken too early")

    def test_wide_characters_count_twice_and_break_anywhere(self):
        lines = self.answer_lines(31, "--max-tokens", "60", *forced("日"))
        self.assertEqual("".join(lines), "日" * 60)
        self.assertEqual([sum(map(width, line)) for line in lines], [30] * 4)

    def test_a_word_longer_than_the_line_is_cut(self):
        lines = self.answer_lines(25, "--max-tokens", "60", *forced("x"))
        self.assertEqual([len(line) for line in lines], [24, 24, 12])

    def test_another_window_size_counts_from_the_next_answer_on(self):
        t = open_chat(self, VL, "--max-tokens", "40", *forced("x"))
        t.resize(25)
        t.type("hello\n")
        t.read_until("x" * 24 + "\r\n" + "x" * 16 + "\r\n")

    def test_thinking_is_dimmed(self):
        t = open_chat(self, VL, "--max-tokens", "30", "--temperature", "0", "--ignore-eos", "--think", "on", "--think-budget", "5")
        before = len(t.raw)
        t.type("hello\n")
        t.read_until("reached its budget")
        begin = t.raw.index("\n", before) + 1  # what came with the end of the line belongs to the answer already
        styles = [cell[1] for row in Screen().feed(t.raw[begin:]).rows for cell in row if cell[0].strip()]
        self.assertEqual(styles[0], "2")
        self.assertIn("", styles)  # the answer is not

    def test_without_colours(self):
        t = open_chat(self, VL, "--max-tokens", "30", "--temperature", "0", "--ignore-eos", "--think", "on", "--think-budget", "5",
                      env={"NO_COLOR": "1"})
        t.type("hello\n")
        t.read_until("(thinking)")
        t.read_until(ANSWERED)
        self.assertNotRegex(t.raw, r"\x1b\[[0-9;]*m")

    def test_a_long_prompt_shows_a_bar(self):
        t = Terminal("run", VL, "word " * 1300, "--exact", "--threads", "1", "--max-tokens", "1", columns=30,
                     env={"THIMBLE_PROGRESS_DELAY": "0"})  # a fast machine needs less than the usual delay for this prompt
        self.addCleanup(t.close)
        self.assertEqual(t.finish(), 0)
        bars = [line for line in t.raw.replace("\r", "\n").split("\n") if "reading" in line]
        self.assertGreater(len(bars), 0)
        lines = Screen(30).feed(t.raw).lines()
        self.assertNotIn("reading", "".join(lines))  # and it is gone in the end: it never wrapped


class NotATerminal(unittest.TestCase):
    def test_a_dumb_terminal_gets_no_escapes(self):
        t = Terminal("run", VL, "hello", *SHORT, "--think", "on", env={"TERM": "dumb"})
        self.addCleanup(t.close)
        self.assertEqual(t.finish(), 0)
        self.assertNotIn("\x1b", t.raw)
