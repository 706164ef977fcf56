"""Other users of the machine, processes that are not ours, and peers that do not read, speak or stay.

Run by root, the stranger is another user as well; else only another process of the same user, which an
app's own socket does not serve either.
"""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import time
import unittest

import g2
import g3
from harness import (BIN, E2E, PATIENCE, PYTHON, PYTHON_OF_2, ROOT, VARIANTS, Variant, every_variant,
                     free_port, open_fds, proc_net, read_proc)

NOBODY = 65534
IS_ROOT = os.geteuid() == 0
KINDS = ["another process", *(["another user"] if IS_ROOT else [])]

COUNTER = """
import flet as ft

def main(page):
    text = ft.Text("0")

    def plus(e):
        print("CLICKED", flush=True)
        text.value = str(int(text.value) + 1)
        page.update()

    page.add(text, ft.Button("plus", on_click=plus) if hasattr(ft, "Button") else ft.TextButton("plus"))
    print("MAIN", flush=True)

(ft.run if hasattr(ft, "run") else ft.app)(main)
"""

# Connects to argv[1], says what comes on stdin, and prints how many bytes it was told.
SPEAKS = """
import socket, sys, time
said = sys.stdin.buffer.read()
kind, _, where = sys.argv[1].partition(":")
until = time.monotonic() + 30
while True:
    s = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
    s.settimeout(30)
    try:
        s.connect(where if kind == "unix" else ("127.0.0.1", int(where.rpartition(":")[2])))
        break
    except OSError:
        s.close()
        if time.monotonic() > until: raise
        time.sleep(0.01)
print("connected", flush=True)
told = 0
try:
    s.sendall(said)
    while data := s.recv(65536): told += len(data)
except OSError as error:
    if isinstance(error, TimeoutError): told = "held open"
print("told", told)
"""

# Connects to the port argv[1] argv[2] times, from the same port on other addresses of this machine, and is
# gone before anybody can look.
GOES = """
import socket, sys
said = sys.stdin.buffer.read()
port, made = int(sys.argv[1]), 0
for i in range(int(sys.argv[2])):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((f"127.0.1.{2 + i}", port))
    s.settimeout(5)
    try:
        s.connect(("127.0.0.1", port))
        s.sendall(said)
        made += 1
    except OSError:
        pass
    s.close()
print("made", made)
"""

# Connects to the port argv[1] argv[2] times and waits to be sent away.
FLOODS = """
import socket, sys
made = 0
for i in range(int(sys.argv[2])):
    s = socket.socket()
    s.settimeout(0.3)
    try:
        s.connect(("127.0.0.1", int(sys.argv[1])))
        made += 1
        s.recv(1)
    except OSError: pass
    s.close()
print("made", made)
"""


