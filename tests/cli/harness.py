# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command share: calling it, a terminal around it, fixtures. cli_test.py says where they are."""
import codecs
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
import zlib

THIMBLE, FIXTURES = os.environ["THIMBLE_UNDER_TEST"], pathlib.Path(os.environ["THIMBLE_FIXTURES"])
VL = str(FIXTURES / "models/vl")
VL_GGUF = str(FIXTURES / "gguf/vl-f32.gguf")
PICTURE = str(FIXTURES / "vision/images/rgb.png")
GREEDY = ["--temperature", "0", "--ignore-eos", "--exact", "--json"]
PATIENCE = 120  # seconds: what nothing here should need, on however busy a machine


def thimble(*args, text=None, env=None, cwd=None):
    """Runs the command; text (str or bytes) is its standard input, nothing by default. Output comes as str."""
    data = text.encode("utf-8") if isinstance(text, str) else text
    done = subprocess.run([THIMBLE, *args], input=data, capture_output=True, timeout=PATIENCE, check=False, cwd=cwd,
                          stdin=subprocess.DEVNULL if data is None else None, env=os.environ | (env or {}))
    done.stdout, done.stderr = (stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr))
    return done


def answer(*args, text=None, env=None):
    """The JSON object that a successful call prints."""
    done = thimble(*args, text=text, env=env)
    if done.returncode != 0:
        raise AssertionError(f"{args}: status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def load(path):
    return json.loads((FIXTURES / path).read_text(encoding="utf-8"))


def npy(path):
    """Shape and raw values of a .npy file."""
    data = (FIXTURES / path).read_bytes()
    size = struct.unpack_from("<H", data, 8)[0]
    header = data[10:10 + size].decode("latin-1")
    shape = tuple(int(x) for x in header.split("'shape': (")[1].split(")")[0].split(",") if x.strip())
    return shape, data[10 + size:]


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, rgb):
    rows = b"".join(b"\0" + rgb[y * width * 3:(y + 1) * width * 3] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")


def plain(text):
    """Terminal output without its escape sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def forced(*texts):
    """Options that make any model write these tokens and no others, each about equally often."""
    options = ["--temperature", "0", "--ignore-eos", "--think", "off", "--frequency-penalty", "10"]
    for text in texts:
        ids = token_ids(text)
        if len(ids) != 1:
            raise AssertionError(f"{text!r} is no single token: {ids}")
        options += ["--logit-bias", f"{ids[0]}=1e6"]
    return options


def token_ids(text):
    return json.loads(thimble("tokenize", VL, "--jsonl", text=json.dumps({"text": text, "special": False})).stdout)["ids"]


def catches(pid, number):
    """Whether the process has a handler for this signal by now."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", status, re.MULTILINE)
    return caught is not None and int(caught.group(1), 16) >> (number - 1) & 1 == 1


def can_mount():
    """Whether tests may have file systems of their own here (user namespaces)."""
    done = subprocess.run(["unshare", "--map-root-user", "--mount", "true"], capture_output=True, check=False) if shutil.which("unshare") else None
    return done is not None and done.returncode == 0


def with_mounts(script, *args, text=None):
    """Runs a shell script with `$@` as its arguments where it may mount what it likes without anybody noticing."""
    data = text.encode("utf-8") if text is not None else None
    done = subprocess.run(["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", *args], input=data, capture_output=True,
                          timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL if data is None else None)
    done.stdout, done.stderr = (stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr))
    return done


def with_memory(kibibytes, *args):
    """The command on a machine that says to have so much memory to spare."""
    with tempfile.NamedTemporaryFile("w") as meminfo:
        meminfo.write(f"MemTotal: {kibibytes} kB\nMemAvailable: {kibibytes} kB\n")
        meminfo.flush()
        return with_mounts('mount --bind "$1" /proc/meminfo && shift && exec "$@"', meminfo.name, THIMBLE, *args)


class Terminal:
    """The command in a pseudo-terminal: type() what a person would, read_until() what they would wait for.

    read_until() sees text without colours; `raw` is everything that ever came."""

    def __init__(self, *args, env=None, cwd=None, columns=200):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.environ.update({"TERM": "xterm", "LC_ALL": "C.UTF-8", **(env or {})})
                os.environ.pop("COLUMNS", None)
                os.chdir(cwd or ".")
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
                os.execv(THIMBLE, [THIMBLE, *args])
            finally:
                os._exit(127)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.raw = ""
        self.held = ""  # the beginning of an escape sequence
        self.unread = ""
        self.status = None

    def type(self, text):
        data = text.encode("utf-8") if isinstance(text, str) else text
        while data:
            data = data[os.write(self.fd, data[:1024]):]
            self._read(0)  # so that neither side waits for the other

    def _read(self, seconds):
        """Takes what comes within some seconds; False when nothing ever will."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other side is closed
            return False
        text = self.decoder.decode(data)
        self.raw += text
        text = self.held + text
        whole = re.search(r"(\x1b(\[[0-9;?]*)?)?$", text).start()
        self.held = text[whole:]
        self.unread += plain(text[:whole])
        return bool(data)

    def read_until(self, text, seconds=PATIENCE):
        """Returns what came before `text`."""
        end = time.monotonic() + seconds
        while text not in self.unread:
            if time.monotonic() > end or not self._read(0.2):
                raise AssertionError(f"waited for {text!r}, found {self.unread!r}")
        before, self.unread = self.unread.split(text, 1)
        return before

    def signal(self, number):
        os.kill(self.pid, number)

    def resize(self, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def modes(self):
        """The local modes of the terminal as the other side set them."""
        return termios.tcgetattr(self.fd)[3]

    def finish(self, seconds=PATIENCE):
        """Waits for the end; the exit status, or minus the signal."""
        end = time.monotonic() + seconds
        while self.status is None:
            is_open = self._read(0.1)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid != 0:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                raise AssertionError(f"waited for the end, found {self.unread!r}")
            elif not is_open:
                time.sleep(0.05)
        return self.status

    def close(self):
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def open_chat(test, *args, env=None, **how):
    """A chat at a terminal, ready for the first line; it ends with the test. Its history goes where the test says, or nowhere."""
    terminal = Terminal("chat", *args, env={"XDG_STATE_HOME": "/dev/null"} | (env or {}), **how)
    test.addCleanup(terminal.close)
    terminal.read_until("/help lists")
    terminal.read_until("> ")
    return terminal
