# SPDX-License-Identifier: Apache-2.0
"""Who is let in: names, pages, keys and the token, over the wire; and what the server may do itself."""
import errno
import os
import pathlib
import stat
import sys
import tempfile
import threading
import time
import unittest

from harness import Server, ServerTest

ROUTES = ("/", "/health", "/v1/models", "/v1/chat/completions", "/thimble/v1/info", "/metrics", "/nothing")


class Hosts(ServerTest):
    def test_names(self):
        port = self.server.port
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LocalHost:{port}", f"[::1]:{port}"):
            self.assertEqual(self.server.ask(host=host).status, 200, host)
        for host in ("evil.test", f"evil.test:{port}", f"127.0.0.1.nip.io:{port}", f"localhost.evil.test:{port}", f"0.0.0.0:{port}", f"[::]:{port}",
                     f"LOCALHOST.:{port}"):
            for route in ROUTES:
                self.assertEqual(self.server.ask("GET", route, host=host).status, 403, host)
        for host in ("127.0.0.1", f"localhost:{port ^ 1}"):
            self.assertEqual(self.server.ask(host=host).status, 421, host)

    def test_exactly_one_name(self):
        port = self.server.port
        self.assertEqual(self.server.ask("GET", "/echo", [f"Host: 127.0.0.1:{port}"]).status, 400)
        self.assertEqual(self.status_of(self.server.raw("GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n")), 400)
        self.assertEqual(self.server.ask("GET", f"http://127.0.0.1:{port}/echo").status, 200)
        self.assertEqual(self.server.ask("GET", f"http://localhost:{port}/echo").status, 421)
        self.assertEqual(self.server.ask("GET", "http://evil.test/echo").status, 421)
        self.assertEqual(self.server.ask("GET", f"http://127.0.0.1:{port}/echo", host=f"evil.test:{port}").status, 403)

    def test_refused_before_the_body_is_read(self):
        before = self.server.counts()["submitted"]
        for host, headers in ((f"evil.test:{self.server.port}", []), (None, ["Origin: http://evil.test"])):
            with self.server.client() as client:
                client.send(f"POST /echo HTTP/1.1\r\nHost: {host or f'127.0.0.1:{self.server.port}'}\r\nContent-Type: application/json\r\n"
                            + "".join(line + "\r\n" for line in headers) + "Content-Length: 1000\r\n\r\n")
                with self.within(5):
                    self.assertEqual(client.answer().status, 403)
        self.assertEqual(self.server.counts()["submitted"], before + 1)

    def test_what_a_page_of_another_site_can_send(self):
        """Forms, pictures, scripts, beacons: nothing reaches the handler."""
        before = self.server.counts()["submitted"]
        evil = ["Origin: http://evil.test", "Sec-Fetch-Site: cross-site"]
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            self.assertEqual(self.server.ask("POST", "/v1/chat/completions", [*evil, f"Content-Type: {kind}"], "{}").status, 403)
            self.assertEqual(self.server.ask("POST", "/v1/chat/completions", [f"Content-Type: {kind}"], "{}").status, 415)
        for mode in ("no-cors", "navigate", "websocket"):
            self.assertEqual(self.server.ask("GET", "/v1/models", ["Sec-Fetch-Site: cross-site", f"Sec-Fetch-Mode: {mode}"]).status, 403)
        self.assertEqual(self.server.ask("GET", "/v1/models", ["Sec-Fetch-Site: same-site"]).status, 403)
        answer = self.server.ask("OPTIONS", "/v1/chat/completions", ["Origin: http://evil.test", "Access-Control-Request-Method: POST"])
        self.assertEqual(answer.status, 403)
        self.assertFalse([name for name in answer.headers if name.startswith("access-control")])
        self.assertIn("--allow-origin", answer.json()["error"]["message"])
        self.assertEqual(self.server.counts()["submitted"], before + 1)

    def test_our_own_page(self):
        port = self.server.port
        headers = [f"Origin: http://127.0.0.1:{port}", "Sec-Fetch-Site: same-origin"]
        self.assertEqual(self.server.ask("POST", "/echo", headers, "{}").status, 200)
        for origin in ("null", "http://127.0.0.1:9", "https://localhost", f"http://localhost:{port}.evil", f"http://localhost:{port}"):
            self.assertEqual(self.server.ask("POST", "/echo", [f"Origin: {origin}"], "{}").status, 403, origin)

    def test_paths(self):
        for path in ("/..", "/%2e%2e/etc/passwd", "/..%2f", "/a%00", "//evil.test", "/a\\b", "/%5c", "/a/./b"):
            self.assertEqual(self.server.ask("GET", path).status, 400, path)


