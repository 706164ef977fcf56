"""`--ui web`: real browsers, and whoever else comes over HTTP."""

import contextlib
import gzip
import http.client
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest
from pathlib import Path
from urllib.parse import urlsplit

import g3
from harness import E2E, EXAMPLES, PATIENCE, PYTHON_OF_2, ROOT, VARIANTS, Variant, every_variant, open_fds
from web_page import WebBrowser
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

SESSIONS = """
import flet as ft

def main(page):
    text = ft.Text("0")
    page.on_disconnect = lambda e: print("DISCONNECT", flush=True)
    page.on_connect = lambda e: print("CONNECT", flush=True)
    page.on_close = lambda e: print("CLOSE", flush=True)

    def hear(message):
        text.value = message
        page.update()

    page.pubsub.subscribe(hear)

    def plus(e):
        text.value = str(int(text.value) + 1)

    page.add(text, ft.Button("plus", on_click=plus),
             ft.Button("tell", on_click=lambda e: page.pubsub.send_all("told")))
    print("MAIN", page.client_ip, page.client_user_agent, page.url, page.web, flush=True)

ft.run(main)
"""

ONE_OF_EACH = [v for v in VARIANTS if v.transport != "tcp"]


class WebClient(g3.Client):
    """g3's client over a WebSocket: what it writes as frames travels as messages."""

    def send_raw(self, data, timeout=30.0):
        data = bytes(data)
        try:
            while data:
                end = 4 + int.from_bytes(data[:4], "little")
                self.sock.send(data[4:end])
                data = data[end:]
        except ConnectionClosed as error:
            raise g3.Closed(str(error)) from error

    def _pump(self, until, timeout, what):
        deadline = time.monotonic() + timeout
        while not until():
            left = deadline - time.monotonic()
            try:
                if left <= 0:
                    raise TimeoutError
                self._take(self.sock.recv(left))
            except TimeoutError:
                raise g3.Timeout(f"no {what} within {timeout} s; texts: {self.texts()[:40]}") from None
            except ConnectionClosed as error:
                raise g3.Closed(str(error)) from error

    def vanish(self):
        """The line is cut: nobody says goodbye."""
        self.sock.socket.shutdown(socket.SHUT_RDWR)


class Web(E2E):
    def serve(self, variant, app, *options, env=None, port="0"):
        self.run_ = self.box.run(variant, app, ui="web", options=["--port", port, *options], env=env)
        self.take_address(self.run_.wait_line(r"the app is at (http://\S+)", 60).group(1))
        return self.run_

    def take_address(self, url):
        parts = urlsplit(url)
        self.url, self.host, self.port = url, parts.hostname, parts.port
        self.token = parts.query.removeprefix("token=")
        self.cookie = f"fletbridge_{self.port}={self.token}"
        self.authority = f"{self.host}:{self.port}"

    def ask(self, path="/", method="GET", known=True, body=None, **headers):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        self.addCleanup(connection.close)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if known:
            headers.setdefault("Cookie", self.cookie)
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        answer.data = answer.read()
        return answer

    def socket(self, known=True, origin=None, path="/ws", agent="a test", headers=None, **more):
        headers = {**({"Cookie": self.cookie} if known else {}), **(headers or {})}
        return self.enterContext(connect(f"ws://{self.authority}{path}", origin=origin or f"http://{self.authority}",
                                         additional_headers=headers, user_agent_header=agent, compression=None,
                                         open_timeout=30, max_size=None, **more))

    def end(self, code=None):
        self.run_.signal(signal.SIGTERM)
        ended = self.run_.wait(30)
        if code is not None:
            self.assertEqual(ended, code, self.run_.shown())


    def come(self, session_id=None, agent="a test", **page):
        client = WebClient(self.socket(agent=agent))
        client.register(30, session_id, web=True, **page)
        if client.session_id != session_id:
            client.expect_text("0")
        return client


def each_stage(cls):
    cls.__test_base__ = Web
    return every_variant(cls, ONE_OF_EACH)


