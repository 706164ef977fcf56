#!/usr/bin/env python3
"""`--ui web` against Flet's own web server, in turns on one processor core: clicks in a closed loop, idle sessions, the
first page.

    tests/bench/web.py [--rounds 5] [--seconds 5] [--sessions 50] [--idle 500] [--parts clicks,idle,page,workers]

Variants: `flet` is Flet's web server (flet-web, uvicorn), `3`, `2`, `1` are stages, `3-plain` is stage 3 without
accelerators, `3x2` has `--workers 2`. Each round starts each variant anew, in random order; the figures are medians, and
ratios to `flet` (for workers: to `3`) of the same round with a bootstrap 95 % interval. The server has core 0, with all of
its processes; the clients, a program of their own that only moves bytes, have core 1. For `workers` both are on both
cores, since two workers need two; the clients then take their part of them, from one worker as from two.

Every session clicks as soon as the patch that answers its last click has come. The first page is loaded by Chromium
over a line of 20 Mbit/s and 20 ms, which its own network throttle makes, from a server that has sent it before.
"""

import argparse
import http.client
import os
import pathlib
import re
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
sys.dont_write_bytecode = True

import msgpack  # noqa: E402
import rounds  # noqa: E402
from display import end_with_me  # noqa: E402
from g3 import PAGE  # noqa: E402

BIN = pathlib.Path(os.environ.get("FLETBRIDGE_BIN") or ROOT / "build/release/bin")
PYTHON = ROOT / "build/venv/1.0.5/bin/python"
APP = """
import flet as ft

def main(page):
    text = ft.Text("0")

    def plus(e):
        text.value = str(int(text.value) + 1)

    page.add(text, ft.Button("plus", on_click=plus))

ft.run(main)
"""


# ---- Servers

def parent(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


class Server:
    def __init__(self, variant, folder, cores, source=APP):
        app = folder / "app.py"
        app.write_text(source)
        env = {k: v for k, v in os.environ.items() if not k.startswith("FLET") or k == "FLET_SESSION_TIMEOUT"}
        if variant == "flet":
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            env |= {"FLET_FORCE_WEB_SERVER": "true", "FLET_SERVER_PORT": str(self.port), "FLET_SERVER_IP": "127.0.0.1",
                    "FLET_WEB_NO_CDN": "true"}  # which ours has without being asked
            command = [PYTHON, app]
        else:
            stage, _, workers = variant.partition("x")
            stage, _, plain = stage.partition("-")
            command = [BIN / "fletbridge", "run", "--ui", "web", "--public", "--port", "0", "--stage", stage,
                       "--workers", workers or "1", *(["--accelerators", "none"] if plain else []), "--python", PYTHON, app]

        end_with_us = end_with_me(signal.SIGKILL)

        def pinned():
            end_with_us()
            os.sched_setaffinity(0, cores)

        self.process = subprocess.Popen([str(part) for part in command], env=env, cwd=folder, preexec_fn=pinned,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if variant != "flet":
            line = b""
            while b"the app is at" not in line:
                line = self.process.stderr.readline()
                if not line:
                    sys.exit(f"{variant} did not start")
            self.port = int(re.search(rb":(\d+)/", line)[1])
        deadline = time.monotonic() + 180
        while True:
            try:
                self.get("/")
                break
            except OSError:
                if time.monotonic() > deadline:
                    sys.exit(f"{variant} does not answer")
                time.sleep(0.05)
        if "x" in variant:  # all workers have come up
            while self.family_size() < int(variant.partition("x")[2]) + 1:
                time.sleep(0.05)
            time.sleep(1)

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return [cookie.partition(";")[0] for cookie in answer.headers.get_all("Set-Cookie") or ()]

    def family(self):
        pids, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            pids.append(pid)
            for task in os.listdir(f"/proc/{pid}/task"):
                todo += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        return pids

    def family_size(self):
        return len(self.family())

    def memory(self):
        """Bytes, proportional set size."""
        return sum(int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1]) * 1024
                   for pid in self.family())

    def wakeups(self):
        count = 0
        for pid in self.family():
            for task in os.listdir(f"/proc/{pid}/task"):
                status = pathlib.Path(f"/proc/{pid}/task/{task}/status").read_text()
                count += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)[1])
        return count

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()