class Allowed(ServerTest):
    options = ("allow-origin", "app://obsidian.md", "allow-host", "box.lan")

    def test_an_allowed_page(self):
        headers = ["Origin: app://obsidian.md", "Sec-Fetch-Site: cross-site"]
        answer = self.server.ask("OPTIONS", "/v1/x", [*headers, "Access-Control-Request-Method: POST",
                                                     "Access-Control-Request-Headers: authorization, x-stainless-os"])
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.headers["access-control-allow-origin"], "app://obsidian.md")
        self.assertEqual(answer.headers["access-control-allow-headers"], "authorization, x-stainless-os")
        self.assertNotIn("access-control-allow-credentials", answer.headers)
        answer = self.server.ask("POST", "/echo", headers, "{}")
        self.assertEqual((answer.status, answer.headers["access-control-allow-origin"]), (200, "app://obsidian.md"))
        answer = self.server.ask("GET", "/nothing", headers)  # errors can be read too
        self.assertEqual((answer.status, answer.headers["access-control-allow-origin"]), (404, "app://obsidian.md"))
        self.assertNotIn("access-control-allow-origin", self.server.ask().headers)
        self.assertEqual(self.server.ask("GET", "/echo", ["Origin: app://other"]).status, 403)

    def test_an_allowed_name(self):
        for host in ("box.lan", "box.lan:443", f"box.lan:{self.server.port}"):
            self.assertEqual(self.server.ask(host=host).status, 200, host)
        self.assertEqual(self.server.ask("GET", "/echo", ["Origin: https://box.lan"], host="box.lan").status, 200)
        self.assertEqual(self.server.ask(host="box.lan.evil.test").status, 403)


