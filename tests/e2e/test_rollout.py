"""The rollout: which stage a flag file gives an installation, and the way back when a stage breaks."""

import base64
import contextlib
import http.client
import http.server
import json
import os
import re
import resource
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest
import urllib.parse

import test_hosting
from harness import BIN, PATIENCE, PYTHON, E2E, parent_of, wait_gone

FETCH = BIN.parent / "lib/fletbridge/fletbridge-fetch"
APP = "import flet as ft\nft.run(lambda page: page.add(ft.Text('shown')))\n"
SHOWN = 'wait text="shown" 20s\nclose\n'
# Stage 3 alone sets it; so these break there and nowhere else.
ON_STAGE_3 = "import os\nif os.environ.get('FLET_DART_BRIDGE_PORT'):\n"


def flag(targeting=None, default="one", state="ENABLED"):
    body = {"state": state, "variants": {"one": "1", "two": "2", "three": "3"},
            "defaultVariant": default}
    if targeting is not None:
        body["targeting"] = targeting
    return body


def flags(*args, kill=None, **more):
    file = {"flags": {"fletbridge.stage": flag(*args, **more)}}
    if kill is not None:
        file["flags"]["fletbridge.kill"] = {"state": "ENABLED", "variants": {"on": True, "off": False},
                                            "defaultVariant": kill}
    return json.dumps(file, indent=1)


def shares(three, two, one):
    return flags({"fractional": [["three", three], ["two", two], ["one", one]]})


class RolloutBase(E2E):
    def setUp(self):
        super().setUp()
        self.box.write("app.py", APP)

    @property
    def state(self):
        return self.box.user / ".local/state/fletbridge"

    def command(self, *words, env=None, code=0):
        run = self.box.launch([BIN / "fletbridge", *words], env=env)
        self.assertEqual(run.wait(30), code, run.shown())
        return run.text[0]

    def start(self, *options, flags_file="flags.json", app="app.py", steps=SHOWN, **more):
        return self.box.headless(None, app, steps=steps, options=["--rollout", flags_file, *options],
                                 **more)

    def used(self, *options, **more):
        """Runs to a good end; returns what the report says was used, and the run."""
        run = self.start(*options, **more)
        self.assertEqual(run.wait(40), 0, run.shown())
        return run.report()["used"], run

    def status(self):
        apps = json.loads(self.command("rollout", "status", "--json"))["apps"]
        self.assertEqual(len(apps), 1, apps)
        return apps[0]


