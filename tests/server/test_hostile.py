# SPDX-License-Identifier: Apache-2.0
"""Requests that are none, that two servers would read differently, that are too large, or that never come."""
import gzip
import resource
import socket
import time
import unittest

from harness import Server, ServerTest

JSON = "Content-Type: application/json\r\n"


class Framing(ServerTest):
    def head(self, method="POST", target="/echo"):
        return f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\n{JSON}"

    def refuses(self, data, *statuses):
        """One answer with such a status, then the end of the connection; and nothing reaches the handler."""
        before = self.server.counts()["submitted"]
        with self.server.client() as client:
            client.send(data)
            answer = client.answer()
            self.assertIn(answer.status, statuses or (400,), data[:200])
            self.assertEqual(answer.headers["connection"], "close", data[:200])
            self.assertTrue(client.is_closed(), data[:200])
        self.assertEqual(self.server.counts()["submitted"], before + 1, data[:200])  # the counting itself

    def test_two_lengths(self):
        smuggled = "GET /echo?smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        self.refuses(self.head() + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled)
        self.refuses(self.head() + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + smuggled)
        self.refuses(self.head() + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd" + smuggled)
        self.refuses(self.head() + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd" + smuggled)
        self.refuses(self.head() + "Content-Length: 4, 4\r\n\r\nabcd" + smuggled)

    def test_lengths_that_are_none(self):
        for length in ("+5", "-1", "0x5", "5 5", "5a", "", "1e3", "99999999999999999999999", "18446744073709551616", "\u00b2"):
            self.refuses(self.head() + f"Content-Length: {length}\r\n\r\nabcde")
        self.refuses(self.head() + "Content-Length: 18446744073709551615\r\n\r\nabcde", 413)

    def test_codings_that_are_none(self):
        for coding in ("gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "xchunked", "chunked;q=1", "gzip", "", "\x0bchunked"):
            self.refuses(self.head() + f"Transfer-Encoding: {coding}\r\n\r\n0\r\n\r\n")
        self.refuses(self.head() + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        self.refuses(self.head() + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")
        self.refuses(self.head().replace("HTTP/1.1", "HTTP/1.0") + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")

    def test_chunks_that_are_none(self):
        head = self.head() + "Transfer-Encoding: chunked\r\n\r\n"
        for chunks in ("-2\r\nab\r\n0\r\n\r\n", "+2\r\nab\r\n0\r\n\r\n", "0x2\r\nab\r\n0\r\n\r\n", "\r\nab\r\n", "2\r\nabc\r\n0\r\n\r\n", "g\r\n",
                       "2\nab\n0\n\n\r\n", "2\r\nab\n0\r\n\r\n", "ffffffffffffffff1\r\nab", "2;" + "x" * 300 + "\r\nab\r\n0\r\n\r\n"):
            self.refuses(head + chunks)
        self.refuses(head + "2;" + "x" * (1 << 20) + "\r\nab\r\n0\r\n\r\n")
        self.refuses(head + "fffffffffffffff0\r\n" + "a" * (2 << 20), 413)
        self.refuses(head + "0\r\n" + "".join(f"X-{i}: {i}\r\n" for i in range(200)) + "\r\n", 400, 431)

    def test_lines_that_are_none(self):
        host = f"Host: 127.0.0.1:{self.server.port}\r\n"
        for line in ("GET / HTTP/2.0", "GET /", "GET", "GET  / HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ", "GET /\x00 HTTP/1.1", "GET / http/1.1",
                     "GET / HTTP/1.12", "G\x80T / HTTP/1.1", "GET /\tx HTTP/1.1", "\x16\x03\x01\x02\x00\x01\x00"):
            self.refuses(f"{line}\r\n{host}\r\n")
        for header in ("X: a\x00b", "X: a\rb", "X : a", "X", ": a", "X\x00: a", "X: a\nContent-Length: 3", "\x80: a", "X: a\x7fb", " X: a\x01"):
            self.refuses(f"GET /echo HTTP/1.1\r\n{host}{header}\r\n\r\n")
        self.refuses(f"GET /echo HTTP/1.1\n{host.strip()}\n\n" + "\r\n\r\n")
        self.refuses("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    def test_headers_that_are_too_many(self):
        host = f"Host: 127.0.0.1:{self.server.port}\r\n"
        lines = "".join(f"X-{i}: {i}\r\n" for i in range(99))
        self.assertEqual(self.status_of(self.server.raw(f"GET /echo HTTP/1.1\r\n{host}{lines[:-len('X-98: 98') - 2]}Connection: close\r\n\r\n")), 200)
        self.refuses(f"GET /echo HTTP/1.1\r\n{host}{lines}X-99: 1\r\n\r\n", 431)
        self.refuses(f"GET /echo HTTP/1.1\r\n{host}X: {'a' * 17000}\r\n\r\n", 431)
        self.refuses(f"GET /echo HTTP/1.1\r\n{host}X-Api-Key: {'a' * (1 << 20)}\r\n\r\n", 431)
        self.refuses(f"GET /{'a' * 9000} HTTP/1.1\r\n{host}\r\n", 414)
        self.refuses(f"GET /{'a' * (1 << 20)} HTTP/1.1\r\n{host}\r\n", 414)
        self.assertEqual(self.server.ask("GET", "/echo?" + "a" * 8000).status, 200)

    def test_bodies_that_are_too_large(self):
        self.refuses(self.head() + f"Content-Length: {(1 << 20) + 1}\r\n\r\n" + "a" * ((1 << 20) + 1), 413)
        chunk = "10000\r\n" + "a" * 65536 + "\r\n"
        self.refuses(self.head() + "Transfer-Encoding: chunked\r\n\r\n" + chunk * 40 + "0\r\n\r\n", 413)
        answer = self.server.ask("POST", "/echo", body="a" * (1 << 20))
        self.assertEqual(answer.json()["bytes"], 1 << 20)

    def test_a_client_that_reads_only_after_sending_gets_the_answer(self):
        with self.server.client() as client:
            client.send(self.head() + "Transfer-Encoding: chunked\r\n\r\n" + ("10000\r\n" + "a" * 65536 + "\r\n") * 200 + "0\r\n\r\n")
            self.assertEqual(client.answer().status, 413)

    def test_compressed_bodies(self):
        packed = gzip.compress(b"{}").decode("latin-1")
        self.refuses(self.head() + f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n{packed}", 415)

    def test_requests_that_end_early(self):
        before = self.server.counts()["submitted"]
        for data in ("", "G", self.head(), self.head() + "Content-Length: 5\r\n\r\nab", self.head() + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"):
            with self.server.client() as client:
                client.send(data)
                client.socket.shutdown(socket.SHUT_WR)
                self.assertTrue(client.is_closed())
        self.assertEqual(self.server.counts()["submitted"], before + 1)


class SlowOnes(ServerTest):
    options = ("header", 1500, "body", 1500, "idle", 2500, "linger", 500)

    def test_headers_that_do_not_come(self):
        with self.server.client() as silent, self.server.client() as slow:
            slow.send("GET /echo HTTP/1.1\r\n")
            begin = time.monotonic()
            while time.monotonic() - begin < 10 and slow.send("X-A: b\r\n"):
                time.sleep(0.1)
            self.assertLess(time.monotonic() - begin, 4)
            self.assertTrue(silent.is_closed())

    def test_bodies_that_do_not_come(self):
        head = f"POST /echo HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\n{JSON}Content-Length: 1000\r\n\r\n"
        with self.server.client() as silent, self.server.client() as slow:
            silent.send(head)
            slow.send(head)
            begin = time.monotonic()
            while time.monotonic() - begin < 10 and slow.send("a"):
                time.sleep(0.1)
            self.assertLess(time.monotonic() - begin, 6)
            with self.within(4):
                self.assertEqual(silent.answer().status, 408)
                self.assertTrue(silent.is_closed())

    def test_connections_without_a_request(self):
        with self.server.client() as client:
            client.ask()
            time.sleep(1.8)  # longer than headers may take
            self.assertEqual(client.ask().status, 200)
            with self.within(6):
                self.assertTrue(client.is_closed())

    def test_slow_ones_harm_nobody(self):
        begin = time.monotonic()
        with self.server.client() as client:
            for _ in range(200):
                client.ask()
        alone = time.monotonic() - begin
        slow = [self.server.client() for _ in range(200)]
        try:
            for index, client in enumerate(slow):
                client.send("GET /echo HTTP/1.1\r\nX:" if index % 2 else f"POST /echo HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\n{JSON}Content-Length: 9\r\n\r\n")
            begin = time.monotonic()
            with self.server.client() as client:
                for _ in range(200):
                    self.assertEqual(client.ask().status, 200)
            self.assertLess(time.monotonic() - begin, 3 * alone + 0.5)
        finally:
            for client in slow:
                client.socket.close()


class Crowds(ServerTest):
    options = ("connections", 8, "refused", 4)

    def test_too_many_connections(self):
        clients = [self.server.client() for _ in range(8)]
        try:
            for client in clients:
                client.request("GET", "/slow?parts=1000&ms=20")
                client.until(b"data: 0")
            with self.server.client() as surplus:
                answer = surplus.ask()
                self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "1"))
                self.assertTrue(surplus.is_closed())
            more = [self.server.client() for _ in range(6)]
            time.sleep(0.3)
            self.assertTrue(more[-1].is_closed())  # without a word
            for client in more:
                client.socket.close()
        finally:
            for client in clients:
                client.socket.close()
        time.sleep(0.3)
        self.assertEqual(self.server.ask().status, 200)

    def test_who_waits_without_asking_makes_room(self):
        idle = [self.server.client() for _ in range(8)]
        try:
            for client in idle:
                client.ask()
            time.sleep(1.3)
            self.assertEqual(self.server.ask().status, 200)
            self.assertTrue(idle[0].is_closed())
            self.assertEqual(idle[7].ask().status, 200)
        finally:
            for client in idle:
                client.socket.close()


    def test_requests_that_never_come_make_room(self):
        slow = [self.server.client() for _ in range(8)]
        try:
            for client in slow:
                client.send("GET /echo HTTP/1.1\r\nX:")
            time.sleep(1.3)
            self.assertEqual(self.server.ask().status, 200)
        finally:
            for client in slow:
                client.socket.close()


class Descriptors(unittest.TestCase):
    def test_none_left(self):
        """Accepting rests while there are no descriptors, and goes on when there are."""
        with Server() as server:
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (40, 40))
            clients = [server.client() for _ in range(60)]
            try:
                for client in clients[:10]:
                    client.request()
                before = server.processor_seconds()
                time.sleep(0.5)
                self.assertLess(server.processor_seconds() - before, 0.3)
            finally:
                for client in clients:
                    client.socket.close()
            self.assertEqual(server.ask().status, 200)


class Memory(ServerTest):
    options = ("body_memory", 2 << 20)

    def test_bodies_together(self):
        """What is being read for all clients has a limit of its own; what was answered is forgotten."""
        size = 1 << 20
        head = f"POST /echo HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\n{JSON}Content-Length: {size}\r\n\r\n"
        clients = [self.server.client() for _ in range(3)]
        try:
            for client in clients[:2]:
                client.send(head + "a" * (size - 1))
            time.sleep(0.3)
            clients[2].send(head + "a" * (size - 1))
            self.assertEqual(clients[2].answer().status, 503)
            for client in clients[:2]:
                client.send("a")
                self.assertEqual(client.answer().json()["bytes"], size)
        finally:
            for client in clients:
                client.socket.close()
        for _ in range(10):
            self.assertEqual(self.server.ask("POST", "/echo", body="a" * size).status, 200)


class Garbage(ServerTest):
    def test_the_server_lives_on(self):
        import random
        chance = random.Random(15)
        good = f"POST /echo?a=b HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n".encode()
        for _ in range(400):
            data = bytearray(good)
            for _ in range(chance.randint(1, 6)):
                place = chance.randrange(len(data))
                data[place:place + chance.randint(0, 3)] = bytes(chance.randrange(256) for _ in range(chance.randint(0, 3)))
            with self.server.client() as client:
                client.send(bytes(data))
                client.socket.shutdown(socket.SHUT_WR)
                client.everything()
        self.assertEqual(self.server.ask().status, 200)
