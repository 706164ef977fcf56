#!/usr/bin/env python3
"""`--ui web` under people and programs that behave badly: ends with 1 if one of them harms the others.

    tests/bench/web_stress.py [--stage 3] [--workers 1] [--sessions 1000] [--parts slow,churn,loris,crowd,kill]

slow    200 browsers that read nothing of what a flood sends them, beside 20 that click: the clicks' p99 with them, in ratio
        to it without them, of several blocks in turns
churn   1,000 sessions that come, click and go, 20 at a time: descriptors and memory end where they were after the first 200
loris   500 connections that never finish a request, beside 20 that click: nobody of these is refused, all of those are cut
crowd   10,000 connections that say nothing, as fast as they can be made, beside 20 sessions that click: all clicks are
        answered, what the crowd takes is bounded, and when it has gone all is as before
kill    with --workers 2: one worker is killed again and again under clicks; the sessions of the other lose nothing
"""

import argparse
import os
import pathlib
import signal
import socket
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import web  # noqa: E402

FLOOD = """
import flet as ft

def main(page):
    text, much = ft.Text("0"), ft.Text("")

    def plus(e):
        text.value = str(int(text.value) + 1)

    def flood(e):
        for n in range(40):
            much.value = str(n) + "x" * 250_000
            page.update()

    slow = "slow" in page.client_user_agent
    page.add(text, much, ft.Button("b", on_click=flood if slow else plus))

ft.run(main)
"""


def descriptors(server):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in server.family())


def slow(server, options):
    def p99():
        return web.load(server, 20, 2)["p99"]

    p99()
    ratios = []
    for _ in range(3):
        before = p99()
        stuck = []
        for number in range(200):
            session = web.Session(server, f"slow {number}", small=True)
            stuck.append(session)
        for session in stuck:
            session.sock.send(session.click_bytes)
        time.sleep(5)  # until everything that can be queued is
        ratios.append(p99() / before)
        for session in stuck:
            session.close()
        time.sleep(2)
    ratio = statistics.median(ratios)
    print(f"slow: p99 with 200 slow readers is {ratio:.2f} of that without them ({', '.join(f'{r:.2f}' for r in ratios)})")
    return ratio < 1.5  # above 1.1 on a machine that does nothing else is worth a look


