#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many clients of one `thimble serve` at once, for as long as is said; then it ends by itself.

    load_test.py THIMBLE MODEL [--seconds 120] [--clients 64] [--slow 16]

64 clients talk to a server that lets 44 in, with a small model: whole answers and streams, conversations that go on, one in ten closed
in the middle. In turns 48 of them are alone, and 16 beside them read a few bytes at a time. It fails on any status but 200
and 429, on a stream that is cut, where the 48 lose more than a quarter of their tokens a second to the slow ones (the
median of all turns), where memory grows after warming up, where anything is still being answered soon after all have
gone, and where SIGTERM does not end the server within 2 seconds with answers in progress."""
import argparse
import collections
import contextlib
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

PATIENCE = 120  # seconds without a byte, on however busy a machine
WORDS = "the fox ran over a hill and saw one more hen near that old red barn by night".split()


class Counts:
    def __init__(self):
        self.lock = threading.Lock()
        self.statuses = collections.Counter()
        self.tokens = 0  # of clients who are not slow
        self.closed = 0  # in the middle
        self.faults = []

    def add(self, status, tokens=0, closed=False):
        with self.lock:
            self.statuses[status] += 1
            self.tokens += tokens
            self.closed += closed

    def fault(self, text):
        with self.lock:
            self.faults.append(text)


def question(rng):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 40)))


def post(connection, body):
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    return connection.getresponse()


def read_stream(answer, rng, counts):
    """Tokens of a stream; None: it was closed in the middle."""
    leave_after = rng.randint(1, 20) if rng.random() < 0.1 else None
    tokens, last = 0, b""
    while line := answer.readline():
        if not line.startswith(b"data: "):
            continue
        last = line.strip()
        if b'"usage":{' in line:
            tokens = json.loads(line[6:])["usage"]["completion_tokens"]
        if leave_after is not None:
            leave_after -= 1
            if leave_after <= 0:
                return None
    answer.read()  # a stream that has a length is not over for http.client without it
    if last != b"data: [DONE]":
        counts.fault(f"a stream ended with {last[:200]}")
    return tokens


def ask_once(connection, messages, rng, counts):
    """One turn of a conversation; False: the connection was closed."""
    messages.append({"role": "user", "content": question(rng)})
    body = {"messages": messages, "max_tokens": rng.randint(8, 48), "ignore_eos": True, "seed": rng.randint(0, 1 << 30)}
    streams = rng.random() < 0.6
    if streams:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    answer = post(connection, body)
    if answer.status != 200:
        text = answer.read()
        counts.add(answer.status)
        messages.pop()
        if answer.status == 429:
            time.sleep(min(0.2, float(answer.headers["Retry-After"])))
        else:
            counts.fault(f"status {answer.status}: {text[:300]}")
        return True
    if streams:
        tokens = read_stream(answer, rng, counts)
        counts.add(200, tokens or 0, tokens is None)
        messages.append({"role": "assistant", "content": "I see."})
        return tokens is not None
    document = json.loads(answer.read())
    counts.add(200, document["usage"]["completion_tokens"])
    messages.append({"role": "assistant", "content": document["choices"][0]["message"]["content"] or "."})
    return True


def ordinary(port, number, counts, is_over):
    rng = random.Random(number)
    while not is_over.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with contextlib.closing(connection):
            try:
                messages = []
                while not is_over.is_set() and len(messages) < 8 and ask_once(connection, messages, rng, counts):
                    pass
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                if not is_over.is_set():
                    counts.fault(f"client {number}: {error!r}")


def slow(port, number, counts, is_over, is_turn):
    """While it is the slow ones' turn, reads a long answer some bytes at a time, and begins anew where it ends."""
    body = json.dumps({"messages": [{"role": "user", "content": f"Count to {number}"}], "max_tokens": 4000, "ignore_eos": True, "stream": True,
                       "logprobs": True, "top_logprobs": 20})  # long lines: what waits is soon too much
    request = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
               f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}")
    while not is_over.is_set():
        if not is_turn.wait(0.1):
            continue
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(PATIENCE)
            try:
                client.connect(("127.0.0.1", port))
                client.sendall(request.encode())
                head = client.recv(200)
                counts.add(int(head.split(b" ")[1]))
                while is_turn.is_set() and client.recv(200):
                    time.sleep(0.1)
            except (OSError, ValueError, IndexError) as error:
                if not is_over.is_set():
                    counts.fault(f"slow client {number}: {error!r}")
        time.sleep(0.1)


