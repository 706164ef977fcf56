"""The accelerator `switching`: input that waits for a busy interpreter is served well before the switch interval, and
nothing else changes for loops and sockets. Room: tests."""

import asyncio
import os
import random
import select
import signal
import socket
import sys
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import accelerated

accelerated.switch_on("switching")
NATIVE = sys.modules["fletbridge.accelerate._native"]
LOWERS = sys.version_info < (3, 12)
LONG = 1.5  # s; a switch interval that nobody can mistake for anything else
DEADLINE = 30

import flet as ft  # noqa: E402
import msgpack  # noqa: E402
from flet.messaging.flet_socket_server import FletSocketServer  # noqa: E402


class Computing:
    """A thread that computes and never lets go of the interpreter by itself."""

    def __enter__(self):
        self.rounds, self.stop, self.intervals = 0, False, set()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def run(self):
        value = 0
        while not self.stop:
            for number in range(500):
                value = (value * 31 + number) & 0xFFFFFF
            self.rounds += 1

    def __exit__(self, *_):
        self.stop = True
        self.thread.join(DEADLINE)


class WaitingInput(unittest.TestCase):
    def setUp(self):
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())

    def serve(self, client, before=lambda: None):
        """A real server of Flet's with a counter; `client(click)` runs in a process of its own.
        What it has written."""
        path = tempfile.mktemp(prefix="flet-", dir="/tmp")
        self.addCleanup(lambda: os.path.exists(path) and os.remove(path))
        target = None

        def main(page):
            nonlocal target
            text = ft.Text("0")

            def click(e):
                text.value = str(int(text.value) + 1)

            page.add(button := ft.Button("+", on_click=click), text)
            target = button._i

        async def run():
            loop = asyncio.get_running_loop()
            server = FletSocketServer(loop, uds_path=path, before_main=main, executor=ThreadPoolExecutor())
            await server.start()
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    signal.alarm(DEADLINE)
                    connection = socket.socket(socket.AF_UNIX)
                    connection.connect(path)
                    stream = connection.makefile("rb")

                    def send(message):
                        body = b"\0" + msgpack.packb(message)
                        body = len(body).to_bytes(4, "little") + body if self.framed else body[1:]
                        connection.sendall(body)

                    unpacker = msgpack.Unpacker(strict_map_key=False)

                    def receive():
                        if self.framed:
                            size = int.from_bytes(stream.read(4), "little")
                            return msgpack.unpackb(stream.read(size)[1:], strict_map_key=False)
                        while True:
                            for message in unpacker:
                                return message
                            unpacker.feed(connection.recv(65536))

                    send([1, {"session_id": None, "page_name": "", "page": {"route": "/"}}])
                    receive()
                    button = int.from_bytes(os.read(go_reading, 8), "little")

                    def click():
                        send([3, {"target": button, "name": "click", "data": None}])
                        return receive()

                    os.write(writing, repr(client(click)).encode())
                finally:
                    os._exit(0)
            os.close(writing)
            done = asyncio.Event()
            loop.add_reader(reading, done.set)
            while target is None:
                await asyncio.sleep(0.01)
            before()
            with Computing() as computing:
                os.write(go_writing, target.to_bytes(8, "little"))
                await asyncio.wait_for(done.wait(), DEADLINE)
            os.waitpid(child, 0)
            loop.remove_reader(reading)
            written = os.read(reading, 1 << 16)
            os.close(reading)
            await server.close()
            return eval(written), computing

        go_reading, go_writing = os.pipe()
        try:
            return asyncio.run(run())
        finally:
            os.close(go_reading)
            os.close(go_writing)

    def test_clicks_under_a_computing_thread_are_answered_before_the_switch_interval(self):
        def client(click):
            click()  # the loop itself let go of the interpreter when it told us to begin
            times = []
            for _ in range(5):
                begin = time.monotonic()
                click()
                times.append(time.monotonic() - begin)
            return times

        times, computing = self.serve(client, before=lambda: sys.setswitchinterval(LONG))
        if LOWERS:
            # Where the machine takes the processor away in the wrong moment, one may wait.
            self.assertLess(sorted(times)[2], LONG / 2, times)
        self.assertGreater(computing.rounds, 0)

    def test_the_interval_is_the_apps_own_afterwards(self):
        sys.setswitchinterval(0.011)
        self.serve(lambda click: [click() and None for _ in range(50)])
        self.assertEqual(0.011, sys.getswitchinterval())

    def test_an_interval_that_the_app_sets_meanwhile_stays(self):
        chosen = [0.004, 0.006, 0.008]
        stop = False

        def change():
            while not stop:
                for each in chosen:
                    sys.setswitchinterval(each)

        thread = threading.Thread(target=change, daemon=True)
        thread.start()
        self.serve(lambda click: [click() and None for _ in range(50)])
        stop = True
        thread.join(DEADLINE)
        self.assertIn(round(sys.getswitchinterval(), 6), chosen)

    def test_an_interval_shorter_than_ours_is_left_alone(self):
        sys.setswitchinterval(0.00002)
        self.serve(lambda click: [click() and None for _ in range(20)])
        self.assertEqual(0.00002, round(sys.getswitchinterval(), 6))

    def test_a_fork_while_a_loop_waits_has_the_apps_own_interval(self):
        sys.setswitchinterval(0.012)
        stop, wrong = False, []

        def forks():
            while not stop:
                child = os.fork()
                if child == 0:
                    os._exit(0 if sys.getswitchinterval() == 0.012 else 1)
                wrong.append(os.waitpid(child, 0)[1])

        thread = threading.Thread(target=forks, daemon=True)
        thread.start()
        self.serve(lambda click: [click() and None for _ in range(50)])
        stop = True
        thread.join(DEADLINE)
        self.assertEqual({0}, set(wrong))

    def test_a_loop_that_always_has_something_to_do_leaves_a_computing_thread_its_share(self):
        async def run():
            FletSocketServer(asyncio.get_running_loop())
            with Computing() as computing:
                end = time.monotonic() + 1
                while time.monotonic() < end:
                    await asyncio.sleep(0)
                return computing.rounds

        async def alone():
            with Computing() as computing:
                end = time.monotonic() + 1
                while time.monotonic() < end:
                    await asyncio.sleep(0.1)
                return computing.rounds

        shared, own = asyncio.run(run()), asyncio.run(alone())
        self.assertGreater(shared, own / 20)  # half of it, on a machine that has nothing else to do

    framed = not ft.__version__.startswith("0.82")  # by lengths