def full_pipe():
    """Its ends; a write to it waits."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b"x" * 4096)
    os.set_blocking(write, True)
    return read, write


def stranger(kind, code, *args, said=b"", wait=True):
    other = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if kind == "another user" else {}
    process = subprocess.Popen(["/usr/bin/python3", "-I", "-c", code, *map(str, args)], cwd="/", env={},
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, **other)
    if not wait:
        process.stdin.write(said)
        process.stdin.close()
        process.stdin = None
        return process
    out, _ = process.communicate(said, 60 * PATIENCE)
    return out.decode()


def registration(framed=True):
    packed = g3.pack([g3.REGISTER, {"session_id": None, "page_name": "e2e", "page": g3.PAGE}])
    return g3.frame(packed) if framed else packed


def clicks(framed=True):
    packed = [g3.pack([g3.EVENT, {"target": target, "name": "click", "data": None}]) for target in range(1, 40)]
    return b"".join(map(g3.frame, packed) if framed else packed)


class Client1:
    """As much of a client of generation 1 as asks for a page."""

    REGISTRATION = json.dumps({"action": "registerWebClient", "payload": {
        "pageName": "", "pageRoute": "/", "pageWidth": "800", "pageHeight": "600", "windowWidth": "800",
        "windowHeight": "600", "windowTop": "0", "windowLeft": "0", "isPWA": "false", "isWeb": "false",
        "isDebug": "false", "platform": "linux", "platformBrightness": "light", "media": "{}", "sessionId": ""}}
        ).encode()

    def __init__(self, address):
        self.sock = g3.connect(address, 30)
        self.sock.settimeout(30 * PATIENCE)
        self.sock.sendall(struct.pack(">I", len(self.REGISTRATION)) + self.REGISTRATION)

    def expect_page(self):
        got = b""
        while b'"Text"' not in got and b'"text"' not in got:
            data = self.sock.recv(65536)
            if not data:
                raise g3.Closed("end of stream")
            got += data

    def expect_open(self):
        self.sock.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            if not self.sock.recv(65536):
                raise g3.Closed("end of stream")

    def close(self):
        self.sock.close()


class Client2(g2.Client):
    def __init__(self, address):
        super().__init__(g3.connect(address, 30))
        self.register(timeout=30)

    def expect_page(self):
        self.expect_text("0", 30)

    def expect_open(self):
        self.click("plus")
        self.pump(lambda: any(text != "0" for text in self.texts() if text.isdigit()), 10, "a click's answer")


class Client3(Client2, g3.Client):
    send = g3.Client.send
    _next_frame = g3.Client._next_frame


class OwnSocket:
    """Flet's own server in the app, with our shim; the test plays the host. `waiting` is direct mode, in
    which the socket listens before the interpreter starts."""

    version, client, said = None, None, None

    def launch(self, transport, waiting):
        python = ROOT / f"build/venv/{self.version}/bin/python"
        shim = BIN.parent / "lib/fletbridge/shim"
        env = {"PYTHONPATH": shim, "FLETBRIDGE_SHIM": shim, "FLET_PLATFORM": "linux"}
        port = free_port()
        path = self.box.name("app")
        address = f"unix:{path}" if transport == "uds" else f"tcp:127.0.0.1:{port}"
        env["FLET_SERVER_PORT"] = "0" if transport == "uds" else port
        given, listener = (), None
        if waiting:
            listener = socket.socket(socket.AF_UNIX if transport == "uds" else socket.AF_INET)
            if transport == "uds":
                path = self.box.name("client")
                listener.bind(str(path))
                address = f"unix:{path}"
            else:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(("127.0.0.1", port))
            listener.listen(64)
            given = (listener.fileno(),)
            env["FLETBRIDGE_LISTENER_FD"] = listener.fileno()
        if transport == "uds":
            env["FLET_SERVER_UDS_PATH"] = self.box.name("app") if waiting else path
        app = self.box.write("app.py", COUNTER)
        run = self.box.launch([python, app], env=env, pass_fds=given)
        if waiting:
            listener.close()
        return run, address

    def check(self, transport, waiting):
        # Over a path in a private folder, only the user's own processes come so far.
        kinds = KINDS[:1] if transport == "uds" else KINDS
        run, address = self.launch(transport, waiting)
        first = [stranger(kind, SPEAKS, address, said=self.said, wait=False) for kind in kinds]
        for process in first:
            # They stand in the queue before us, if there is one already.
            self.assertEqual(process.stdout.readline(), b"connected\n", run.shown())
        client = self.client(address)
        self.addCleanup(client.close)
        client.expect_page()
        for process in first:
            self.assertEqual(process.stdout.read(), b"told 0\n", run.shown())
            process.stdout.close()
            process.wait(10 * PATIENCE)
        for kind in kinds:
            self.assertEqual(stranger(kind, SPEAKS, address, said=self.said), "connected\ntold 0\n", kind)
        client.expect_open()
        self.assertEqual(run.text[0].count("MAIN"), 1, run.shown())
        self.assertEqual(run.text[1].count("refused a connection to the app's own socket"), 1, run.shown())
        client.close()
        run.signal(signal.SIGTERM)
        run.wait(10)

    def testServesNoStrangerOverTcp(self):
        self.check("tcp", False)

    def testServesNoStrangerOverTcpInDirectMode(self):
        self.check("tcp", True)

    def testServesNoStrangerOverAUnixSocket(self):
        self.check("uds", False)

    def testServesNoStrangerOverAUnixSocketInDirectMode(self):
        self.check("uds", True)


class OwnSocketOfGeneration1(OwnSocket, E2E):
    version, client = "0.28.3", Client1
    said = struct.pack(">I", len(Client1.REGISTRATION)) + Client1.REGISTRATION


class OwnSocketOfGeneration2(OwnSocket, E2E):
    version, client = "0.82.2", Client2
    said = registration(framed=False) + clicks(framed=False)


class OwnSocketOfGeneration3(OwnSocket, E2E):
    version, client = "1.0.5", Client3
    said = registration() + clicks()


class TheAppsPort:
    """The same in whole runs."""

    def ports_of(self, pids):
        inodes = {target[8:-1] for pid in pids for target in open_fds(pid).values()
                  if target.startswith("socket:[")}
        rows = [line.split() for line in proc_net("tcp")]
        return [int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and row[9] in inodes]

    def check(self, python, said):
        run = self.box.attach(self.variant, self.box.write("app.py", COUNTER), python=python)
        client = self.client(run)
        client.expect_text("0")
        (port,) = self.ports_of(self.box.processes())
        for kind in KINDS:
            self.assertEqual(stranger(kind, SPEAKS, f"tcp:{port}", said=said), "connected\ntold 0\n", kind)
        client.click("plus")
        client.expect_text("1")
        run.wait_line("CLICKED")
        self.assertEqual(run.text[0], "MAIN\nCLICKED\n", run.shown())
        self.assertEqual(self.stop(run), 143, run.shown())

    def testServesTheHostAlone(self):
        self.check(PYTHON, registration() + clicks())

    def testServesTheHostAloneInGeneration2(self):
        self.check(PYTHON_OF_2, registration(framed=False) + clicks(framed=False))


every_variant(TheAppsPort, [variant for variant in VARIANTS if variant.transport == "tcp"])


class AtAttach:
    def start(self):
        run = self.box.attach(self.variant, self.box.write("app.py", COUNTER), tcp=True)
        run.wait_line("waiting for a Flet client")
        return run, int(run.address.rpartition(":")[2])

    def testNobodyIsServedWhoHasGoneBeforeHeIsLookedAt(self):
        run, port = self.start()
        said = registration() + clicks()
        for kind in KINDS[1:]:  # our own user may come, and is seen if he does not go too soon
            self.assertEqual(stranger(kind, GOES, port, 40, said=said), "made 40\n")
        client = self.client(run)
        client.expect_text("0")
        client.click("plus")
        client.expect_text("1")
        run.wait_line("CLICKED")
        self.assertEqual(run.text[0], "MAIN\nCLICKED\n", run.shown())
        self.assertEqual(self.stop(run), 143, run.shown())

    @unittest.skipUnless(IS_ROOT, "only root can play another user")
    def testAnotherUserIsTurnedAwayAndDoesNotDisturb(self):
        run, port = self.start()
        client = self.client(run)
        client.expect_text("0")
        self.assertEqual(stranger("another user", SPEAKS, f"tcp:{port}", said=registration()),
                         "connected\ntold 0\n")
        client.click("plus")
        client.expect_text("1")
        self.assertEqual(self.stop(run), 143, run.shown())

    def testAFloodThatNobodyReadsTheLogOfDoesNotFreezeTheHost(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        port = free_port()
        address = f"tcp:127.0.0.1:{port}"
        process = subprocess.Popen(
            [BIN / "fletbridge", "run", *self.variant.flags, "--python", PYTHON, "--ui", f"attach={address}",
             self.box.write("app.py", COUNTER)],
            env=self.box.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=write)
        os.close(write)
        self.addCleanup(process.kill)
        client = g3.Client.registered(address, 30, lambda: process.poll() is None)
        self.addCleanup(client.close)
        client.expect_text("0")
        # Refused each: by the user, or since one is served already.
        kind = KINDS[-1]
        self.assertEqual(stranger(kind, FLOODS, port, 3000), "made 3000\n")
        client.click("plus")
        client.expect_text("1")
        os.set_blocking(read, False)
        said = b""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(read, 1 << 16):
                said += data
        self.assertLess(said.count(b"\n"), 100, said[-1000:])
        self.assertIn(b"refused a", said)
        # A pipe that is full from now on: the end is an end all the same.
        self.assertEqual(stranger(kind, FLOODS, port, 100), "made 100\n")
        process.terminate()
        self.assertEqual(process.wait(10 * PATIENCE), 143)

    def testAFullPipeBehindTheLogDoesNotFreezeTheHost(self):
        read, write = full_pipe()
        self.addCleanup(os.close, read)
        address = f"tcp:127.0.0.1:{free_port()}"
        process = subprocess.Popen(
            [BIN / "fletbridge", "run", *self.variant.flags, "--python", PYTHON, "--ui", f"attach={address}",
             self.box.write("app.py", COUNTER)],
            env=self.box.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=write)
        os.close(write)
        self.addCleanup(process.kill)
        client = g3.Client.registered(address, 30, lambda: process.poll() is None)
        client.expect_text("0")
        client.close()
        client = g3.Client.registered(address, 30, lambda: process.poll() is None)
        self.addCleanup(client.close)
        client.expect_text("0")
        process.terminate()
        process.wait(10 * PATIENCE)


every_variant(AtAttach, [Variant("1", "uds"), Variant("3", "ffi")])

BIG = """
import flet as ft

