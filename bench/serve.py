#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How `thimble serve` does with several clients: docs/serve.md, "Figures".

    serve.py THIMBLE MODEL [--repeat 7] [--tokens 64] [--prompt 4000] [ARGUMENTS FOR serve...]

In turns, --repeat times each, medians at the end:
  tokens per second of 4 clients at once, and of one (of the server's own steps, and as the clients see them);
  seconds to the first token of a request with at most 16 new tokens behind --prompt known ones;
  seconds to the answer of a request that is wrong, while a long prompt is read;
  processor seconds that the server still takes after a connection was closed in the middle of an answer, and of a prompt."""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import random
import socket
import statistics
import subprocess
import tempfile
import threading
import time

PATIENCE = 600


class Server:
    def __init__(self, thimble, model, home, more):
        env = os.environ | {"THIMBLE_HOME": home}
        self.process = subprocess.Popen([thimble, "serve", model, "--port", "0", "--json", "--idle-unload", "0", *more], stdout=subprocess.PIPE,
                                        text=True, env=env)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def processor_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connection(self):
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE))


def post(connection, body):
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    return connection.getresponse()


def chat(messages, tokens, **more):
    return {"messages": messages, "max_tokens": tokens, "ignore_eos": True, "temperature": 0, "chat_template_kwargs": {"enable_thinking": False}} | more


def text_of(count, seed):
    """Some text of about `count` tokens."""
    rng = random.Random(seed)
    return " ".join(rng.choice(("north", "water", "seven", "green", "house", "under", "people")) for _ in range(count))


def write(server, number, tokens, rates):
    """A short question and a long answer; adds the answer's tokens per second from its first to its last, and their times."""
    with server.connection() as connection:
        answer = post(connection, chat([{"role": "user", "content": f"Question {number} {random.random()}"}], tokens, stream=True))
        times = [time.monotonic() for line in answer if line.startswith(b"data: ") and b'"content":"' in line]
    rates.append(times)


def tokens_per_second(server, clients, tokens):
    """Of all clients together: tokens between the last first token and the first last token, while all write. Events may
    hold several tokens, so tokens are counted by the share of the answer."""
    answers = []
    threads = [threading.Thread(target=write, args=(server, i, tokens, answers)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    begin, end = max(times[0] for times in answers), min(times[-1] for times in answers)
    shares = (sum(begin < moment <= end for moment in times) / len(times) for times in answers)
    return sum(shares) * tokens / (end - begin)


class Conversation:
    """One that begins with a long text, and goes on with the shortest of questions."""

    def __init__(self, prompt):
        self.messages = [{"role": "user", "content": text_of(prompt, 1)}]

    def ask(self, server):
        """Seconds to the first token, tokens that were new, tokens that were known."""
        with server.connection() as connection:
            begin = time.monotonic()
            answer = post(connection, chat(self.messages, 1, stream=True, stream_options={"include_usage": True}))
            first, usage, text = None, None, ""
            for line in answer:
                if line.startswith(b"data: {"):
                    event = json.loads(line[6:])
                    usage = event.get("usage") or usage
                    for choice in event["choices"]:
                        text += choice["delta"].get("content") or ""
                        if first is None and (choice["delta"].get("content") or choice["finish_reason"]):
                            first = time.monotonic() - begin
        self.messages += [{"role": "assistant", "content": text}, {"role": "user", "content": "Why"}]
        known = usage["prompt_tokens_details"]["cached_tokens"]
        return first, usage["prompt_tokens"] - known, known


def error_answer(server, prompt, number):
    """Seconds to the answer of a wrong request while a long prompt is read."""
    with server.connection() as reader, server.connection() as wrong:
        body = json.dumps(chat([{"role": "user", "content": text_of(prompt, 100 + number)}], 1))
        reader.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        time.sleep(0.5)
        seconds = []
        for broken in ('{"messages": [', '{"messages": [], "n": 2}', json.dumps(chat([{"role": "user", "content": "x"}], 1, response_format={
                "type": "json_schema", "json_schema": {"name": "x", "schema": {"not": {}}}}))):
            begin = time.monotonic()
            wrong.request("POST", "/v1/chat/completions", broken, {"Content-Type": "application/json"})
            answer = wrong.getresponse()
            answer.read()
            if answer.status != 400:
                raise SystemExit(f"status {answer.status} for {broken}")
            seconds.append(time.monotonic() - begin)
    wait_until_idle(server)
    return max(seconds)


def wait_until_idle(server):
    used = server.processor_seconds()
    while True:
        time.sleep(0.3)
        now = server.processor_seconds()
        if now - used <= 0.011:
            return
        used = now


def after_leaving(server, body, wait):
    """Seconds until the processor rests after a connection is closed `wait` seconds into its answer."""
    with server.connection() as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        time.sleep(wait)
        before = server.processor_seconds()
        time.sleep(0.2)
        if server.processor_seconds() - before < 0.02:
            raise SystemExit("nothing was being done when the connection was to be closed: a longer prompt?")
        connection.sock.shutdown(socket.SHUT_RDWR)
        connection.sock.close()
        begin, last = time.monotonic(), time.monotonic()
        used = server.processor_seconds()
        while time.monotonic() - last < 0.5:
            time.sleep(0.01)
            now = server.processor_seconds()
            if now > used:
                used, last = now, time.monotonic()
    return last - begin


def show(name, values, unit="s"):
    print(f"{name}: median {statistics.median(values):.3f} {unit} ({min(values):.3f} to {max(values):.3f}, {len(values)} times)", flush=True)
    return statistics.median(values)


def measure(server, options):
    one, four, first, new, error, left, left_prompt = [], [], [], [], [], [], []
    conversation = Conversation(options.prompt)
    conversation.ask(server)  # which reads what is to be known
    for turn in range(options.repeat):
        one.append(tokens_per_second(server, 1, options.tokens))
        four.append(tokens_per_second(server, 4, options.tokens))
        seconds, tokens, known = conversation.ask(server)
        first.append(seconds)
        new.append(tokens)
        error.append(error_answer(server, options.prompt, turn))
        left.append(after_leaving(server, chat([{"role": "user", "content": "Go on"}], 4000, stream=True), 1.0))
        left_prompt.append(after_leaving(server, chat([{"role": "user", "content": text_of(options.prompt, 1000 + turn)}], 10, stream=True), 1.0))
    show("one client", one, "tokens/s")
    show("four clients", four, "tokens/s")
    show("four to one, turn by turn", [b / a for a, b in zip(one, four)], "times")
    show(f"first token behind {known} known tokens, {min(new)} to {max(new)} new", first)
    show("answer to a wrong request while a prompt is read (the slowest of three)", error)
    show("processor rests after a connection closed while an answer was written", left)
    show("processor rests after a connection closed while a prompt was read", left_prompt)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("thimble")
    parser.add_argument("model")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--prompt", type=int, default=4000)
    options, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as home:
        server = Server(options.thimble, options.model, home, more)
        try:
            measure(server, options)
        finally:
            server.process.terminate()
            server.process.wait()


if __name__ == "__main__":
    main()
