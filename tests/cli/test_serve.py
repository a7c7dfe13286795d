# SPDX-License-Identifier: Apache-2.0
"""thimble serve as scripts and people start it; what it answers is tested in src/service, and how in tests/server."""
import base64
import contextlib
import errno
import functools
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import tempfile
import time
import unittest

from harness import FIXTURES, PATIENCE, THIMBLE, VL, VL_GGUF, Terminal, can_mount, thimble

TIED_GGUF = FIXTURES / "gguf/text-tied-q8_0.gguf"


def setUpModule():
    if "this build has no server" in thimble("serve", VL, "--check-sandbox").stderr:
        raise unittest.SkipTest("this build has no server")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Home(unittest.TestCase):
    """Each test has a home of its own; its servers end with it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name) / "home"
        self.env = {"THIMBLE_HOME": str(self.home), "XDG_CACHE_HOME": folder.name + "/cache",
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}  # which traces itself: the sandbox says no

    def start(self, *args, model=VL):
        """A server that is ready: its process and what it said."""
        process = self.launch("--port", "0", "--json", *args, model=model)
        line = process.stdout.readline()
        self.assertTrue(line, process.stderr.read() if process.poll() is not None else "no line")
        return process, json.loads(line)

    def launch(self, *args, model=VL):
        process = subprocess.Popen([THIMBLE, "serve", model, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=os.environ | self.env)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)
        process.stdout.close()
        process.stderr.close()

    def serve(self, *args):
        """`serve` that is to end by itself."""
        return thimble("serve", *args, env=self.env)


def ask(facts, method, path, body=None, headers=None):
    """Status, headers and body of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", facts["port"] if isinstance(facts, dict) else facts, timeout=PATIENCE)
    with contextlib.closing(connection):
        if isinstance(body, dict):
            body, headers = json.dumps(body), {"Content-Type": "application/json"} | (headers or {})
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def chat(facts, text="Hello", headers=None, **more):
    return ask(facts, "POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": text}], "max_tokens": 4} | more, headers)