def churn(server, options):
    def block(count):
        for _ in range(count // 20):
            sessions = [web.Session(server, f"churn {i}") for i in range(20)]
            for session in sessions:
                session.sock.setblocking(True)
                session.sock.sendall(session.click_bytes)
            for session in sessions:
                while not any(body[:3] == b"\0\x92\x02" for body in session.messages()):
                    data = session.sock.recv(65536)
                    if not data:
                        return False
                    session.buffer += data
                session.close()
        return True

    good = block(200)
    time.sleep(3)
    before = descriptors(server), server.memory()
    good = block(options.sessions) and good
    deadline = time.monotonic() + 30
    while descriptors(server) > before[0] and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(3)
    after = descriptors(server), server.memory()
    print(f"churn: {before[0]} descriptors before and {after[0]} after {options.sessions} sessions; "
          f"memory {before[1] / 1e6:.1f} MB and {after[1] / 1e6:.1f} MB")
    return good and after[0] <= before[0] + 2 and after[1] < before[1] * 1.1 + 5e6


def loris(server, options):
    crowd = []
    for _ in range(500):
        sock = socket.create_connection(("127.0.0.1", server.port), 30)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        crowd.append(sock)
    began = time.monotonic()
    figures = web.load(server, 20, 3)
    cut = 0
    for sock in crowd:
        sock.settimeout(60)
        try:
            while True:
                sock.send(b"x")  # a byte now and then is no request
                time.sleep(0.005)
                sock.setblocking(False)
                try:
                    if not sock.recv(1):
                        break
                except BlockingIOError:
                    pass
                sock.setblocking(True)
                if time.monotonic() - began > 60:
                    break
            cut += time.monotonic() - began <= 60
        except OSError:
            cut += 1
        sock.close()
    print(f"loris: {figures['clicks']:.0f} clicks a second beside 500 connections that never ask; {cut} of them were cut")
    return cut == 500


def answered(session):
    """Clicks, and waits for the answer: seconds."""
    began = time.monotonic()
    session.sock.setblocking(True)
    session.sock.settimeout(60)
    session.sock.sendall(session.click_bytes)
    while not any(body[:3] == b"\0\x92\x02" for body in session.messages()):
        data = session.sock.recv(65536)
        if not data:
            raise ConnectionError("a session has ended")
        session.buffer += data
    return time.monotonic() - began


def crowd(server, options):
    sessions = [web.Session(server, f"click {i}") for i in range(20)]
    alone = statistics.median(answered(session) for session in sessions * 5)
    before = descriptors(server), server.memory()
    connections, slowest, most = [], 0, before
    for number in range(10_000):
        connections.append(socket.create_connection(("127.0.0.1", server.port), 30))
        if number % 100 == 99:
            slowest = max(slowest, answered(sessions[number // 100 % 20]))
            most = max(most[0], descriptors(server)), max(most[1], server.memory())
    for connection in connections:
        connection.close()
    deadline = time.monotonic() + 60
    while descriptors(server) > before[0] and time.monotonic() < deadline:
        time.sleep(0.2)
    after = descriptors(server), server.memory()
    again = statistics.median(answered(session) for session in sessions * 5)
    came = web.Session(server, "after the crowd")
    answered(came)
    for session in [came, *sessions]:
        session.close()
    print(f"crowd: beside 10,000 connections at most {most[0]} descriptors ({before[0]} before, {after[0]} after) and "
          f"{most[1] / 1e6:.1f} MB ({before[1] / 1e6:.1f}, {after[1] / 1e6:.1f}); a click took {slowest * 1e3:.1f} ms at most, "
          f"the median was {alone * 1e3:.2f} ms before and {again * 1e3:.2f} ms after")
    return most[0] < 2000 and after[0] <= before[0] and after[1] < before[1] * 1.2 + 5e6 and slowest < 5


def kill(server, options):
    good = True
    for _ in range(3):
        sessions = [web.Session(server, f"kill {i}") for i in range(20)]
        workers = server.family()[1:]
        children = [pid for pid in workers if web.parent(pid) == server.process.pid]
        victim = children[0]
        os.kill(victim, signal.SIGKILL)
        killed = time.monotonic()
        alive = lost = 0
        for session in sessions:
            session.sock.setblocking(True)
            session.sock.settimeout(30)
            try:
                session.sock.sendall(session.click_bytes)
                while not any(body[:3] == b"\0\x92\x02" for body in session.messages()):
                    data = session.sock.recv(65536)
                    if not data:
                        raise ConnectionError
                    session.buffer += data
                alive += 1
            except ConnectionError:
                lost += 1
        came = web.Session(server, "new")
        up = time.monotonic() - killed
        print(f"kill: {lost} sessions went with their worker, {alive} went on; the next session was there {up:.2f} s later")
        good = good and lost == alive == 10
        for session in [*sessions, came]:
            session.close()
        time.sleep(2)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", default="3")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--parts", default="slow,churn,loris,crowd")
    options = parser.parse_args()
    os.environ["FLET_SESSION_TIMEOUT"] = "0"
    good = True
    for part in options.parts.split(","):
        workers = max(2, options.workers) if part == "kill" else options.workers
        with tempfile.TemporaryDirectory(prefix="fletbridge-stress-") as name:
            variant = options.stage + (f"x{workers}" if workers > 1 else "")
            server = web.Server(variant, pathlib.Path(name), set(range(os.cpu_count())), FLOOD)
            try:
                good = {"slow": slow, "churn": churn, "loris": loris, "crowd": crowd, "kill": kill}[part](server, options) and good
            finally:
                server.end()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