class Polls(unittest.TestCase):
    """make_poll(epoll), and the poll() of the same select.epoll."""

    def setUp(self):
        self.epoll = select.epoll()
        self.addCleanup(self.epoll.close)
        self.ours = NATIVE.make_poll(self.epoll)

    def pair(self):
        left, right = socket.socketpair()
        self.addCleanup(left.close)
        self.addCleanup(right.close)
        return left, right

    def both(self, *arguments, **named):
        results = []
        for poll in (self.epoll.poll, self.ours):
            try:
                results.append(poll(*arguments, **named))
            except Exception as error:
                results.append((type(error), str(error)))
        self.assertEqual(*results)
        return results[0]

    def test_events_are_those_of_select_epoll(self):
        numbers = random.Random(2)
        pairs = [self.pair() for _ in range(20)]
        for left, right in pairs:
            self.epoll.register(left, numbers.choice([1, 4, 5, select.EPOLLIN | select.EPOLLRDHUP]))
            if numbers.random() < 0.5:
                right.send(b"x")
            if numbers.random() < 0.2:
                right.close()
        for timeout in (0, 0.0, -1, 0.5, 1):
            self.assertGreater(len(self.both(timeout, 100)), 5)
        for most in (1, 3, 1000):
            for _ in range(3):
                self.assertEqual(len(self.epoll.poll(0, most)), len(self.ours(0, most)))

    def test_wrong_arguments_are_refused_alike(self):
        for arguments in ((0, 0), (0, -2), ("a", 1), (0, "a"), (float("nan"), 1), (1e30, 1), (2**80, 1), (1, 2, 3),
                          (0, 2**70)):
            with self.subTest(arguments):
                self.both(*arguments)
        self.both(timeout=0)
        self.both(0, maxevents=5)
        self.both(0.0)

    def test_a_closed_one_is_refused_alike(self):
        self.epoll.close()
        self.assertEqual(ValueError, self.both(0, 5)[0])

    def test_it_waits_as_long_as_it_should(self):
        for timeout in (0.03, 0.2):
            begin = time.monotonic()
            self.assertEqual([], self.ours(timeout, 5))
            self.assertGreaterEqual(time.monotonic() - begin, timeout - 0.002)

    def test_a_signal_is_handled_while_it_waits(self):
        left, right = self.pair()
        self.epoll.register(left, select.EPOLLIN)
        came = []
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.getsignal(signal.SIGUSR1))
        signal.signal(signal.SIGUSR1, lambda *_: (came.append(1), right.send(b"x")))
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        self.assertEqual([(left.fileno(), select.EPOLLIN)], self.ours(DEADLINE, 5))
        self.assertEqual([1], came)

        def fail(*_):
            raise KeyError("from the handler")

        left.recv(1)
        signal.signal(signal.SIGUSR1, fail)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with self.assertRaises(KeyError):
            self.ours(DEADLINE, 5)