class Page(Home):
    """The page at / and the browser that opens it; a build may have none."""

    def setUp(self):
        super().setUp()
        self.opened = self.home.parent / "opened"
        program = self.home.parent / "bin/xdg-open"
        program.parent.mkdir()
        # What a desktop's program sees: its arguments, and files that are none of the server's.
        program.write_text(f'#!/bin/sh\nls -l /proc/$$/fd > {self.opened}.files\necho "$@" > {self.opened}.part\nmv {self.opened}.part {self.opened}\n')
        program.chmod(0o755)
        self.env |= {"PATH": f"{program.parent}:{os.environ['PATH']}", "DISPLAY": ":99", "WAYLAND_DISPLAY": ""}

    def has_page(self):
        return "text/html" in ask(self.start()[1], "GET", "/")[1]["Content-Type"]

    def type_at_terminal(self, *args, env=None):
        """What it says until it is ready."""
        terminal = Terminal("serve", VL, "--port", "0", *args, env=self.env | (env or {}))
        self.addCleanup(terminal.close)
        said = terminal.read_until("Ctrl-C ends it")
        terminal.signal(signal.SIGINT)
        self.assertEqual(terminal.finish(), 0)
        return said

    def type_at_end(self, *args):
        """What one that ends by itself says."""
        terminal = Terminal("serve", VL, *args, env=self.env)
        self.addCleanup(terminal.close)
        said = terminal.read_until("your browser opens the page")
        self.assertEqual(terminal.finish(), 0)
        return said

    def opened_code(self, url):
        """What the browser was given in place of the token."""
        end = time.monotonic() + PATIENCE
        while not self.opened.exists():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        given = re.fullmatch(re.escape(url) + "/#code=([0-9a-f]{106})\n", self.opened.read_text())
        self.assertTrue(given, self.opened.read_text())
        return given.group(1)

    def test_the_page_and_nothing_else_is_open_to_all(self):
        _, facts = self.start()
        status, headers, body = ask(facts, "GET", "/")
        self.assertEqual(status, 200)
        if "text/html" in headers["Content-Type"]:
            self.assertEqual(headers["Cache-Control"], "no-cache")
        else:
            self.assertIn(b"no page", body)
        self.assertEqual(ask(facts, "GET", "/thimble/v1/chats")[0], 401)
        _, facts = self.start("--no-page")
        self.assertIn(b"no page", ask(facts, "GET", "/")[2])

    def test_a_browser_opens_it(self):
        if not self.has_page():
            self.skipTest("this build has no page")
        terminal = Terminal("serve", VL, "--port", "0", env=self.env)
        self.addCleanup(terminal.close)
        said = terminal.read_until("Ctrl-C ends it")
        address = re.search(r"your browser opens the page: (http://127.0.0.1:([0-9]+))\r?\n", said)
        self.assertTrue(address, said)
        token = (self.home / "token").read_text().strip()
        first = self.opened_code(address.group(1))
        self.assertNotIn(token, said)
        self.assertNotIn("socket:", pathlib.Path(f"{self.opened}.files").read_text())
        # A second one opens the page of the first.
        self.opened.unlink()
        self.assertIn("your server is running already", self.type_at_end("--port", address.group(2)))
        for code in (self.opened_code(address.group(1)), first):
            status, _, body = ask(int(address.group(2)), "POST", "/thimble/v1/token", {"code": code})
            self.assertEqual((status, json.loads(body)), (200, {"token": token}))
            self.assertEqual(ask(int(address.group(2)), "POST", "/thimble/v1/token", {"code": code})[0], 401)
        terminal.signal(signal.SIGINT)
        self.assertEqual(terminal.finish(), 0)

    def test_its_address_is_said_where_none_can(self):
        if not self.has_page():
            self.skipTest("this build has no page")
        token = (self.home / "token").read_text().strip()
        for args, env in ((["--no-open"], {}), ([], {"DISPLAY": ""}), ([], {"PATH": "/nowhere"})):
            self.assertRegex(self.type_at_terminal(*args, env=env), rf"the page: http://127\.0\.0\.1:[0-9]+/#token={token}\r?\n")
        self.assertNotIn("the page", self.type_at_terminal("--no-page"))
        self.assertFalse(self.opened.exists())


class Starting(Home):
    def test_help(self):
        done = self.serve("--help")
        self.assertEqual(done.returncode, 0)
        for option in ("--host", "--port", "--api-key-file", "--allow-host", "--allow-origin", "--no-page", "--no-open", "--parallel",
                       "--queue", "--idle-unload", "--strict-model", "--new-token", "--check-sandbox", "--json"):
            self.assertIn(option, done.stdout)

    def test_one_json_line_when_it_is_ready(self):
        process, facts = self.start()
        self.assertEqual(set(facts), {"url", "port", "pid", "model", "token"})
        self.assertEqual(facts["pid"], process.pid)
        self.assertEqual(facts["url"], f"http://127.0.0.1:{facts['port']}")
        self.assertEqual(facts["model"], "vl")
        self.assertRegex(facts["token"], r"^[0-9a-f]{64}$")
        status, _, body = chat(facts)
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body)["model"], "vl")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertEqual(process.stdout.read(), "")  # nothing else

    def test_sentences_for_people(self):
        process = self.launch("--port", "0")
        text = ""
        while "Ctrl-C ends it" not in text:
            line = process.stderr.readline()
            self.assertTrue(line, text)
            text += line
        self.assertIn("http://127.0.0.1:", text)
        self.assertIn("curl", text)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_health_while_the_model_is_loaded(self):
        seen = []
        for _ in range(40):  # loading a fixture takes some ten milliseconds
            port = free_port()
            process = self.launch("--port", str(port), "--json")
            while not seen or seen[-1] != 200:
                with contextlib.suppress(ConnectionError):
                    seen.append(ask(port, "GET", "/health")[0])
                self.assertIsNone(process.poll())
            process.terminate()
            process.wait(PATIENCE)
            self.assertLessEqual(set(seen), {200, 503})
            if 503 in seen:
                return
            seen.clear()
        self.fail("it was never seen loading")

    def test_models_that_are_none(self):
        done = self.serve("/nowhere/model.gguf", "--port", "0", "--json")
        self.assertEqual((done.returncode, done.stdout), (4, ""), done.stderr)  # not found
        self.assertIn("/nowhere/model.gguf", done.stderr)
        broken = self.home.parent / "broken.gguf"
        broken.write_bytes(TIED_GGUF.read_bytes()[:5000])
        done = self.serve(str(broken), "--port", "0", "--json")
        self.assertEqual((done.returncode, done.stdout), (5, ""), done.stderr)  # broken

    def test_options_that_are_wrong(self):
        for word, *options in (("--port", "--port", "65536"), ("--parallel", "--parallel", "0"), ("--queue", "--queue", "-1"),
                               ("--idle-unload", "--idle-unload", "soon"), ("every network", "--host", "0.0.0.0"),
                               ("--host", "--host", "nowhere"), ("--allow-origin", "--allow-origin", "*"),
                               ("/nowhere/keys", "--api-key-file", "/nowhere/keys")):
            done = self.serve(VL, "--port", "0", *options)
            self.assertIn(done.returncode, (2, 4), options)
            self.assertIn(word, done.stderr, options)


