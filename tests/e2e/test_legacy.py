"""Stage `legacy`: three real processes, WebSockets between them and nothing else."""

import base64
import json
import os
import signal
import socket
import struct
import time
import unittest
from pathlib import Path

import g3
from harness import BIN, E2E, PATIENCE, PYTHON, PYTHON_OF_2, Variant, command_of, open_fds, parent_of, proc_net, read_proc, \
    status_kib, wait_gone

LEGACY = Variant("legacy", "ws")

COUNTER = """
import flet as ft

{kind} main(page):
    text = ft.Text("0")

    def plus(e):
        text.value = str(int(text.value) + 1)
        page.update()

    def wrong(e):
        raise ValueError("the app's own mistake, on purpose")

    page.add(text, ft.Button("plus", on_click=plus), ft.Button("wrong", on_click=wrong))
    print("MAIN", flush=True)

ft.run(main, name="a/name")
print("AFTER", flush=True)
"""
BACKGROUND = """
import asyncio
import flet as ft

async def main(page):
    text = ft.Text("0")
    page.add(text, ft.Text("ready"))

    async def count():
        for number in range(1, 1001):
            text.value = str(number)
            page.update()
            await asyncio.sleep(0.002)

    page.run_task(count)

ft.run(main)
"""
ROWS = """
import flet as ft

def main(page):
    rows = ft.Column([ft.Row([ft.Checkbox(), ft.Text(f"row {n}"), ft.IconButton(ft.Icons.DELETE)]) for n in range(1000)])

    def more(e):
        rows.controls.append(ft.Row([ft.Text("one more")]))
        page.update()

    page.add(ft.Button("more", on_click=more), rows)

ft.run(main)
"""


class ThreeProcesses:
    """Of tests that have attach(), client(run) and roles(run)."""

    def killed(self, role, *parts):
        run = self.attach(options=["--quiet"])
        self.client(run).expect_text("0")
        roles = self.roles(run)
        began = time.monotonic()
        os.kill(roles[role], signal.SIGKILL)
        left = wait_gone(roles.values(), 2 * PATIENCE)
        self.assertEqual(left, [], f"after {time.monotonic() - began:.1f} s: {roles}{run.shown()}")
        self.assertNotEqual(run.wait(5), 0)
        if parts:
            self.one_line(run, *parts)
        self.box.assert_nothing_left()


class Legacy(ThreeProcesses, E2E):
    python = PYTHON
    kind = "def"

    def app(self, source=COUNTER):
        return self.box.write("app.py", source.replace("{kind}", self.kind))

    def headless(self, steps, source=COUNTER, **more):
        return self.box.headless(LEGACY, self.app(source), steps=steps, python=self.python, **more)

    def attach(self, source=COUNTER, **more):
        return self.box.attach(LEGACY, self.app(source), python=self.python, **more)

    def roles(self, run, timeout=10.0):
        """role -> pid, from the processes that are there."""
        deadline = time.monotonic() + timeout * PATIENCE
        while True:
            roles = {"host": run.pid}
            for pid, line in self.box.processes().items():
                if pid != run.pid and parent_of(pid) == run.pid:
                    roles["broker" if " broker " in line else "app"] = pid
            if len(roles) == 3 or time.monotonic() > deadline:
                return roles
            time.sleep(0.01)  # nothing tells of a process that is born

    def ports(self, pid):
        """(local, peer, state) of each of a process's TCP sockets."""
        inodes = {link[8:-1] for link in open_fds(pid).values() if link.startswith("socket:[")}
        found = []
        for line in proc_net("tcp") + proc_net("tcp6"):
            fields = line.split()
            if fields[9] in inodes:
                found.append((fields[1], fields[2], fields[3]))
        return found

    def port_of(self, run):
        """The broker's."""
        broker = self.roles(run)["broker"]
        return next(int(local.split(":")[1], 16) for local, _, state in self.ports(broker) if state == "0A")

    def token_of(self, run):
        environ = read_proc(self.roles(run)["broker"], "environ").split(b"\0")
        text = next(e for e in environ if e.startswith(b"FLETBRIDGE_BROKER="))
        return text.partition(b"=")[2].partition(b":")[2].decode()


