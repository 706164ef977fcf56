"""`--ui web`: what an unmodified app has of Flet's web server: uploads, sign-ins, a proxy in front, its own wish to be shown
by a browser."""

import http.server
import json
import os
import socket
import threading
import time
import unittest
from urllib.parse import parse_qs, urlencode, urlsplit

import test_web
from harness import PATIENCE, Variant

WAIT = 30 * PATIENCE

UPLOADS = """
import os
import flet as ft

os.environ["FLET_SECRET_KEY"] = "a secret"

def main(page):
    text = ft.Text("0")
    done = ft.Text("-")

    def give(name, seconds):
        def click(e):
            text.value = page.get_upload_url(name, seconds)
        return click

    async def pick(e):
        picker = ft.FilePicker(on_upload=uploaded)
        page.services.append(picker)
        files = await picker.pick_files()
        await picker.upload([ft.FilePickerUploadFile(page.get_upload_url(f.name, 60), id=f.id, name=f.name) for f in files])

    def uploaded(e):
        done.value = f"{e.file_name} {e.progress} {e.error}"
        page.update()

    page.add(text, done, ft.Button("one", on_click=give("a/one two.bin", 60)), ft.Button("late", on_click=give("late", -1)),
             ft.Button("out", on_click=give("../out", 60)), ft.Button("link", on_click=give("link/out", 60)),
             ft.Button("pick", on_click=pick))
    print("MAIN", page.client_ip, page.url, flush=True)

ft.run(main, upload_dir="uploads")
"""

LOGIN = """
import os
import sys
import flet as ft

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # the provider is of this machine, and speaks no TLS

from flet.auth import OAuthProvider, User

class Provider(OAuthProvider):
    async def _fetch_user(self, access_token):
        return User({"name": access_token}, id="7")

def main(page):
    text = ft.Text("nobody")
    provider = Provider("app", "secret", sys.argv[1] + "/authorize", sys.argv[1] + "/token", sys.argv[2] + "/oauth_callback")

    def signed_in(e):
        text.value = "failed: " + e.error if e.error else "signed in as " + page.auth.user["name"]
        page.update()

    async def in_popup(e):
        await page.login(provider)

    async def in_page(e):
        async def go(url):
            await ft.UrlLauncher().launch_url(url, web_only_window_name="_self")
        await page.login(provider, redirect_to_page=True, on_open_authorization_url=go)

    page.on_login = signed_in
    page.add(text, ft.Button("popup", on_click=in_popup), ft.Button("page", on_click=in_page))
    print("MAIN", flush=True)

ft.run(main)
"""


class Provider(http.server.ThreadingHTTPServer):
    """An OAuth provider, which lets everybody in who comes to it."""

    def __init__(self):
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                provider.states.append(asked["state"])
                self.send_response(302)
                self.send_header("Location", asked["redirect_uri"] + "?" + urlencode(
                    {"state": asked["state"], "code": f"code-of-{asked['client_id']}"}))
                self.end_headers()

            def do_POST(self):
                asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                token = "ann" if asked["code"] == ["code-of-app"] else "nobody"
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps({"access_token": token, "token_type": "bearer"}).encode())

            def log_message(self, *args):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.states = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


