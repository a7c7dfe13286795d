# SPDX-License-Identifier: Apache-2.0
"""What the carrier's tests share: a server of their own, and sockets that send exactly what a test says."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

CARRIER_SERVER = os.environ["THIMBLE_CARRIER_SERVER"]
SCRIPTED_SERVER = os.path.join(os.path.dirname(CARRIER_SERVER), "scripted_server")
FIXTURES = pathlib.Path(os.environ["THIMBLE_FIXTURES"])
PATIENCE = 60  # seconds: what nothing here should need, on however busy a machine


class Answer:
    """Status, headers (lower case, the last one counts) and body of one answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Client:
    """One connection."""

    def __init__(self, port, host="127.0.0.1", **options):
        self.port = port
        self.socket = socket.create_connection((host, port), timeout=PATIENCE)
        for name, value in options.items():
            self.socket.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Sends what fits before the server closes; whether all of it did."""
        data = data.encode("latin-1") if isinstance(data, str) else data
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def request(self, method="GET", target="/echo", headers=(), body=b"", host=None, version="1.1"):
        """A well-formed request; `headers` are lines. Content-Length where there is a body."""
        body = body.encode() if isinstance(body, str) else body
        lines = [f"{method} {target} HTTP/{version}", f"Host: {host or f'127.0.0.1:{self.port}'}", *headers]
        if body or method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        if method == "POST" and not any(line.lower().startswith("content-type") for line in lines):
            lines.append("Content-Type: application/json")
        return self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def receive(self):
        """Some bytes; b"" at the end."""
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:
            return b""

    def until(self, mark):
        """Everything to the end of `mark`."""
        while mark not in self.rest:
            data = self.receive()
            if not data:
                raise EOFError(self.rest)
            self.rest += data
        end = self.rest.index(mark) + len(mark)
        found, self.rest = self.rest[:end], self.rest[end:]
        return found

    def exactly(self, count):
        while len(self.rest) < count:
            data = self.receive()
            if not data:
                raise EOFError(self.rest)
            self.rest += data
        found, self.rest = self.rest[:count], self.rest[count:]
        return found

    def everything(self):
        """To the end of the connection."""
        while data := self.receive():
            self.rest += data
        found, self.rest = self.rest, b""
        return found

    def head(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, *_ = lines[0].split(" ")
        if version != "HTTP/1.1":
            raise AssertionError(lines[0])
        headers = {}
        for line in lines[1:]:
            if line:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
        return int(status), headers

    def chunks(self):
        """The body's chunks as they come."""
        while size := int(self.until(b"\r\n"), 16):
            yield self.exactly(size)
            self.until(b"\r\n")
        self.until(b"\r\n")

    def answer(self, has_body=True):
        status, headers = self.head()
        if not has_body or status in (204, 304) or status < 200:
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, b"".join(self.chunks()))
        if "content-length" in headers:
            return Answer(status, headers, self.exactly(int(headers["content-length"])))
        return Answer(status, headers, self.everything())

    def ask(self, *args, **options):
        self.request(*args, **options)
        return self.answer(has_body=args[:1] != ("HEAD",))

    def is_closed(self):
        """Whether the server ends the connection without another word."""
        return self.everything() == b""


class Server:
    """The carrier with the tests' handler, under given options (NAME VALUE pairs)."""

    def __init__(self, *options, program=CARRIER_SERVER):
        self.process = subprocess.Popen([program, *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise AssertionError(self.process.stderr.read())
        self.facts = json.loads(line)
        self.port, self.url = self.facts["port"], self.facts["url"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends it; the seconds that took."""
        if self.process.poll() is not None:
            return 0.0
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()
        if status != 0:
            raise AssertionError(f"the server ended with {status}")
        return time.monotonic() - begin

    def client(self, **options):
        return Client(self.port, **options)

    def ask(self, *args, **options):
        """One request on a connection of its own."""
        with self.client() as client:
            return client.ask(*args, **options)

    def raw(self, data):
        """All that comes back for these bytes, with the connection ended by the server."""
        with self.client() as client:
            client.send(data)
            return client.everything()

    def counts(self):
        return self.ask("GET", "/counts").json()

    def wait_for(self, name, value, seconds=PATIENCE):
        """Waits until the handler has counted so many; the seconds that took."""
        begin = time.monotonic()
        while self.counts()[name] < value:
            if time.monotonic() - begin > seconds:
                raise AssertionError(f"{name}: {self.counts()}, not {value} in {seconds} s")
            time.sleep(0.01)
        return time.monotonic() - begin

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class ScriptedServer(Server):
    """The whole server over a fixture model, with replies from a script; `options` are its. Without `home`, a folder, it has one of its own."""

    def __init__(self, script, *options, home=None):
        self.folder = tempfile.TemporaryDirectory()
        path = pathlib.Path(self.folder.name)
        (path / "script.json").write_text(json.dumps(script), encoding="utf-8")
        home = home or path / "home"
        home.mkdir(mode=0o700, exist_ok=True)
        super().__init__(FIXTURES / "models/vl", path / "script.json", "--home", home, *options, program=SCRIPTED_SERVER)
        self.token = self.facts["token"]

    def stop(self):
        seconds = super().stop()
        self.folder.cleanup()
        return seconds

    def kill(self):
        """As a power cut ends it, all but for the disk."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()
        self.folder.cleanup()

    def page_ask(self, method, target, body=None, headers=()):
        """One request as the page asks: with the token, and JSON where there is a body."""
        lines = [f"X-Thimble-Token: {self.token}", *headers]
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            lines.append("Content-Type: application/json")
        return self.ask(method, target, lines, body or b"")


class ServerTest(unittest.TestCase):
    """One server for all tests of a class; `options` are its."""
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def status_of(self, answer_bytes):
        """The status of an answer in bytes, which must be one of ours."""
        self.assertRegex(answer_bytes, rb"^HTTP/1\.1 \d{3} ")
        return int(answer_bytes.split(b" ")[1])

    @contextlib.contextmanager
    def within(self, seconds):
        begin = time.monotonic()
        yield
        self.assertLess(time.monotonic() - begin, seconds)
