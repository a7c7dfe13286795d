# SPDX-License-Identifier: Apache-2.0
"""The page's files, conversations that are kept, and answers that go on: the whole server over HTTP."""
import gzip
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from harness import FIXTURES, PATIENCE, SCRIPTED_SERVER, ScriptedServer

WORDS = " ".join(f"word{number}" for number in range(24))
SCRIPT = {"rules": [{"user": "slow", "say": WORDS}], "default": "Hello."}
PAGE = pathlib.Path(__file__).parent / "page"
CHAT, ANSWER = "c" * 24, "a" * 24


def setUpModule():
    if not os.path.exists(SCRIPTED_SERVER):
        raise unittest.SkipTest("this build has no scripted server")


class PageTest(unittest.TestCase):
    """A server for the tests of a class."""
    script, options = SCRIPT, ()

    @classmethod
    def setUpClass(cls):
        cls.server = ScriptedServer(cls.script, "--page", "test", *cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def make_chat(self, name, answer=ANSWER):
        """A conversation of that id with a question and a message that waits for its reply."""
        page_ask, chat, question = self.server.page_ask, f"/thimble/v1/chats/{name}", "q" * 23 + name[0]
        self.assertEqual(page_ask("POST", "/thimble/v1/chats", {"id": name, "title": "Foxes"}).status, 201)
        self.assertEqual(page_ask("POST", chat + "/messages", {"id": question, "role": "user", "text": "slow"}).status, 201)
        self.assertEqual(page_ask("POST", chat + "/messages", {"id": answer, "parent": question, "role": "assistant", "state": "running"}).status, 201)

    def message(self, chat, name=ANSWER):
        messages = self.server.page_ask("GET", f"/thimble/v1/chats/{chat}").json()["messages"]
        return next(message for message in messages if message["id"] == name)

    def wait_for_state(self, chat, state, name=ANSWER):
        begin = time.monotonic()
        while (message := self.message(chat, name))["state"] != state:
            self.assertLess(time.monotonic() - begin, PATIENCE, message)
            time.sleep(0.02)
        return message

    def begin(self, client, name, text="slow"):
        """A stream that is kept under this name: its status."""
        body = json.dumps({"messages": [{"role": "user", "content": text}], "stream": True, "stream_options": {"include_usage": True}})
        client.request("POST", "/v1/chat/completions", [f"X-Conversation-Id: {name}", "Content-Type: application/json"], body)
        return client.head()[0]

    def events(self, data):
        """The data of the events; comments are none."""
        return [block[6:] for block in data.decode().split("\n\n") if block.startswith("data: ")]

    def read(self, name, start=0):
        answer = self.server.page_ask("GET", f"/thimble/v1/answers/{name}?from={start}")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.headers["content-type"], "text/event-stream")
        return self.events(answer.body)

    def words(self, events):
        deltas = (choice["delta"] for event in events if event != "[DONE]" for choice in json.loads(event)["choices"])
        return "".join(delta.get("content") or "" for delta in deltas)


