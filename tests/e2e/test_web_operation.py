"""Operating `--ui web`: probes and metrics, the end that lets sessions finish, several processes behind one address."""

import http.client
import os
import re
import signal
import threading
import time
import unittest

from harness import PATIENCE, Variant, every_variant, wait_gone
from test_web import ONE_OF_EACH, SESSIONS, Web, WebClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

# Says which process it is, and which started it.
WHERE = SESSIONS.replace("page.add(text,", 'page.add(text, ft.Text(f"process {os.getpid()} {os.getppid()}"),').replace(
    "import flet", "import os\nimport flet")


class Operated(Web):
    def serve(self, variant, app, *options, env=None, port="0"):
        """With an address for metrics, and without a report, which several processes do not make."""
        self.run_ = self.box.run(variant, app, ui="web", report=False, env=env,
                                 options=["--port", port, "--metrics-address", "0", *options])
        run, wait = self.run_, self.run_.wait_line
        self.metrics_at = wait(r"metrics are at http://(\S+)/metrics", 60).group(1)
        self.url = wait(r"the app is at (http://\S+)", 60).group(1)
        self.host, self.port = "127.0.0.1", int(re.search(r":(\d+)/", self.url).group(1))
        self.token = self.url.partition("token=")[2]
        self.cookie = f"fletbridge_{self.port}={self.token}"
        self.authority = f"{self.host}:{self.port}"
        return run

    def status(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection(self.metrics_at, timeout=30 * PATIENCE)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self):
        """Name with labels -> value."""
        code, text = self.status("/metrics")
        self.assertEqual(code, 200)
        return {key: float(value) for key, _, value in (line.rpartition(" ") for line in text.splitlines())
                if not key.startswith("#")}

    def until(self, condition, what, timeout=60):
        """Asks again and again, as whoever scrapes does."""
        deadline = time.monotonic() + timeout * PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"not {what}{self.run_.shown()}")
            time.sleep(0.02)


def operated(cls):
    cls.__test_base__ = Operated
    return every_variant(cls, ONE_OF_EACH)


@operated
class WebDrain:
    def testAfterSigtermSessionsGoOnAndNoOthersAreTaken(self):
        self.box.write("assets/mine.txt", "mine")
        self.serve(self.variant, self.box.write("app.py", SESSIONS), "--drain", "600", "-a", "assets")
        client = self.come()
        self.assertEqual(self.status("/readyz")[0], 200)
        self.assertEqual(self.ask("/readyz").status, 200)
        self.run_.signal(signal.SIGTERM)
        self.run_.wait_line("no new sessions from here on")
        client.click("plus")
        client.expect_text("1")
        with self.assertRaises(InvalidStatus) as refused:
            self.socket()
        self.assertEqual(refused.exception.response.status_code, 503)
        page = self.ask("/")
        self.assertEqual((page.status, page.headers["Retry-After"]), (503, "5"))
        self.assertEqual(self.ask("/mine.txt").status, 200)
        self.assertEqual((self.ask("/readyz").status, self.ask("/healthz").status), (503, 200))
        self.assertEqual((self.status("/readyz")[0], self.status("/healthz")[0]), (503, 200))
        now = self.metrics()
        self.assertEqual((now["fletbridge_draining"], now["fletbridge_ready"]), (1, 0))
        self.assertEqual(now['fletbridge_refusals_total{kind="draining"}'], 2)
        client.click("plus")
        client.expect_text("2")
        client.close()  # the last one
        self.assertEqual(self.run_.wait(30), 143, self.run_.shown())
        self.assertEqual(self.run_.text[0].count("CLOSE"), 1)

    def testASecondSignalEndsTheWaitAndTheClientsAreTold(self):
        self.serve(self.variant, self.box.write("app.py", SESSIONS), "--drain", "600")
        client = self.come()
        self.run_.signal(signal.SIGTERM)
        self.run_.wait_line("no new sessions from here on")
        client.click("plus")
        client.expect_text("1")
        self.run_.signal(signal.SIGTERM)
        client.wait_closed(30 * PATIENCE)
        self.assertEqual(client.sock.close_code, 1001)
        self.assertEqual(self.run_.wait(30), 143, self.run_.shown())

    def testTheTimeOfTheSessionsEndsByItselfAndAnAppsOwnHandlerIsItsOwn(self):
        self.serve(self.variant, self.box.write("app.py", SESSIONS), "--drain", "1")
        client = self.come()
        self.end(143)
        client.wait_closed(30 * PATIENCE)
        self.assertEqual(client.sock.close_code, 1001)
        self.serve(self.variant, self.box.write("own.py", """
import os, signal, threading

def mine(*_):
    print("MINE", flush=True)
    threading.Timer(3, os._exit, (7,)).start()  # once the host knows whose signal it is

signal.signal(signal.SIGTERM, mine)
""" + SESSIONS), "--drain", "600")
        self.until(lambda: self.status("/readyz")[0] == 200, "ready")
        self.end(7)
        self.assertIn("MINE", self.run_.text[0])