@each_stage
class WebSessions:
    def start(self, **env):
        return self.serve(self.variant, self.box.write("app.py", SESSIONS), env=env)

    def count(self, word):
        return self.run_.text[0].split().count(word)

    def testEachClientHasASessionOfItsOwnAndAllShareTheHub(self):
        self.start()
        one, two = self.come(agent="one"), self.come(agent="two")
        one.click("plus")
        one.expect_text("1")
        two.click("plus")
        two.expect_text("1")
        one.click("plus")
        one.expect_text("2")
        self.assertEqual(two.texts()[0], "1")
        two.click("tell")
        for client in one, two:
            client.expect_text("told")
        for agent in "one", "two":
            self.run_.wait_line(f"MAIN 127.0.0.1 {agent} ws://{self.authority} True")
        self.end(143)
        self.assertEqual(self.count("CLOSE"), 2, self.run_.shown())

    def testAClientThatLostItsLineGetsItsSessionBack(self):
        self.start()
        first = self.come()
        first.click("plus")
        first.expect_text("1")
        first.vanish()
        self.run_.wait_line("DISCONNECT")
        again = self.come(session_id=first.session_id)
        self.assertEqual(again.session_id, first.session_id)
        self.assertIn("1", again.texts())
        self.run_.wait_line("^CONNECT")
        again.click("plus")
        again.expect_text("2")
        # Another browser does not get it, nor does a second tab while the first is there.
        other = self.come(session_id=first.session_id, agent="another")
        self.assertNotEqual(other.session_id, first.session_id)
        self.assertEqual(other.texts()[0], "0")
        second = self.come(session_id=first.session_id)
        self.assertNotEqual(second.session_id, first.session_id)
        self.end(143)

    def testASessionWhoseClientStaysAwayEnds(self):
        self.start(FLET_SESSION_TIMEOUT="1")
        client = self.come()
        client.close()
        self.run_.wait_line("DISCONNECT")
        self.run_.wait_line("CLOSE")
        again = self.come(session_id=client.session_id)
        self.assertNotEqual(again.session_id, client.session_id)
        self.end(143)

    def testAClientThatReadsNothingDoesNotSlowAnother(self):
        self.serve(self.variant, self.box.write("app.py", """
import flet as ft

def main(page):
    text = ft.Text("0")
    much = ft.Text("")

    def plus(e):
        text.value = str(int(text.value) + 1)

    async def flood(e):
        for n in range(120):
            much.value = str(n) + "x" * (1 << 20)
            page.update()

    page.add(text, much, ft.Button("plus", on_click=plus), ft.Button("flood", on_click=flood))

ft.run(main)
"""))
        stuck, other = self.come(agent="stuck"), self.come(agent="other")
        stuck.sock.recv_bufsize = 1
        stuck.sock.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.click("flood")
        for number in range(1, 20):
            other.click("plus")
            other.expect_text(str(number), 20)
        self.end(143)

    def testOneClientAfterAnotherLeavesNothing(self):
        self.start(FLET_SESSION_TIMEOUT="0")
        self.come().close()
        self.run_.wait_line("CLOSE")
        before = self.descriptors()
        for _ in range(20):
            self.come().close()
        deadline = time.monotonic() + 10 * PATIENCE
        while self.count("CLOSE") < 21 and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(self.count("CLOSE"), 21)
        self.assertLessEqual(self.descriptors(), before + 2)
        self.end(143)

    def descriptors(self):
        return sum(len(open_fds(pid)) for pid in self.box.processes())