class ARun(Legacy):
    def testIsThreeProcessesWithWebSocketsBetweenThem(self):
        run = self.attach()
        client = self.client(run)
        client.expect_text("0")
        client.click("plus")
        client.expect_text("1")
        roles = self.roles(run)
        self.assertEqual(set(self.box.processes()), set(roles.values()), self.box.processes())
        self.assertIn("app.py", command_of(roles["app"]))
        # TCP on loopback, from each to its neighbour; the secret is on no command line.
        self.assertNotIn(self.token_of(run), command_of(roles["broker"]))
        ends = {role: self.ports(pid) for role, pid in roles.items()}
        for role, sockets in ends.items():
            for local, peer, _ in sockets:
                self.assertTrue(local.startswith("0100007F:"), (role, local))
                self.assertTrue(peer.startswith(("0100007F:", "00000000:")), (role, peer))
        connected = {role: {(a, b) for a, b, state in sockets if state == "01"} for role, sockets in ends.items()}
        self.assertEqual(len(connected["host"]), 1)
        self.assertEqual(len(connected["broker"]), 2)
        self.assertEqual(len(connected["app"]), 1)
        turned = {(b, a) for a, b in connected["broker"]}
        self.assertEqual(turned, connected["host"] | connected["app"])
        self.assertEqual(self.stop(run), 143, run.shown())
        report = run.report()
        self.assertEqual({p["role"]: p["pid"] for p in report["processes"]}, roles)
        self.assertEqual((report["used"]["stage"], report["used"]["transport"]), ("legacy", "ws"))

    def testShowsTheCounterAndGoesOnAfterAnException(self):
        run = self.headless('click text="plus" 30s\nwait text="1" 10s\nclick text="wrong"\nexpect crash "on purpose"\n'
                            'repeat 50 click text="plus"\nwait text="51" 10s\n')
        self.assertEqual(run.wait(60), 0, run.shown())
        self.assertIn("AFTER", run.out.decode())
        self.assertEqual(run.report()["exit"]["code"], 0)
        self.assertEqual(run.report()["latency_us"]["count"], 51)

    def testCarriesABackgroundTaskAndAThousandRows(self):
        run = self.headless('wait text="1000" 60s\n', BACKGROUND)
        self.assertEqual(run.wait(90), 0, run.shown())
        run = self.headless('wait text="row 999" 60s\nclick text="more"\nwait text="one more" 20s\n', ROWS)
        self.assertEqual(run.wait(90), 0, run.shown())

    def testWaitsForASlowStart(self):
        run = self.headless('wait text="plus" 30s\n', "import time; time.sleep(3)\n" + COUNTER)
        self.assertEqual(run.wait(60), 0, run.shown())

    def testAnAppThatEndsBeforeItListensGivesItsExitCode(self):
        run = self.headless('wait text="plus" 30s\n', "import sys; sys.exit(7)\n")
        self.assertEqual(run.wait(30), 7, run.shown())

    def testControlCEndsAllThree(self):
        run = self.attach(options=["--quiet"])
        self.client(run).expect_text("0")
        self.roles(run)
        for pid in self.box.processes():  # as a terminal does it: to the group
            if os.getpgid(pid) == os.getpgid(run.pid):
                os.kill(pid, signal.SIGINT)
        self.assertEqual(run.wait(10), 130, run.shown())
        self.assertIn("AFTER", run.out.decode())
        self.box.assert_nothing_left()

    def testKillOfTheAppEndsTheOthersWithOneLine(self):
        self.killed("app", "the app was killed by SIGKILL")

    def testKillOfTheBrokerEndsTheOthersWithOneLine(self):
        self.killed("broker", "broker", "killed by signal 9")

    def testKillOfTheHostEndsTheOthers(self):
        self.killed("host")

    def testAUiThatComesBackFindsItsSessionAsItWas(self):
        run = self.attach()
        first = self.client(run)
        first.expect_text("0")
        for number in range(1, 4):
            first.click("plus")
            first.expect_text(str(number))
        first.close()
        second = self.client(run, width=500.0)
        second.expect_text("3")
        self.assertEqual(second.session_id, first.session_id)
        self.assertEqual(g3.without_ids(second.page["views"]), g3.without_ids(first.page["views"]))
        second.click("plus")
        second.expect_text("4")
        self.assertEqual(run.out.decode().count("MAIN"), 1)
        self.assertEqual(self.stop(run), 143, run.shown())

    def testWhatHappensWithoutAUiIsThereWhenItComesBack(self):
        run = self.attach(BACKGROUND)
        first = self.client(run)
        first.expect_text("ready")
        first.close()
        second = self.client(run)
        second.expect_text("1000", 30)
        self.assertEqual(self.stop(run), 143, run.shown())

    def testIsTakenByNameFromTheEnvironmentAndFromFiles(self):
        app = self.app()
        (self.box.app / "fletbridge.json").write_text(json.dumps({"stage": "legacy"}))
        for env in ({}, {"FLETBRIDGE_STAGE": "legacy"}):
            run = self.box.headless(None, app, steps='wait text="plus" 30s\n', python=self.python, env=env)
            self.assertEqual(run.wait(60), 0, run.shown())
            self.assertEqual(run.report()["used"]["stage"], "legacy")
        run = self.box.run(None, app, options=["--explain"], report=False, python=self.python)
        self.assertEqual(run.wait(20), 0, run.shown())
        self.assertRegex(run.out.decode(), r"stage legacy \(ws, three processes\)")

    def testWithoutItsWebServerItFallsBackWhereThatIsAllowed(self):
        venv = self.box.home / "venv"
        (venv / "bin").mkdir(parents=True)
        packages = venv / "lib/python3.11/site-packages"
        packages.mkdir(parents=True)
        source = Path(self.python).parent.parent
        for entry in (source / "lib/python3.11/site-packages").iterdir():
            if not entry.name.startswith("flet_web"):
                (packages / entry.name).symlink_to(entry)
        (venv / "bin/python").symlink_to(os.path.realpath(self.python))
        (venv / "pyvenv.cfg").write_text((source / "pyvenv.cfg").read_text())
        app, python = self.app(), venv / "bin/python"
        run = self.box.headless(LEGACY, app, steps='wait text="plus" 30s\n', python=python)
        self.assertEqual(run.wait(30), 70, run.shown())
        self.one_line(run, "stage legacy cannot run", "flet-web")
        run = self.box.run(None, app, ui="headless", steps='wait text="plus" 30s\n', python=python,
                           options=["--stage", "legacy", "--fallback"])
        self.assertEqual(run.wait(60), 0, run.shown())
        self.assertEqual([(f["from"], f["to"]) for f in run.report()["used"]["fallbacks"]], [("legacy", "1")])

    def testIsRecordedAndReplayedOnAnotherStage(self):
        file = self.box.home / "counter.rec"
        run = self.headless('click text="plus" 30s\nwait text="1" 10s\n', options=["--record", file])
        self.assertEqual(run.wait(60), 0, run.shown())
        for stage in ("legacy", "1"):
            run = self.box.launch([BIN / "fletbridge", "replay", "--stage", stage, "--python", self.python, file])
            self.assertEqual(run.wait(60), 0, run.shown())