class WebMetrics(Operated):
    variant = Variant("3", "ffi")

    def testTheyTellWhatHappens(self):
        self.serve(self.variant, self.box.write("app.py", SESSIONS))
        client = self.come()
        for number in range(1, 6):
            client.click("plus")
            client.expect_text(str(number))
        other = self.come()
        self.assertEqual(self.ask("/", known=False).status, 403)
        self.assertEqual(self.ask("/", Host="evil.example").status, 421)
        self.assertEqual(self.ask("/", "DELETE").status, 405)
        self.assertEqual(self.ask("/%zz").status, 400)
        now = self.metrics()
        for name, value in {"fletbridge_sessions": 2, "fletbridge_sessions_total": 2, "fletbridge_inputs_total": 5,
                            "fletbridge_ready": 1, "fletbridge_draining": 0, "fletbridge_queue_bytes": 0,
                            'fletbridge_refusals_total{kind="stranger"}': 1,
                            'fletbridge_refusals_total{kind="host"}': 1,
                            'fletbridge_refusals_total{kind="method"}': 1,
                            'fletbridge_refusals_total{kind="malformed"}': 1,
                            'fletbridge_http_responses_total{code="4xx"}': 4}.items():
            self.assertEqual(now[name], value, name)
        client.close()
        other.close()
        self.until(lambda: self.metrics()["fletbridge_sessions"] == 0, "no sessions")
        now = self.metrics()
        # Of a session that is over every input that could be told apart counts.
        self.assertGreaterEqual(now["fletbridge_click_seconds_count"], 1)
        self.assertLessEqual(now["fletbridge_click_seconds_count"], 5)
        self.assertEqual(now['fletbridge_click_seconds_bucket{le="+Inf"}'], now["fletbridge_click_seconds_count"])
        self.assertGreater(now["fletbridge_click_seconds_sum"], 0)
        self.end(143)

    def testTheyAreNeverAtTheAddressOfTheApp(self):
        self.serve(self.variant, self.box.write("app.py", SESSIONS), "--public")
        self.assertNotIn(b"fletbridge_sessions", self.ask("/metrics").data)
        self.assertEqual(self.ask("/healthz", known=False).data, b"ok\n")
        for path, code in (("/", 404), ("/metrics/", 404), ("/healthz", 200)):
            self.assertEqual(self.status(path)[0], code, path)
        self.assertEqual(self.status("/metrics", "POST")[0], 405)
        self.assertEqual(self.status("/metrics", "HEAD"), (200, ""))
        self.assertEqual(self.status("/metrics", Host="evil.example")[0], 421)
        self.end(143)

    def testWhatCannotBeIsSaidInOneLine(self):
        app = self.box.write("app.py", SESSIONS)
        self.box.write("open.key", "x" * 40).chmod(0o644)
        for options, code, parts in ((["--metrics-address", "a:b"], 2, ["a:b", "ADDRESS:PORT"]),
                                     (["--web-key", "none.key"], 2, ["none.key", "urandom"]),
                                     (["--web-key", "open.key"], 2, ["open.key", "chmod 600"]),
                                     (["--workers", "0"], 2, ["workers"]),
                                     (["--workers", "2", "--report", "r.json"], 2, ["--report", "--workers"])):
            with self.subTest(options):
                run = self.box.run(self.variant, app, ui="web", report=False, options=["--port", "0", *options])
                self.assertEqual(run.wait(60), code, run.shown())
                self.one_line(run, *parts)

    def testOneKeyOpensTheAppOnEveryMachineThatHasIt(self):
        key = self.box.write("web.key", "0123456789abcdef" * 2)
        key.chmod(0o600)
        app = self.box.write("app.py", SESSIONS)
        cookies = []
        for _ in range(2):
            self.serve(self.variant, app, "--web-key", key)
            opened = self.ask(f"/?token={self.token}", known=False)
            self.assertEqual(opened.status, 303)
            cookies.append(opened.headers["Set-Cookie"])
            self.assertEqual(self.ask("/", known=False, Cookie=cookies[0].partition(";")[0]).status, 200)
            self.end(143)
        self.assertEqual(cookies[0], cookies[1])