class Keys(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.key_file = self.folder / "keys"
        self.key_file.write_text("first-key-of-ours\nsecond-key-of-ours\n", encoding="ascii")
        self.key_file.chmod(0o600)

    def test_apis_need_one_where_one_is_set(self):
        with Server("key-file", self.key_file, "home", self.folder) as server:
            for header in ("Authorization: Bearer second-key-of-ours", "X-Api-Key: first-key-of-ours"):
                self.assertEqual(server.ask("GET", "/echo", [header]).status, 200)
            for path in ("/health", "/v1/health", "/models", "/v1/models"):
                self.assertEqual(server.ask("GET", path).status, 200)
            answer = server.ask("POST", "/v1/messages", body="{}")
            self.assertEqual((answer.status, answer.json()["error"]["type"]), (401, "authentication_error"))
            self.assertEqual(answer.headers["www-authenticate"], "Bearer")
            answer = server.ask("POST", "/v1/chat/completions", ["Authorization: Bearer first-key"], "{}")
            self.assertEqual((answer.status, answer.json()["error"]["code"]), (401, "invalid_api_key"))
            self.assertEqual(server.ask("GET", "/echo?api_key=first-key-of-ours").status, 401)
            self.assertEqual(server.ask("GET", "/echo", ["Cookie: key=first-key-of-ours"]).status, 401)

    def test_wrong_keys_wait(self):
        with Server("key-file", self.key_file) as server:
            times = []
            with server.client() as client:
                for _ in range(5):
                    begin = time.monotonic()
                    self.assertEqual(client.ask("GET", "/echo", ["X-Api-Key: wrong-key"]).status, 401)
                    times.append(time.monotonic() - begin)
            self.assertLess(max(times[:2]), 0.15)
            self.assertGreater(min(times[2:]), 0.19)
            begin = time.monotonic()
            threads = [threading.Thread(target=server.ask, args=("GET", "/echo", ["X-Api-Key: wrong-key"])) for _ in range(10)]
            for thread in threads:
                thread.start()
            self.assertEqual(server.ask("GET", "/echo", ["X-Api-Key: first-key-of-ours"]).status, 200)
            self.assertLess(time.monotonic() - begin, 1)  # others do not wait
            for thread in threads:
                thread.join()
            self.assertGreater(time.monotonic() - begin, 1.9)  # and many guess no faster than one

    def test_any_key_will_do_where_none_is_set(self):
        with Server() as server:
            self.assertEqual(server.ask("GET", "/echo", ["Authorization: Bearer sk-anything"]).status, 200)

    def test_the_token(self):
        with Server("home", self.folder) as server:
            token = server.facts["token"]
            self.assertRegex(token, "^[0-9a-f]{64}$")
            self.assertEqual(stat.S_IMODE(os.stat(self.folder / "token").st_mode), 0o600)
            for headers, status in (([], 401), ([f"X-Thimble-Token: {token}"], 200), ([f"Authorization: Bearer {token}"], 200),
                                    ([f"X-Thimble-Token: {token[:-1]}"], 401), ([f"Cookie: token={token}"], 401), (["X-Thimble-Token:"], 401)):
                self.assertEqual(server.ask("GET", "/thimble/v1/info", headers).status, status, headers)
            self.assertEqual(server.ask("GET", f"/thimble/v1/info?token={token}").status, 401)
        with Server("home", self.folder) as server:
            self.assertEqual(server.facts["token"], token)
        with Server("home", self.folder, "new-token", "yes") as server:
            self.assertNotEqual(server.facts["token"], token)
            self.assertEqual(server.ask("GET", "/thimble/v1/info", [f"X-Thimble-Token: {token}"]).status, 401)
        with Server() as server:  # without one, these routes are closed
            self.assertEqual(server.ask("GET", "/thimble/v1/info", ["X-Thimble-Token: "]).status, 401)

    def test_files_that_others_read(self):
        self.key_file.chmod(0o644)
        with self.assertRaisesRegex(AssertionError, "chmod 600"):
            Server("key-file", self.key_file)
        with Server("home", self.folder):
            pass
        (self.folder / "token").chmod(0o640)
        with self.assertRaisesRegex(AssertionError, "chmod 600"):
            Server("home", self.folder)


@unittest.skipUnless(sys.platform == "linux", "only Linux has the sandbox")
class Sandbox(unittest.TestCase):
    def test_a_server_serves_inside_it(self):
        with tempfile.TemporaryDirectory() as home, Server("home", home, "sandbox", "yes") as server:
            if "without" in server.facts["sandbox"]:
                self.skipTest(server.facts["sandbox"])
            self.assertEqual({name: errno.errorcode[number] for name, number in server.facts["probes"].items()},
                             {name: "EPERM" for name in ("connect", "socket", "bind", "sendto", "sendmsg", "execve", "io_uring_setup", "ptrace",
                                                         "process_vm_readv")} | {"open": "EACCES"})
            self.assertEqual(server.ask("POST", "/echo", body="{}").status, 200)
            self.assertEqual(server.ask("GET", "/slow?parts=3&ms=1").body, b"data: 0\n\ndata: 1\n\ndata: 2\n\n")
            self.assertEqual(len(server.ask("GET", "/whole?bytes=5000000").body), 5_000_000)
            for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
                self.assertIn("Seccomp:\t2\n", (task / "status").read_text(encoding="ascii"))
                self.assertIn("NoNewPrivs:\t1\n", (task / "status").read_text(encoding="ascii"))
            self.assertLess(server.stop(), 2)