class Files(PageTest):
    def test_the_page_and_its_headers(self):
        for line in ((), ["Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate"], ["Sec-Fetch-Site: same-origin"]):
            answer = self.server.ask("GET", "/", line)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.body, (PAGE / "index.html").read_bytes())
        self.assertEqual(answer.headers["cache-control"], "no-cache")
        self.assertEqual(answer.headers["content-type"], "text/html; charset=utf-8")
        policy = {line.split()[0]: line.split()[1:] for line in answer.headers["content-security-policy"].split("; ")}
        self.assertEqual((policy["default-src"], policy["style-src"], policy["frame-ancestors"]), (["'none'"], ["'self'"], ["'none'"]))
        self.assertEqual(policy["script-src"], ["'self'", "'wasm-unsafe-eval'"])
        self.assertEqual(policy["require-trusted-types-for"], ["'script'"])
        self.assertIn("trusted-types", policy)
        self.assertNotIn("unsafe-inline", answer.headers["content-security-policy"])
        for name, value in (("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("cross-origin-opener-policy", "same-origin"),
                            ("cross-origin-embedder-policy", "require-corp"), ("cross-origin-resource-policy", "same-origin")):
            self.assertEqual(answer.headers[name], value)
        self.assertIn("camera=(self)", answer.headers["permissions-policy"])

    def test_files_that_are_named_by_what_is_in_them_are_kept_for_ever(self):
        path = "/assets/look-C0ffee12.css"
        plain = (PAGE / path[1:]).read_bytes()
        answer = self.server.ask("GET", path)
        self.assertEqual((answer.body, answer.headers["cache-control"]), (plain, "public, max-age=31536000, immutable"))
        packed = self.server.ask("GET", path, ["Accept-Encoding: gzip, deflate"])
        self.assertEqual(packed.headers["content-encoding"], "gzip")
        self.assertEqual(gzip.decompress(packed.body), plain)
        self.assertLess(len(packed.body), len(plain))
        for known in (answer.headers["etag"], f'"x", {answer.headers["etag"]}'):
            again = self.server.ask("GET", path, [f"If-None-Match: {known}"])
            self.assertEqual((again.status, again.body), (304, b""))
        self.assertIn("content-security-policy", self.server.ask("GET", "/assets/page-B2xKw_1a.js").headers)

    def test_who_may_have_them(self):
        self.assertEqual(self.server.ask("GET", "/", host="evil.test").status, 403)
        self.assertEqual(self.server.ask("GET", "/", ["Sec-Fetch-Site: cross-site"]).status, 403)
        link = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-User: ?1"]
        answer = self.server.ask("GET", "/", [*link, "Sec-Fetch-Dest: document"])
        self.assertEqual((answer.status, answer.body), (200, (PAGE / "index.html").read_bytes()))
        self.assertIn("frame-ancestors 'none'", answer.headers["content-security-policy"])
        self.assertEqual(answer.headers["cross-origin-opener-policy"], "same-origin")
        self.assertEqual(self.server.ask("GET", "/", [*link, "Sec-Fetch-Dest: iframe"]).status, 403)
        self.assertEqual(self.server.ask("GET", "/", [*link, "Sec-Fetch-Dest: document"], host="evil.test").status, 403)
        for path in ("/assets/look-C0ffee12.css", "/v1/models", "/thimble/v1/chats"):
            self.assertEqual(self.server.ask("GET", path, [*link, "Sec-Fetch-Dest: document"]).status, 403, path)
        self.assertEqual(self.server.ask("GET", "/assets/none.js").status, 404)
        self.assertEqual(self.server.ask("GET", "/assets/../index.html").status, 400)
        self.assertEqual(self.server.ask("POST", "/assets/look-C0ffee12.css", body="{}").status, 404)
        self.assertEqual(self.server.ask("DELETE", "/thimble/v1/packs").status, 401)
        self.assertEqual(self.server.page_ask("DELETE", "/thimble/v1/packs").status, 501)  # this server has none
        for path in ("/thimble/v1/chats", "/thimble/v1/settings", "/thimble/v1/answers/x", "/thimble/v1/space"):
            self.assertEqual(self.server.ask("GET", path).status, 401, path)

    def test_a_worker_that_another_program_left_retires(self):
        # A browser looks for its script again at each visit; 404 would leave it in force.
        for path in ("/sw.js", "/another/worker.js"):
            answer = self.server.ask("GET", path, ["Service-Worker: script", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: serviceworker"])
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, "text/javascript; charset=utf-8"))
            self.assertEqual(answer.headers["cache-control"], "no-store")
            self.assertIn(b"registration.unregister()", answer.body)
            self.assertEqual(self.server.ask("GET", path).status, 404)
            self.assertEqual(self.server.ask("GET", path, ["Service-Worker: other"]).status, 404)

    def test_with_keys_the_page_is_open_and_the_rest_is_not(self):
        with tempfile.NamedTemporaryFile("w") as keys:
            keys.write("a-secret-key\n")
            keys.flush()
            with ScriptedServer(SCRIPT, "--page", "test", "--api-key-file", keys.name) as server:
                for path in ("/", "/assets/look-C0ffee12.css"):
                    self.assertEqual(server.ask("GET", path).status, 200, path)
                for path in ("/props", "/thimble/v1/chats", "/assets/none.js"):
                    self.assertEqual(server.ask("GET", path).status, 401, path)
                self.assertEqual(server.page_ask("GET", "/thimble/v1/chats").status, 200)

    def test_without_a_page(self):
        with ScriptedServer(SCRIPT, "--page", "none") as server:
            answer = server.ask("GET", "/")
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, "text/plain; charset=utf-8"))
            self.assertIn(b"There is no page here", answer.body)
            self.assertEqual(server.ask("GET", "/assets/look-C0ffee12.css").status, 404)


