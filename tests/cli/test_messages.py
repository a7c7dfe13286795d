# SPDX-License-Identifier: Apache-2.0
"""What people and their programs send: conversations in every client's form, text as Windows writes it, pipes nobody reads;
and what is said when there is no answer."""
import base64
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

import gguf_edit
from harness import GREEDY, PATIENCE, PICTURE, THIMBLE, VL, VL_GGUF, Terminal, answer, forced, thimble, token_ids

DATA = base64.b64encode(pathlib.Path(PICTURE).read_bytes()).decode()
ONE = ["-n", "1", *GREEDY]


def ask(request, *more):
    """run --messages with this request on standard input."""
    return thimble("run", VL, "--messages", "-", *more, text=json.dumps(request))


def prompt_of(request, *more):
    return answer("run", VL, "--messages", "-", *ONE, *more, text=json.dumps(request))["prompt_ids"]


def said(done):
    """Standard error without the prefix of each line."""
    return [line.removeprefix("thimble: ").removeprefix("warning: ") for line in done.stderr.splitlines()]


class Messages(unittest.TestCase):
    def test_reasoning_under_every_name_is_read(self):
        def talk(**reply):
            call = [{"type": "function", "function": {"name": "f", "arguments": "{}"}}]
            return [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "x", "tool_calls": call, **reply}, {"role": "tool", "content": "y"}]

        wanted = prompt_of(talk(reasoning_content="because"))
        self.assertNotEqual(wanted, prompt_of(talk()))
        for reply in ({"reasoning": "because"}, {"thinking": "because"}, {"reasoning_details": [{"type": "reasoning.text", "text": "because"}]},
                      {"content": [{"type": "thinking", "thinking": "because", "signature": "s"}, {"type": "text", "text": "x"}]}):
            self.assertEqual(prompt_of(talk(**reply)), wanted, reply)

    def test_pictures_in_every_form(self):
        def talk(*items, **more):
            return [{"role": "user", "content": [*items, {"type": "text", "text": "what?"}], **more}]

        wanted = answer("run", VL, "what?", "--image", PICTURE, "-n", "4", *GREEDY)
        url = "data:image/png;base64," + DATA
        for item in ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
                     {"type": "image", "source": {"type": "url", "url": url}},
                     {"type": "image_url", "image_url": {"url": url, "detail": "auto"}}, {"type": "image_url", "image_url": url},
                     {"type": "image_url", "image_url": {"url": DATA}}, {"type": "input_image", "image_url": url},
                     {"type": "image", "image": DATA}, {"type": "image", "base64": DATA}, {"type": "image", "data": DATA, "mimeType": "image/png"},
                     {"inline_data": {"mime_type": "image/png", "data": DATA}}, {"type": "image", "path": PICTURE},
                     {"type": "image", "image": "\n".join(DATA[i:i + 76] for i in range(0, len(DATA), 76))}):
            reply = answer("run", VL, "--messages", "-", "-n", "4", *GREEDY, text=json.dumps(talk(item)))
            self.assertEqual((reply["prompt_ids"], reply["ids"]), (wanted["prompt_ids"], wanted["ids"]), str(item)[:80])
        ollama = [{"role": "user", "content": "what?", "images": [DATA]}]
        self.assertEqual(answer("run", VL, "--messages", "-", "-n", "4", *GREEDY, text=json.dumps(ollama))["ids"], wanted["ids"])
        self.assertEqual(answer("run", VL, "what?", "--image", DATA, "-n", "4", *GREEDY)["ids"], wanted["ids"])

    def test_a_jpeg_in_base64_looks_like_a_path_and_is_none(self):
        done = ask([{"role": "user", "content": [{"type": "image", "image": base64.b64encode(b"\xff\xd8\xff\xe0" + b"x" * 80).decode()}]}])
        self.assertEqual(done.returncode, 5, done.stderr)  # a broken picture, not a missing file
        self.assertIn("base64", done.stderr)

    def test_errors_are_short(self):
        megabyte = "QUJD" * 300_000
        for item in ({"type": "image", "image": megabyte}, {"type": "image", "image": "/tmp/" + megabyte + ".png"},
                     {"type": "image_url", "image_url": "https://example.org/" + megabyte}, {"type": "image", "image": "data:" + megabyte},
                     {"type": "image", "source": {"type": "base64", "data": megabyte}}, {"type": "video", "video": megabyte},
                     {"type": megabyte}, {"type": "image", "image": "no" * 500 + ".png"}):
            done = ask([{"role": "user", "content": [item, {"type": "text", "text": "what?"}]}])
            self.assertIn(done.returncode, (2, 4, 5), done.stderr[:300])
            self.assertLess(len(done.stderr), 600, done.stderr[:300])
        done = ask([{"role": megabyte}])
        self.assertEqual(done.returncode, 2)
        self.assertLess(len(done.stderr), 600)
        done = thimble("run", VL, "--messages", '[{"role": "user", "content": "hi"}]')
        self.assertEqual(done.returncode, 2)
        self.assertIn("pipe it in", done.stderr)

    def test_calls_and_results_of_anthropic(self):
        wanted = prompt_of([{"role": "user", "content": "hi"},
                            {"role": "assistant", "content": "One moment.", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
                            {"role": "tool", "content": "cold"}, {"role": "user", "content": "so?"}])
        self.assertEqual(wanted, prompt_of(
            [{"role": "user", "content": "hi"},
             {"role": "assistant", "content": [{"type": "text", "text": "One moment."}, {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}}]},
             {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "cold"}]},
                                          {"type": "text", "text": "so?"}]}]))
        done = ask([{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}]}])
        self.assertEqual(done.returncode, 2)
        self.assertIn("input_audio", done.stderr)

    def test_keys_without_use_are_named_once(self):
        done = ask([{"role": "user", "content": "a", "name": "Ann", "id": "7"}, {"role": "assistant", "content": "b", "audio": {"id": "1"}},
                    {"role": "user", "name": "Ben", "content": [{"type": "text", "text": "c", "cache_control": {"type": "ephemeral"}}]}], *ONE)
        self.assertEqual(said(done), ['standard input: not used: "name" of messages, "audio" of messages'])

    def test_render_reads_as_the_reference(self):
        def render(messages):
            done = thimble("render", VL, "--jsonl", text=json.dumps({"messages": messages, "options": {"add_generation_prompt": True}}) + "\n")
            self.assertEqual(done.stderr, "")
            return json.loads(done.stdout)

        self.assertEqual(render([{"role": "user", "content": "hi"}, {"role": "system", "content": "A"}]),
                         {"error": {"message": "System message must be at the beginning."}})
        self.assertEqual(render([{"role": "developer", "content": "A"}, {"role": "user", "content": "hi"}]), {"error": {"message": "Unexpected message role."}})
        self.assertNotIn("why", render([{"role": "user", "content": "hi"}, {"role": "assistant", "reasoning": "why", "content": "x"}])["rendered"])


