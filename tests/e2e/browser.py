"""A real browser without a screen: opens a page, tells what it logged, asked for and holds.

Room: tests/e2e. Speaks the DevTools protocol over two pipes, so there is no port and nothing to install
but the browser. The profile lies in a folder of the caller's.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import time
from base64 import b64decode

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_browser():
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    def __init__(self, folder, timeout=60):
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()

        def wire():
            os.setsid()
            # Beyond 4 first: the numbers that a pipe has may be those that are wanted.
            a, b = os.dup(to_read), os.dup(to_write)
            os.dup2(a, 3)
            os.dup2(b, 4)

        folder.mkdir(exist_ok=True)
        env = dict(os.environ, TMPDIR=str(folder), HOME=str(folder), XDG_CONFIG_HOME=str(folder),
                   XDG_CACHE_HOME=str(folder), XDG_RUNTIME_DIR=str(folder))
        self._log = open(folder / "browser.log", "wb")
        self._process = subprocess.Popen(
            [find_browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-extensions", "--disable-background-networking",
             f"--user-data-dir={folder}/profile", "--window-size=1200,900", "--remote-debugging-pipe", "about:blank"],
            env=env, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, close_fds=False, preexec_fn=wire)
        os.close(to_read)
        os.close(to_write)
        self._deadline = time.monotonic() + timeout
        self._buffer = b""
        self._id = 0
        self._session = None
        self.errors = []  # what the page logged as an error or warning, or raised
        self.requests = []  # URLs
        self._loaded = False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _message(self):
        while b"\0" not in self._buffer:
            left = self._deadline - time.monotonic()
            if left <= 0 or not select.select([self._read], [], [], left)[0]:
                raise AssertionError("the browser does not answer")
            data = os.read(self._read, 1 << 20)
            if not data:
                raise AssertionError("the browser has ended")
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"]["text"] + str(params["exceptionDetails"].get("exception", "")))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.errors.append(str(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Page.loadEventFired":
            self._loaded = True
        return message

    def call(self, method, **params):
        self._id += 1
        request = {"id": self._id, "method": method, "params": params}
        if self._session:
            request["sessionId"] = self._session
        os.write(self._write, json.dumps(request).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == self._id:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]

    def open(self, path, dark=False):
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self._loaded = False
        self.call("Page.navigate", url=f"file://{path}")
        while not self._loaded:
            self._message()
        # Two frames: what is drawn is on the screen.
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def screenshot(self, path):
        path.write_bytes(b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def pdf(self, path):
        data = b64decode(self.call("Page.printToPDF", printBackground=True)["data"])
        path.write_bytes(data)
        return data

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        for fd in (self._read, self._write):
            os.close(fd)
        self._log.close()
