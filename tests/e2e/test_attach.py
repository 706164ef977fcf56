"""`--ui attach`: any client of Flet's protocol, in another process."""

import os
import signal
import socket
import stat
import unittest

import g3
from harness import APPS, every_variant, open_fds, parent_of, proc_net

COUNTER = """
import flet as ft

def main(page):
    text = ft.Text("0")

    def plus(e):
        text.value = str(int(text.value) + 1)

    page.add(text, ft.Button("plus", on_click=plus))
    print("MAIN", flush=True)

ft.run(main)
"""


@every_variant
class Attach:
    def start(self, **more):
        return self.box.attach(self.variant, self.box.write("app.py", COUNTER), **more)

    def play(self, run):
        client = self.client(run)
        client.expect_text("0")
        client.click("plus")
        client.expect_text("1")
        return client

    def testUnixSocketFromFirstClientToControlC(self):
        run = self.start()
        path = run.address.removeprefix("unix:")
        first = self.play(run)

        # Only this user may come in.
        mode = stat.S_IMODE(os.stat(path).st_mode)
        folder = stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode)
        self.assertTrue(mode == 0o600 or folder == 0o700, f"{mode:o} in {folder:o}")
        self.assertEqual(mode & 0o077, 0, f"the socket's file is {mode:o}")

        # The processes are those of the stage.
        pids = self.box.processes()
        self.assertEqual(len(pids), 1 if self.variant.in_process else 2, pids)
        self.assertIn(run.pid, pids)
        for pid in set(pids) - {run.pid}:
            self.assertEqual(parent_of(pid), run.pid)

        # A second client is turned away; the first goes on.
        second = g3.Client.connect(run.address)
        self.addCleanup(second.close)
        second.wait_closed(5)
        self.assertEqual(second.frames, [])
        first.click("plus")
        first.expect_text("2")

        # After the first has gone, the next gets a session of its own.
        first.close()
        third = self.play(run)
        third.close()
        fourth = self.play(run)
        run.wait_line(r"(?s)(MAIN.*){3}", 5)
        self.assertEqual(run.out.decode().count("MAIN"), 3)
        self.assertEqual(self.box.processes(), pids)

        code = self.stop(run, signal.SIGINT)
        self.assertEqual(code, 130, run.shown())
        fourth.wait_closed()
        self.assertFalse(os.path.exists(path), "the socket's file is left")
        report = run.report()
        self.assertEqual({p["pid"] for p in report["processes"]}, set(pids))
        self.assertEqual(report["used"]["ui"], "attach")
        self.assertEqual(report["used"]["stage"], self.variant.stage)
        self.assertEqual(report["used"]["transport"], self.variant.transport)
        self.assertEqual(report["exit"]["code"], 130)

    def testLoopbackTcp(self):
        run = self.start(tcp=True)
        first = self.play(run)
        second = g3.Client.connect(run.address)
        self.addCleanup(second.close)
        second.wait_closed(5)
        first.click("plus")
        first.expect_text("2")
        first.close()
        self.play(run)
        # Nobody but this machine can reach it.
        port = int(run.address.rpartition(":")[2])
        listening = [line.split()[1] for line in proc_net("tcp") if line.split()[3] == "0A"]
        mine = [a for a in listening if int(a.split(":")[1], 16) == port]
        self.assertEqual([a.split(":")[0] for a in mine], ["0100007F"])
        self.assertEqual(self.stop(run), 143, run.shown())

    def testCase09PathOfOneHundredAndSevenBytes(self):
        folder = self.box.home / "p"
        folder.mkdir(mode=0o700)
        path = str(folder) + "/" + "s" * (107 - len(str(folder)) - 1)
        self.assertEqual(len(path), 107)
        run = self.start(address=f"unix:{path}")
        self.play(run)
        self.assertEqual(self.stop(run), 143, run.shown())
        self.assertFalse(os.path.exists(path))

    def testCase09StaleSocketFileIsReplaced(self):
        path = str(self.box.home / "stale")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        self.assertTrue(os.path.exists(path))
        run = self.start(address=f"unix:{path}")
        self.play(run)
        self.assertEqual(self.stop(run), 143, run.shown())
        self.assertFalse(os.path.exists(path))

    def testPlacesThatCannotBeUsedAreSaidInOneLine(self):
        # A file that is no socket is somebody's: never replaced.
        file = self.box.home / "file"
        file.write_text("precious")
        live = self.box.home / "live"
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(live))
        listener.listen()
        taken = socket.socket()
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        long = f"/tmp/{'x' * 103}"
        self.assertEqual(len(long), 108)
        for address, part in ((f"unix:{file}", "file"), (f"unix:{live}", "live"),
                              (f"unix:{long}", "10[78]"),
                              (f"tcp:127.0.0.1:{taken.getsockname()[1]}", "127.0.0.1"),
                              ("unix:/no/such/folder/s", "/no/such/folder")):
            with self.subTest(address):
                run = self.start(address=address)
                code = run.wait(15)
                self.assertIn(code, (2, 70), run.shown())
                self.one_line(run, part)
                self.box.assert_nothing_left()
        self.assertEqual(file.read_text(), "precious")
        # The one who listens there is not disturbed.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(live))

    def testAppThatEndsByItselfEndsTheRun(self):
        for button in ("leave", "leave async"):
            with self.subTest(button):
                run = self.box.attach(self.variant, APPS / "kitchen.py")
                client = self.client(run)
                client.expect_text("ready")
                client.click(button)
                self.assertEqual(run.wait(10), 100, run.shown())
                client.wait_closed()
                self.assertFalse(os.path.exists(run.address.removeprefix("unix:")))


@every_variant
class AttachedApp:
    """What can be seen from outside of a running app."""

    def testStageThreeHasNoSocketButTheClients(self):
        run = self.box.attach(self.variant, self.box.write("app.py", COUNTER))
        client = self.client(run)
        client.expect_text("0")
        sockets = {}
        for pid in self.box.processes():
            for fd, target in open_fds(pid).items():
                if target.startswith("socket:["):
                    sockets[(pid, fd)] = int(target[8:-1])
        named, tcp = set(), set()
        for line in proc_net("unix"):
            fields = line.split()
            if len(fields) > 7 and fields[6].isdigit():
                named.add((int(fields[6]), fields[7]))
        for line in proc_net("tcp"):
            fields = line.split()
            if fields[9].isdigit():
                tcp.add(int(fields[9]))
        mine = set(sockets.values())
        app_side = {name for inode, name in named if inode in mine} - \
            {run.address.removeprefix("unix:")}
        loopback = mine & tcp
        if self.variant.transport == "uds":
            self.assertTrue(app_side, "the app listens on no Unix socket")
            self.assertFalse(loopback)
        elif self.variant.transport == "tcp":
            self.assertFalse(app_side, "a Unix socket beside TCP")
            self.assertTrue(loopback)
        else:
            self.assertFalse(app_side)
            self.assertFalse(loopback)
        self.assertEqual(self.stop(run), 143, run.shown())


if __name__ == "__main__":
    unittest.main()