class WebOverHttp(Web):
    """What is asked of the server, whatever the stage."""

    variant = Variant("3", "ffi")

    def start(self, *options, **more):
        self.box.write("assets/mine.txt", "the app's own " * 200)
        return self.serve(self.variant, self.box.write("app.py", SESSIONS), "-a", "assets", *options, **more)

    def testTheTokenOpensAndTheCookieGoesOn(self):
        self.start()
        self.assertEqual(self.ask("/", known=False).status, 403)
        opened = self.ask("/shop?token=" + self.token + "&q=1", known=False)
        self.assertEqual((opened.status, opened.headers["Location"]), (303, "/shop?q=1"))
        cookie = opened.headers["Set-Cookie"]
        self.assertIn("HttpOnly", cookie)
        self.assertIn("SameSite=Lax", cookie)
        page = self.ask("/", known=False, Cookie=cookie.partition(";")[0])
        self.assertEqual(page.status, 200)
        self.assertIn(b'flet.webSocketEndpoint="/ws"', page.data)
        self.assertEqual(self.ask("/mine.txt", known=False).status, 403)
        with self.assertRaisesRegex(Exception, "403"):
            self.socket(known=False)
        self.end(143)

    def testALargeFileOfTheClientIsSentAsBrotliOnceThatIsMadeAndItIsKept(self):
        client = self.box.home / "client"
        client.mkdir()
        (theirs,) = (ROOT / "build/venv/1.0.5/lib").glob("python3*/site-packages/flet_web/web")
        for name in ("index.html", "manifest.json"):
            shutil.copy(theirs / name, client)
        script = "".join(f"function f{i * 7919 % 1000}() {{}}\n" for i in range(10_000)).encode()
        (client / "main.dart.js").write_bytes(script)
        for first in (True, False):
            self.serve(Variant("1", "uds"), self.box.write("app.py", SESSIONS), "--web-client", client)
            deadline = time.monotonic() + 60 * PATIENCE
            while True:
                packed = self.ask("/main.dart.js", Accept_Encoding="gzip, br")
                if packed.headers["Content-Encoding"] == "br" or time.monotonic() > deadline or not first:
                    break
                self.assertEqual((packed.headers["Content-Encoding"], gzip.decompress(packed.data)), ("gzip", script))
                time.sleep(0.2)  # nothing tells that it is made
            self.assertEqual(packed.headers["Content-Encoding"], "br")
            whole = subprocess.run(["brotli", "-d", "-c"], input=packed.data, capture_output=True, check=True).stdout
            self.assertEqual(whole, script)
            plain = self.ask("/main.dart.js", Accept_Encoding="gzip")
            self.assertLess(len(packed.data), len(plain.data))
            self.assertNotEqual(packed.headers["ETag"], plain.headers["ETag"])
            part = self.ask("/main.dart.js", Accept_Encoding="br", Range="bytes=4-8")
            self.assertEqual((part.status, part.data), (206, packed.data[4:9]))
            self.end(143)

    def testFilesAreSentAsBrowsersAskForThem(self):
        self.start()
        index = self.ask("/")
        self.assertEqual(index.headers["Cross-Origin-Opener-Policy"], "same-origin")
        self.assertEqual(index.headers["Cross-Origin-Embedder-Policy"], "require-corp")
        whole = self.ask("/mine.txt")
        self.assertEqual((whole.status, whole.data), (200, b"the app's own " * 200))
        packed = self.ask("/mine.txt", Accept_Encoding="gzip, br")
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(packed.data), whole.data)
        self.assertEqual(packed.headers["Vary"], "Accept-Encoding")
        for answer in whole, packed:
            same = self.ask("/mine.txt", If_None_Match=answer.headers["ETag"],
                            **({"Accept_Encoding": "gzip"} if answer is packed else {}))
            self.assertEqual((same.status, same.data), (304, b""))
        head = self.ask("/mine.txt", "HEAD")
        self.assertEqual((head.headers["Content-Length"], head.data), ("2800", b""))
        part = self.ask("/mine.txt", Range="bytes=4-8")
        self.assertEqual((part.status, part.data, part.headers["Content-Range"]), (206, b"app's", "bytes 4-8/2800"))
        self.assertEqual(self.ask("/mine.txt", Range="bytes=9999-").status, 416)
        for path, kind in (("/main.dart.mjs", "text/javascript"), ("/main.dart.wasm", "application/wasm"),
                           ("/manifest.json", "application/json")):
            answer = self.ask(path, "HEAD", known=False)
            self.assertEqual(answer.status, 200, path)
            self.assertTrue(answer.headers["Content-Type"].startswith(kind), path)
        self.assertEqual(self.ask("/a/route").data, index.data)
        self.assertEqual(self.ask("/none.png").status, 404)
        self.assertEqual(self.ask("/", "POST", body=b"x").status, 405)
        self.end(143)

    def testWithANameTheAppIsBelowIt(self):
        self.start("--name", "my/app")
        self.assertTrue(urlsplit(self.url).path == "/my/app/")
        self.assertIn(b'<base href="/my/app/">', self.ask("/my/app/").data)
        self.assertEqual(self.ask("/my/app").headers["Location"], "/my/app/")
        self.assertEqual(self.ask("/").status, 404)
        client = WebClient(self.socket(path="/my/app/ws"))
        client.register(30)
        client.expect_text("0")
        self.run_.wait_line(f"MAIN .* ws://{self.authority}/my/app ")
        self.end(143)

    def testAnotherSiteAnotherNameAndAnotherPathAreRefused(self):
        self.start()
        for origin in "http://evil.example", "null", f"http://localhost:{self.port}":
            with self.assertRaisesRegex(Exception, "403"):
                self.socket(origin=origin)
        self.assertEqual(self.ask("/", Host="evil.example").status, 421)
        self.assertEqual(self.ask("/", Host=f"localhost:{self.port}").status, 200)
        for path in "/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "/%00", "//evil.example/", "/a\\b":
            self.assertEqual(self.ask(path).status, 400, path)
        (self.box.app / "assets/link.txt").symlink_to(self.box.app / "app.py")
        self.assertEqual(self.ask("/link.txt").status, 404)
        self.end(143)

    def testWhoeverSendsNonsenseIsDisconnectedAndTheOthersGoOn(self):
        self.start()
        client = self.come()
        nonsense = [b"\x16\x03\x01" * 100, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x: y\r\n" * 9000, b"\0" * 5000,
                    b"GET " + b"/a" * 20000 + b" HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
        for data in nonsense:
            with socket.create_connection((self.host, self.port), 10) as sock:
                try:
                    sock.sendall(data)
                    answer = sock.recv(1000)
                except ConnectionError:
                    answer = b""
                self.assertTrue(not answer or answer.startswith(b"HTTP/1.1 4"), answer)
        idle = [socket.create_connection((self.host, self.port), 10) for _ in range(200)]
        for sock in idle:
            sock.sendall(b"GET / HTTP/1.1\r\n")
        client.click("plus")
        client.expect_text("1")
        started = time.monotonic()
        self.assertEqual(idle[0].recv(100), b"")  # slower than a request may be
        self.assertLess(time.monotonic() - started, 20 * PATIENCE)
        for sock in idle:
            sock.close()
        client.click("plus")
        client.expect_text("2")
        # No registration, and then something that is no message of Flet's.
        odd = WebClient(self.socket())
        odd.sock.send(b"\0\x92\x64\x81\xa2ip\xa15")
        odd.sock.send(b"\0\xc1")
        odd.register(30)
        self.run_.wait_line("MAIN 127.0.0.1")
        self.assertNotIn("MAIN 5", self.run_.text[0])
        self.end(143)

    def testAPortInUseIsSaidInOneLine(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            run = self.box.run(self.variant, self.box.write("app.py", SESSIONS), ui="web", options=["--port", port])
            self.assertEqual(run.wait(30), 70)
            self.one_line(run, str(port), "in use", "--port")

    def testWithoutAWebClientOneLineSaysWhatToInstall(self):
        run = self.box.run(Variant("1", "uds"), self.box.write("app.py", SESSIONS), ui="web",
                           options=["--port", "0", "--web-client", self.box.app])
        self.assertEqual(run.wait(30), 2)
        self.one_line(run, "no web client", "--web-client")

    def testAnAppOfAnOlderFletIsRefused(self):
        run = self.box.run(Variant("1", "uds"), self.box.write("app.py", SESSIONS), ui="web", python=PYTHON_OF_2)
        self.assertEqual(run.wait(30), 70)
        self.one_line(run, "0.82.2", "upgrade")

    def testPublicNeedsNoToken(self):
        self.start("--public", "--host", "*")
        self.assertEqual(urlsplit(self.url).query, "")
        self.assertEqual(self.ask("/", known=False, Host="any.example").status, 200)
        client = WebClient(self.socket(known=False))
        client.register(30)
        client.expect_text("0")
        self.end(143)


class WebInBrowserBase(Web):
    def setUp(self):
        super().setUp()
        self.browser = WebBrowser(self.box.home / "browser")
        self.addCleanup(self.browser.close)

    def shot(self, tab, name):
        folder = os.environ.get("FLETBRIDGE_E2E_SHOTS")
        if folder:
            tab.screenshot(Path(folder) / f"web-{self.variant.stage}-{name}.png")

    def no_errors(self, *tabs):
        for tab in tabs:
            self.assertEqual(tab.errors, [])


class Line:
    """A line between browsers and the server, which can be cut."""

    def __init__(self, host, port):
        self._to = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                here, _ = self._listener.accept()
                there = socket.create_connection(self._to, 10)
            except OSError:
                return
            self._open |= {here, there}
            for pair in (here, there), (there, here):
                threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source, to):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                to.sendall(data)
        for sock in source, to:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def cut(self):
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()
        self.cut()
        for sock in list(self._open):
            sock.close()


def in_browser(cls):
    cls.__test_base__ = WebInBrowserBase
    return every_variant(cls, [v for v in ONE_OF_EACH if v.stage != "2"])


@in_browser
class WebInBrowser:
    def testTheCounterCountsIsReloadedAndGoesOn(self):
        self.serve(self.variant, EXAMPLES / "counter/main.py")
        tab = self.browser.tab(self.url)
        tab.see("0")
        tab.drawn()
        self.shot(tab, "counter-0")
        tab.click("+")
        tab.see("1")
        self.shot(tab, "counter-1")
        tab.call("Page.reload")
        tab.see("1")
        tab.click("+")
        tab.see("2")
        self.no_errors(tab)
        self.end(143)

    def testTwoPeopleChat(self):
        self.serve(self.variant, EXAMPLES / "chat/main.py")
        one, two = self.browser.tab(self.url, apart=True), self.browser.tab(self.url, apart=True)
        for tab in one, two:
            tab.see("Send")
        one.call("Page.bringToFront")
        field = one.until(lambda nodes: next((n for n in nodes if n["role"] in ("input", "textarea")), None), "a field")
        one.click_at(field["x"], field["y"])
        one.type("Hello from one")
        one.click("Send")
        for tab in one, two:
            tab.call("Page.bringToFront")
            tab.see("You")  # whose text can be selected, and so is no text to Flutter's tree
            tab.see("Robot")
            tab.drawn()
        self.shot(one, "chat-one")
        self.shot(two, "chat-two")
        self.no_errors(one, two)
        self.end(143)

    def testTheLineIsLostAndTheBrowserGoesOnWhereItWas(self):
        self.serve(self.variant, self.box.write("app.py", SESSIONS))
        line = Line(self.host, self.port)
        self.addCleanup(line.close)
        tab = self.browser.tab(self.url.replace(str(self.port), str(line.port)))
        tab.click("plus")
        tab.see("1")
        line.cut()
        self.run_.wait_line("^CONNECT", 60)  # the client tries again by itself
        tab.click("plus")
        tab.see("2")
        self.assertEqual(self.run_.text[0].count("MAIN"), 1)
        self.end(143)

    def testTheOtherExamplesAreDrawnAndClicked(self):
        for name, click, shows in (("background", "Click meanwhile", "1 clicks"), ("long_list", "Insert one", "Inserted 1"),
                                   ("drawing", "Clear", "0 lines")):
            with self.subTest(name):
                self.serve(self.variant, EXAMPLES / name / "main.py")
                tab = self.browser.tab(self.url)
                tab.see(click)
                tab.drawn()
                tab.click(click)
                tab.see(shows)
                self.shot(tab, name)
                self.no_errors(tab)
                self.end(143)


if __name__ == "__main__":
    unittest.main()
