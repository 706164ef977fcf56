"""What the end-to-end tests stand on: a sandbox per test, runs of fletbridge, and the count of what
is left afterwards.

Room: tests/e2e. A Sandbox owns the temporary folders (TMPDIR, XDG_RUNTIME_DIR, HOME) and a mark in
the environment by which every process of the test is found, whoever its parent is by then. When it
closes, a process, a socket, a temporary file or a folder that is left fails the test.
Nothing here sleeps to let something happen: runs are followed by the lines they print, processes
are waited for by pidfd; only connecting to a socket is tried again and again, as every client of
Flet does.
"""

import contextlib
import fcntl
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest
import uuid
from dataclasses import dataclass
from pathlib import Path

import g3
from patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
APPS = Path(__file__).resolve().parent / "apps"
EXAMPLES = ROOT / "examples"
BIN = Path(os.environ.get("FLETBRIDGE_BIN") or ROOT / "build/dev/bin")
VENV = Path(os.environ.get("FLETBRIDGE_E2E_VENV") or ROOT / "build/venv/1.0.5")
PYTHON = VENV / "bin/python"
PYTHON_OF_2 = ROOT / "build/venv/0.82.2/bin/python"  # Flet 0.82.2, of wire generation 2
# A file: every app then runs with `--accelerators verify`, and what that says is added to it. Tests that
# look at each line of a run fail then, differences are what counts.
VERIFY = os.environ.get("FLETBRIDGE_E2E_VERIFY")
MARK = "E2E_MARK"


@dataclass(frozen=True)
class Variant:
    stage: str
    transport: str
    hosting: str = ""  # stages 2 and 3; empty: what fletbridge takes by itself

    @property
    def name(self):
        return f"{self.stage}:{self.transport}" + (f"@{self.hosting}" if self.hosting else "")

    @property
    def flags(self):
        hosting = ["--hosting", self.hosting] if self.hosting else []
        return ["--stage", self.stage, "--transport", self.transport, *hosting]

    @property
    def in_process(self):
        return self.stage in ("2", "3")

    @property
    def bare(self):
        """Flet alone, without fletbridge: to try what a test expects against the real thing."""
        return self.stage == "flet"


def _variants():
    names = os.environ.get("FLETBRIDGE_E2E_VARIANTS", "1:uds,1:tcp,2:uds,2:tcp,3:ffi")
    return [Variant(*name.split(":")) for name in names.split(",")]


VARIANTS = _variants()


HOSTINGS = ("interpreter", "static", "library")
HOSTED = [Variant(stage, transport, hosting) for hosting in HOSTINGS
          for stage, transport in (("2", "uds"), ("3", "ffi"))]


def every_hosting(cls):
    """The same for each way to host the interpreter, on stages 2 and 3."""
    return every_variant(cls, HOSTED)


def every_variant(cls, variants=VARIANTS):
    """Makes one TestCase of the class for each variant; the class itself is none."""
    module = sys.modules[cls.__module__]
    for variant in variants:
        name = (f"{cls.__name__}Stage{variant.stage.capitalize()}{variant.transport.capitalize()}"
                f"{variant.hosting.capitalize()}")
        base = getattr(cls, "__test_base__", E2E)
        made = type(name, (cls, base), {"variant": variant, "__module__": cls.__module__,
                                       "__qualname__": name, "__doc__": cls.__doc__})
        setattr(module, name, made)
    return cls


# -- processes -----------------------------------------------------------------------------------