def opening_code(token, seconds=60):
    """As `thimble serve` draws one for the browser that it opens."""
    said = f"{int(time.time()) + seconds:010x}" + os.urandom(16).hex()
    padded = token.encode().ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + b"opening code " + said.encode()).hexdigest()
    return said + hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner.encode()).hexdigest()


class Codes(unittest.TestCase):
    def setUp(self):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        keys = pathlib.Path(home.name, "keys")
        keys.write_text("a-secret-key\n", encoding="utf-8")
        keys.chmod(0o600)
        self.server = ScriptedServer(SCRIPT, "--page", "test", "--api-key-file", keys)
        self.addCleanup(self.server.stop)

    def exchange(self, code, *headers):
        body = code if isinstance(code, bytes) else json.dumps({"code": code}).encode()
        return self.server.ask("POST", "/thimble/v1/token", ["Content-Type: application/json", *headers], body)

    def test_one_opens_the_page_once(self):
        code = opening_code(self.server.token)
        answer = self.exchange(code, f"Origin: http://127.0.0.1:{self.server.port}", "Sec-Fetch-Site: same-origin")
        self.assertEqual((answer.status, answer.json()), (200, {"token": self.server.token}))
        self.assertEqual((answer.headers["cache-control"], answer.headers["content-type"]), ("no-store", "application/json"))
        again = self.exchange(code)
        self.assertEqual(again.status, 401)
        self.assertNotIn(self.server.token.encode(), again.body)
        self.assertEqual(self.exchange(opening_code(self.server.token, -1)).status, 401)

    def test_what_is_refused(self):
        code = opening_code(self.server.token)
        for headers in (["Origin: http://evil.test"], ["Sec-Fetch-Site: cross-site"], ["Origin: null"],
                        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]):
            self.assertEqual(self.exchange(code, *headers).status, 403, headers)
        self.assertEqual(self.server.ask("POST", "/thimble/v1/token", ["Content-Type: text/plain"], json.dumps({"code": code})).status, 415)
        self.assertEqual(self.server.ask("POST", "/thimble/v1/token", ["Content-Type: application/json"], json.dumps({"code": code}),
                                         host="evil.test").status, 403)
        for method in ("GET", "PUT", "DELETE"):
            self.assertEqual(self.server.ask(method, "/thimble/v1/token", [], b"").status, 401, method)
        for path in ("/thimble/v1/token/", "/thimble/v1/tokens", "/thimble/v1/token/x"):
            self.assertEqual(self.server.ask("POST", path, ["Content-Type: application/json"], json.dumps({"code": code})).status, 401, path)
        for body in (b"", b"{}", b"[]", b"nonsense", b'{"code": 5}', b"[" * 1000):
            self.assertEqual(self.exchange(body).status, 400, body)
        self.assertEqual(self.exchange("x" * 2000).status, 413)
        self.assertEqual(self.exchange(code).status, 200)  # none of them took it

    def test_ten_wrong_ones_are_enough(self):
        for _ in range(10):
            self.assertEqual(self.exchange(opening_code("f" * 64)).status, 401)
        self.assertEqual(self.exchange(opening_code(self.server.token)).status, 429)
        self.assertEqual(self.server.page_ask("GET", "/thimble/v1/settings").status, 200)  # who has the token is not concerned

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
    def test_another_user_who_read_it(self):
        code = opening_code(self.server.token)
        request = (f"POST /thimble/v1/token HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nContent-Type: application/json\r\n"
                   f"Connection: close\r\nContent-Length: {len(code) + 11}\r\n\r\n" + json.dumps({"code": code}))
        program = ("import encodings.idna, os, socket, sys\nos.setgid(65534)\nos.setuid(65534)\n"
                   f"peer = socket.create_connection(('127.0.0.1', {self.server.port}))\npeer.sendall(sys.stdin.buffer.read())\n"
                   "while data := peer.recv(4096): sys.stdout.buffer.write(data)\n")
        done = subprocess.run([sys.executable, "-c", program], input=request.encode(), capture_output=True, timeout=PATIENCE, check=True)
        self.assertIn(b"HTTP/1.1 403", done.stdout)
        self.assertNotIn(self.server.token.encode(), done.stdout)
        self.assertEqual(self.exchange(code).status, 200)

    def test_a_server_without_a_page_takes_none(self):
        with ScriptedServer(SCRIPT, "--page", "none") as server:
            body = json.dumps({"code": opening_code(server.token)})
            self.assertEqual(server.ask("POST", "/thimble/v1/token", ["Content-Type: application/json"], body).status, 401)