def main(page):
    count = 0
    text = ft.Text("0")

    def plus(e):
        nonlocal count
        count += 1
        text.value = str(count) + "x" * 4000

    page.add(text, ft.Button("plus", on_click=plus))

ft.run(main)
"""


@every_variant
class DoesNotRead:
    def testOneWhoNeverReadsAndGoesIsNoticed(self):
        run = self.box.attach(self.variant, self.box.write("app.py", BIG))
        client = self.client(run)
        client.expect_text("0")
        click = g3.frame(g3.pack([g3.EVENT, {"target": client.button("plus")["_i"], "name": "click",
                                             "data": None}])) * 500
        client.sock.settimeout(2 * PATIENCE)
        with contextlib.suppress(TimeoutError):
            for _ in range(4000):
                client.sock.sendall(click)
        client.close()
        run.wait_line("the client has gone", 5)
        # Flet works off what its own process has read of the one before, so much at most.
        following = g3.Client.registered(run.address, 60, run.alive)
        self.addCleanup(following.close)
        following.expect_text("0", 10)
        self.stop(run, timeout=10)


@every_variant
class LogWithoutAReader:
    def testDebugLinesThatNobodyReadsEndNothing(self):
        app = self.box.write("app.py", COUNTER.replace(
            "import flet as ft", "import signal\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)\nimport flet as ft"))
        steps = self.box.name("steps")
        steps.write_text('expect text="0"\nclick text="plus"\nwait text="1" 10s\n')
        read, write = os.pipe()
        os.close(read)
        process = subprocess.Popen(
            [BIN / "fletbridge", "run", *self.variant.flags, "--python", PYTHON, "--ui", "headless",
             "--steps", steps, "--log-level", "debug", app],
            env=self.box.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=write)
        os.close(write)
        self.addCleanup(process.kill)
        out, _ = process.communicate(timeout=40 * PATIENCE)
        self.assertEqual((process.returncode, out), (0, b"MAIN\nCLICKED\n"))

    def testTheLastWordsReachAReaderWhoComesLate(self):
        read, write = full_pipe()
        steps = self.box.name("steps")
        steps.write_text('expect text="something else"\n')
        process = subprocess.Popen(
            [BIN / "fletbridge", "run", *self.variant.flags, "--python", PYTHON, "--ui", "headless",
             "--steps", steps, self.box.write("app.py", COUNTER)],
            env=self.box.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=write)
        os.close(write)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 30 * PATIENCE
        while not any(read_proc(process.pid, f"task/{task}/comm") == b"fletbridge-log\n"
                      for task in os.listdir(f"/proc/{process.pid}/task")):
            self.assertLess(time.monotonic(), deadline, "nothing was kept")
        with open(read, "rb") as reader:
            said = reader.read().lstrip(b"x").decode()
        self.assertEqual(process.wait(10 * PATIENCE), 1, said)
        self.assertIn('something else', said)
        self.assertTrue(said.endswith("\n"), said)

    def testDebugTimesNeverRunBackwards(self):
        run = self.box.headless(self.variant, self.box.write("app.py", COUNTER),
                                steps='expect text="0"\n', options=["--log-level", "debug"])
        self.assertEqual(run.wait(40), 0, run.shown())
        times = [float(line.partition("[")[2].partition(" ms]")[0])
                 for line in run.text[1].splitlines() if " ms] " in line]
        self.assertGreater(len(times), 5, run.shown())
        self.assertEqual(times, sorted(times), run.shown())


class FullQueue(E2E):
    def testAListenerThatTakesNobodyDoesNotMakeOurFletDeaf(self):
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waits = socket.socket()
            self.addCleanup(waits.close)
            waits.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waits.connect(listener.getsockname())
        run = self.box.launch([BIN / "flet", f"tcp://127.0.0.1:{listener.getsockname()[1]}", self.box.name("pid")],
                              env={"FLETBRIDGE_UI": "headless", "FLETBRIDGE_LOG_LEVEL": "debug"})
        run.wait_line("app starting")
        run.signal(signal.SIGTERM)
        self.assertEqual(run.wait(5), 143, run.shown())


if __name__ == "__main__":
    unittest.main()