# ---- Clients: only so much of a WebSocket as the load needs

def message(payload):
    """A masked binary message; the mask is zero, which the server applies as any other."""
    size = len(payload)
    head = struct.pack("!BB", 0x82, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x82, 0xFE, size) \
        if size < 65536 else struct.pack("!BBQ", 0x82, 0xFF, size)
    return head + b"\0\0\0\0" + payload


class Session:
    def __init__(self, server, number, small=False):
        """`small`: takes in hardly anything that is not read."""
        cookies = server.get("/")
        self.sock = socket.socket()
        self.sock.settimeout(60)
        if small:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.connect(("127.0.0.1", server.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        at = f"127.0.0.1:{server.port}"
        self.sock.sendall((f"GET /ws HTTP/1.1\r\nHost: {at}\r\nOrigin: http://{at}\r\nUpgrade: websocket\r\n"
                           f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nUser-Agent: load {number}\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                           + (f"Cookie: {'; '.join(cookies)}\r\n" if cookies else "") + "\r\n").encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                sys.exit("a session was refused")
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        if b" 101 " not in head.partition(b"\r\n")[0]:
            sys.exit(head.decode())
        self.send(1, {"session_id": None, "page_name": "", "page": PAGE})
        self.click_bytes = None
        while self.click_bytes is None:
            data = self.sock.recv(65536)
            if not data:
                sys.exit("a session has ended")
            self.buffer += data
            for body in self.messages():
                if body[0] == 0:
                    self.look_in(msgpack.unpackb(body[1:], strict_map_key=False))
        self.sock.setblocking(False)

    def look_in(self, value):
        """For the button."""
        if isinstance(value, dict) and value.get("on_click") and "_i" in value:
            self.click_bytes = message(b"\0" + msgpack.packb(
                [3, {"target": value["_i"], "name": "click", "data": None}]))
        for one in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
            self.look_in(one)

    def send(self, action, body):
        self.sock.sendall(message(b"\0" + msgpack.packb([action, body])))

    def messages(self):
        """Whole ones; control frames of the WebSocket are left out."""
        while len(self.buffer) >= 2:
            size, at = self.buffer[1] & 127, 2
            if size == 126:
                if len(self.buffer) < 4:
                    return
                size, at = struct.unpack_from("!H", self.buffer, 2)[0], 4
            elif size == 127:
                if len(self.buffer) < 10:
                    return
                size, at = struct.unpack_from("!Q", self.buffer, 2)[0], 10
            if len(self.buffer) < at + size:
                return
            kind, body = self.buffer[0] & 15, self.buffer[at:at + size]
            self.buffer = self.buffer[at + size:]
            if kind == 9:
                self.sock.send(b"\x8a\x80\0\0\0\0")
            if kind in (0, 1, 2) and body:
                yield body

    def close(self):
        self.sock.close()


def load(server, sessions, seconds):
    """Clicks a second, p50 and p99 in milliseconds."""
    all_of_them = [Session(server, i) for i in range(sessions)]
    poll = select.epoll()
    by_fd = {}
    for session in all_of_them:
        by_fd[session.sock.fileno()] = session
        poll.register(session.sock.fileno(), select.EPOLLIN)
    latencies, clock = [], time.perf_counter
    begun = clock()
    warm, end = begun + min(1, seconds / 4), begun + seconds
    for session in all_of_them:
        session.asked = clock()
        session.sock.send(session.click_bytes)
    while True:
        events = poll.poll(5)
        if not events:
            sys.exit("nobody answers")
        for fd, _ in events:
            session = by_fd[fd]
            data = session.sock.recv(65536)
            if not data:
                sys.exit("a session has ended")
            session.buffer += data
            answers = 0
            for body in session.messages():
                answers += body[:3] == b"\0\x92\x02"  # patch_control
            if answers:
                now = clock()
                if now > warm:
                    latencies.append(now - session.asked)
                session.asked = now
                session.sock.send(session.click_bytes)
        if clock() > end:
            break
    for session in all_of_them:
        session.close()
    latencies.sort()
    return {"clicks": len(latencies) / (end - warm), "p50": latencies[len(latencies) // 2] * 1000,
            "p99": latencies[int(len(latencies) * 0.99)] * 1000}


def idle(server, sessions):
    """KiB a session, and wake-ups a second of all threads together."""
    Session(server, -1).close()
    time.sleep(1)
    before = server.memory()
    all_of_them = [Session(server, i) for i in range(sessions)]
    time.sleep(3)
    after, woken = server.memory(), server.wakeups()
    time.sleep(5)
    woken = server.wakeups() - woken
    for session in all_of_them:
        session.close()
    return {"KiB": (after - before) / 1024 / sessions, "wake-ups": woken / 5}


def await_small_forms(server, tab):
    """A server that has been up for a while has its files in their smallest forms: fletbridge makes them once for each
    version of Flet's client, which takes it a minute."""
    paths = tab.evaluate("performance.getEntriesByType('resource').map(e => new URL(e.name).pathname).join(' ')").split()
    deadline = time.monotonic() + 600
    while True:
        sizes = {}
        for path in set(paths):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.request("HEAD", path, headers={"Accept-Encoding": "gzip, br"})
            answer = connection.getresponse()
            sizes[path] = answer.headers.get("Content-Encoding"), int(answer.headers.get("Content-Length") or 0)
            connection.close()
        if not any(coding == "gzip" and size > 100_000 for coding, size in sizes.values()):
            return
        if time.monotonic() > deadline:
            sys.exit(f"no smaller forms are made: {sizes}")
        time.sleep(1)


def first_page(server, folder):
    from web_page import WebBrowser
    browser = WebBrowser(folder / "before")
    try:
        tab = browser.tab(f"http://127.0.0.1:{server.port}/")
        tab.see("plus", 120)
        await_small_forms(server, tab)
    finally:
        browser.close()
    browser = WebBrowser(folder / "browser")
    try:
        tab = browser.tab("about:blank")
        tab.call("Network.emulateNetworkConditions", offline=False, latency=20, downloadThroughput=20e6 / 8,
                 uploadThroughput=20e6 / 8)
        begun = time.monotonic()
        tab.open(f"http://127.0.0.1:{server.port}/")
        tab.see("plus", 120)
        return {"seconds": time.monotonic() - begun, "MB": tab.bytes / 1e6}
    finally:
        browser.close()


# ---- The table

def measured(variant, part, options):
    with tempfile.TemporaryDirectory(prefix="fletbridge-bench-") as name:
        folder = pathlib.Path(name)
        both = set(range(min(2, os.cpu_count())))
        mine = {1} if os.cpu_count() > 1 and part != "workers" else both
        os.sched_setaffinity(0, mine)
        server = Server(variant, folder, both if part == "workers" else {0})
        try:
            if part in ("clicks", "workers"):
                return load(server, options.sessions, options.seconds)
            return idle(server, options.idle) if part == "idle" else first_page(server, folder)
        finally:
            server.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--idle", type=int, default=500)
    parser.add_argument("--parts", default="clicks,idle,page,workers")
    parser.add_argument("--variants", default="flet,3,3-plain,2,1")
    options = parser.parse_args()
    for part in options.parts.split(","):
        variants = ["3", "3x2"] if part == "workers" else options.variants.split(",")
        if part == "page":
            variants = variants[:2]
        results, disturbed = rounds.interleave(variants, options.rounds, lambda v, part=part: measured(v, part, options))
        print(f"\n{part}: median of {options.rounds} rounds; ratio to {variants[0]} [95 %]")
        for variant in variants:
            words = []
            for figure in results[variant][0]:
                own = [r[figure] for r in results[variant]]
                text = f"{figure} {statistics.median(own):.4g}"
                base = [r[figure] for r in results[variants[0]]]
                if variant != variants[0] and all(base):
                    text += " = " + rounds.shown(rounds.ratio(own, base))
                words.append(text)
            print(f"  {variant:8} " + "; ".join(words))
        print("  " + rounds.note(disturbed, options.rounds))


if __name__ == "__main__":
    main()