@test_web.each_stage
class WebApps:
    def url_for(self, client, button):
        before = client.texts()[0]
        client.click(button)
        client.pump(lambda: client.texts()[0] != before, WAIT, "an address for an upload")
        return client.texts()[0]

    def detail(self, answer):
        return json.loads(answer.data)["detail"]

    def testFilesAreUploadedWholeOrNotAtAll(self):
        self.serve(self.variant, self.box.write("app.py", UPLOADS), env={"FLET_MAX_UPLOAD_SIZE": "3000000"})
        self.assertEqual(self.ask("/upload?f=x", "PUT", body=b"x").status, 405)  # none has been asked for
        client = self.come()
        folder = self.box.app / "uploads"
        url = self.url_for(client, "one")
        self.assertTrue(url.startswith("/upload?f=a%2Fone+two.bin&e="), url)
        data = os.urandom(2_500_000)
        for method, body in (("PUT", data), ("POST", data[:1]), ("PUT", b""), ("PUT", data)):
            answer = self.ask(url, method, body=body, known=False)
            self.assertEqual((answer.status, answer.data), (200, b"null"))
            self.assertEqual((folder / "a/one two.bin").read_bytes(), body)
        # In chunks, whose sum nobody has said before.
        answer = self.ask(url, "PUT", body=iter([b"one ", b"two"]))
        self.assertEqual((answer.status, (folder / "a/one two.bin").read_bytes()), (200, b"one two"))

        def refused(url, status, text, body=b"x"):
            answer = self.ask(url, "PUT", body=body)
            self.assertEqual((answer.status, self.detail(answer)), (status, text), url)

        refused("/upload?f=a", 400, "Missing upload parameters")
        refused("/upload?f=a&e=soon&s=b", 400, "Invalid expiration parameter")
        refused(url.replace("one+two", "two+two"), 403, "Invalid upload signature")
        refused(self.url_for(client, "late"), 410, "Upload URL has expired")
        refused(self.url_for(client, "out"), 400, "Invalid upload destination")
        (folder / "link").symlink_to(self.box.home)
        refused(self.url_for(client, "link"), 400, "Invalid upload destination")
        refused(url, 413, "Max upload size exceeded: 3000000 bytes", os.urandom(3_000_001))
        self.assertFalse((self.box.app / "out").exists())
        # A line that is cut leaves what was there before, and nothing else.
        with socket.create_connection((self.host, self.port), 10) as sock:
            sock.sendall(f"PUT {url} HTTP/1.1\r\nHost: {self.authority}\r\nContent-Length: 9000\r\n\r\n".encode()
                         + b"x" * 4000)
            self.until(lambda: self.unfinished(folder), "a beginning")
        self.until(lambda: not self.unfinished(folder), "no beginning")
        self.assertEqual((folder / "a/one two.bin").read_bytes(), b"one two")
        self.assertEqual(sorted(p.name for p in folder.rglob("*") if p.is_file()), ["one two.bin"])
        client.click("one")  # the session has gone on
        self.end(143)

    def unfinished(self, folder):
        return [path for path in folder.iterdir() if path.name.startswith(".fletbridge-upload-")]

    def until(self, holds, what):
        deadline = time.monotonic() + WAIT
        while not holds():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.01)

    def testAProviderSignsIn(self):
        provider = Provider()
        self.addCleanup(provider.end)
        port = free_port()
        self.box.write("app.py", LOGIN)
        self.serve_login(provider, port)
        client = self.come_as("nobody")
        state = self.login(client, provider, "popup")
        self.assertEqual(self.ask("/oauth_callback?code=x&state=wrong").status, 400)
        answer = self.ask(f"/oauth_callback?code=code-of-app&state={state}", known=False)
        self.assertEqual(answer.status, 200)
        self.assertIn(b"successfully signed in", answer.data)
        client.expect_text("signed in as ann", WAIT)
        self.assertEqual(self.ask(f"/oauth_callback?code=x&state={state}").status, 400)  # once
        # The same in the page itself, which is left meanwhile.
        state = self.login(client, provider, "page")
        client.vanish()
        answer = self.ask(f"/oauth_callback?error=access_denied&state={state}", known=False)
        self.assertEqual((answer.status, answer.headers["Location"]), (307, f"http://127.0.0.1:{port}/"))
        self.assertIn("HttpOnly", answer.headers["Set-Cookie"])
        self.assertIn("SameSite=strict", answer.headers["Set-Cookie"])
        self.cookie += "; " + answer.headers["Set-Cookie"].partition(";")[0]
        again = self.come_as("signed in as ann", session_id=None)
        self.assertEqual(again.session_id, client.session_id)
        again.expect_text("failed: access_denied", WAIT)
        self.assertEqual(self.run_.text[0].count("MAIN"), 1)
        self.end(143)

    def testAnAppThatAsksForABrowserGetsIt(self):
        port = free_port()
        opened = self.box.home / "opened"
        browser = self.box.write("browser", f"#!/bin/sh\ncat \"${{1#file://}}\" > {opened}.new; mv {opened}.new {opened}\n")
        browser.chmod(0o755)
        app = self.box.write("app.py", f"""
import flet as ft

def main(page):
    page.add(ft.Text(page.url))

ft.run(main, view=ft.AppView.WEB_BROWSER, host="127.0.0.1", port={port}, name="shop")
""")
        self.run_ = self.box.run(self.variant, app, env={"BROWSER": str(browser)})
        url = self.run_.wait_line(r"the app is at (http://\S+)", 60).group(1)
        self.take_address(url)
        self.assertTrue(url.startswith(f"http://127.0.0.1:{port}/shop/?token="), url)
        self.until(opened.exists, "a browser")
        self.assertIn(f'url={url}"', opened.read_text())
        client = test_web.WebClient(self.socket(path="/shop/ws"))
        client.register(WAIT, web=True)
        client.expect_text(f"ws://{self.authority}/shop", WAIT)
        other = test_web.WebClient(self.socket(path="/shop/ws"))
        other.register(WAIT, web=True)
        self.end(143)
        self.assertEqual(self.run_.report()["used"]["ui"], "web")
        # What is typed comes first, and one line says so.
        self.run_ = self.box.run(self.variant, app, options=["--port", 0, "--no-browser"], env={"BROWSER": "/bin/false"})
        self.run_.wait_line(f"settings' port 0 and not {port}", 60)
        self.take_address(self.run_.wait_line(r"the app is at (http://\S+)", 60).group(1))
        self.assertNotEqual(self.port, port)
        self.end(143)

    def testTheEnvironmentMayAskForAWebServerAsItDoesOfFlet(self):
        app = self.box.write("app.py", """
import flet as ft

def main(page):
    page.add(ft.Text(page.url))

ft.run(main)
""")
        port = free_port()
        flet = {"FLET_SERVER_PORT": str(port), "FLET_SERVER_IP": "127.0.0.1", "BROWSER": "/bin/false"}
        self.run_ = self.box.run(self.variant, app, env={"FLET_FORCE_WEB_SERVER": "True", **flet})
        self.take_address(self.run_.wait_line(r"the app is at (http://\S+)", 60).group(1))
        self.assertEqual(self.port, port)
        client = test_web.WebClient(self.socket())
        client.register(WAIT, web=True)
        client.expect_text(f"ws://{self.authority}", WAIT)
        self.end(143)
        self.assertEqual((self.run_.report()["used"]["ui"], self.run_.text[1].count("browser")), ("web", 0))
        run = self.box.run(self.variant, app, env={"FLET_FORCE_WEB_SERVER": "false", "DISPLAY": "", "WAYLAND_DISPLAY": "", **flet})
        run.wait_line("no window, the app runs headless", 60)
        self.assertEqual(self.stop(run), 143)

    def testAnAppThatOnlyNamesABrowserRunsAsPlanned(self):
        run = self.box.run(self.variant, self.box.write("app.py", """
import flet as ft

def main(page):
    page.add(ft.Text("hello"))

view = ft.AppView.FLET_APP  # not WEB_BROWSER
ft.run(main, view=view)
"""), env={"DISPLAY": "", "WAYLAND_DISPLAY": ""})
        run.wait_line("no window, the app runs headless", 60)
        self.assertEqual(self.stop(run), 143)

    def serve_login(self, provider, port):
        self.run_ = self.box.run(self.variant, self.box.app / "app.py", provider.url, f"http://127.0.0.1:{port}", ui="web",
                                 options=["--port", port])
        self.take_address(self.run_.wait_line(r"the app is at (http://\S+)", 60).group(1))

    def come_as(self, text, session_id=None):
        client = test_web.WebClient(self.socket())
        client.register(WAIT, session_id, web=True)
        client.expect_text(text, WAIT)
        return client

    def login(self, client, provider, button):
        """What the app has opened, as its state."""
        for name in "open_window", "launch_url":
            client.answers[name] = lambda args: (None, None)
        before = len(client.invokes)
        client.click(button)
        client.pump(lambda: len(client.invokes) > before or client.crashes, WAIT, "a call of the launcher")
        self.assertEqual(client.crashes, [])
        return parse_qs(urlsplit(client.invokes[-1]["args"]["url"]).query)["state"][0]