class FlagFile(RolloutBase):
    def testSharesAreMetAndRaisingThemTakesNothingAway(self):
        self.box.write("ten.json", shares(10, 20, 70))
        self.box.write("forty.json", shares(40, 25, 35))
        for name, wanted in (("ten.json", {"3": 10, "2": 20, "1": 70}),
                             ("forty.json", {"3": 40, "2": 25, "1": 35})):
            got = json.loads(self.command("rollout", "simulate", name, "--installations", "100000",
                                          "--before", "ten.json", "--json"))
            for stage, percent in wanted.items():
                self.assertAlmostEqual(got["shares"][stage]["percent"], percent, delta=0.5)
            self.assertEqual(got["lower_than_before"], 0)
        self.assertGreater(got["higher_than_before"], 30000)

    def testTheStageIsStickyAndIsTheSimulatedOne(self):
        self.box.write("flags.json", shares(34, 33, 33))
        first = self.command("rollout", "explain", "--rollout", "flags.json", "app.py")
        stage = re.search(r"^stage +(\d)", first, re.M).group(1)
        installation = re.search(r"^installation +(\w+)", first, re.M).group(1)
        answer = json.loads(self.command("rollout", "eval", "flags.json", "--flag", "fletbridge.stage",
                                         "--context", json.dumps({"targetingKey": installation})))
        self.assertEqual(answer["value"], stage)
        self.assertEqual(answer["reason"], "TARGETING_MATCH")
        used, _ = self.used()
        self.assertEqual(used["stage"], stage)

    def testEveryOtherSourceWinsOverTheFlagFile(self):
        self.box.write("flags.json", flags(default="three"))

        def explained(*options, env=None):
            text = self.command("run", "--explain", "--rollout", "flags.json", *options, "app.py",
                                env=env)
            return re.split(r" {2,}", re.search(r"^stage .*", text, re.M).group())[1:]

        stage, where = explained()
        self.assertEqual(stage, "3")
        self.assertIn("flags.json", where)
        (self.box.app / "pyproject.toml").write_text('[tool.fletbridge]\nstage = "2"\n')
        self.assertEqual(explained()[0], "2")
        self.assertEqual(explained(env={"FLETBRIDGE_STAGE": "1"})[0], "1")
        self.assertEqual(explained("--stage", "3")[0], "3")

    def testTheReportNamesTheRolloutAndWhatItChose(self):
        self.box.write("flags.json", flags(default="two"))
        run = self.start("--stage", "1")
        self.assertEqual(run.wait(40), 0, run.shown())
        said = run.report()["rollout"]
        self.assertEqual((said["variant"], said["chose"]), ("two", False))
        run = self.start()
        self.assertEqual(run.wait(40), 0, run.shown())
        said = run.report()["rollout"]
        self.assertTrue(said["address"].endswith("flags.json"), said)
        self.assertEqual((said["variant"], said["chose"], run.report()["used"]["stage"]), ("two", True, "2"))
        self.assertIn("STATIC", said["why"])

    def testTheKillSwitchBeatsAllButTheCommandLine(self):
        (self.box.app / "pyproject.toml").write_text(
            '[tool.fletbridge]\nstage = "3"\ntransport = "ffi"\nrollout = "."\n')
        for file in (flags(default="three", kill="on"), flags(default="three", state="DISABLED")):
            self.box.write("fletbridge.flagd.json", file)
            run = self.box.headless(None, "app.py", steps=SHOWN, env={"FLETBRIDGE_STAGE": "3"})
            self.assertEqual(run.wait(30), 0, run.shown())
            self.assertEqual(run.report()["used"]["stage"], "1")
        run = self.box.headless(None, "app.py", steps=SHOWN, options=["--stage", "3"])
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertEqual(run.report()["used"]["stage"], "3")

    def testABrokenFlagFileCostsOneLineAndMeansStage1(self):
        self.box.write("flags.json", '{"flags": {,}}')
        used, run = self.used()
        self.assertEqual(used["stage"], "1")
        self.one_line(run, "flags.json", "1:12", "stage 1")

    def testMistakesAreFoundWithTheirPlace(self):
        self.box.write("flags.json", flags({"fractional": [["tree", 10], ["one", 90]]}))
        text = self.command("rollout", "validate", "flags.json", code=1)
        self.assertRegex(text, r"flags\.json:\d+:\d+: error: there is no variant tree")
        self.box.write("flags.json", shares(10, 20, 70))
        self.assertIn("no mistakes", self.command("rollout", "validate", "flags.json"))