class Browser:
    """One that keeps its cookies, and comes back with them."""

    def __init__(self, test, agent, authority="", trust=None):
        """At the app's own address, or at that of a server in front of it, which has TLS where `trust` is given."""
        self.test, self.agent = test, agent
        self.authority, self.trust = authority or test.authority, trust
        self.cookies = {}
        self.client = None
        self.open(f"/?token={test.token}")
        self.open("/")
        self.come()

    def open(self, path):
        if self.trust:
            connection = http.client.HTTPSConnection(self.authority, timeout=60 * PATIENCE, context=self.trust)
        else:
            connection = http.client.HTTPConnection(self.authority, timeout=60 * PATIENCE)
        try:
            connection.request("GET", path, headers={"Cookie": self.header()} if self.cookies else {})
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status

    def header(self):
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def come(self, session_id=None):
        secure = "s" if self.trust else ""
        sock = self.test.enterContext(connect(
            f"ws{secure}://{self.authority}/ws", origin=f"http{secure}://{self.authority}", ssl=self.trust,
            compression=None, max_size=None, additional_headers={"Cookie": self.header()},
            user_agent_header=self.agent, open_timeout=60 * PATIENCE))
        self.client = WebClient(sock)
        self.client.register(60 * PATIENCE, session_id, web=True)
        self.client.pump(lambda: any(text.startswith("process ") for text in self.client.texts()), 60 * PATIENCE)

    def process(self):
        """The app's, and the one that has started it."""
        return tuple(map(int, next(t for t in self.client.texts() if t.startswith("process ")).split()[1:]))

    def click(self, times=1):
        for _ in range(times):
            before = int(self.client.texts()[0])
            self.client.click("plus")
            self.client.expect_text(str(before + 1), 60 * PATIENCE)


