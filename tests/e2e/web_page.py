"""A tab of a real browser that shows a Flet app: what its client draws is read from Flutter's semantics tree, and
pressed with a real mouse.

Room: tests/e2e. Several tabs of one browser, or of several (`context`), each with its own errors and frames.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import time
import zlib
from base64 import b64decode

from browser import find_browser

# The client draws on a canvas; these elements stand for it once they are asked for.
NODES = """(() => {
  const found = [];
  const walk = root => {
    for (const one of root.querySelectorAll('*')) {
      if (one.shadowRoot) walk(one.shadowRoot);
      if (one.tagName.toLowerCase() === 'flt-semantics' || one.tagName === 'INPUT' || one.tagName === 'TEXTAREA') {
        const box = one.getBoundingClientRect();
        const own = [...one.childNodes].filter(n => n.nodeType === 3 || n.tagName === 'SPAN')
            .map(n => n.textContent).join(' ');
        const text = [one.getAttribute('aria-label'), own, one.value].filter(part => part).join(' ');
        if (text || one.tagName === 'INPUT' || one.tagName === 'TEXTAREA')
          found.push({text: text.trim(), role: one.getAttribute('role') || one.tagName.toLowerCase(),
                      x: box.x + box.width / 2, y: box.y + box.height / 2});
      }
    }
  };
  walk(document);
  return found;
})()"""

PLACEHOLDER = """(() => {
  const walk = root => {
    for (const one of root.querySelectorAll('*')) {
      if (one.tagName.toLowerCase() === 'flt-semantics-placeholder') { one.click(); return true; }
      if (one.shadowRoot && walk(one.shadowRoot)) return true;
    }
    return false;
  };
  return walk(document);
})()"""


class WebBrowser:
    """One process of the browser, with tabs."""

    def __init__(self, folder, timeout=120):
        self.folder = folder
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()

        def wire():
            os.setsid()
            a, b = os.dup(to_read), os.dup(to_write)
            os.dup2(a, 3)
            os.dup2(b, 4)

        folder.mkdir(exist_ok=True)
        env = dict(os.environ, TMPDIR=str(folder), HOME=str(folder), XDG_CONFIG_HOME=str(folder),
                   XDG_CACHE_HOME=str(folder), XDG_RUNTIME_DIR=str(folder), LANG="en_US.UTF-8")
        self._log = open(folder / "browser.log", "wb")
        self._process = subprocess.Popen(
            [find_browser(), "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-extensions", "--disable-background-networking", "--enable-unsafe-swiftshader",
             "--use-angle=swiftshader", f"--user-data-dir={folder}/profile", "--window-size=900,700",
             "--remote-debugging-pipe", "about:blank"],
            env=env, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, close_fds=False, preexec_fn=wire)
        os.close(to_read)
        os.close(to_write)
        self._timeout = timeout
        self._buffer = b""
        self._id = 0
        self.tabs = {}

    def take(self, deadline):
        """One message of the browser; None when the deadline has passed."""
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._read], [], [], left)[0]:
                return None
            data = os.read(self._read, 1 << 20)
            if not data:
                raise AssertionError("the browser has ended")
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        tab = self.tabs.get(message.get("sessionId"))
        if tab is not None and "method" in message:
            tab.hear(message["method"], message["params"])
        return message

    def call(self, method, session=None, **params):
        self._id += 1
        request = {"id": self._id, "method": method, "params": params}
        if session:
            request["sessionId"] = session
        os.write(self._write, json.dumps(request).encode() + b"\0")
        number, deadline = self._id, time.monotonic() + self._timeout
        while True:
            message = self.take(deadline)
            if message is None:
                raise AssertionError(f"the browser does not answer {method}")
            if message.get("id") == number:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return message["result"]

    def tab(self, url, apart=False, **media):
        """`apart`: with cookies and storage of its own, as another person's browser."""
        where = {"browserContextId": self.call("Target.createBrowserContext")["browserContextId"]} if apart else {}
        target = self.call("Target.createTarget", url="about:blank", newWindow=apart, **where)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = self.tabs[session] = Tab(self, session, target)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.call(f"{domain}.enable")
        if media:
            tab.call("Emulation.setEmulatedMedia",
                     features=[{"name": name.replace("_", "-"), "value": value} for name, value in media.items()])
        tab.open(url)
        return tab

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        for fd in (self._read, self._write):
            os.close(fd)
        self._log.close()


class Tab:
    def __init__(self, browser, session, target):
        self.browser, self.session, self.target = browser, session, target
        self.errors = []  # what the page logged as an error, or raised
        self.requests = {}  # URL -> status
        self.bytes = 0
        self.happened = {}  # method -> what the newest event of it says
        self._urls = {}

    def hear(self, method, params):
        self.happened[method] = params
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details["text"] + str(details.get("exception", {}).get("description", "")))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.errors.append(str([one.get("value", one.get("description")) for one in params["args"]]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            # One plugin of Flet's client asks for its own part elsewhere, whoever serves it.
            if "rive_native.js" not in params["entry"].get("url", ""):
                self.errors.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        elif method == "Network.responseReceived":
            self.requests[params["response"]["url"]] = params["response"]["status"]
        elif method == "Network.loadingFinished":
            self.bytes += int(params["encodedDataLength"])

    def call(self, method, **params):
        return self.browser.call(method, session=self.session, **params)

    def wait_for(self, method, timeout=60):
        """What an event of the browser says, once it has come."""
        deadline = time.monotonic() + timeout
        while method not in self.happened:
            if self.browser.take(deadline) is None:
                raise AssertionError(f"no {method}")
        return self.happened.pop(method)

    def open(self, url):
        self.call("Page.navigate", url=url)

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def nodes(self):
        """What the client shows, in the order of its tree."""
        self.evaluate(PLACEHOLDER)
        return self.evaluate(NODES)

    def until(self, holds, what, timeout=60):
        """Flutter tells nobody that it has drawn: looked at with each frame."""
        deadline = time.monotonic() + timeout
        while True:
            found = holds(self.nodes())
            if found:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"the page does not show {what}: {self.nodes()}; errors: {self.errors}")
            self.evaluate("new Promise(done => setTimeout(done, 50))")

    def see(self, text, timeout=60):
        return self.until(lambda nodes: next((n for n in nodes if text in n["text"]), None), text, timeout)

    def fields(self):
        return [node for node in self.nodes() if node["role"] in ("input", "textarea")]

    def click_at(self, x, y):
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left",
                      buttons=1 if kind == "mousePressed" else 0, clickCount=1)

    def click(self, text):
        node = self.see(text)
        self.click_at(node["x"], node["y"])

    def type(self, text):
        self.call("Input.insertText", text=text)

    def key(self, key, code=13):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                      **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}))

    def screenshot(self, path):
        path.write_bytes(self.picture())

    def picture(self):
        return b64decode(self.call("Page.captureScreenshot")["data"])

    def drawn(self, timeout=60):
        """Waits until there is more on the canvas than one colour."""
        deadline = time.monotonic() + timeout
        while True:
            picture, at, data = self.picture(), 8, b""
            while at < len(picture):
                size = int.from_bytes(picture[at:at + 4], "big")
                if picture[at + 4:at + 8] == b"IDAT":
                    data += picture[at + 8:at + 8 + size]
                at += size + 12
            if len(set(zlib.decompress(data))) > 16:
                return
            if time.monotonic() > deadline:
                raise AssertionError("the page stays blank")
            self.evaluate("new Promise(done => setTimeout(done, 100))")
