#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays the native program for tests of the app: speaks its lines (apps/android/native/README.md), with answers that show what came.

fake_child.py LOG [FAULT]   LOG gets every line that came, as JSON lines (bodies as their length).
FAULT: never-starts, broken-frame (a frame that is cut off in place of "started"), long-line; has-builtin is no fault: it says that the built-in model is packed."""
import hashlib
import json
import os
import pathlib
import re
import sys
import urllib.parse

MOST = 1 << 20
STDIN, STDOUT = sys.stdin.buffer, sys.stdout.buffer
DIES = 7  # the status with which it ends where it is to die


class Child:
    def __init__(self, log, has_builtin):
        self.has_builtin = has_builtin
        self.log_file = open(log, "a", encoding="utf-8")
        self.bodies = {}  # of requests whose bodies are not whole yet
        self.heads = {}
        self.slow = {}  # answers that end when somebody says so: request -> conversation
        self.start = {}
        self.open_model = "built-in"

    def log(self, line):
        self.log_file.write(json.dumps(line) + "\n")
        self.log_file.flush()

    def say(self, line, data=None):
        if data is not None:
            line["bytes"] = len(data)
        STDOUT.write(json.dumps(line).encode() + b"\n")
        if data is not None:
            STDOUT.write(data + b"\n")
        STDOUT.flush()

    def answer(self, request, status, value):
        self.say({"answer": request, "status": status, "headers": [["Content-Type", "application/json"]]})
        self.say({"part": request}, json.dumps(value).encode())
        self.say({"end": request})

    def refuse(self, request, status, message):
        self.answer(request, status, {"error": {"message": message, "code": "refused"}})

    def store(self):
        return pathlib.Path(self.start["models"])

    def run(self):
        while line := STDIN.readline(MOST + 1):
            head = json.loads(line)
            data = b""
            if "bytes" in head:
                data = STDIN.read(head["bytes"])
                assert len(data) == head["bytes"] and STDIN.read(1) == b"\n", "broken frame"
            self.log(head)
            if "start" in head:
                self.start = head["start"]
                self.say({"started": {"version": self.start["version"], "isa": "fake", "threads": 2, "models": 1, "builtin": self.has_builtin}})
            elif "request" in head:
                self.begin(head, data)
            elif "body" in head:
                self.go_on(head["body"], data, head.get("more", False))
            elif "cancel" in head:  # nothing more is said of it; what is kept under a name is written on
                if not self.slow.get(head["cancel"]):
                    self.slow.pop(head["cancel"], None)
            elif "readings" in head:
                self.decide(head["readings"])
            elif head.get("stop"):
                return

    def begin(self, head, data):
        request = head["request"]
        self.heads[request] = head
        self.bodies[request] = bytearray(data)
        if not head.get("more"):
            self.handle(request)

    def go_on(self, request, data, more):
        if request not in self.bodies:
            return
        self.bodies[request] += data
        if not more:
            self.handle(request)

    def handle(self, request):
        head, body = self.heads.pop(request), bytes(self.bodies.pop(request))
        headers = {name.lower(): value for name, value in head["headers"]}
        method, path = head["method"], head["path"]
        if found := re.fullmatch(r"/thimble/v1/models/([^/]+)/open", path):
            self.open(request, found[1])
        elif found := re.fullmatch(r"/thimble/v1/models/([^/]+)/([^/]+)", path):
            self.file(request, method, found[1], found[2], headers, body)
        elif path == "/thimble/v1/models":
            self.list(request)
        elif method == "DELETE" and path.startswith("/thimble/v1/models/"):
            for file in self.store().glob(path.rsplit("/", 1)[1] + "~*"):
                file.unlink()
            self.answer(request, 200, {})
        elif method == "DELETE" and path.startswith("/thimble/v1/answers/"):
            name = urllib.parse.unquote(path.rsplit("/", 1)[1])
            for slow in [one for one, kept in self.slow.items() if kept == name]:
                self.end_slow(slow)
            self.answer(request, 200, {})
        elif path == "/v1/chat/completions":
            self.chat(request, headers, body)
        elif path == "/thimble/v1/info":
            self.answer(request, 200, self.start["page"])
        elif path == "/echo":
            self.answer(request, 200, {"method": method, "length": len(body), "said": headers.get("content-length"), "text": body[:100].decode("utf-8", "replace")})
        elif path == "/picture":
            self.say({"answer": request, "status": 200, "headers": [["content-type", "image/png"]]})
            self.say({"part": request}, bytes(range(256)))
            self.say({"end": request})
        else:
            self.refuse(request, 404, "no such route")

    def open(self, request, name):
        if "huge" in name:
            os._exit(DIES)
        self.open_model = name
        self.answer(request, 202, {})

    def list(self, request):
        models = [{"name": "built-in", "bytes": 5 << 20, "built_in": True, "open": self.open_model == "built-in"}]
        sizes = {"small": 500 << 20, "large": 1200 << 20, "huge": 900 << 20}
        models += [{"name": name, "bytes": size, "built_in": False, "open": self.open_model == name} for name, size in sizes.items()]
        self.answer(request, 200, {"models": models, "unfinished": []})

    def file(self, request, method, model, name, headers, body):
        path = self.store() / f"{model}~{name}"
        there = path.stat().st_size if path.exists() else 0
        if method == "GET":
            if not there:
                return self.refuse(request, 404, "no such file")
            total = int((self.store() / f"{model}~{name}~total").read_text())
            return self.answer(request, 200, {"file": name, "bytes": there, "total": total, "whole": there == total})
        first, last, total = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers["content-range"]).groups())
        assert len(body) == last - first + 1 == int(headers["content-length"])
        if first > there:
            return self.refuse(request, 416, "a gap")
        full = self.store() / "full"  # for as long as it is there, behind so many bytes
        if full.exists() and last + 1 > int(full.read_text()):
            return self.refuse(request, 507, "[store] the disk is full; make room and send it again")
        (self.store() / f"{model}~{name}~total").write_text(str(total))
        with open(path, "r+b" if there else "wb") as file:
            file.seek(first)
            file.write(body)
            file.truncate()
        dies = self.store() / "dies"  # once, after so many bytes
        if dies.exists() and last + 1 >= int(dies.read_text()):
            dies.unlink()
            os._exit(DIES)
        if last + 1 < total:
            return self.answer(request, 200, {"file": name, "bytes": last + 1, "total": total})
        if headers["x-thimble-sha256"] != hashlib.sha256(path.read_bytes()).hexdigest():
            path.unlink()
            return self.refuse(request, 400, "the file has another SHA-256 than was announced")
        if name.endswith(".gguf") and path.read_bytes()[:4] != b"GGUF":
            path.unlink()
            return self.refuse(request, 400, "[gguf] the file begins with GGUF, this one does not; it is no model")
        missing = "" if "mmproj" not in name else "the weights are missing"
        return self.answer(request, 200, {"file": name, "whole": True, "model": not missing, **({"missing": missing} if missing else {})})

    def chat(self, request, headers, body):
        text = json.loads(body)["messages"][-1]["content"]
        if text == "refuse":
            return self.refuse(request, 409, "another answer is being written")
        self.say({"answer": request, "status": 200, "headers": [["content-type", "text/event-stream"]]})
        event = ("data: " + json.dumps({"text": text}, ensure_ascii=False) + "\n\n").encode()
        for at in range(0, len(event), 5):  # through the middle of letters
            self.say({"part": request}, event[at:at + 5])
        if text == "die":
            os._exit(DIES)
        if text == "slow":
            self.slow[request] = headers.get("x-conversation-id", "")
            return None
        return self.finish(request)

    def finish(self, request):
        self.say({"part": request}, b'data: {"timings":{"cpu_ms":1250.5}}\n\ndata: [DONE]\n\n')
        self.say({"end": request})

    def end_slow(self, request):
        if self.slow.pop(request, None) is not None:
            self.finish(request)

    def decide(self, readings):
        stop = readings["thermal"] >= 3
        self.say({"decision": {"threads": 2, "pause_ms": 0, "thinking": None, "detail": "auto", "stop": stop, "reason": "hot" if stop else ""}})


def main(log, fault=""):
    if fault == "never-starts":
        print("it cannot be", file=sys.stderr)
        return DIES
    if fault == "broken-frame":
        STDOUT.write(b'{"part": 1, "bytes": 100}\nshort')
        return 0
    if fault == "long-line":
        STDOUT.write(b"x" * (2 * MOST))
        return 0
    Child(log, fault == "has-builtin").run()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