@operated
class WebWorkers:
    def start(self, *options, workers=2):
        self.serve(self.variant, self.box.write("app.py", WHERE), "--workers", str(workers), *options)
        self.until(lambda: self.metrics().get("fletbridge_workers") == workers, "all workers ready")

    def worker_of(self, browser):
        app, parent = browser.process()
        return app if self.variant.in_process else parent

    def testABrowserStaysWithItsWorkerAndTheWorkersShareTheBrowsers(self):
        self.start()
        browsers = [Browser(self, f"browser {i}") for i in range(6)]
        processes = [browser.process() for browser in browsers]
        self.assertEqual(sorted(map(processes.count, set(processes))), [3, 3])
        for browser, process in zip(browsers, processes):
            browser.click(2)
            # Its line is lost: the session is where its cookie leads.
            browser.client.vanish()
        for browser, process in zip(browsers, processes):
            browser.come(browser.client.session_id)
            self.assertEqual(browser.process(), process)
            self.assertEqual(browser.client.texts()[0], "2")
        now = self.metrics()
        self.assertEqual((now["fletbridge_sessions"], now["fletbridge_inputs_total"]), (6, 12))
        # A proxy sends requests of many browsers over one connection.
        one, other = browsers[0], next(b for b in browsers if b.process() != browsers[0].process())
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60 * PATIENCE)
        self.addCleanup(connection.close)
        for browser in one, other, one, other:
            connection.request("GET", "/", headers={"Cookie": browser.header()})
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            self.assertIsNone(answer.headers["Set-Cookie"])
            answer.read()
        # Nobody chooses a worker by making a cookie up.
        name, value = next((n, v) for n, v in one.cookies.items() if "worker" in n)
        forged = self.ask("/", Cookie=f"{self.cookie}; {name}={'0' if value[0] == '1' else '1'}{value[1:]}")
        self.assertIn(name, forged.headers["Set-Cookie"])
        self.end(143)

    def testAKilledWorkerTakesItsOwnSessionsAloneAndIsReplaced(self):
        self.start()
        browsers = [Browser(self, f"browser {i}") for i in range(4)]
        killed = self.worker_of(browsers[0])
        lost = [b for b in browsers if self.worker_of(b) == killed]
        kept = [b for b in browsers if self.worker_of(b) != killed]
        self.assertEqual((len(lost), len(kept)), (2, 2))
        dead, go_on, failed = threading.Event(), threading.Event(), []

        def load(browser):
            try:
                while not go_on.is_set():
                    browser.click()
            except Exception as error:  # told below
                failed.append(error)

        threads = [threading.Thread(target=load, args=(browser,)) for browser in kept]
        for thread in threads:
            thread.start()
        os.kill(killed, signal.SIGKILL)
        for browser in lost:
            browser.client.wait_closed(60 * PATIENCE)
        self.run_.wait_line("worker [12] has ended with exit code 137")
        self.until(lambda: self.metrics()["fletbridge_workers"] == 2, "a new worker")
        for browser in lost:
            self.assertEqual(browser.open("/"), 200)
            browser.come(browser.client.session_id)
            browser.click()
            self.assertNotEqual(self.worker_of(browser), killed)
        go_on.set()
        for thread in threads:
            thread.join(120 * PATIENCE)
        self.assertEqual(failed, [])
        now = self.metrics()
        self.assertEqual((now["fletbridge_sessions"], now["fletbridge_workers_replaced_total"]), (4, 1))
        self.end(143)

    def testSigtermDrainsEveryWorkerAndKillLeavesNone(self):
        self.start("--drain", "600")
        browsers = [Browser(self, f"browser {i}") for i in range(2)]
        self.run_.signal(signal.SIGTERM)
        self.until(lambda: self.metrics()["fletbridge_draining"] == 2, "draining")
        self.assertEqual((self.status("/readyz")[0], self.ask("/").status), (503, 503))
        for browser in browsers:
            browser.click(3)
            browser.client.close()
        self.assertEqual(self.run_.wait(60), 143, self.run_.shown())
        self.box.assert_nothing_left()

    def testWhoeverKillsTheOneThatListensEndsAll(self):
        self.start()
        Browser(self, "a browser")
        processes = list(self.box.processes())
        self.assertGreaterEqual(len(processes), 3)
        self.run_.signal(signal.SIGKILL)
        self.assertEqual(self.run_.wait(30), 137)
        self.assertEqual(wait_gone(processes, 30 * PATIENCE), [])
        # The private folders of killed runs are removed by the next one.
        self.start()
        self.end(143)


class WebWorkersThatFail(Operated):
    variant = Variant("1", "uds")

    def testAnAppThatCannotStartSaysSoOnceAndEndsTheRun(self):
        run = self.box.run(self.variant, self.box.write("app.py", "raise SystemExit(5)\n"), ui="web", report=False,
                           options=["--port", "0", "--workers", "3"])
        self.assertEqual(run.wait(60), 5, run.shown())

    def testAWorkerThatNeverStaysUpIsNotStartedForEver(self):
        crash = self.box.app / "crash"
        self.serve(self.variant, self.box.write("app.py", f"""
import os
if os.path.exists({str(crash)!r}):
    os._exit(9)
""" + WHERE), "--workers", "2")
        self.until(lambda: self.metrics().get("fletbridge_workers") == 2, "all workers ready")
        crash.write_text("")
        for number in range(2):
            browser = Browser(self, f"browser {number}")
            os.kill(browser.process()[0], signal.SIGKILL)
            self.run_.wait_line("ended with exit code 9.*another takes its place in 250 ms", 60)
        self.run_.wait_line("is not started again", 120)
        self.assertEqual(self.run_.wait(120), 9, self.run_.shown())


if __name__ == "__main__":
    unittest.main()