class WayBack(RolloutBase):
    """A stage that breaks twice rests, and is tried again after a back-off or with a new version."""

    def setUp(self):
        super().setUp()
        self.box.write("flags.json", flags(default="three"))

    def fell_back(self, to="2", why="stage 3 has failed", options=()):
        used, run = self.used(*options)
        self.assertEqual(used["stage"], to)
        self.assertEqual(used["fallbacks"][0]["from"], "3")
        self.assertRegex(used["fallbacks"][0]["why"], why)
        self.one_line(run, f"on stage {to}", why)

    def testKilledBeforeTheFirstFrameAndTriedAgainAfterTheBackoff(self):
        self.box.write("app.py", ON_STAGE_3 + "    import signal\n    print('held', flush=True)\n"
                       "    if not os.path.exists('mended'): signal.pause()\n" + APP)
        backoff = ["--rollout-backoff", "1"]
        for _ in range(2):
            run = self.start(*backoff, report=False)
            run.wait_line("held")
            run.signal(signal.SIGKILL)
            self.assertEqual(run.wait(), 128 + signal.SIGKILL)
        self.fell_back(options=backoff)
        breaker = self.status()["stages"]["3"]["breaker"]
        text = self.command("rollout", "explain", "--rollout", "flags.json", "--python", PYTHON, "app.py")
        if breaker["state"] == "open":  # a machine that is slow has passed the second
            self.assertRegex(text, r"(?m)^stage +3 ")
            self.assertRegex(text, r"(?m)^a start +stage 2 \(uds, hosting \w+\): stage 3 has failed")
        self.assertEqual(breaker["failures_in_a_row"], 2)
        self.assertEqual(breaker["why"], "its process ended before the first frame")
        (self.box.app / "mended").touch()
        # The book says when; a machine that is slow has long passed it.
        deadline = time.monotonic() + 30 * PATIENCE
        while self.used(*backoff)[0]["stage"] != "3":
            self.assertLess(time.monotonic(), deadline)

    def testKilledAfterTheFirstFrameCountsTooButACleanEndBetweenDoesNot(self):
        self.box.write("app.py", self.TELLS)
        for kill in (True, False, True, True):
            run = self.start(steps=self.HOLD if kill else SHOWN, report=False)
            if kill:
                run.wait_line("held")
                run.signal(signal.SIGKILL)
            self.assertEqual(run.wait(30), 128 + signal.SIGKILL if kill else 0, run.shown())
        self.fell_back(why="killed or crashed")
        self.assertEqual(self.status()["stages"]["3"]["failures"], 3)

    def testACrashWhilePythonEndsLeavesTheSessionsReportAndIsNotHeldAgainstTheStage(self):
        """As native libraries do it, after a session in which all was well."""
        crashes = ("import atexit, os, flet as ft\natexit.register(os.abort)\n"
                   "ft.run(lambda page: page.add(ft.Text('shown')))\n")
        code = 128 + signal.SIGABRT
        for stage, default in (("3", "three"), ("2", "two"), ("1", "one")):
            self.box.write("flags.json", flags(default=default))
            self.box.write("app.py", crashes)
            for _ in range(2):  # two failures in a row would rest the stage
                run = self.start(steps='wait text="shown" 20s\n')
                self.assertEqual(run.wait(20), code, run.shown())
                self.assertEqual(run.report()["used"]["stage"], stage)
                self.assertEqual(run.report()["exit"]["code"], code if stage == "1" else 0)
                self.assertRegex(run.report()["exit"]["reason"],
                                 "SIGABRT after its session" if stage == "1" else "^the UI closed;")
            self.box.write("app.py", APP)
            self.used()  # books what the last one has left
            book = self.status()["stages"][stage]
            self.assertEqual((book["failures"], book["breaker"]["state"]), (0, "closed"))

    # What it prints after a click, it prints after the first frame.
    TELLS = ("import flet as ft\nft.run(lambda page: page.add(ft.Text('shown'), "
             "ft.Button('tell', on_click=lambda e: print('held', flush=True))))\n")
    HOLD = 'wait text="shown" 20s\nclick text="tell"\nwait text="no" 60s\n'

    def after_a_failure(self, tty=False):
        """A start of the stage that has just failed, so that a process of ours watches it; once it is shown."""
        self.box.write("app.py", "import os\nif not os.path.exists('mended'): os._exit(7)\n" + self.TELLS)
        run = self.start(report=False)
        self.assertEqual(run.wait(30), 7, run.shown())
        (self.box.app / "mended").touch()
        run = self.start(steps=self.HOLD, tty=tty)
        run.wait_line("held")
        [app] = [pid for pid in self.box.processes() if parent_of(pid) == run.pid]
        return run, app

    def testAWatchedStartEndsAsTheAppDoesAndIsAskedToEndLikeIt(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                run, _ = self.after_a_failure()
                run.signal(number)
                self.assertEqual(run.wait(30), 128 + number, run.shown())
                self.assertEqual(run.report()["used"]["stage"], "3")
                (self.box.app / "mended").unlink()
                self.assertEqual(self.status()["stages"]["3"]["breaker"]["state"], "closed")
        run, _ = self.after_a_failure(tty=True)
        run.type(b"\x03")
        self.assertEqual(run.wait(30), 130, run.shown())

    def testAWatchedStartAndItsWatcherDieTogether(self):
        run, app = self.after_a_failure()
        run.signal(signal.SIGKILL)
        self.assertEqual(run.wait(10), 128 + signal.SIGKILL)
        self.assertEqual(wait_gone([app], 10 * PATIENCE), [])
        self.used()
        self.assertEqual(self.status()["stages"]["3"]["failures"], 2)
        (self.box.app / "mended").unlink()
        run, app = self.after_a_failure()
        os.kill(app, signal.SIGABRT)
        # It was seen: so the person is told by its end, and no other stage goes on.
        self.assertEqual(run.wait(10), 128 + signal.SIGABRT, run.shown())

    def testTheAppsOwnEndIsNoFailureOfTheStage(self):
        self.box.write("app.py", "import sys, flet as ft\ndef main(page):\n"
                       "    page.add(ft.Text('shown'), ft.Button('end', on_click=lambda e: "
                       "page.run_thread(boom)))\ndef boom():\n    import os\n    os._exit(3)\nft.run(main)\n")
        run = self.start(steps='wait text="shown" 20s\nclick text="end"\nwait text="no" 60s\n', report=False)
        self.assertEqual(run.wait(30), 3, run.shown())
        for number in (signal.SIGINT, signal.SIGTERM):
            run = self.start("--log-level", "debug", steps='wait text="no" 60s\n', report=False)
            run.wait_line("ui first frame")  # whether it has been noted by then is the same here
            run.signal(number)
            self.assertEqual(run.wait(30), 128 + number, run.shown())
        status = self.status()
        self.assertEqual(status["stages"]["3"]["starts"], 3)
        self.assertEqual(status["stages"]["3"]["failures"], 0)

    def testAStageThatCannotStartIsReplacedInTheSameRun(self):
        python = test_hosting.HostingChoice.without_library(self)
        argv = [test_hosting.HostingChoice.alone(self, test_hosting.PARTS / "shim"), "run", "--rollout", "flags.json", "--python", python,
                "--ui", "headless"]
        report, steps = self.box.name("report"), self.box.name("steps")
        steps.write_text(SHOWN)
        run = self.box.launch([*argv, "--steps", steps, "--report", report, "app.py"], report=report)
        self.assertEqual(run.wait(30), 0, run.shown())
        used = run.report()["used"]
        self.assertEqual(used["stage"], "1")
        self.assertEqual([f["from"] for f in used["fallbacks"]], ["3", "2"])
        self.one_line(run, "on stage 1", "libpython")
        self.assertEqual(self.status()["stages"]["3"]["fallbacks"], 1)

    def testTwoStartsAtOnceAreBothBooked(self):
        runs = [self.start() for _ in range(2)]
        for run in runs:
            self.assertEqual(run.wait(40), 0, run.shown())
        self.assertEqual(self.status()["stages"]["3"]["starts"], 2)
        self.assertEqual(list(self.state.glob("apps/*/starts/*")), [])

    def testWithoutAPlaceForItsStateTheAppStillRuns(self):
        used, run = self.used(env={"XDG_STATE_HOME": "/proc/no/place"})
        self.assertEqual(used["stage"], "3")
        self.one_line(run, "this run alone", "cannot make /proc/no")

    def testOnAFullDiskTheAppStillRuns(self):
        def full():
            # No file may grow by a byte; what it does to a descriptor in memory is why it is not
            # handed over to another program here.
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

        steps = self.box.name("steps")
        steps.write_text(SHOWN)
        run = subprocess.run([BIN / "fletbridge", "run", "--rollout", "flags.json", "--hosting",
                              "library", "--python", PYTHON, "--ui", "headless", "--steps", steps,
                              "app.py"], cwd=self.box.app, env=self.box.environment(),
                             preexec_fn=full, capture_output=True, timeout=60 * PATIENCE, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)

    def testTheFiguresAreThereForNodeExporter(self):
        self.box.write("app.py", "import flet as ft\ndef main(page):\n    n = ft.Text('0')\n"
                       "    def up(e):\n        n.value = str(int(n.value) + 1)\n"
                       "    page.add(n, ft.Button('more', on_click=up))\nft.run(main)\n")
        metrics = self.box.home / "fletbridge.prom"
        self.used("--metrics", str(metrics),
                  steps='wait text="0" 20s\nrepeat 5 click text="more"\nwait text="5" 10s\nclose\n')
        text = metrics.read_text()
        self.assertEqual(metrics.stat().st_mode & 0o777, 0o644)
        self.assertRegex(text, r'fletbridge_starts_total\{app="app.py",id="\w+",stage="3"\} 1\n')
        self.assertRegex(text, r'fletbridge_click_seconds_count\{.*stage="3"\} 5\n')
        self.assertRegex(text, r'fletbridge_first_frame_seconds_count\{.*stage="3"\} 1\n')
        for private in (str(self.box.home), os.environ.get("USER", "root") + "/"):
            self.assertNotIn(private, text)


class Service:
    """A flag service on loopback that answers as it is told: good, garbage, huge, hang, or by a function."""

    def __init__(self, folder=None):
        self.mode, self.body, self.asked, self.tokens = "good", "", [], []
        self.gone = threading.Event()
        self.seen = threading.Condition()
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                service.answer(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        scheme = "http"
        if folder is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "server.pem", folder / "server.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://localhost:{self.server.server_port}/flags"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def answer(self, request):
        with self.seen:
            self.asked.append(request.headers.get("If-None-Match"))
            self.tokens.append(request.headers.get("Authorization"))
            self.seen.notify_all()
        etag = f'"{hash(self.body)}"'
        if self.mode == "hang":
            self.gone.wait(60)
            return
        with contextlib.suppress(OSError):
            if callable(self.mode):
                self.mode(request)
                return
            if self.mode == "good" and request.headers.get("If-None-Match") == etag:
                request.send_response(304)
                request.end_headers()
                return
            body = {"good": self.body, "garbage": "<html>flags</html>", "huge": " " * 10_000_000}
            data = body[self.mode].encode()
            request.send_response(200)
            request.send_header("ETag", etag)
            request.send_header("Content-Length", str(len(data)))
            request.end_headers()
            request.wfile.write(data)

    def close(self):
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


class Proxy:
    """A proxy on loopback that leads those who know its password to where they ask for."""

    def __init__(self):
        self.led = []  # host:port of each
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def may(self):
                given = self.headers.get("Proxy-Authorization")
                if given == "Basic " + base64.b64encode(b"fleet:pass").decode():
                    return True
                self.send_response(407)
                self.send_header("Proxy-Authenticate", 'Basic realm="tests"')
                self.send_header("Content-Length", "0")
                self.send_header("Connection", "close")
                self.end_headers()
                return False

            def do_CONNECT(self):
                if not self.may():
                    return
                proxy.led.append(self.path)
                host, _, port = self.path.rpartition(":")
                with contextlib.suppress(OSError), socket.create_connection((host, int(port))) as other:
                    self.send_response(200)
                    self.end_headers()
                    ends = {self.connection: other, other: self.connection}
                    while True:
                        for end in select.select(list(ends), [], [])[0]:
                            data = end.recv(65536)
                            if not data:
                                return
                            ends[end].sendall(data)

            def do_GET(self):
                if not self.may():
                    return
                place = urllib.parse.urlsplit(self.path)
                proxy.led.append(place.netloc)
                other = http.client.HTTPConnection(place.netloc)
                other.request("GET", place.path)
                answer = other.getresponse()
                self.send_response(answer.status)
                self.end_headers()
                self.wfile.write(answer.read())

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.url = f"http://fleet:pass@localhost:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


class FlagServiceBase(RolloutBase):
    def service(self, folder=None):
        service = Service(folder)
        self.addCleanup(service.close)
        service.body = flags(default="two")
        return service

    def explained(self, service, env=None):
        text = self.command("rollout", "explain", "--rollout", service.url, "app.py", env=env)
        return re.search(r"^stage +(\d)", text, re.M).group(1), text

    def fetched(self, service, env=None):
        """Until the copy is there: a slow machine may need a second start for it."""
        deadline = time.monotonic() + 30 * PATIENCE
        while self.explained(service, env)[0] != "2":
            self.assertLess(time.monotonic(), deadline)

    def authority(self):
        """A folder with an authority and with the certificate that it has given to localhost."""
        folder = self.box.home / "ca"
        folder.mkdir()

        def openssl(*words):
            subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=tests")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
        (folder / "names").write_text("subjectAltName=DNS:localhost\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", "server.pem", "-days", "2", "-extfile", "names")
        return folder


class FlagService(FlagServiceBase):
    def testABadServiceCostsLittleAndTheLastGoodCopyIsUsed(self):
        service = self.service()
        self.fetched(service)
        for mode in ("garbage", "huge", "hang"):
            service.mode = mode
            run = self.start("--log-level", "debug", flags_file=service.url)
            self.assertEqual(run.wait(40), 0, run.shown())
            self.assertEqual(run.report()["used"]["stage"], "2")
            line = run.wait_line(r"rollout: flags from the copy of .* after (\d+) ms: .*")
            self.assertLessEqual(int(line.group(1)), 200 * PATIENCE, line.group())

    def testWhatComesTooLateIsForTheNextStart(self):
        service = self.service()
        service.mode = "hang"
        self.assertEqual(self.explained(service)[0], "1", "there is no copy yet")
        service.mode = "good"
        service.gone.set()
        self.fetched(service)

    def testAnUnchangedAnswerIsNotSentAgain(self):
        service = self.service()
        self.fetched(service)
        service.asked.clear()
        stage, _ = self.explained(service)
        self.assertEqual(stage, "2")
        with service.seen:
            self.assertTrue(service.seen.wait_for(lambda: service.asked, 10 * PATIENCE))
        self.assertNotIn(None, service.asked)

    def testHttpsIsTrustedByItsAuthorityAlone(self):
        folder = self.authority()
        service = self.service(folder)
        stage, text = self.explained(service)
        self.assertEqual(stage, "1")
        self.assertRegex(text, "cannot trust localhost|no answer within")
        trusting = {"SSL_CERT_FILE": str(folder / "ca.pem")}
        self.fetched(service, trusting)


class FlagAddress(FlagServiceBase):
    """What stands between an installation and its flags: proxies, redirects, a log-in, a service that means ill."""

    def setUp(self):
        super().setUp()
        self.folder = self.authority()
        self.trusting = {"SSL_CERT_FILE": str(self.folder / "ca.pem")}

    def fetch(self, url, token="", env=None):
        """What the program that asks says: "new", "same", or why it has failed."""
        run = self.box.launch([FETCH, url, self.box.name("copy"), token], env={**self.trusting, **(env or {})})
        self.assertEqual(run.wait(20), 0, run.shown())
        word, _, rest = run.text[0].partition("\n")
        return rest.strip() if word == "failed" else word

    def lead(self, service, to):
        """Has `service` lead to where `to` says for each path."""
        def answer(request):
            where = to(request.path)
            request.send_response(302 if where else 200)
            if where:
                request.send_header("Location", where)
            request.end_headers()
            if not where:
                request.wfile.write(service.body.encode())

        service.mode = answer

    def testAProxyWithAPasswordIsGoneThroughAndAnAddressThatWantsNoneIsAskedItself(self):
        service, proxy = self.service(self.folder), Proxy()
        self.addCleanup(proxy.close)
        place = service.url.split("/")[2]
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            with self.subTest(name):
                del proxy.led[:]
                self.assertEqual(self.fetch(service.url, env={name: proxy.url}), "new")
                self.assertEqual(proxy.led, [place])
        del proxy.led[:]
        for env in ({"HTTPS_PROXY": proxy.url, "NO_PROXY": "localhost"}, {"http_proxy": proxy.url}):
            self.assertEqual(self.fetch(service.url, env=env), "new")
        self.assertEqual(proxy.led, [])
        self.assertRegex(self.fetch(service.url, env={"HTTPS_PROXY": proxy.url.replace("pass", "guess")}),
                         f"^cannot ask {place}: .*407")
        self.assertEqual(self.fetch(self.service().url, env={"http_proxy": proxy.url}), "new")
        self.assertEqual(len(proxy.led), 1)

    def testAStartTakesTheProxyToo(self):
        service, proxy = self.service(self.folder), Proxy()
        self.addCleanup(proxy.close)
        self.fetched(service, {**self.trusting, "HTTPS_PROXY": proxy.url})
        self.assertTrue(proxy.led)

    def testThreeRedirectsAreFollowedAndNoneFromHttpsToHttp(self):
        tls, plain = self.service(self.folder), self.service()
        self.lead(tls, lambda path: {"/flags": "/1", "/1": "2", "/2": f"{tls.url}/3"}.get(path))
        self.assertEqual(self.fetch(tls.url), "new")
        self.lead(tls, lambda path: path + "/on")
        self.assertEqual(self.fetch(tls.url), "the flags' address leads on and on")
        self.assertEqual(len(tls.asked), 4 + 4)
        self.lead(tls, lambda path: plain.url)
        self.assertRegex(self.fetch(tls.url), "from https to http://localhost.*; not taken")
        self.assertEqual(plain.asked, [])
        # Nor by a way round.
        self.lead(plain, lambda path: None if path == "/end" else tls.url)
        self.lead(tls, lambda path: plain.url.replace("/flags", "/end"))
        self.assertRegex(self.fetch(plain.url), "from https to http://localhost.*; not taken")
        self.lead(tls, lambda path: None)
        self.assertEqual(self.fetch(plain.url), "new")
        self.lead(plain, lambda path: f"file://{self.folder}/ca.pem")
        self.assertRegex(self.fetch(plain.url), "^cannot ask")

    def testATokenIsSaidToItsOwnAddressOverTlsAlone(self):
        service, other = self.service(self.folder), self.service(self.folder)
        token = self.box.write("token", "s3cret-of-this-fleet\n")
        self.assertEqual(self.fetch(service.url, token), "new")
        self.assertEqual(service.tokens, ["Bearer s3cret-of-this-fleet"])
        self.lead(service, lambda path: f"{service.url}/on" if path == "/flags" else other.url)
        self.assertEqual(self.fetch(service.url, token), "new")
        self.assertEqual(service.tokens[1:], ["Bearer s3cret-of-this-fleet"] * 2)
        self.assertEqual(other.tokens, [None])
        plain = self.service()
        self.assertRegex(self.fetch(plain.url, token), "^a token is for https:// alone")
        self.assertEqual(plain.asked, [])

    def testAFileThatHoldsNoTokenIsToldAndNobodyIsAsked(self):
        service = self.service(self.folder)
        for text in ("", "two words", "line\r\nX-Other: 1", "x" * 20000):
            self.assertRegex(self.fetch(service.url, self.box.write("token", text)), r"token (is no token|cannot)|larger")
        self.assertRegex(self.fetch(service.url, self.box.app / "none"), "cannot read .*none: No such file")
        self.assertEqual(service.asked, [])

    def testAStartTakesTheTokenFromItsSettingsAndNobodySeesItInAnArgument(self):
        service = self.service(self.folder)
        self.box.write("token", "s3cret")
        seen = []

        def answer(request):
            if request.headers.get("Authorization") != "Bearer s3cret":
                request.send_error(401)
                return
            seen.append(list(self.box.processes().values()))
            service.mode = "good"
            service.answer(request)

        service.mode = answer
        stage, text = self.explained(service, self.trusting)
        self.assertEqual(stage, "1")
        self.assertRegex(text, "localhost:[0-9]+ answers 401|no answer within")
        for settings in ({"FLETBRIDGE_ROLLOUT_TOKEN": "token"}, {}):
            if not settings:
                self.box.write("fletbridge.json", json.dumps({"rollout-token": "token"}))
            service.mode = answer
            self.fetched(service, {**self.trusting, **settings})
        self.assertTrue(seen)
        self.assertNotIn("s3cret", str(seen))

    def testAnAnswerWithoutAnEndIsLeftAtItsBound(self):
        service = self.service(self.folder)

        def endless(request, piece):
            request.send_response(200)
            request.flush_headers() if piece.startswith(b"X-Name") else request.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(200):
                    request.wfile.write(piece)
                    request.wfile.flush()
            service.gone.wait(30)

        service.mode = lambda request: endless(request, b"x" * 65536)
        self.assertRegex(self.fetch(service.url), "localhost:[0-9]+ answers with more than 1 MiB")
        service.mode = lambda request: endless(request, (b"X-Name: " + b"x" * 1000 + b"\r\n"))
        self.assertRegex(self.fetch(service.url), "localhost:[0-9]+ answers with more than 1 MiB")
        service.mode, begin = "hang", time.monotonic()
        self.assertRegex(self.fetch(service.url), "localhost:[0-9]+ did not answer in time")
        self.assertLess(time.monotonic() - begin, 8 * PATIENCE)

    def testWithoutLibcurlOneLineSaysWhatToInstall(self):
        folder = self.box.home / "broken"
        folder.mkdir()
        for name in ("libcurl.so.4", "libcurl-gnutls.so.4"):
            (folder / name).write_text("no library")
        said = self.fetch(self.service().url, env={"LD_LIBRARY_PATH": folder})
        self.assertRegex(said, "^cannot use libcurl: .*libcurl.so.4.*; install the package curl$")


del RolloutBase, FlagServiceBase