class WebBehindAProxy(test_web.Web):
    """Whom a proxy speaks for, whatever the stage."""

    variant = Variant("3", "ffi")
    FORWARDED = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9", "X-Forwarded-Proto": "https",
                 "X-Forwarded-Host": "shop.example", "X-Forwarded-Prefix": "/tools"}

    def come_through(self, **facts):
        client = test_web.WebClient(self.socket(headers=self.FORWARDED, **facts))
        client.register(WAIT, web=True)
        client.expect_text("0", WAIT)
        return client

    def testOnlyATrustedOneIsBelieved(self):
        app = self.box.write("app.py", UPLOADS)
        self.serve(self.variant, app, "--trusted-proxy", "192.0.2.1")
        self.come_through()
        self.run_.wait_line(f"MAIN 127.0.0.1 ws://{self.authority}$")
        self.assertEqual(self.ask("/", **self.FORWARDED).status, 200)
        self.assertNotIn("Secure", self.ask("/?token=" + self.token, known=False, **self.FORWARDED).headers["Set-Cookie"])
        self.end(143)

        self.serve(self.variant, app, "--trusted-proxy", "127.0.0.0/8", "--trusted-proxy", "::1", "--name", "shop")
        opened = self.ask("/shop/?token=" + self.token, known=False, **self.FORWARDED)
        self.assertEqual((opened.status, opened.headers["Location"]), (303, "/tools/shop/"))
        self.assertIn("; Secure", opened.headers["Set-Cookie"])
        page = self.ask("/shop/", **self.FORWARDED).data
        self.assertIn(b'<base href="/tools/shop/">', page)
        self.assertIn(b'flet.webSocketEndpoint="/tools/shop/ws"', page)
        self.assertIn(b'<base href="/shop/">', self.ask("/shop/").data)  # of whoever comes without it
        self.assertEqual(self.ask("/shop", **self.FORWARDED).headers["Location"], "/tools/shop/")
        client = self.come_through(path="/shop/ws", origin="https://shop.example")
        self.run_.wait_line("MAIN 203.0.113.9 wss://shop.example/tools/shop$")
        with self.assertRaisesRegex(Exception, "403"):
            self.socket(path="/shop/ws", headers=self.FORWARDED)  # the Origin is another's
        # Uploads have the address that the browser has.
        client.click("one")
        client.pump(lambda: client.texts()[0] != "0", WAIT, "an address for an upload")
        url = client.texts()[0]
        self.assertTrue(url.startswith("/tools/shop/upload?"), url)
        answer = self.ask(url.removeprefix("/tools"), "PUT", body=b"x", known=False, **self.FORWARDED)
        self.assertEqual(answer.status, 200, answer.data)
        self.assertEqual(self.ask(url.removeprefix("/tools"), "PUT", body=b"x").status, 403)
        self.end(143)

    def testWhatIsNoAddressIsRefused(self):
        run = self.box.run(self.variant, self.box.write("app.py", UPLOADS), ui="web",
                           options=["--trusted-proxy", "proxy.example"])
        self.assertEqual(run.wait(30), 2)
        self.one_line(run, "proxy.example", "--trusted-proxy")