class Chats(PageTest):
    def test_conversations(self):
        page_ask = self.server.page_ask
        self.make_chat("1" * 24)
        page = page_ask("GET", "/thimble/v1/chats?search=Fox").json()["chats"]
        self.assertEqual([chat["id"] for chat in page], ["1" * 24])
        self.assertEqual(page[0]["hit"]["excerpt"], "\ue000Fox\ue001es")
        self.assertEqual(page_ask("PATCH", f"/thimble/v1/chats/{'1' * 24}", {"title": "Hens"}).json()["title"], "Hens")
        self.assertEqual(page_ask("PATCH", f"/thimble/v1/chats/{'1' * 24}", b"{}", ["Content-Type: text/plain"]).status, 415)
        answer = page_ask("DELETE", f"/thimble/v1/chats/{'1' * 24}")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(page_ask("GET", f"/thimble/v1/chats/{'1' * 24}").status, 404)

    def test_settings(self):
        self.assertEqual(self.server.page_ask("PUT", "/thimble/v1/settings", {"theme": "dark"}).status, 200)
        self.assertEqual(self.server.page_ask("GET", "/thimble/v1/settings").json(), {"theme": "dark"})

    def test_pictures_are_kept_and_asked_about(self):
        file = (FIXTURES / "vision/images/rgb.png").read_bytes()
        put = self.server.page_ask("PUT", "/thimble/v1/pictures?keep=1", file, ["Content-Type: image/png"]).json()
        got = self.server.page_ask("GET", f"/thimble/v1/pictures/{put['sha256']}")
        self.assertEqual((got.body, got.headers["content-type"], got.headers["x-content-type-options"]), (file, "image/png", "nosniff"))
        content = [{"type": "image_url", "image_url": {"url": "thimble:" + put["sha256"]}}, {"type": "text", "text": "What is it?"}]
        answer = self.server.page_ask("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": content}]})
        self.assertEqual(answer.json()["choices"][0]["message"]["content"], "Hello.")


class Proof(PageTest):
    def test_open_sockets(self):
        with self.server.client() as client:
            sockets = client.ask("GET", "/thimble/v1/info", [f"X-Thimble-Token: {self.server.token}"]).json()["sockets"]
            mine = "{}:{}".format(*client.socket.getsockname())
        self.assertIn({"local": f"127.0.0.1:{self.server.port}", "remote": "", "state": "listening"}, sockets)
        self.assertIn({"local": f"127.0.0.1:{self.server.port}", "remote": mine, "state": "connected"}, sockets)
        for socket in sockets:
            if socket["state"] != "other":  # the event loop's own
                self.assertRegex(socket["local"], rf"^(127\.0\.0\.1|\[::1\]):{self.server.port}$")