class ARunOfGeneration2(ARun):
    python = PYTHON_OF_2


class AnAsyncMain(Legacy):
    kind = "async def"

    def testShowsTheCounter(self):
        for python in (PYTHON, PYTHON_OF_2):
            run = self.box.headless(LEGACY, self.app(), steps='click text="plus" 30s\nwait text="1" 10s\n', python=python)
            self.assertEqual(run.wait(60), 0, run.shown())


def handshake(port, target, **headers):
    """A raw WebSocket client: the socket, and the answer's first line."""
    sock = socket.create_connection(("127.0.0.1", port), 10 * PATIENCE)
    fields = {"Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade",
              "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Version": "13", **headers}
    sock.sendall((f"GET {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n").encode())
    return sock


def first_line(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        block = sock.recv(4096)
        if not block:
            break
        data += block
    return data.partition(b"\r\n")[0].decode()


def frame(opcode, payload, fin=True, length=None):
    """A masked frame, with a mask of zeros."""
    length = len(payload) if length is None else length
    head = bytes([opcode | (0x80 if fin else 0)])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", length)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", length)
    return head + bytes(4) + payload


class Strangers(Legacy):
    """Whoever is not the UI, at the broker and at Flet's own server."""

    def testNoBrowserAndNobodyWithoutTheTokenGetsIn(self):
        listener = self.box.launch([BIN / "fletbridge", "broker", "--app", f"http://127.0.0.1:{self.serve()}"])
        url = listener.wait_line(r"http://127\.0\.0\.1:(\d+)/([0-9a-f]{48})")
        port, token = int(url[1]), url[2]
        for target, headers in (("/ws", {}), (f"/{'0' * 48}/ws", {}), (f"/{token}/ws", {"Origin": "http://evil.example"}),
                                (f"/{token}/ws", {"Host": "evil.example"}), (f"/{token}/ws", {"Origin": "null"})):
            with handshake(port, target, **headers) as sock:
                self.assertRegex(first_line(sock), r"HTTP/1\.1 403", (target, headers))
        with handshake(port, f"/{token}/ws") as sock:
            self.assertRegex(first_line(sock), r"HTTP/1\.1 101")
        listener.signal(signal.SIGTERM)
        listener.wait(5)

    def serve(self):
        """Flet's own web server, by hand; its port."""
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        run = self.box.launch([self.python, self.app()], env={"FLET_FORCE_WEB_SERVER": "1", "FLET_SERVER_PORT": port,
                                                             "FLET_SERVER_IP": "127.0.0.1"})
        # By hand there is no shim: the page's name is part of the address.
        deadline = time.monotonic() + 30 * PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                break
            except OSError:
                self.assertLess(time.monotonic(), deadline, run.shown())
                time.sleep(0.02)
        self.server = run
        return f"{port}/a/name"

    def tearDown(self):
        server = getattr(self, "server", None)
        if server is not None and server.alive():
            server.popen.kill()
            server.wait(5)

    def testNobodyButTheBrokerReachesFletsServer(self):
        run = self.attach()
        self.client(run).expect_text("0")
        app = self.roles(run)["app"]
        port = next(int(local.split(":")[1], 16) for local, _, state in self.ports(app) if state == "0A")
        said = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
               b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        # Nobody's child, so no relative of the app's, or another user.
        for user in [None, *([65534] if os.geteuid() == 0 else [])]:
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                os.setsid()
                parent = os.getpid()
                if os.fork() == 0:
                    if user is not None:
                        os.setuid(user)
                    while os.getppid() == parent:
                        time.sleep(0.001)
                    with socket.create_connection(("127.0.0.1", port), 10) as sock:
                        told = b""
                        try:
                            sock.sendall(said)
                            told = sock.recv(100)
                        except OSError:
                            pass
                        os.write(writer, b"told " + told)
                os._exit(0)
            os.waitpid(child, 0)
            os.close(writer)
            with open(reader, "rb") as answer:
                self.assertEqual(answer.read(), b"told ", user)
        run.wait_line("refused a connection to the app's own socket")
        self.assertEqual(self.stop(run), 143, run.shown())

    def testBadFramesEndTheirSessionAndNotTheBroker(self):
        listener = self.box.launch([BIN / "fletbridge", "broker", "--max-packet", "1MiB", "--app",
                                    f"http://127.0.0.1:{self.serve()}"])
        url = listener.wait_line(r"http://127\.0\.0\.1:(\d+)/([0-9a-f]{48})")
        port, target = int(url[1]), f"/{url[2]}/ws"
        bad = {"text": frame(1, b"hello"), "bad UTF-8": frame(1, b"\xff\xfe\xfa"), "reserved opcode": frame(3, b"x"),
               "a fragment of nothing": frame(0, b"x"), "a huge control frame": frame(9, bytes(200)),
               "no mask": bytes([0x82, 3]) + b"\0ab"}
        for name, data in bad.items():
            with handshake(port, target) as sock:
                self.assertRegex(first_line(sock), "101", name)
                sock.sendall(data)
                sock.settimeout(10 * PATIENCE)
                rest = b""
                while block := sock.recv(4096):
                    rest += block
                self.assertTrue(rest == b"" or rest[0] == 0x88, (name, rest[:20]))
        # A length is only what a peer says: nothing is allocated for it.
        with handshake(port, target) as sock:
            self.assertRegex(first_line(sock), "101")
            sock.sendall(frame(2, b"\0abc", length=1 << 62))
            self.assertLess(status_kib(listener.pid, "VmRSS"), 64 * 1024)
        # Pings, fragments and what is too large are no reason to end it.
        with handshake(port, target) as sock:
            self.assertRegex(first_line(sock), "101")
            sock.sendall(frame(9, b"p") * 5000)
            sock.sendall(frame(2, b"\0" + bytes(2 << 20)))
            message = b"\0" + g3.pack([g3.REGISTER, {"session_id": None, "page_name": "x", "page": g3.PAGE}])
            sock.sendall(frame(2, message[:5], fin=False) + frame(0, message[5:9], fin=False) + frame(0, message[9:]))
            sock.settimeout(20 * PATIENCE)
            seen = b""
            while b"session_id" not in seen:
                block = sock.recv(1 << 16)
                self.assertTrue(block, seen[-50:])
                seen += block
        listener.wait_line("refused a packet of")
        self.assertTrue(listener.alive())
        listener.signal(signal.SIGTERM)
        listener.wait(5)


if __name__ == "__main__":
    unittest.main()