class Port(Home):
    def test_taken_by_something_else(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = str(other.getsockname()[1])
            done = self.serve(VL, "--port", port)
            self.assertEqual(done.returncode, 5, done.stderr)
            self.assertIn("--port", done.stderr)
            self.assertIn(port, done.stderr)
            self.assertEqual(self.serve(VL, "--port", port, "--json").stdout, "")

    def test_taken_by_a_server_of_the_same_user(self):
        _, facts = self.start()
        done = self.serve(VL, "--port", str(facts["port"]))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(facts["url"], done.stderr)
        done = self.serve(VL, "--port", str(facts["port"]), "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        again = json.loads(done.stdout)
        self.assertEqual((again["url"], again["port"], again["token"]), (facts["url"], facts["port"], facts["token"]))

    def test_the_mark_goes_with_the_server(self):
        process, facts = self.start()
        process.kill()
        process.wait(PATIENCE)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", facts["port"]))
            other.listen()
            self.assertEqual(self.serve(VL, "--port", str(facts["port"])).returncode, 5)


class Ending(Home):
    def test_sigterm_ends_it_within_two_seconds(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process, facts = self.start()
            connections = []
            for _ in range(8):  # answers in progress, and some that wait
                connection = http.client.HTTPConnection("127.0.0.1", facts["port"], timeout=PATIENCE)
                self.addCleanup(connection.close)
                body = {"messages": [{"role": "user", "content": "Go on"}], "max_tokens": 8000, "ignore_eos": True, "stream": True}
                connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
                connections.append(connection)
            self.assertTrue(connections[0].getresponse().read(10))
            begin = time.monotonic()
            process.send_signal(number)
            self.assertEqual(process.wait(PATIENCE), 0)
            self.assertLess(time.monotonic() - begin, 2)

    def test_memory_is_given_back(self):
        process, facts = self.start("--idle-unload", "0.002")
        end = time.monotonic() + PATIENCE
        while self.loaded(facts) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertFalse(self.loaded(facts))
        self.assertEqual(ask(facts, "GET", "/health")[0], 200)  # it is only asleep
        self.assertEqual(chat(facts)[0], 200)
        self.assertIsNone(process.poll())

    @staticmethod
    def loaded(facts):
        return b"\nthimble:model_loaded 1\n" in ask(facts, "GET", "/metrics")[2]


class Safety(Home):
    def test_check_sandbox(self):
        done = self.serve(VL, "--check-sandbox")
        probes = json.loads(done.stdout)
        self.assertEqual(set(probes), {"connect", "socket", "bind", "sendto", "sendmsg", "execve", "io_uring_setup", "ptrace",
                                       "process_vm_readv", "open"})
        refused = all(number in (errno.EPERM, errno.EACCES) for number in probes.values())
        self.assertEqual(done.returncode == 0, refused, probes)
        if "file rules" not in done.stderr and "seccomp" not in done.stderr:
            self.assertTrue(refused, probes)
        else:
            self.skipTest(f"this kernel lacks something: {done.stderr}")

    def test_a_running_server_shows_it(self):
        process, facts = self.start()
        fields = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":\t" in line)
        info = json.loads(ask(facts, "GET", "/thimble/v1/info", headers={"X-Thimble-Token": facts["token"]})[2])
        if not info["sandbox"]["calls"]:
            self.skipTest("this kernel has no seccomp")
        self.assertEqual((fields["Seccomp"].strip(), fields["NoNewPrivs"].strip()), ("2", "1"))
        for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():  # all threads
            self.assertIn("Seccomp:\t2", (task / "status").read_text())

    def test_the_token(self):
        process, facts = self.start()
        file = self.home / "token"
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertEqual(file.read_text().strip(), facts["token"])
        self.assertEqual(ask(facts, "GET", "/thimble/v1/info")[0], 401)
        self.assertEqual(ask(facts, "GET", "/thimble/v1/info", headers={"X-Thimble-Token": "0" * 64})[0], 401)
        self.assertEqual(ask(facts, "GET", "/thimble/v1/info", headers={"X-Thimble-Token": facts["token"]})[0], 200)
        self.end(process)
        second, same = self.start()
        self.assertEqual(same["token"], facts["token"])
        self.end(second)
        self.assertNotEqual(self.start("--new-token")[1]["token"], facts["token"])

    def test_keys(self):
        keys = self.home.parent / "keys"
        keys.write_text("# of a program\nsecret-key-1\n\nsecret-key-2\n")
        keys.chmod(0o644)
        done = self.serve(VL, "--port", "0", "--api-key-file", str(keys))
        self.assertNotEqual(done.returncode, 0)  # others may read it
        self.assertIn("chmod", done.stderr)
        keys.chmod(0o600)
        _, facts = self.start("--api-key-file", str(keys))
        self.assertEqual(chat(facts)[0], 401)
        self.assertEqual(chat(facts, headers={"Authorization": "Bearer secret-key-3"})[0], 401)
        self.assertEqual(chat(facts, headers={"Authorization": "Bearer secret-key-1"})[0], 200)
        self.assertEqual(chat(facts, headers={"X-Api-Key": "secret-key-2"})[0], 200)
        self.assertEqual(ask(facts, "GET", "/health")[0], 200)
        self.assertEqual(ask(facts, "GET", "/v1/models")[0], 200)
        for text in ("", "# nothing\n", "short\n", "two words here\n"):
            keys.write_text(text)
            self.assertEqual(self.serve(VL, "--port", "0", "--api-key-file", str(keys)).returncode, 2, text)

    def test_any_key_is_fine_where_none_is_set(self):
        _, facts = self.start()
        self.assertEqual(chat(facts, headers={"Authorization": "Bearer whatever"})[0], 200)

    def test_names_of_no_model(self):
        _, facts = self.start()
        self.assertEqual(json.loads(chat(facts, model="gpt-4o")[2])["model"], "vl")
        _, strict = self.start("--strict-model")
        self.assertEqual(chat(strict, model="gpt-4o")[0], 404)


class Linked(Home):
    def test_a_model_that_lies_elsewhere_is_changed_to(self):
        done = thimble("import", str(TIED_GGUF), "--link", "--name", "linked", env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        own = self.home.parent / "own"
        shutil.copytree(VL, own)
        _, facts = self.start(model=str(own))
        status, _, body = chat(facts, model="linked")
        self.assertEqual((status, json.loads(body).get("model")), (200, "linked"), body)


class Sending(Home):
    """Models sent to a running server, in its sandbox."""

    def setUp(self):
        super().setUp()
        self.data = TIED_GGUF.read_bytes()

    def put(self, path, data, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, answer, body = ask(self.facts, "PUT", "/thimble/v1/models/" + path, data,
                                   {"Content-Type": "application/octet-stream", "X-Thimble-Token": self.facts["token"]} | named)
        return status, answer, json.loads(body)

    def get(self, path, method="GET"):
        status, _, body = ask(self.facts, method, "/thimble/v1/models" + path, headers={"X-Thimble-Token": self.facts["token"]})
        return status, json.loads(body)

    def begin(self, path, data, count):
        """A connection on which so many bytes of a file have arrived."""
        client = socket.create_connection(("127.0.0.1", self.facts["port"]), timeout=PATIENCE)
        self.addCleanup(client.close)
        client.sendall(f"PUT /thimble/v1/models/{path} HTTP/1.1\r\nHost: 127.0.0.1:{self.facts['port']}\r\n"
                       f"Content-Type: application/octet-stream\r\nX-Thimble-Token: {self.facts['token']}\r\n"
                       f"Content-Length: {len(data)}\r\n\r\n".encode() + data[:count])
        end = time.monotonic() + PATIENCE
        while self.get("/" + path)[1].get("bytes") != count and time.monotonic() < end:
            time.sleep(0.01)
        return client


class Packs(Sending):
    def setUp(self):
        super().setUp()
        folder = self.home / "models/tied"
        folder.mkdir(parents=True)
        (folder / "tied.gguf").write_bytes(self.data)
        self.pack = folder / "tied.gguf.thimble-pack"

    def packs(self):
        status, _, body = ask(self.facts, "GET", "/thimble/v1/space", headers={"X-Thimble-Token": self.facts["token"]})
        self.assertEqual(status, 200, body)
        return json.loads(body)["packs"]

    def delete(self):
        return ask(self.facts, "DELETE", "/thimble/v1/packs", headers={"X-Thimble-Token": self.facts["token"]})[0]

    def test_those_that_nobody_reads_go(self):
        process, self.facts = self.start("--pack-cache", "on", model="tied")
        self.assertEqual(self.packs(), self.pack.stat().st_size)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE), 0)
        other = self.home.parent / "cache/thimble/elsewhere/m.gguf.thimble-pack8"
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_bytes(b"THIMPACK" + b"x" * 1000)
        _, self.facts = self.start(model="tied")  # which reads it
        self.assertEqual(self.packs(), self.pack.stat().st_size + 1008)
        self.assertEqual(self.delete(), 204)
        self.assertEqual(self.packs(), self.pack.stat().st_size)
        self.assertEqual(chat(self.facts)[0], 200)
        end = time.monotonic() + PATIENCE
        # The answer is there a moment before nobody is being answered any more.
        while ask(self.facts, "POST", "/thimble/v1/models/unload", {}, {"X-Thimble-Token": self.facts["token"]})[0] != 204:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        while self.pack.exists() and time.monotonic() < end:  # the engine's thread lets go of the model
            self.assertEqual(self.delete(), 204)
            time.sleep(0.01)
        self.assertEqual((self.packs(), os.listdir(self.pack.parent)), (0, ["tied.gguf"]))
        self.assertEqual(chat(self.facts)[0], 200)


class Search(Home):
    def setUp(self):
        super().setUp()
        _, self.facts = self.start()
        self.token = {"X-Thimble-Token": self.facts["token"]}
        if self.api("GET", "chats")[0] == 501:
            self.skipTest("this build keeps no conversations")
        self.assertEqual(self.api("POST", "chats", {"id": "c" * 24, "title": "Kettles"})[0], 201)
        self.say("1", "the kettle whistles")

    def api(self, method, path, body=None):
        status, _, answer = ask(self.facts, method, "/thimble/v1/" + path, body, self.token)
        return status, json.loads(answer or "{}")

    def say(self, name, text):
        status, _ = self.api("POST", f"chats/{'c' * 24}/messages", {"id": name * 24, "role": "user", "text": text})
        return self.assertEqual(status, 201)

    def found(self, words):
        status, answer = self.api("GET", "chats?search=" + words)
        self.assertEqual(status, 200, answer)
        return len(answer["chats"])

    def damage(self):
        """What tells where the index has its parts is no longer readable."""
        with contextlib.closing(sqlite3.connect(self.home / "chats/chats.sqlite")) as file:
            file.execute("UPDATE text_search_data SET block = x'ffffffffffffffffffff' WHERE id = 10")
            file.commit()

    def test_a_damaged_index_is_made_anew(self):
        self.assertEqual(self.found("whistles"), 1)
        self.damage()
        self.assertEqual(self.found("whistles"), 1)
        self.damage()
        # The next one says so, and then it is made anew.
        status, answer = self.api("POST", f"chats/{'c' * 24}/messages", {"id": "2" * 24, "role": "user", "text": "a samovar"})
        if status == 500:
            self.assertIn("try again", answer["error"]["message"])
            self.say("2", "a samovar")
        self.assertEqual((self.found("whistles"), self.found("samovar")), (1, 1))
        self.assertEqual(len(self.api("GET", "chats/" + "c" * 24)[1]["messages"]), 2)


class Pictures(Home):
    def test_a_jpeg_above_the_limit_is_read_smaller(self):
        _, facts = self.start("--max-image-pixels", "5000", model=VL_GGUF)
        put = functools.partial(ask, facts, "PUT", "/thimble/v1/pictures", headers={"X-Thimble-Token": facts["token"], "Content-Type": "image/jpeg"})
        status, _, body = put((FIXTURES / "vision/images/baseline.jpg").read_bytes())
        picture = json.loads(body)
        self.assertEqual((status, picture["width"], picture["height"]), (200, 60, 45))
        price = ask(facts, "GET", "/thimble/v1/picture-price?width=60&height=45", headers={"X-Thimble-Token": facts["token"]})
        self.assertEqual(json.loads(price[2])["tokens"], picture["tokens"])
        status, _, body = put((FIXTURES / "vision/images/large.png").read_bytes())
        self.assertEqual(status, 413)
        self.assertRegex(json.loads(body)["error"]["message"], "a picture may have 5000 pixels, found .*: (save it as a JPEG, .*)?make it smaller$")
        address = "data:image/jpeg;base64," + base64.b64encode((FIXTURES / "vision/images/exif6.jpg").read_bytes()).decode()
        status, _, body = chat(facts, [{"type": "image_url", "image_url": {"url": address}}, {"type": "text", "text": "What is it?"}])
        self.assertEqual(status, 200, body)


class Models(Sending):
    def setUp(self):
        super().setUp()
        self.process, self.facts = self.start(model=VL_GGUF)

    def test_a_model_is_sent_used_and_deleted(self):
        digest = hashlib.sha256(self.data).hexdigest()
        status, _, body = self.put("tied/tied.gguf", self.data, x_thimble_sha256=digest)
        self.assertEqual((status, body["model"], body["sha256"]), (200, True, digest))
        names = [model["name"] for model in self.get("")[1]["models"]]
        self.assertIn("tied", names)
        self.assertEqual(self.put("tied/tied.gguf", self.data)[0], 409)
        status, _, body = chat(self.facts, model="tied")
        self.assertEqual((status, json.loads(body).get("model")), (200, "tied"), body)
        self.assertEqual(self.get("/tied", "DELETE")[0], 409)  # it is open
        self.assertEqual(json.loads(chat(self.facts, model="vl-f32")[2])["model"], "vl-f32")
        self.assertEqual(self.get("/tied", "DELETE")[0], 200)
        self.assertEqual(self.get("/tied", "DELETE")[0], 404)
        self.assertNotIn("tied", [model["name"] for model in self.get("")[1]["models"]])
        self.assertEqual(os.listdir(self.home / "models"), [])

    def test_an_upload_goes_on(self):
        half = len(self.data) // 2
        self.begin("tied/tied.gguf", self.data, half).close()
        status, body = self.get("/tied/tied.gguf")
        self.assertEqual((status, body["bytes"], body["total"], body["whole"]), (200, half, len(self.data), False))
        self.assertEqual(self.get("")[1]["unfinished"][0]["name"], "tied")
        self.assertFalse((self.home / "models/tied").exists())
        wrong = f"bytes {half + 1}-{len(self.data) - 1}/{len(self.data)}"
        status, headers, _ = self.put("tied/tied.gguf", self.data[half + 1:], content_range=wrong)
        self.assertEqual((status, headers["x-thimble-bytes"]), (416, str(half)))
        self.assertEqual(self.get("/tied/tied.gguf")[1]["bytes"], half)
        rest = f"bytes {half}-{len(self.data) - 1}/{len(self.data)}"
        status, _, body = self.put("tied/tied.gguf", self.data[half:], content_range=rest)
        self.assertEqual((status, body["model"], body["sha256"]), (200, True, hashlib.sha256(self.data).hexdigest()))

    def test_what_is_refused(self):
        for path, data, headers, wanted in (
                ("bad/bad.gguf", b"no model", {}, 400), ("bad/bad.gguf", self.data, {"x_thimble_sha256": "0" * 64}, 400),
                ("bad/bad.exe", b"x", {}, 400), ("builtin/a.gguf", self.data, {}, 400), (".hidden/a.gguf", self.data, {}, 400),
                ("bad/a.gguf", b"x", {"content_range": "bytes 0-0/999999999999"}, 507),
                ("bad/a.gguf", b"x", {"content_range": "bytes 0-0/99999999999999"}, 413),
                ("bad/a.gguf", b"x", {"Content_Type": "application/json"}, 415)):
            status, _, body = self.put(path, data, **headers)
            self.assertEqual(status, wanted, (path, body))
            self.assertIn("message", body["error"])
            self.assertNotIn(str(self.home), body["error"]["message"])
        self.assertFalse([name for name in os.listdir(self.home / "models") if not name.startswith(".")])
        self.assertEqual(ask(self.facts, "PUT", "/thimble/v1/models/a/a.gguf", b"x", {"Content-Type": "application/octet-stream"})[0], 401)
        self.assertEqual(chat(self.facts)[0], 200)

    def test_a_disk_that_is_full(self):
        free = shutil.disk_usage(self.home).free
        if free > 1 << 39:
            self.skipTest("the disk is larger than any model may be")
        total = free + (64 << 20)
        status, _, body = self.put("large/a.gguf", b"x", content_range=f"bytes 0-0/{total}")
        self.assertEqual((status, body["error"]["code"]), (507, "disk_full"))
        self.assertEqual(os.listdir(self.home / "models"), [])


@unittest.skipUnless(can_mount(), "no mounts of its own here")
class SmallDisk(Sending):
    """A home on a disk with room for one model and a half, and for a history in which there is nothing yet."""

    HISTORY = 256 << 10

    def setUp(self):
        super().setUp()
        self.home.mkdir()
        script = f'mount -t tmpfs -o size={len(self.data) * 3 // 2 + self.HISTORY} none "$1" && shift && exec "$@"'
        process = subprocess.Popen(["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", str(self.home), THIMBLE, "serve", VL_GGUF,
                                    "--port", "0", "--json", "--pack-cache", "off"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=os.environ | self.env)
        self.addCleanup(self.end, process)
        self.facts = json.loads(process.stdout.readline())

    def test_a_disk_that_fills_while_a_file_comes(self):
        first = self.begin("first/first.gguf", self.data, len(self.data) // 3)
        self.assertEqual(self.put("second/second.gguf", self.data)[0], 200)
        self.assertEqual(self.put("third/third.gguf", self.data)[0], 507)  # said before
        with contextlib.suppress(ConnectionError):
            first.sendall(self.data[len(self.data) // 3:])
        answer = http.client.HTTPResponse(first)
        answer.begin()
        self.assertEqual((answer.status, json.loads(answer.read())["error"]["type"]), (507, "server_error"))
        there = self.get("/first/first.gguf")[1]["bytes"]
        self.assertGreaterEqual(there, len(self.data) // 3)
        self.assertEqual(self.get("/second", "DELETE")[0], 200)
        rest = f"bytes {there}-{len(self.data) - 1}/{len(self.data)}"
        status, _, body = self.put("first/first.gguf", self.data[there:], content_range=rest)
        self.assertEqual((status, body["model"], body["sha256"]), (200, True, hashlib.sha256(self.data).hexdigest()))