class Requests(unittest.TestCase):
    HI = [{"role": "user", "content": "hi"}]

    def test_a_whole_request_of_openai(self):
        request = {"model": "x", "messages": self.HI, "temperature": 0, "max_tokens": 5, "seed": 3, "stream": True, "user": "u", "metadata": {},
                   "chat_template_kwargs": {"enable_thinking": True}, "n": 1, "response_format": {"type": "text"}}
        done = ask(request, "--ignore-eos", "--json")
        self.assertEqual(done.stderr, "")
        reply = json.loads(done.stdout)
        self.assertEqual(len(reply["ids"]), 5)
        self.assertEqual(reply["stats"]["seed"], 3)
        self.assertEqual(reply["prompt_ids"], answer("run", VL, "hi", "--think", "on", *ONE)["prompt_ids"])
        # What the command line says rules.
        reply = json.loads(ask(request, "--ignore-eos", "--json", "-n", "2", "--seed", "4", "--think", "off").stdout)
        self.assertEqual((len(reply["ids"]), reply["stats"]["seed"]), (2, 4))
        self.assertEqual(reply["prompt_ids"], answer("run", VL, "hi", "--think", "off", *ONE)["prompt_ids"])
        self.assertEqual(prompt_of(request, "--think", "auto"), answer("run", VL, "hi", *ONE)["prompt_ids"])

    def test_settings_reach_the_sampler(self):
        one, two = token_ids(" three")[0], token_ids("v")[0]
        request = {"messages": self.HI, "temperature": 0, "max_tokens": 2, "ignore_eos": True, "logit_bias": {str(one): 1e6}, "frequency_penalty": 0}
        self.assertEqual(json.loads(ask(request, "--json").stdout)["ids"], [one, one])
        self.assertEqual(json.loads(ask(request, "--json", "--logit-bias", f"{two}=2e6").stdout)["ids"], [two, two])
        self.assertNotIn(one, json.loads(ask(request, "--json", "--logit-bias", f"{one}=-1e6").stdout)["ids"])
        reply = json.loads(ask({**request, "stop": [" three"]}, "--json").stdout)
        self.assertEqual((reply["text"], reply["finish_reason"]), ("", "stop"))
        reply = json.loads(ask({**request, "stop": " three"}, "--json", "--stop", "nothing like it").stdout)
        self.assertEqual(reply["text"], " three three")

    def test_what_is_not_used_is_named(self):
        done = ask({"messages": self.HI, "response_format": {"type": "json_object"}, "n": 3, "tool_choice": "required", "logprobs": True,
                    "grammar": "root ::= x"}, *ONE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(said(done), ['standard input: not used: "response_format", "n", "tool_choice", "logprobs", "grammar"'])

    def test_requests_of_others(self):
        ollama = {"model": "m", "messages": self.HI, "stream": False, "think": False, "keep_alive": "5m",
                  "options": {"temperature": 0, "num_predict": 3, "num_ctx": 64, "num_thread": 2}}
        done = ask(ollama, "--ignore-eos", "--json", "-v")
        self.assertEqual(len(json.loads(done.stdout)["ids"]), 3)
        self.assertIn("context 64,", done.stderr)
        self.assertNotIn("not used", done.stderr)
        self.assertIn("context 96,", ask(ollama, "-v", "--context", "96").stderr)
        anthropic = {"model": "m", "max_tokens": 2, "system": "Be brief.", "messages": self.HI}
        self.assertEqual(prompt_of(anthropic), answer("run", VL, "hi", "--system", "Be brief.", *ONE)["prompt_ids"])

    def test_wrong_settings_are_wrong_requests(self):
        for key, value in (("temperature", "hot"), ("temperature", -1), ("top_p", 2), ("max_tokens", 0), ("seed", 1.5), ("stop", 5)):
            done = ask({"messages": self.HI, key: value})
            self.assertEqual(done.returncode, 2, (key, done.stderr))
            self.assertIn(f'"{key}"', done.stderr)

    def test_a_chat_keeps_its_settings(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "a.json").write_text(json.dumps({"messages": [{"role": "developer", "content": "A"}, *self.HI, {"role": "system", "content": "B"},
                                                                               {"role": "assistant", "content": "x"}], "temperature": 0.1}), encoding="utf-8")
            done = thimble("chat", VL, "-n", "1", text=f"/load {folder}/a.json\nhi\n/save {folder}/b.json\n")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("not taken over: temperature", done.stderr)
            saved = json.loads(pathlib.Path(folder, "b.json").read_text(encoding="utf-8"))
            self.assertEqual(saved[0], {"role": "system", "content": "A\n\nB"})


class SystemMessages(unittest.TestCase):
    def test_they_become_one(self):
        user, both = {"role": "user", "content": "hi"}, ["hi", "--system", "A\n\nB"]
        system, late, developer = {"role": "system", "content": "A"}, {"role": "system", "content": "B"}, {"role": "developer", "content": "B"}
        wanted = answer("run", VL, *both, *ONE)["prompt_ids"]
        for talk in ([system, late, user], [system, user, late], [user, system, developer], [{"role": "developer", "content": "A"}, user, late],
                     [system, {"role": "system", "content": ""}, user, {"role": "system", "content": [{"type": "text", "text": "B"}]}]):
            self.assertEqual(prompt_of(talk), wanted, talk)
        done = ask([system, {"role": "system", "content": [{"type": "image", "image": PICTURE}]}, user])
        self.assertEqual(done.returncode, 2)
        self.assertIn("System message cannot contain images.", done.stderr)


class TextFromOutside(unittest.TestCase):
    def test_marks_and_utf16(self):
        text = "Grüße\r\n日本 🙂"
        wanted = answer("run", VL, text, *ONE)["prompt_ids"]
        for data in (text.encode(), b"\xef\xbb\xbf" + text.encode(), b"\xff\xfe" + text.encode("utf-16-le"), b"\xfe\xff" + text.encode("utf-16-be")):
            self.assertEqual(answer("run", VL, *ONE, text=data)["prompt_ids"], wanted)
        wanted = answer("run", VL, "say: " + text, *ONE)["prompt_ids"]
        self.assertEqual(answer("run", VL, "say: -", *ONE, text=b"\xff\xfe" + text.encode("utf-16-le"))["prompt_ids"], wanted)

    def test_files_of_json(self):
        talk = json.dumps([{"role": "user", "content": "Grüße"}], ensure_ascii=False)
        tools = json.dumps([{"type": "function", "function": {"name": "f", "parameters": {}}}])
        with tempfile.TemporaryDirectory() as folder:
            found = []
            for mark, code in ((b"", "utf-8"), (b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
                pathlib.Path(folder, "talk.json").write_bytes(mark + talk.encode(code))
                pathlib.Path(folder, "tools.json").write_bytes(mark + tools.encode(code))
                found.append(answer("run", VL, "--messages", folder + "/talk.json", "--tools", folder + "/tools.json", *ONE)["prompt_ids"])
        self.assertEqual(found, [found[0]] * 4)

    def test_what_cannot_be_read_is_named(self):
        for data, words in (("hello there".encode("utf-16-le"), "UTF-16LE"), ("hello there".encode("utf-16-be"), "UTF-16BE"),
                            ("hello".encode("utf-32"), "UTF-32"), (pathlib.Path(PICTURE).read_bytes(), "--image"),
                            (b"\x1f\x8b\x08\0\0\0", "gzip"), (b"%PDF-1.7\n\0", "PDF"), (b"one\0two" + b" words" * 20, "byte 4")):
            done = thimble("run", VL, *ONE, text=data)
            self.assertEqual((done.returncode, done.stdout), (2, ""), data[:20])
            self.assertIn(words, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)

    def test_lines_of_json_and_of_a_chat(self):
        line = json.dumps({"text": "hi"})
        plain = thimble("tokenize", VL, "--jsonl", text=line + "\n" + line + "\n").stdout
        self.assertEqual(thimble("tokenize", VL, "--jsonl", text="\ufeff" + line + "\n" + line + "\n").stdout, plain)
        self.assertEqual(thimble("tokenize", VL, "--jsonl", text=b"\xff\xfe" + line.encode("utf-16-le")).returncode, 2)
        # What is to be cut into tokens is taken byte by byte.
        self.assertNotEqual(thimble("tokenize", VL, text="\ufeffhi").stdout, thimble("tokenize", VL, text="hi").stdout)
        self.assertEqual(thimble("detokenize", VL, text="\ufeff72,73").stdout, thimble("detokenize", VL, "72,73").stdout)
        said_in = "hello\r\n/save FILE\r\n"
        for data in (b"\xef\xbb\xbf" + said_in.encode(), b"\xff\xfe" + said_in.encode("utf-16-le")):
            with tempfile.TemporaryDirectory() as folder:
                done = thimble("chat", VL, "-n", "1", cwd=folder, text=data.replace(b"\r\n", b"\n").replace(b"\r\0", b""))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(json.loads(pathlib.Path(folder, "FILE").read_text(encoding="utf-8"))[0]["content"], "hello")

    def test_perplexity_reads_the_text_behind_a_mark(self):
        with tempfile.TemporaryDirectory() as folder:
            found = []
            for data in (b"one two three", b"\xef\xbb\xbfone two three", b"\xff\xfe" + "one two three".encode("utf-16-le")):
                pathlib.Path(folder, "t").write_bytes(data)
                found.append(answer("perplexity", VL, folder + "/t", "--json"))
        self.assertEqual(found, [found[0]] * 3)


class UnreadInput(unittest.TestCase):
    WORDS = "standard input was not read"

    def run_with(self, stdin, *args):
        return subprocess.run([THIMBLE, *args], stdin=stdin, capture_output=True, text=True, check=False, timeout=PATIENCE)

    def test_waiting_bytes_are_told(self):
        done = thimble("run", VL, "hello", *ONE, text="some text")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertIn(self.WORDS, done.stderr)
        self.assertIn('ends in " -"', done.stderr)
        self.assertIn(self.WORDS, thimble("run", VL, "--ids", "1,2", *ONE, text="x").stderr)
        self.assertIn(self.WORDS, thimble("tokenize", VL, "hello", text="x").stderr)
        self.assertIn(self.WORDS, thimble("logits", VL, "--prompt", "hello", text="x").stderr)
        with tempfile.TemporaryFile() as file:
            file.write(b"some text")
            file.flush()
            file.seek(4)
            self.assertIn("5 bytes", self.run_with(file, "run", VL, "hello", *ONE).stderr)
            self.assertEqual(os.lseek(file.fileno(), 0, os.SEEK_CUR), 4)  # nothing was eaten
            file.seek(0, os.SEEK_END)
            self.assertEqual(self.run_with(file, "run", VL, "hello", *ONE).stderr, "")

    def test_otherwise_nothing_is_said(self):
        for text in (None, ""):
            self.assertEqual(thimble("run", VL, "hello", *ONE, text=text).stderr, "")
        self.assertEqual(thimble("run", VL, "hello -", *ONE, text="x").stderr, "")
        self.assertEqual(thimble("run", VL, *ONE, text="x").stderr, "")
        self.assertEqual(thimble("run", VL, "what?", "--image", "-", *ONE, text=pathlib.Path(PICTURE).read_bytes()).stderr, "")

    def test_a_pipe_that_stays_open_is_not_waited_for(self):
        read, write = os.pipe()
        try:
            begin = time.monotonic()
            self.assertEqual(self.run_with(read, "run", VL, "hello", *ONE).stderr, "")
            self.assertLess(time.monotonic() - begin, PATIENCE / 2)
            os.write(write, b"later")
            self.assertIn(self.WORDS, self.run_with(read, "run", VL, "hello", *ONE).stderr)
            self.assertEqual(os.read(read, 100), b"later")
        finally:
            os.close(read)
            os.close(write)


class MissingAnswers(unittest.TestCase):
    def test_a_reply_that_ends_inside_its_thoughts(self):
        thoughts = ["run", VL, "hello", *["on" if word == "off" else word for word in forced(" three")]]
        for more, words in ((["-n", "5"], "5 tokens were reasoning, then --max-tokens"),
                            (["--context", "30", "--think-budget", "0", "--no-loop-guard"], "a larger --context")):
            done = thimble(*thoughts, *more)
            self.assertEqual((done.returncode, done.stdout), (0, ""))
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertIn("the answer never began", done.stderr)
            self.assertIn(words, done.stderr)
            self.assertIn("--think off", done.stderr)
        done = thimble(*thoughts, "-n", "5", "--json")
        self.assertEqual(done.stderr, "")
        self.assertNotEqual(json.loads(done.stdout)["thinking"], "")

    def test_thoughts_that_were_stopped(self):
        with contextlib.closing(Terminal("run", VL, "hello", *["on" if word == "off" else word for word in forced(" three")],
                                         "--think-budget", "0", "--no-loop-guard", "--context", "8192")) as t:
            t.read_until("three three")
            t.signal(signal.SIGINT)
            t.read_until("then it was stopped")
            self.assertEqual(t.finish(), 130)

    def test_an_answer_that_was_cut(self):
        done = thimble("run", VL, "hello", *forced(" three"), "--context", "30")
        self.assertEqual(done.returncode, 0)
        self.assertIn(" three three", done.stdout)
        self.assertEqual(said(done), ["the answer was cut: the context of 30 tokens is full; what helps: a larger --context"])

    def test_an_answer_of_nothing(self):
        end = json.loads(thimble("tokenize", VL, "--jsonl", text=json.dumps({"text": "<|im_end|>"})).stdout)["ids"][0]
        done = thimble("run", VL, "hello", "--temperature", "0", "--logit-bias", f"{end}=1e6")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertEqual(said(done), ["the model ended its answer at once, without a word"])
        done = thimble("run", VL, "hello", *forced("\n"), "-n", "3")
        self.assertEqual(said(done), ["the answer is empty: 3 tokens were written, nothing but white space"])
        self.assertEqual(thimble("run", VL, "hello", *forced("\n"), "-n", "3", "--json").stderr, "")
        done = thimble("chat", VL, "--temperature", "0", "--logit-bias", f"{end}=1e6", text="hello\n")
        self.assertEqual(said(done), ["the model ended its answer at once, without a word"])
        self.assertEqual(thimble("run", VL, "hello", *forced(" three"), "-n", "3").stderr, "")


class OrderOfErrors(unittest.TestCase):
    def test_arguments_are_shown_as_typed(self):
        for args in (["run", "--", "-m.gguf", "Hi", "-n", "1"], ["info", "--", "-a", "-b"], ["--", "-x"], ["completion", "--", "-csh"],
                     ["run", "--", "-" + "x" * 1000, "Hi", "-" + "y" * 1000], ["run", "-n", "x", "--", "-p"]):
            done = thimble(*args)
            self.assertEqual(done.returncode, 2, args)
            self.assertNotIn("\\x01", done.stderr)
            self.assertLess(len(done.stderr), 400)
        self.assertIn("'-n' is one argument too many", thimble("run", "--", "-m.gguf", "Hi", "-n", "1").stderr)
        done = thimble("run", "--", "-m.gguf", "Hi")
        self.assertEqual(done.returncode, 4)
        self.assertIn("'-m.gguf' is no file", done.stderr)

    def test_wrong_usage_then_the_missing_model_then_the_prompt(self):
        for args in (["run", "./nothere.gguf"], ["run", "nothere.gguf", ""], ["run", "nothere.gguf", "hi", "--image", "missing.png"],
                     ["run", "nothere.gguf", "--messages", "missing.json"], ["logits", "nothere", "--prompt", "x", "--image", "missing.png"],
                     ["perplexity", "nothere", "missing.txt"], ["embed-image", "nothere", "missing.png"]):
            done = thimble(*args)
            self.assertEqual(done.returncode, 4, args)
            self.assertIn("nothere", done.stderr)
        self.assertEqual(thimble("run", VL, "").returncode, 2)
        self.assertEqual(thimble("run", VL).returncode, 2)
        # Nothing is read before wrong usage is known: an open pipe would be waited for.
        read, write = os.pipe()
        try:
            for args in (["run", "nothere.gguf"], ["run", VL, "--logit-bias", "1"], ["perplexity", "nothere", "-"], ["logits", "nothere", "--messages", "-"]):
                done = subprocess.run([THIMBLE, *args], stdin=read, capture_output=True, text=True, check=False, timeout=PATIENCE)
                self.assertIn(done.returncode, (2, 4), args)
        finally:
            os.close(read)
            os.close(write)


class Perplexity(unittest.TestCase):
    def test_windows_of_one_token_are_refused(self):
        keys, tensors = gguf_edit.read(VL_GGUF)
        key = next(k for k in keys if k.endswith(".context_length"))
        keys[key] = (keys[key][0], 1)
        with tempfile.TemporaryDirectory() as folder:
            gguf_edit.write(folder + "/one.gguf", keys, tensors)
            pathlib.Path(folder, "t").write_text("one two three", encoding="utf-8")
            done = thimble("perplexity", folder + "/one.gguf", folder + "/t")
            self.assertEqual((done.returncode, done.stdout), (4, ""), done.stderr)
            self.assertIn("context", done.stderr)
            self.assertEqual(thimble("perplexity", VL, folder + "/t", "--context", "1").returncode, 2)
            pathlib.Path(folder, "t").write_text("1", encoding="utf-8")
            self.assertEqual(thimble("perplexity", VL, folder + "/t").returncode, 2)


class WindowsLines(unittest.TestCase):
    def test_a_chat_over_a_pipe_of_windows_lines(self):
        for text in ("hi\r\n/stats\r\n/quit\r\n", "one \\\r\ntwo\r\n/quit\r\n"):
            for encoding in ("utf-8", "utf-16"):
                done = thimble("chat", VL_GGUF, "-n", "1", "--temperature", "0", text=text.encode(encoding))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertNotIn("no command", done.stderr)