def read_proc(pid, name):
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def command_of(pid):
    return read_proc(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def parent_of(pid):
    stat = read_proc(pid, "stat")
    return int(stat.rpartition(b")")[2].split()[1]) if stat else 0


def status_kib(pid, field):
    match = re.search(rb"^%s:\s+(\d+) kB" % field.encode(), read_proc(pid, "status"), re.M)
    return int(match.group(1)) if match else 0


def open_fds(pid):
    """Number -> what it points to."""
    fds = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            fds[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
    return fds


def proc_net(name):
    """The lines of /proc/net/NAME without its heading."""
    return Path(f"/proc/net/{name}").read_text().splitlines()[1:]


def wait_gone(pids, timeout):
    """Waits until none of `pids` runs any more; returns those that still do."""
    deadline = time.monotonic() + timeout
    left = []
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
                left.append(pid)
        finally:
            os.close(fd)
    return left


def free_port():
    """None that the kernel gives to others meanwhile, such as the near end of a connection that another test makes."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10000, max(first, 20000))
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


# -- a run ----------------------------------------------------------------------------------------


class Running:
    """A started program: its output line by line, its end."""

    def __init__(self, argv, env, cwd, report=None, stdin=subprocess.DEVNULL, tty=False, pass_fds=()):
        self.argv = [str(a) for a in argv]
        self.report_path = report
        self.address = None
        self._changed = threading.Condition()
        self._bytes = {"out": bytearray(), "err": bytearray()}
        self._ended = set()
        self.terminal = None
        if tty:
            # As a terminal does it: a session of its own, the terminal is its controlling one, and
            # ^C goes to the foreground process group.
            self.terminal, slave = os.openpty()

            def own_terminal():
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)

            self.popen = subprocess.Popen(self.argv, env=env, cwd=cwd, stdin=slave, stdout=slave,
                                          stderr=slave, start_new_session=True,
                                          preexec_fn=own_terminal)
            os.close(slave)
            streams = [("out", self.terminal)]
            self._ended.add("err")
        else:
            self.popen = subprocess.Popen(self.argv, env=env, cwd=cwd, stdin=stdin,
                                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                          start_new_session=True, pass_fds=pass_fds)
            streams = [("out", self.popen.stdout.fileno()), ("err", self.popen.stderr.fileno())]
        self.pid = self.popen.pid
        self.started = time.monotonic()
        self._threads = [threading.Thread(target=self._read, args=pair, daemon=True)
                         for pair in streams]
        for thread in self._threads:
            thread.start()

    def _read(self, name, fd):
        while True:
            try:
                data = os.read(fd, 65536)
            except OSError:  # a terminal's end
                data = b""
            with self._changed:
                if not data:
                    self._ended.add(name)
                self._bytes[name] += data
                self._changed.notify_all()
            if not data:
                return

    @property
    def out(self):
        with self._changed:
            return bytes(self._bytes["out"])

    @property
    def err(self):
        with self._changed:
            return bytes(self._bytes["err"])

    @property
    def text(self):
        return self.out.decode(errors="replace"), self.err.decode(errors="replace")

    def shown(self):
        out, err = self.text
        return (f"\n$ {' '.join(self.argv)}\n-- stdout --\n{out[-6000:]}"
                f"\n-- stderr --\n{err[-6000:]}")

    def alive(self):
        return self.popen.poll() is None

    def wait_line(self, pattern, timeout=20.0):
        """Waits for `pattern` on either stream; returns the match."""
        wanted = re.compile(pattern, re.M)
        deadline = time.monotonic() + timeout * PATIENCE
        with self._changed:
            while True:
                for data in self._bytes.values():
                    match = wanted.search(data.decode(errors="replace"))
                    if match:
                        return match
                left = deadline - time.monotonic()
                if left <= 0 or len(self._ended) == 2:
                    break
                self._changed.wait(left)
        raise AssertionError(f"no line {pattern!r} within {timeout} s{self.shown()}")

    def wait(self, timeout=20.0):
        """Waits for the end; returns the exit code as a shell has it, 128 + signal if killed."""
        try:
            code = self.popen.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s{self.shown()}") from None
        for thread in self._threads:
            thread.join(5 * PATIENCE)
        return 128 - code if code < 0 else code

    def write(self, data):
        self.popen.stdin.write(data)
        self.popen.stdin.flush()

    def type(self, data):
        os.write(self.terminal, data)

    def signal(self, number):
        self.popen.send_signal(number)

    def report(self):
        return json.loads(Path(self.report_path).read_text())

    def close(self):
        """Whatever happened: ends what we started, closes our ends."""
        if self.alive():
            self.popen.kill()
        self.popen.wait(10)
        for thread in self._threads:
            thread.join(5)
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None


# -- a sandbox -----------------------------------------------------------------------------------


class Sandbox:
    def __init__(self):
        # Short: a Unix socket's path may have 107 bytes.
        self.home = Path(tempfile.mkdtemp(prefix="fb", dir="/tmp"))
        self.tmp, self.runtime = self.home / "tmp", self.home / "run"
        self.user, self.app = self.home / "user", self.home / "app"
        for folder in (self.tmp, self.runtime, self.user, self.app):
            folder.mkdir(mode=0o700)
        self.mark = uuid.uuid4().hex
        self.runs = []
        self._count = 0

    def environment(self, **extra):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("FLET", "PYTHON", "XDG_", "E2E_", "COLUMNS", "LINES"))
               and not k.lower().endswith("_proxy") and k not in ("VIRTUAL_ENV", "DISPLAY", "WAYLAND_DISPLAY")}
        env.update({MARK: self.mark, "TMPDIR": str(self.tmp), "XDG_RUNTIME_DIR": str(self.runtime),
                    "HOME": str(self.user), "XDG_CONFIG_HOME": str(self.user / ".config"),
                    "XDG_CACHE_HOME": str(self.user / ".cache"), "LANG": "C.UTF-8"})
        if VERIFY:
            env["FLETBRIDGE_ACCELERATORS"] = "verify"
        env.update(extra)
        return {k: str(v) for k, v in env.items() if v is not None}

    def write(self, name, source):
        path = self.app / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return path

    def name(self, stem):
        self._count += 1
        return self.home / f"{stem}{self._count}"

    def launch(self, argv, env=None, cwd=None, **more):
        run = Running(argv, self.environment(**(env or {})), cwd or self.app, **more)
        self.runs.append(run)
        return run

    def run(self, variant, *app, ui=None, steps=None, options=(), python=PYTHON, env=None,
            report=True, **more):
        """Starts `fletbridge run` with this variant; `app` is the script and its arguments."""
        if variant is not None and variant.bare:
            return self._run_bare(variant, app, ui, env, **more)
        argv = [BIN / "fletbridge", "run"]
        argv += variant.flags if variant is not None else []
        if python is not None:
            argv += ["--python", python]
        if ui is not None:
            argv += ["--ui", ui]
        if steps is not None:
            file = self.name("steps")
            file.write_text(steps)
            argv += ["--steps", file]
        file = self.name("report") if report else None
        if file:
            argv += ["--report", file]
        return self.launch([*argv, *options, *app], env=env, report=file, **more)

    def headless(self, variant, *app, steps="# nothing to do\n", **more):
        return self.run(variant, *app, ui="headless", steps=steps, **more)

    def attach(self, variant, *app, tcp=False, address=None, **more):
        """Starts a run whose UI is whoever connects to `.address`."""
        if address is None:
            address = f"tcp:127.0.0.1:{free_port()}" if tcp else f"unix:{self.name('ui')}"
            if variant.bare:
                address = (f"tcp:127.0.0.1:{free_port()}" if variant.transport == "tcp"
                           else f"unix:{self.name('ui')}")
        run = self.run(variant, *app, ui=f"attach={address}", **more)
        run.address = address
        return run

    def _run_bare(self, variant, app, ui, env, **more):
        kind, _, where = ui.removeprefix("attach=").partition(":")
        extra = {"FLET_PLATFORM": "linux", "DISPLAY": ":0", **(env or {})}
        if kind == "unix":
            extra["FLET_SERVER_UDS_PATH"] = where
        else:
            extra["FLET_SERVER_PORT"] = where.rpartition(":")[2]
        return self.launch([PYTHON, *app], env=extra, **more)

    def processes(self):
        """The processes of this test that run now: pid -> command line. A zombie has none."""
        wanted = f"{MARK}={self.mark}".encode()
        return {pid: command_of(pid) for pid in all_pids()
                if wanted in read_proc(pid, "environ").split(b"\0")}

    def left_files(self):
        return sorted(str(p.relative_to(self.home)) for folder in (self.tmp, self.runtime)
                      for p in folder.rglob("*"))

    def assert_nothing_left(self, grace=2.0):
        running = self.processes()
        left = wait_gone(running, grace * PATIENCE)
        assert not left, f"processes are left: {({p: running[p] for p in left})}"
        # Processes are asked again: one may have been born while the others ended.
        assert not self.processes(), f"processes are left: {self.processes()}"
        assert not self.left_files(), f"files are left: {self.left_files()}"

    def close(self, check=True):
        """Ends what is still running and says what was left."""
        try:
            if check:
                for run in self.runs:
                    assert not run.alive(), f"never ended{run.shown()}"
                self.assert_nothing_left()
        finally:
            for run in self.runs:
                run.close()
                if VERIFY:
                    with open(VERIFY, "a") as file:
                        file.writelines(line + "\n" for line in run.text[1].splitlines() if "verify: " in line)
            for pid in self.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.home, ignore_errors=True)


class E2E(unittest.TestCase):
    """A test with a sandbox of its own, checked when the test has passed."""

    maxDiff = 4000
    variant = None

    def run(self, result=None):
        self._result = result
        return super().run(result)

    def _failures(self):
        return len(self._result.failures) + len(self._result.errors) if self._result else 0

    def setUp(self):
        super().setUp()
        self.box = Sandbox()
        before = self._failures()
        # What a failed test leaves behind is removed without another complaint.
        self.addCleanup(lambda: self.box.close(check=self._failures() == before))

    def client(self, run, **page):
        """A registered client of an attach run."""
        client = g3.Client.registered(run.address, 30 * PATIENCE, run.alive, **page)
        self.addCleanup(client.close)
        return client

    def stop(self, run, number=signal.SIGTERM, timeout=5.0):
        """Ends an attach run; returns its exit code."""
        if run.alive():
            run.signal(number)
        return run.wait(timeout)

    def one_line(self, run, *parts):
        """The errors that fletbridge itself printed: exactly one line, and it has these parts."""
        _, err = run.text
        lines = [line for line in err.splitlines() if line.strip()]
        self.assertEqual(len(lines), 1, run.shown())
        for part in parts:
            self.assertRegex(lines[0], part)
        return lines[0]