class Sockets(unittest.TestCase):
    def setUp(self):
        async def hastened():
            server = FletSocketServer(asyncio.get_running_loop())
            return type(server.loop._ssock)

        self.kind = asyncio.run(hastened())
        self.assertIsNot(socket.socket, self.kind)
        self.assertTrue(issubclass(self.kind, socket.socket))

    def pair(self):
        left, right = socket.socketpair()
        for each in (left, right):
            each.setblocking(False)
            self.addCleanup(each.close)
        return left, right

    def outcomes(self, do):
        results = []
        for kind in (socket.socket, self.kind):
            left, right = self.pair()
            left.__class__ = kind
            try:
                results.append(do(left, right))
            except Exception as error:
                results.append((type(error), str(error)))
        self.assertEqual(*results)
        return results[0]

    def test_receiving_gives_the_same_bytes_and_errors(self):
        data = os.urandom(60_000)
        for size in (1, 10, 16 << 10, (16 << 10) + 1, 256 << 10):
            for sent in (1, 16 << 10, (16 << 10) + 1, 60_000):
                self.assertEqual(data[:min(size, sent)],
                                 self.outcomes(lambda left, right: right.sendall(data[:sent]) or left.recv(size)))
        self.assertEqual(BlockingIOError, self.outcomes(lambda left, right: left.recv(5))[0])
        self.assertEqual(b"", self.outcomes(lambda left, right: right.close() or left.recv(5)))
        self.outcomes(lambda left, right: left.close() or left.recv(5))
        for arguments in ((), ("a",), (-1,), (0,), (2**80,), (1, 0, 0)):
            self.outcomes(lambda left, right: right.send(b"x") and left.recv(*arguments))
        self.outcomes(lambda left, right: right.send(b"x") and (left.recv(1, socket.MSG_PEEK), left.recv(1)))

    def test_sending_writes_the_same_bytes_and_errors(self):
        for data in (b"", b"x", bytearray(b"array"), memoryview(b"a view")[2:], b"z" * 60_000, "text", 5, None):
            self.outcomes(lambda left, right: (left.send(data), right.recv(1 << 17) if data else b""))
        self.outcomes(lambda left, right: right.close() or left.send(b"x"))
        self.outcomes(lambda left, right: left.close() or left.send(b"x"))
        self.outcomes(lambda left, right: left.send(b"x", socket.MSG_DONTWAIT))

        def fill(left, right):
            while True:
                left.send(b"x" * 65536)

        self.assertEqual(BlockingIOError, self.outcomes(fill)[0])

    def test_a_loop_keeps_its_other_ways(self):
        async def run():
            loop = asyncio.get_running_loop()
            FletSocketServer(loop)
            FletSocketServer(loop)
            left, right = self.pair()
            await loop.sock_sendall(left, b"hello")
            self.assertEqual(b"hello", await loop.sock_recv(right, 10))
            self.assertEqual(3, await loop.run_in_executor(None, lambda: 3))
            reader, writer = await asyncio.open_connection(sock=right)
            left.sendall(b"y" * 1000)
            self.assertEqual(b"y" * 1000, await reader.readexactly(1000))
            writer.close()
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.01)
            self.assertIn("socket.socket", repr(loop._ssock))

        asyncio.run(run())


if __name__ == "__main__":
    unittest.main()