class Server:
    def __init__(self, thimble, model, home):
        self.process = subprocess.Popen([thimble, "serve", model, "--port", "0", "--json", "--queue", "40"], stdout=subprocess.PIPE, text=True,
                                        env=os.environ | {"THIMBLE_HOME": home, "XDG_CACHE_HOME": home + "/cache"})
        self.port = json.loads(self.process.stdout.readline())["port"]

    def memory(self):
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def busy(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        return sum(float(line.split()[1]) for line in lines
                   if line.startswith(("llamacpp:requests_processing ", "llamacpp:requests_deferred ")))


def run_for(seconds, counts, server, samples):
    """Tokens a second of those who are not slow; fills in samples of memory."""
    begin, tokens = time.monotonic(), counts.tokens
    while time.monotonic() - begin < seconds:
        time.sleep(0.25)
        samples.append(server.memory())
    return (counts.tokens - tokens) / (time.monotonic() - begin)


def check_memory(samples):
    """Of the second and the last quarter: what it takes once all is warm."""
    quarter = len(samples) // 4
    warm, last = statistics.median(samples[quarter:2 * quarter]), statistics.median(samples[-quarter:])
    print(f"memory: {warm / 2**20:.1f} MiB when warm, {last / 2**20:.1f} MiB at the end, {max(samples) / 2**20:.1f} MiB at most")
    return [] if last <= warm * 1.05 + (8 << 20) else [f"memory grew from {warm} to {last} bytes"]


def check_quiet(server):
    begin = time.monotonic()
    while server.busy() > 0:
        if time.monotonic() - begin > 10:
            return [f"{server.busy()} requests are still there 10 s after everybody left"]
        time.sleep(0.05)
    print(f"nobody is answered {time.monotonic() - begin:.2f} s after all have left")
    return []


def check_end(server):
    clients = []
    for _ in range(64):
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        body = {"messages": [{"role": "user", "content": "Go on"}], "max_tokens": 4000, "ignore_eos": True, "stream": True}
        client.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        clients.append(client)
    clients[0].getresponse().read(10)
    begin = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    status = server.process.wait(PATIENCE)
    seconds = time.monotonic() - begin
    for client in clients:
        client.close()
    print(f"SIGTERM: status {status} after {seconds:.2f} s")
    return [] if status == 0 and seconds < 2 else [f"SIGTERM ended it with {status} after {seconds:.2f} s"]


def take_turns(options, server, counts, is_turn):
    """Faults, after turns of the others alone and beside the slow ones."""
    num_turns = max(3, round(options.seconds / 20))
    seconds = options.seconds / (2 * num_turns + 1)
    samples, alone, beside = [], [], []
    run_for(seconds, counts, server, [])
    for _ in range(num_turns):
        alone.append(run_for(seconds, counts, server, samples))
        is_turn.set()
        beside.append(run_for(seconds, counts, server, samples))
        is_turn.clear()
    share = statistics.median(b / a for a, b in zip(alone, beside))
    print(f"tokens a second of {options.clients - options.slow} clients, medians of {num_turns} turns: {statistics.median(alone):.0f}, "
          f"with {options.slow} slow readers beside them {statistics.median(beside):.0f}; turn by turn {share:.2f} times")
    faults = check_memory(samples)
    # A short run cannot tell what slow readers cost from what else the machine does meanwhile, but for much.
    if share < (0.75 if options.seconds >= 60 else 0.4):
        faults.append(f"slow readers took {1 - share:.0%} of the others' tokens a second")
    return faults


def run(options, home):
    server, counts = Server(options.thimble, options.model, home), Counts()
    is_over, is_turn, faults = threading.Event(), threading.Event(), []
    threads = [threading.Thread(target=ordinary, args=(server.port, i, counts, is_over)) for i in range(options.clients - options.slow)]
    threads += [threading.Thread(target=slow, args=(server.port, i, counts, is_over, is_turn)) for i in range(options.slow)]
    try:
        for thread in threads:
            thread.start()
        faults += take_turns(options, server, counts, is_turn)
        is_over.set()
        for thread in threads:
            thread.join()
        print(f"answers: {dict(counts.statuses)}, {counts.closed} closed in the middle")
        if counts.statuses[200] < 100:
            faults.append("hardly anything was answered")
        faults += counts.faults + check_quiet(server) + check_end(server)
    finally:
        is_over.set()
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("thimble")
    parser.add_argument("model")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--slow", type=int, default=16, help="of the clients")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        faults = run(options, home)
    for fault in faults[:20]:
        print("FAULT:", fault)
    print("passed" if not faults else f"{len(faults)} faults")
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