class Answers(PageTest):
    script = SCRIPT | {"tokens_per_second": 100}

    def test_a_reader_leaves_in_the_middle_and_reads_on(self):
        chat = "2" * 24
        self.make_chat(chat)
        with self.server.client() as client:
            self.assertEqual(self.begin(client, ANSWER), 200)
            seen = b""
            for chunk in client.chunks():
                seen += chunk
                if len(self.events(seen)) >= 5:
                    break
        seen = self.events(seen)
        self.assertEqual(self.message(chat)["state"], "running")
        with self.server.client() as client:
            self.assertEqual(self.begin(client, ANSWER), 409)
        # Two at once, from where the first one was and from the beginning.
        results = {}
        threads = [threading.Thread(target=lambda start=start: results.update({start: self.read(ANSWER, start)})) for start in (0, len(seen))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(seen + results[len(seen)], results[0])
        self.assertEqual(results[0][-1], "[DONE]")
        self.assertEqual(self.words(results[0]), WORDS)
        message = self.wait_for_state(chat, "done")
        self.assertEqual(message["text"], WORDS)
        self.assertEqual(message["facts"]["finish"], "stop")
        self.assertGreater(message["facts"]["usage"]["completion_tokens"], 10)
        self.assertEqual(message["facts"]["timings"]["predicted_n"], message["facts"]["usage"]["completion_tokens"])
        self.assertEqual(self.read(ANSWER), results[0])  # behind its end too
        self.assertEqual(self.server.page_ask("GET", f"/thimble/v1/answers/{ANSWER}?from=100000").status, 400)
        self.assertEqual(self.server.page_ask("GET", "/thimble/v1/answers/none").status, 404)

    def test_stop(self):
        chat, answer = "3" * 24, "b" * 24
        self.make_chat(chat, answer)
        with self.server.client() as client:
            self.assertEqual(self.begin(client, answer), 200)
            chunks = client.chunks()
            seen = b"".join(next(chunks) for _ in range(5))
            stopped = self.server.page_ask("DELETE", f"/thimble/v1/answers/{answer}")
            self.assertEqual(stopped.status, 204)
            seen = self.events(seen + b"".join(chunks))
        self.assertEqual(seen[-1], "[DONE]")
        self.assertLess(len(self.words(seen)), len(WORDS))
        message = self.wait_for_state(chat, "stopped", answer)
        self.assertEqual(message["text"], self.words(seen))
        self.assertEqual(self.server.page_ask("DELETE", "/thimble/v1/answers/none").status, 404)

    def test_a_reader_that_takes_nothing_holds_up_nobody(self):
        with self.server.client(SO_RCVBUF=4096) as slow:
            self.begin(slow, "slow-reader")
            begin = time.monotonic()
            self.assertEqual(self.words(self.read("slow-reader")), WORDS)
            self.assertLess(time.monotonic() - begin, PATIENCE)

    def test_the_end_of_the_server_does_not_wait_for_replies(self):
        # Words that are fixed come several at a time, which the script's pace makes one long step.
        with ScriptedServer({"default": WORDS * 40, "tokens_per_second": 50}, "--page", "test") as server:
            with server.client() as client:
                self.begin(client, "long")
                next(client.chunks())
                self.assertLess(server.stop(), 2)


class Ends(unittest.TestCase):
    """What is left of a reply whose server ends in the middle."""

    def end(self, how):
        """The message of a reply that was being written, from the next server, and the words that a reader had seen."""
        home = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "home"
        test = PageTest()
        test.server = ScriptedServer({"default": WORDS * 40, "tokens_per_second": 100}, "--page", "test", home=home)
        test.make_chat(CHAT)
        with test.server.client() as client:
            self.assertEqual(test.begin(client, ANSWER), 200)
            seen = b""
            for chunk in client.chunks():
                seen += chunk
                if len(test.events(seen)) >= 20:
                    break
            how(test.server)
        with ScriptedServer(SCRIPT, "--page", "test", home=home) as test.server:
            message = test.message(CHAT)
            self.assertEqual(test.server.page_ask("GET", f"/thimble/v1/answers/{ANSWER}").status, 404)
        return message, test.words(test.events(seen))

    def test_killed(self):
        message, seen = self.end(lambda server: server.kill())
        self.assertEqual(message["state"], "stopped")
        self.assertTrue(seen)
        self.assertEqual(message["text"][:len(seen)], seen)

    def test_told_to_end(self):
        message, seen = self.end(lambda server: self.assertLess(server.stop(), 2))
        self.assertEqual(message["state"], "stopped")
        self.assertEqual(message["text"][:len(seen)], seen)
        self.assertEqual(message["facts"]["finish"], "stopped")
        self.assertGreater(message["facts"]["usage"]["completion_tokens"], 0)
        self.assertEqual(message["model"], "vl")


class OldAnswers(PageTest):
    options = ("--keep-seconds", "1")

    def test_are_forgotten(self):
        body = json.dumps({"messages": [{"role": "user", "content": "hello"}], "stream": True})
        answer = self.server.ask("POST", "/v1/chat/completions", ["X-Conversation-Id: short"], body)
        self.assertEqual(self.events(answer.body)[-1], "[DONE]")
        begin = time.monotonic()
        while self.server.page_ask("GET", "/thimble/v1/answers/short").status == 200:
            self.assertLess(time.monotonic() - begin, PATIENCE)
            time.sleep(0.05)
        self.assertGreater(time.monotonic() - begin, 0.5)


class Models(PageTest):
    def model(self):
        return self.server.page_ask("GET", "/thimble/v1/models").json()["models"][0]

    def test_the_model_is_put_away_and_opened(self):
        name = self.model()["name"]
        self.assertTrue(self.model()["open"])
        self.assertEqual(self.server.page_ask("POST", "/thimble/v1/models/unload", {}).status, 204)
        begin = time.monotonic()
        while self.model()["open"]:
            self.assertLess(time.monotonic() - begin, PATIENCE)
        self.assertEqual(self.server.page_ask("POST", f"/thimble/v1/models/{name}/open", {}).status, 202)
        while not self.model()["open"]:
            self.assertLess(time.monotonic() - begin, PATIENCE)
        self.assertEqual(self.server.page_ask("POST", "/thimble/v1/models/none/open", {}).status, 404)
