# SPDX-License-Identifier: Apache-2.0
"""An app: starts the program, sends lines, and keeps what comes back."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest

FIXTURES = pathlib.Path(os.environ["THIMBLE_FIXTURES"])
COMMAND = json.loads(os.environ["THIMBLE_ANDROID_COMMAND"])
IS_EMULATED = len(COMMAND) > 1
LONGEST = 300  # seconds that anything may take


def can_mount():
    """Whether the program may have file systems of its own here (user namespaces)."""
    done = subprocess.run(["unshare", "--map-root-user", "--mount", "true"], capture_output=True, check=False) if shutil.which("unshare") else None
    return done is not None and done.returncode == 0


def with_mounts(script, *args):
    """A command that first runs a shell script which may mount what it likes without anybody noticing, `$@` being `args`."""
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", f'{script} && shift {len(args)} && exec "$@"', "sh", *args]


class Child:
    """The program, running; started by the command `within`."""

    def __init__(self, folder, within=(), **start):
        self.process = subprocess.Popen([*within, *COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines, self.bodies, self.heads, self.ended = [], {}, {}, set()
        self.changed = threading.Condition()
        self.is_over = False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if folder is not None:
            home = pathlib.Path(folder)
            said = {"version": "test", "models": str(home / "models"), "chats": str(home), "cache": str(home / "cache"),
                    "threads": 2, "context": 512, **start}
            self.say({"start": said})
            self.wait(lambda: self.find("started") or self.find("failed"))

    def read(self):
        stream = self.process.stdout
        while True:
            text = stream.readline()
            if not text:
                break
            line = json.loads(text)
            body = None
            if "bytes" in line:
                body = stream.read(line["bytes"])
                assert stream.read(1) == b"\n", "no newline behind the bytes"
            with self.changed:
                self.lines.append(line)
                if "answer" in line:
                    self.heads[line["answer"]] = line
                    self.bodies[line["answer"]] = b""
                if "part" in line:
                    self.bodies[line["part"]] += body
                if "end" in line:
                    self.ended.add(line["end"])
                self.changed.notify_all()
        with self.changed:
            self.is_over = True
            self.changed.notify_all()

    def say(self, line, body=None):
        """A line; with `body`, of which it says the length, the bytes behind it."""
        if body is not None:
            line = {**line, "bytes": len(body)}
        data = json.dumps(line).encode() + b"\n"
        if body is not None:
            data += body + b"\n"
        self.write(data)

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait(self, is_there):
        with self.changed:
            if not self.changed.wait_for(lambda: is_there() or self.is_over, LONGEST) or not is_there():
                raise AssertionError(f"not heard; the last lines: {self.lines[-5:]}")

    def find(self, key):
        return next((line[key] for line in self.lines if key in line), None)

    def ask(self, number, method, path, body=None, headers=None):
        """The answer's status and body, when it has ended."""
        headers = headers if headers is not None else [["Content-Type", "application/json"]]
        self.say({"request": number, "method": method, "path": path, "headers": headers}, body)
        self.wait(lambda: number in self.ended)
        return self.heads[number]["status"], self.bodies[number]

    def chat(self, number, **more):
        request = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4, **more}
        return self.ask(number, "POST", "/v1/chat/completions", json.dumps(request).encode())

    def send(self, number, model, file, data, piece=1 << 20):
        """A file of a model, in pieces."""
        self.say({"request": number, "method": "PUT", "path": f"/thimble/v1/models/{model}/{file}", "more": True,
                  "headers": [["content-type", "application/octet-stream"], ["content-length", str(len(data))]]})
        for begin in range(0, len(data), piece):
            line = {"body": number}
            if begin + piece < len(data):
                line["more"] = True
            self.say(line, data[begin:begin + piece])
        self.wait(lambda: number in self.ended)
        return self.heads[number]["status"], self.bodies[number]

    def end(self):
        """Closes its input; the exit status."""
        self.process.stdin.close()
        return self.finish()

    def finish(self):
        status = self.process.wait(LONGEST)
        self.reader.join(LONGEST)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except BrokenPipeError:  # what was still to be said
                pass
        return status


class Case(unittest.TestCase):
    def setUp(self):
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.folder = kept.name
        self.running = []

    def tearDown(self):
        for child in self.running:
            if child.process.poll() is None:
                child.process.kill()
                child.finish()

    def start(self, **start):
        child = Child(self.folder, **start)
        self.running.append(child)
        return child

    @staticmethod
    def fixture(name):
        return FIXTURES / "gguf" / name
