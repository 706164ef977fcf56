"""What the parent has left behind: signals ignored or blocked, standard streams closed, a reader gone; and
what the app leaves to its own forks. The app finds what `python app.py` finds, and the host does its work."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

from harness import (BIN, HOSTED, PATIENCE, PYTHON, VARIANTS, E2E, every_variant, read_proc, wait_gone)

EVERYWHERE = [*VARIANTS, *(v for v in HOSTED if v.hosting != "interpreter")]
PARTS = BIN.parent / "lib/fletbridge"

# Becomes what follows, having left it what its first word says.
PARENT = """
import os, signal, sys
for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python's own
    signal.signal(number, signal.SIG_DFL)
for word in filter(None, sys.argv[1].split(",")):
    how, _, what = word.partition(":")
    if how == "close":
        os.close(int(what))
    elif how == "ignore":
        signal.signal(getattr(signal, what), signal.SIG_IGN)
    else:
        signal.pthread_sigmask(signal.SIG_BLOCK, {getattr(signal, what)})
os.execv(sys.argv[2], sys.argv[2:])
"""
LEFT = ("ignore:SIGCHLD", "ignore:SIGHUP", "ignore:SIGINT,ignore:SIGTERM", "ignore:SIGPIPE,ignore:SIGUSR1",
        "block:SIGINT,block:SIGTERM,block:SIGHUP,block:SIGCHLD,block:SIGPIPE,block:SIGUSR2", "")
TELLS_SIGNALS = """
import json, signal, sys
lines = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if line[:3] == "Sig")
names = ("SIGCHLD", "SIGHUP", "SIGINT", "SIGTERM", "SIGPIPE", "SIGXFSZ", "SIGUSR1", "SIGUSR2")
print(json.dumps([lines["SigBlk"], lines["SigIgn"],
                  {name: repr(signal.getsignal(getattr(signal, name))).split(" at ")[0] for name in names}]))
sys.exit(7)
"""
SESSION = """
import signal, sys
import flet as ft
ft.run(lambda page: page.add(ft.Text("shown")))
print("after", signal.getsignal(signal.SIGCHLD), flush=True)
sys.exit(7)
"""
SHOWN = 'wait text="shown" 20s\n'
LATE = "import time\ntime.sleep(60)\n"

STREAMS = """
import json, os, subprocess, sys
import flet as ft
told = open(sys.argv[1], "a")
CHILD = "import sys; print([sys.stdin is None, sys.stdout is None, sys.stderr is None], file=open(sys.argv[1], 'a'))"

def tell(*words):
    print(*words, file=told, flush=True)

tell("streams", [sys.stdin is None, sys.stdout is None, sys.stderr is None],
     [sys.__stdin__ is None, sys.__stdout__ is None, sys.__stderr__ is None])
subprocess.run([sys.executable, "-c", CHILD, sys.argv[1]], check=True)

def main(page):
    def say(e):
        print("hello " * 1000, flush=True)
        print("hello " * 1000, file=sys.stderr, flush=True)
        page.add(ft.Text("said"))

    page.add(ft.Button("say", on_click=say))

if "alone" not in sys.argv:
    ft.run(main)
    tell("sockets", [n for n in (0, 1, 2) if OURS and os.path.exists(f"/proc/self/fd/{n}")
                     and os.readlink(f"/proc/self/fd/{n}").startswith(("socket", "anon_inode"))])