class WebAppsInBrowser(test_web.WebInBrowserBase):
    """What a real browser makes of it."""

    variant = Variant("3", "ffi")

    def testAFileIsPickedAndUploaded(self):
        self.serve(self.variant, self.box.write("app.py", UPLOADS))
        picked = self.box.write("a photo.png", "a picture")
        tab = self.browser.tab(self.url)
        tab.see("pick")
        tab.call("Page.setInterceptFileChooserDialog", enabled=True)
        tab.click("pick")
        chooser = tab.wait_for("Page.fileChooserOpened")
        tab.call("DOM.setFileInputFiles", files=[str(picked)], backendNodeId=chooser["backendNodeId"])
        tab.see("a photo.png 1.0 None")
        self.assertEqual((self.box.app / "uploads/a photo.png").read_text(), "a picture")
        self.no_errors(tab)
        self.end(143)

    def testSomebodySignsInInAWindowOfItsOwnAndInThePage(self):
        provider = Provider()
        self.addCleanup(provider.end)
        port = free_port()
        self.box.write("app.py", LOGIN)
        self.run_ = self.box.run(self.variant, self.box.app / "app.py", provider.url, f"http://127.0.0.1:{port}", ui="web",
                                 options=["--port", port])
        self.take_address(self.run_.wait_line(r"the app is at (http://\S+)", 60).group(1))
        for button in "popup", "page":
            tab = self.browser.tab(self.url, apart=True)
            tab.see("nobody")
            tab.happened.pop("Page.frameNavigated", None)
            tab.click(button)
            if button == "page":  # it is another one when it has come back
                tab.wait_for("Page.frameNavigated")
            tab.see("signed in as ann")
        self.assertEqual(self.run_.text[0].count("MAIN"), 2)
        self.end(143)

    def testADeepLinkBelowANameAndTheWayBackAndForward(self):
        self.serve(self.variant, self.box.write("app.py", """
import asyncio
import flet as ft

def main(page):
    text = ft.Text("")

    def changed(e=None):
        text.value = f"route {page.route} {page.platform_brightness.value}"
        page.update()

    def go(e):
        asyncio.create_task(page.push_route("/b"))

    page.on_route_change = changed
    page.add(text, ft.Button("go", on_click=go))
    changed()

ft.run(main)
"""), "--name", "my/app")
        deep = self.url.replace("/my/app/?", "/my/app/a/one?")
        tab = self.browser.tab(deep, prefers_color_scheme="dark")
        tab.see("route /a/one dark")
        tab.drawn()
        self.shot(tab, "deep-dark")
        tab.click("go")
        tab.see("route /b dark")
        self.assertEqual(urlsplit(tab.evaluate("location.href")).path, "/my/app/b")
        tab.evaluate("history.back()")
        tab.see("route /a/one dark")
        tab.evaluate("history.forward()")
        tab.see("route /b dark")
        self.no_errors(tab)
        self.end(143)


if __name__ == "__main__":
    unittest.main()
