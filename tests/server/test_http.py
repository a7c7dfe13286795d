# SPDX-License-Identifier: Apache-2.0
"""What HTTP says: connections, lengths, answers in order."""
import json
import socket
import time

from harness import Server, ServerTest


class Requests(ServerTest):
    def test_a_request_reaches_the_handler_as_it_is(self):
        with self.server.client() as client:
            body = client.ask("POST", "/v1/x%20y?a=%2f", ["X-Thing:  two words ", "Authorization: Bearer secret-key", "Cookie: a=b"], "{}").json()
        self.assertEqual((body["method"], body["path"], body["query"], body["body"]), ("POST", "/v1/x y", "a=%2f", "{}"))
        self.assertIn("x-thing: two words", body["headers"])
        self.assertNotIn("secret", json.dumps(body))  # keys go no further than the gate
        self.assertFalse([line for line in body["headers"] if line.startswith("cookie")])

    def test_connections_are_kept(self):
        with self.server.client() as client:
            for number in range(50):
                answer = client.ask("GET", f"/echo?{number}")
                self.assertEqual(answer.json()["query"], str(number))
                self.assertNotIn("connection", answer.headers)
            client.ask("GET", "/echo", ["Connection: close"])
            self.assertTrue(client.is_closed())

    def test_http_1_0(self):
        with self.server.client() as client:
            answer = client.ask(version="1.0")
            self.assertEqual(answer.headers["connection"], "close")
            self.assertTrue(client.is_closed())
        with self.server.client() as client:
            for _ in range(3):
                answer = client.ask("GET", "/echo", ["Connection: keep-alive"], version="1.0")
                self.assertEqual(answer.headers["connection"], "keep-alive")
        with self.server.client() as client:  # a stream ends with the connection
            answer = client.ask("GET", "/slow?parts=3&ms=5", version="1.0")
            self.assertNotIn("transfer-encoding", answer.headers)
            self.assertEqual(answer.body, b"data: 0\n\ndata: 1\n\ndata: 2\n\n")
        self.assertEqual(self.status_of(self.server.raw("GET / HTTP/1.0\r\n\r\n")), 400)  # no Host

    def test_pipelined_requests_are_answered_in_order(self):
        with self.server.client() as client:
            count = 40
            client.send("".join(f"GET {'/slow?parts=2&ms=2&' if i % 4 == 0 else '/echo?'}n={i} HTTP/1.1\r\n"
                                f"Host: 127.0.0.1:{self.server.port}\r\n\r\n" for i in range(count)))
            for i in range(count):
                answer = client.answer()
                if i % 4 == 0:
                    self.assertEqual(answer.body, b"data: 0\n\ndata: 1\n\n")
                else:
                    self.assertEqual(answer.json()["query"], f"n={i}")

    def test_a_pipelined_pair_with_bodies(self):
        with self.server.client() as client:
            one = f"POST /echo HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nContent-Type: application/json\r\n"
            client.send(one + "Content-Length: 5\r\n\r\n12345" + one + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
                        + "GET /echo?last HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % self.server.port)
            self.assertEqual(client.answer().json()["body"], "12345")
            second = client.answer().json()
            self.assertEqual(second["body"], "abcde")
            self.assertNotIn("trailer", json.dumps(second))
            self.assertEqual(client.answer().json()["query"], "last")

    def test_bytes_may_come_one_by_one(self):
        with self.server.client() as client:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in f"POST /echo HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\nabc":
                client.send(byte)
            self.assertEqual(client.answer().json()["body"], "abc")

    def test_expect_100(self):
        with self.server.client() as client:
            head = f"POST /echo HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
            client.send(head + "Content-Length: 4\r\n\r\n")
            self.assertEqual(client.head()[0], 100)
            client.send("body")
            self.assertEqual(client.answer().json()["body"], "body")
            client.send(head + "Content-Length: 2000000\r\n\r\n")  # refused before it is sent
            self.assertEqual(client.answer().status, 413)
            self.assertTrue(client.is_closed())
        self.assertEqual(self.server.ask("POST", "/echo", ["Expect: more"], "{}").status, 417)

    def test_head_and_options(self):
        with self.server.client() as client:
            answer = client.ask("HEAD", "/whole?bytes=1000")
            self.assertEqual((answer.status, answer.headers["content-length"]), (200, "1000"))
            answer = client.ask("HEAD", "/slow?parts=1000&ms=50")
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, "text/event-stream"))
            self.assertEqual(client.ask("GET", "/echo").status, 200)
            answer = client.ask("OPTIONS", "/v1/x")
            self.assertEqual(answer.status, 204)
            self.assertIn("POST", answer.headers["allow"])
            answer = client.ask("OPTIONS", "*")
            self.assertEqual(answer.status, 204)
            self.assertEqual(client.ask("GET", "/echo").status, 200)
        self.server.wait_for("cancelled", 1)

    def test_whole_answers_have_a_length_and_streams_chunks(self):
        with self.server.client() as client:
            for size in (0, 1, 65535, 65536, 65537, 3_000_000):
                answer = client.ask("GET", f"/whole?bytes={size}")
                self.assertEqual((answer.headers["content-length"], answer.body), (str(size), b"w" * size))
            answer = client.ask("GET", "/late")  # from another thread, in two parts
            self.assertEqual((answer.headers["content-length"], answer.json()), ("13", {"late": True}))
            client.request("GET", "/slow?parts=4&ms=60")
            _, headers = client.head()
            self.assertEqual(headers["transfer-encoding"], "chunked")
            begin, times = time.monotonic(), []
            for number, chunk in enumerate(client.chunks()):
                self.assertEqual(chunk, b"data: %d\n\n" % number)
                times.append(time.monotonic() - begin)
            self.assertGreater(times[-1] - times[0], 0.1)  # as they come, not all at the end

    def test_uploads_go_to_their_receiver(self):
        with Server("home", self.home()) as server, server.client() as client:
            token = f"X-Thimble-Token: {server.facts['token']}"
            before = server.memory()
            size = 50 << 20
            client.send(f"PUT /thimble/v1/upload HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{token}\r\nContent-Length: {size}\r\n\r\n")
            for _ in range(50):
                client.send(b"u" * (1 << 20))
            self.assertEqual(client.answer().json()["received"], size)
            self.assertLess(server.memory() - before, 10 << 20)
            client.request("PUT", "/thimble/v1/upload?most=1000", [token], b"u" * (1 << 20))
            self.assertEqual(client.answer().status, 400)
            self.assertTrue(client.is_closed())
            answer = server.ask("PUT", "/thimble/v1/upload?most=1000&status=507", [token], b"u" * 2000)
            self.assertEqual(answer.status, 507)
            answer = server.ask("PUT", "/thimble/v1/upload", [token, "Transfer-Encoding: chunked"])
            self.assertEqual(answer.status, 400)  # two lengths

    def home(self):
        import tempfile
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def test_headers_of_every_answer(self):
        for answer in (self.server.ask("GET", "/echo"), self.server.ask("GET", "/nothing"), self.server.ask("GET", "/..")):
            for name, value in (("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("cache-control", "no-store"),
                                ("cross-origin-resource-policy", "same-origin")):
                self.assertEqual(answer.headers[name], value)
            self.assertIn("date", answer.headers)
            self.assertFalse([name for name in answer.headers if name.startswith("access-control") or name == "server"])
        page = self.server.ask("GET", "/page")
        self.assertIn("default-src 'none'", page.headers["content-security-policy"])
        self.assertEqual(page.headers["cross-origin-opener-policy"], "same-origin")
        self.assertNotIn("x-split", self.server.ask("GET", "/whole").headers)

    def test_errors_have_the_apis_form(self):
        self.assertEqual(self.server.ask("POST", "/v1/messages", ["Content-Type: text/plain"], "{}").json()["type"], "error")
        error = self.server.ask("POST", "/v1/chat/completions", ["Content-Type: text/plain"], "{}").json()["error"]
        self.assertEqual(error["type"], "invalid_request_error")
        self.assertEqual(self.server.ask("GET", "/nothing").json()["error"]["message"], "there is nothing")


class Addresses(ServerTest):
    def test_both_loopbacks(self):
        try:
            client = self.server.client(host="::1")
        except OSError:
            self.skipTest("this machine has no ::1")
        with client:
            self.assertEqual(client.ask(host=f"[::1]:{self.server.port}").status, 200)

    def test_a_taken_port(self):
        with self.assertRaisesRegex(AssertionError, "in use"):
            Server("port", self.server.port)

    def test_addresses_that_are_refused(self):
        for address, words in (("0.0.0.0", "every network"), ("::", "every network"), ("box.lan", "IP address"), ("192.0.2.1", "--api-key-file")):
            with self.assertRaisesRegex(AssertionError, words):
                Server("address", address)
        with Server("address", "127.0.0.2") as server:
            self.assertEqual(server.url, f"http://127.0.0.2:{server.port}")

    def test_localhost_is_both(self):
        with Server("address", "localhost") as server:
            self.assertEqual(server.url, f"http://127.0.0.1:{server.port}")
            self.assertEqual(server.ask(host=f"localhost:{server.port}").status, 200)

    def test_options_that_are_refused(self):
        for name, value in (("allow-origin", "*"), ("allow-origin", "null"), ("allow-origin", "http://"), ("allow-host", "a/b"), ("allow-host", "*")):
            with self.assertRaisesRegex(AssertionError, "--" + name):
                Server(name, value)