"""
SAY = 'click text="say"\nwait text="said" 10s\n'


@every_variant
class LeftByTheParent:
    def setUp(self):
        super().setUp()
        if self.variant.hosting == "static" and not list(PARTS.glob("fletbridge-static-*")):
            self.skipTest("no static libpython was there when this was built")

    def begin(self, left, *argv, **more):
        parent = self.box.home / "parent.py"
        if not parent.exists():  # the one before may be reading it
            parent.write_text(PARENT)
        return self.box.launch([sys.executable, "-I", parent, left, *argv], **more)

    def go(self, left, *app, steps="# nothing to do\n", options=()):
        file, report = self.box.name("steps"), self.box.name("report")
        file.write_text(steps)
        return self.begin(left, BIN / "fletbridge", "run", "--python", PYTHON, *self.variant.flags,
                          "--ui", "headless", "--steps", file, "--report", report, *options, *app, report=report)

    def testTheAppHasTheSignalsThatItHasAlone(self):
        app = self.box.write("app.py", TELLS_SIGNALS)
        for left in LEFT:
            with self.subTest(left):
                alone, run = self.begin(left, PYTHON, app), self.go(left, app)
                self.assertEqual(alone.wait(20), 7, alone.shown())
                self.assertEqual(run.wait(20), 7, run.shown())
                self.assertEqual(json.loads(run.out), json.loads(alone.out))

    def testAnAppEndsWithItsOwnCodeThoughSigchldIsIgnored(self):
        app = self.box.write("app.py", SESSION)
        for left in ("ignore:SIGCHLD", "block:SIGCHLD", "ignore:SIGHUP"):
            with self.subTest(left):
                run = self.go(left, app, steps=SHOWN)
                self.assertEqual(run.wait(20), 7, run.shown())
                self.assertIn("after", run.text[0])
                self.assertEqual(run.report()["exit"]["code"], 7)

    def testClosedStreamsAreNoneAndNothingElse(self):
        app = self.box.write("app.py", STREAMS.replace("OURS", str(self.variant.in_process)))
        for closed in ("0", "1", "2", "01", "12", "012"):
            with self.subTest(closed):
                left = ",".join("close:" + n for n in closed)
                theirs, mine = self.box.name("told"), self.box.name("told")
                alone = self.begin(left, PYTHON, app, theirs, "alone")
                self.assertEqual(alone.wait(20), 0, alone.shown())
                run = self.go(left, app, mine, steps=SAY)
                self.assertEqual(run.wait(20), 0, run.shown())
                self.assertEqual(mine.read_text(), theirs.read_text() + "sockets []\n")

    def testAReaderThatHasGoneEndsNothing(self):
        reader, writer = os.pipe()
        os.close(reader)
        app, file = self.box.write("app.py", SESSION), self.box.name("steps")
        file.write_text(SHOWN)
        try:
            child = subprocess.Popen([BIN / "fletbridge", "run", "--log-level", "debug", "--python", PYTHON,
                                      *self.variant.flags, "--ui", "headless", "--steps", file, app],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=writer,
                                     env=self.box.environment(), cwd=self.box.app, start_new_session=True)
        finally:
            os.close(writer)
        out, _ = child.communicate(timeout=20 * PATIENCE)
        self.assertEqual(child.returncode, 7, out)
        self.assertIn(b"after", out)


every_variant(LeftByTheParent, [v for v in EVERYWHERE if v not in VARIANTS])


FORKED = """
import atexit, json, os, signal, sys
import flet as ft

def facts():
    wakeup = signal.set_wakeup_fd(-1)
    caught = int(dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines()
                      if line[:3] == "Sig")["SigCgt"], 16)
    return [os._exit.__module__, sys.excepthook is sys.__excepthook__, sys.excepthook.__module__, wakeup,
            [bool(caught >> number - 1 & 1) for number in (signal.SIGTERM, signal.SIGHUP)],
            [repr(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)],
            sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))]

def tell(writer):
    os.write(writer, json.dumps(facts()).encode())
    os._exit(0)

def in_fork():
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        tell(writer)
    os.close(writer)
    text = os.read(reader, 65536)
    os.close(reader)
    assert os.waitpid(pid, 0)[1] == 0
    return json.loads(text)

print("BEFORE", json.dumps(in_fork()), flush=True)

def main(page):
    print("DURING", json.dumps(in_fork()), flush=True)
    page.add(ft.Text("shown"))

ft.run(main)
"""
WORKERS = """
import asyncio, json, multiprocessing as mp, sys, time
import flet as ft

def work():
    time.sleep(60)

def square(n):
    return n * n

fork = mp.get_context("fork")

def ended(wait):
    worker = fork.Process(target=work)
    worker.start()
    time.sleep(wait)
    worker.terminate()
    worker.join(10)
    code = worker.exitcode
    if code is None:
        worker.kill()
        worker.join()
    return code

def pools():
    result = []
    for _ in range(10):
        with fork.Pool(2) as pool:
            result.append(pool.map(square, range(4)))
    return result

async def main(page):
    text = ft.Text("wait")
    page.add(text, ft.Button("press", on_click=lambda e: page.add(ft.Text("pressed"))))
    loop = asyncio.get_running_loop()
    print("ONE", ended(0.3), flush=True)  # from the loop's own thread
    print("AT ONCE", {await loop.run_in_executor(None, ended, 0) for _ in range(20)}, flush=True)
    print("POOLS", await loop.run_in_executor(None, pools) == [[0, 1, 4, 9]] * 10, flush=True)
    text.value = "done"
    page.update()

ft.run(main)
print("RETURNED", flush=True)
"""
# A worker that outlives the session.
HOLDS = """
import os, sys
import flet as ft
reader, writer = os.pipe()

def main(page):
    if os.fork() == 0:
        os.close(writer)
        os.read(reader, 1)  # to the app's end
        os.read(0, 1)  # and on, to that of whoever has started it
        os._exit(0)
    page.add(ft.Text("shown"), ft.Button("end", on_click=lambda e: os._exit(3)))

