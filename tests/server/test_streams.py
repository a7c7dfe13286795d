# SPDX-License-Identifier: Apache-2.0
"""Answers that take their time: clients that leave, that read slowly, and a server that is told to stop."""
import socket
import threading
import time

from harness import Server, ServerTest


class Leaving(ServerTest):
    def cancels(self, leave, target="/never"):
        """The seconds from leaving to the handler's Cancel."""
        before = self.server.counts()["cancelled"]
        with self.server.client() as client:
            client.request("GET", target)
            time.sleep(0.1)
            self.assertEqual(self.server.counts()["cancelled"], before)
            leave(client)
            return self.server.wait_for("cancelled", before + 1)

    def test_a_client_that_closes(self):
        for target in ("/never", "/slow?parts=100000&ms=5", "/endless"):
            self.assertLess(self.cancels(lambda client: client.socket.close(), target), 0.2)

    def test_a_client_that_resets(self):
        def reset(client):
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.socket.close()
        self.assertLess(self.cancels(reset), 0.2)

    def test_a_client_that_ends_its_side(self):
        self.assertLess(self.cancels(lambda client: client.socket.shutdown(socket.SHUT_WR)), 0.2)

    def test_a_client_that_sent_more_before_it_left(self):
        """What waits to be read must not hide that nobody waits for the answer."""
        def leave_behind(count):
            def leave(client):
                client.socket.setblocking(False)
                client.socket.send(b"x" * count)
                client.socket.close()
            return leave
        self.assertLess(self.cancels(leave_behind(100_000)), 2)
        # More than is kept for it: its leaving shows when something is sent to it.
        self.assertLess(self.cancels(leave_behind(2_000_000), "/slow?parts=10000&ms=20"), 2)

    def test_whole_answers_reach_a_client_that_ended_its_side(self):
        with self.server.client() as client:
            client.request("GET", "/whole?bytes=3000000", ["Connection: close"])
            client.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(len(client.answer().body), 3_000_000)

    def test_connections_that_come_and_go(self):
        def come_and_go():
            for number in range(60):
                with self.server.client() as client:
                    client.request("GET", ("/slow?parts=9&ms=1", "/endless", "/never", "/echo", "/late")[number % 5])
                    if number % 3:
                        client.receive() if number % 5 != 2 else None
        threads = [threading.Thread(target=come_and_go) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.server.ask().status, 200)
        before = self.server.processor_seconds()
        time.sleep(0.5)
        self.assertLess(self.server.processor_seconds() - before, 0.15)  # nothing goes on for nobody


class SlowReaders(ServerTest):
    options = ("stalled", 1500)

    def test_a_writer_waits_for_its_reader(self):
        with self.server.client(SO_RCVBUF=16384) as client:
            client.request("GET", "/endless")
            client.receive()
            time.sleep(0.5)
            written = self.server.counts()["written"]
            time.sleep(0.5)
            self.assertEqual(self.server.counts()["written"], written)  # 256 KiB, and what the system holds
            before = self.server.counts()["cancelled"]
            self.assertLess(self.server.wait_for("cancelled", before + 1), 5)
        # One that reads slowly, but reads, is left alone.
        with self.server.client(SO_RCVBUF=16384) as client:
            client.request("GET", "/endless")
            before = self.server.counts()["cancelled"]
            begin = time.monotonic()
            while time.monotonic() - begin < 3.5:
                client.socket.recv(65536)
                time.sleep(0.05)
            self.assertEqual(self.server.counts()["cancelled"], before)

    def read_for(self, seconds, clients):
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            for client in clients:
                client.socket.recv(65536)

    def test_memory_stays_flat(self):
        with Server() as server:
            clients = [server.client(SO_RCVBUF=16384) for _ in range(64)]
            try:
                for client in clients:
                    client.request("GET", "/endless")
                readers = clients[16:]  # the others never read
                self.read_for(1.0, readers)
                before = server.memory()
                self.read_for(1.5, readers)
                self.assertLess(server.memory() - before, 4 << 20)
                self.assertLess(server.memory(), 100 << 20)
                self.assertEqual(server.counts()["cancelled"], 0)
            finally:
                for client in clients:
                    client.socket.close()

    def test_a_writer_that_does_not_wait_is_cut_off(self):
        with Server("most_waiting", 1 << 20) as server, server.client(SO_RCVBUF=16384) as client:
            client.request("GET", "/deaf")
            self.assertLess(server.wait_for("cancelled", 1), 5)
            self.assertLess(server.memory(), 60 << 20)

    def test_slow_readers_harm_nobody(self):
        stopped = [self.server.client(SO_RCVBUF=16384) for _ in range(16)]
        try:
            for client in stopped:
                client.request("GET", "/whole?bytes=2000000")
            with self.within(5), self.server.client() as client:
                for _ in range(200):
                    self.assertEqual(client.ask().status, 200)
        finally:
            for client in stopped:
                client.socket.close()


class Stopping(ServerTest):
    def test_within_two_seconds_whatever_goes_on(self):
        server = Server()
        clients = []
        for target in ("/never", "/endless", "/slow?parts=1000&ms=10", "/whole?bytes=20000000", "/echo"):
            clients.append(server.client(SO_RCVBUF=16384))
            clients[-1].request("GET", target)
        clients.append(server.client())
        clients[-1].send("POST /echo HTTP/1.1\r\nHost: 127.0")
        time.sleep(0.3)
        self.assertLess(server.stop(), 2)
        with self.assertRaises(ConnectionRefusedError):
            server.client()
        for client in clients:
            client.everything()
            client.socket.close()

    def test_at_once_when_nothing_goes_on(self):
        server = Server()
        with server.client() as client:
            client.ask()
            self.assertLess(server.stop(), 0.5)
            self.assertTrue(client.is_closed())

    def test_whole_answers_are_still_sent(self):
        server = Server()
        with server.client(SO_RCVBUF=16384) as client:
            client.request("GET", "/whole?bytes=5000000")
            time.sleep(0.2)
            stopper = threading.Thread(target=server.stop)
            stopper.start()
            time.sleep(0.1)
            self.assertEqual(len(client.answer().body), 5_000_000)
            stopper.join()

    def test_the_port_is_free_again(self):
        server = Server()
        server.ask()
        server.stop()
        with Server("port", server.port) as again:
            self.assertEqual(again.ask().status, 200)