ft.run(main)
"""
# An event loop that can neither go on nor be closed: nobody puts back what was set for the time of ft.run().
BREAKS = """
import asyncio, os
import flet as ft

async def main(page):
    page.add(ft.Text("shown"))
    loop = asyncio.get_running_loop()
    if HOSTED:  # there the other descriptors are the host's as well
        os.close(loop._ssock.fileno())
        loop._selector.close()
    else:
        os.closerange(3, 1 << 16)

ft.run(main)
"""
# Three forks that end as a script's own process does, each by its own exit handlers.
ENDS = """
import atexit, os, sys
import flet as ft
atexit.register(lambda: print("ATEXIT", os.getpid() == parent, flush=True))
parent, children = os.getpid(), []
for how in ("falls off", "exits", "raises"):
    child = os.fork()
    if child == 0:
        break
    children.append(child)
else:
    how = None
    print("CODES", [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children], flush=True)
    ft.run(lambda page: page.add(ft.Text("shown")))
    print("RETURNED", flush=True)
if how == "exits":
    sys.exit(7)
if how == "raises":
    raise ValueError("of a fork")
"""


@every_variant
class Forks:
    def testAForkHasNothingOfTheHost(self):
        run = self.box.headless(self.variant, self.box.write("app.py", FORKED), steps=SHOWN)
        self.assertEqual(run.wait(20), 0, run.shown())
        for when in ("BEFORE", "DURING"):
            facts = json.loads(run.wait_line(when + " (.*)").group(1))
            default = repr(signal.SIG_DFL)
            self.assertEqual(facts, ["posix", True, "sys", -1, [False, False], [default, default], []], when)

    def testAWorkerThatIsTerminatedEndsAlone(self):
        run = self.box.headless(self.variant, self.box.write("app.py", WORKERS),
                                steps='wait text="done" 60s\nclick text="press"\nwait text="pressed" 5s\n')
        self.assertEqual(run.wait(90), 0, run.shown())
        self.assertIn(f"ONE {-signal.SIGTERM}\nAT ONCE {{{-signal.SIGTERM}}}\nPOOLS True\nRETURNED", run.text[0])

    def testWhatIsKeptForForksDoesNotOutliveTheInterpreter(self):
        run = self.box.headless(self.variant, self.box.write("app.py", BREAKS.replace("HOSTED", str(self.variant.in_process))),
                                steps="sleep 20s\n")
        self.assertEqual(run.wait(20), 1, run.shown())
        self.assertIn("ft.run(main)", run.text[1])

    def testAForkDoesNotKeepTheClientFromSeeingTheEnd(self):
        for how in ("clicked", "terminated"):
            with self.subTest(how):
                run = self.box.attach(self.variant, self.box.write("app.py", HOLDS), stdin=subprocess.PIPE)
                client = self.client(run)
                client.expect_text("shown", 20)
                if how == "clicked":
                    client.click("end")
                else:
                    run.signal(signal.SIGTERM)
                client.wait_closed(5)
                run.popen.stdin.close()
                run.wait(10)

    def testAForkThatRunsOffTheScriptsEndEndsAsAPythonProcessDoes(self):
        run = self.box.headless(self.variant, self.box.write("app.py", ENDS), steps=SHOWN)
        self.assertEqual(run.wait(30), 0, run.shown())
        out = run.text[0]
        self.assertIn("CODES [0, 7, 1]", out)
        self.assertEqual(out.count("ATEXIT False"), 3, run.shown())
        self.assertEqual(out.count("ATEXIT True"), 1, run.shown())
        self.assertIn("RETURNED", out)


every_variant(Forks, [v for v in EVERYWHERE if v not in VARIANTS])


class OwnChildren(E2E):
    """Programs that fletbridge starts for itself."""

    def parent(self, left, *argv, **more):
        parent = self.box.home / "parent.py"
        if not parent.exists():  # another one may be reading it
            parent.write_text(PARENT)
        return self.box.launch([sys.executable, "-I", parent, left, *argv], **more)

    def testCheckRunTellsTheExitCodeThoughSigchldIsIgnored(self):
        app = self.box.write("app.py", SESSION)
        run = self.parent("ignore:SIGCHLD", BIN / "fletbridge", "check", "--python", PYTHON, "--run", "--to", "2",
                          "--seconds", "1", "--json", app)
        run.wait(60)
        self.assertEqual([one["exit_code"] for one in json.loads(run.out)["run"]["runs"]], [7, 7], run.shown())

    def started(self, run):
        """Waits until the app runs in a process of the test's; returns all of them."""
        deadline = time.monotonic() + 20 * PATIENCE
        while time.monotonic() < deadline:
            pids = self.box.processes()
            # Where it is: check and compare may have made a copy of its folder.
            for pid in pids:
                words = read_proc(pid, "cmdline").split(b"\0")[:2]
                if words[0] == bytes(PYTHON) and os.path.basename(words[-1]) == self.app.name.encode():
                    return pids
        self.fail("the app was not started" + run.shown())

    def testARunOfCheckDoesNotOutliveIt(self):
        self.app = self.box.write("app.py", SESSION)
        for stage, number, code in (("1", signal.SIGTERM, 143), ("3", signal.SIGTERM, 143), ("1", signal.SIGHUP, 129),
                                    ("1", signal.SIGKILL, 137), ("3", signal.SIGKILL, 137)):
            with self.subTest(stage=stage, number=number):
                run = self.box.launch([BIN / "fletbridge", "check", "--python", PYTHON, "--run", "--from", stage,
                                       "--seconds", "600", self.app])
                pids = self.started(run)
                run.signal(number)
                self.assertEqual(run.wait(10), code, run.shown())
                self.assertEqual(wait_gone(pids, 5 * PATIENCE), [], "a run outlived the check")
                if number != signal.SIGKILL:
                    self.assertEqual(self.box.left_files(), [])
        # What a SIGKILL leaves on the disk: the next run tidies its own, and the check's folder nobody is told of.
        for path in self.box.tmp.glob("fletbridge-check-*"):
            shutil.rmtree(path)
        self.next_run_tidies()

    def next_run_tidies(self):
        run = self.box.headless(VARIANTS[0], self.app, steps=SHOWN)
        self.assertEqual(run.wait(20), 7, run.shown())

    def testWhatReplayAndCompareStartDoesNotOutliveThem(self):
        self.app, recording = self.box.write("app.py", SESSION), self.box.name("rec")
        wait = SHOWN + "sleep 60s\n"
        run = self.box.headless(VARIANTS[0], self.app, steps=SHOWN, options=["--record", recording])
        self.assertEqual(run.wait(20), 7, run.shown())
        steps = self.box.name("steps")
        steps.write_text(wait)
        for command in (["replay", "--stage", "1", "--python", PYTHON, "--app", self.box.write("late.py", LATE), recording],
                        ["compare", "--python", PYTHON, "--steps", steps, "--stages", "1:uds,3", "--rounds", "1", self.app]):
            with self.subTest(command[0]):
                self.app = self.box.app / ("late.py" if command[0] == "replay" else "app.py")
                run = self.box.launch([BIN / "fletbridge", *command])
                pids = self.started(run)
                run.signal(signal.SIGKILL)
                self.assertEqual(run.wait(10), 137, run.shown())
                self.assertEqual(wait_gone(pids, 5 * PATIENCE), [])
        self.app = self.box.app / "app.py"
        self.next_run_tidies()

    def testAPackagedAppStartsBelowProcess1(self):
        script = '"$0" --help; exit $?'  # a process of its own, whose parent is the namespace's first
        for user in ([], ["--map-root-user"]):
            run = self.box.launch(["unshare", *user, "--pid", "--fork", "--kill-child", "sh", "-c", script,
                                   PARTS / "fletbridge-packaged-host"])
            if run.wait(10) == 0:
                break
        self.assertEqual(run.wait(10), 0, run.shown())
        self.assertIn("libdart_bridge.so", run.text[0])

    def testAReplayEndsThoughSigchldIsIgnored(self):
        app, recording = self.box.write("app.py", SESSION), self.box.name("rec")
        run = self.box.headless(VARIANTS[0], app, steps=SHOWN, options=["--record", recording])
        self.assertEqual(run.wait(20), 7, run.shown())
        again = self.parent("ignore:SIGCHLD", BIN / "fletbridge", "replay", "--stage", "1", "--python", PYTHON, recording)
        self.assertEqual(again.wait(20), 7, again.shown())

    def testTheFetchHasItsDeadlineThoughSigalrmIsIgnoredAndBlocked(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(10 * PATIENCE)
            run = self.parent("ignore:SIGALRM,block:SIGALRM,close:0,close:2", PARTS / "fletbridge-fetch",
                              f"http://127.0.0.1:{server.getsockname()[1]}/flags", self.box.name("copy"))
            connection, _ = server.accept()
            status = dict(line.split(":\t") for line in read_proc(run.pid, "status").decode().splitlines()
                          if line.startswith("Sig") and ":\t" in line)
            for what in ("SigIgn", "SigBlk"):
                self.assertFalse(int(status[what], 16) >> signal.SIGALRM - 1 & 1, what)
            connection.close()
            self.assertEqual(run.wait(10), 0, run.shown())


if __name__ == "__main__":
    unittest.main()
