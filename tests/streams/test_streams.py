"""asyncio's transports, protocols, streams and servers as CPython's documentation has them, at one address.

In streams_host the address is stage 3's: there is no socket, and the other end is `_peer`. In a plain interpreter it
is a Unix socket's: so what the suite asks for is what CPython does. A few tests are for one of the two.
"""

import asyncio
import errno
import hashlib
import os
import shutil
import socket
import sys
import tempfile
import unittest

try:
    import _peer
except ImportError:
    _peer = None

DEADLINE = 60
ADDRESS = "/dev/null/fletbridge"
KIB, MIB = 1 << 10, 1 << 20
only_ffi = unittest.skipUnless(_peer, "for the address without a socket")


class FfiPeer:
    """The host's end."""

    def __init__(self):
        self.news = asyncio.Event()
        self.got, self.ended = b"", False
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(_peer.fd(), self.look)

    def look(self):
        got, ended = _peer.take()
        self.got += got
        self.ended = self.ended or ended
        self.news.set()

    async def connect(self):
        _peer.take()
        self.got, self.ended = b"", False
        _peer.connect()

    def close(self):
        _peer.close()

    async def send(self, data, piece=MIB):
        for at in range(0, len(data), piece):
            while not self.offer(data[at:at + piece]):
                self.news.clear()
                await self.news.wait()

    def offer(self, data):
        return _peer.send(data)

    async def read(self, size=None):
        """`size` bytes, or all up to the end."""
        while not self.ended and (size is None or len(self.got) < size):
            self.news.clear()
            await self.news.wait()
        size = len(self.got) if size is None else size
        data, self.got = self.got[:size], self.got[size:]
        return data

    def pause(self):
        _peer.pause()

    def resume(self):
        _peer.resume()

    def forget(self):
        _peer.resume()
        _peer.close()
        self.loop.remove_reader(_peer.fd())


class SocketPeer:
    """A client of a Unix socket, which reads when it is asked to."""

    def __init__(self):
        self.socket, self.got = None, b""
        self.loop = asyncio.get_running_loop()

    async def connect(self):
        self.forget()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setblocking(False)
        await self.loop.sock_connect(self.socket, ADDRESS)

    def close(self):
        self.socket.close()

    async def send(self, data, piece=MIB):
        await self.loop.sock_sendall(self.socket, data)

    async def read(self, size=None):
        data = self.got
        while size is None or len(data) < size:
            more = await self.loop.sock_recv(self.socket, MIB)
            if not more:
                break
            data += more
        size = len(data) if size is None else size
        data, self.got = data[:size], data[size:]
        return data

    def pause(self):
        pass

    resume = pause

    def forget(self):
        if self.socket is not None:
            self.socket.close()


class Log(asyncio.Protocol):
    """Notes each call; `on` says what a call does or returns."""

    def __init__(self, on=()):
        self.calls, self.data = [], b""
        self.on = dict(on)
        self.changed = asyncio.Event()

    def call(self, name, *args):
        self.calls.append(name if not args else (name, *args))
        self.changed.set()
        return self.on.get(name, lambda *args: None)(*args)

    def connection_made(self, transport):
        self.transport = transport
        self.call("made")

    def data_received(self, data):
        self.data += data
        self.changed.set()
        return self.on.get("data", lambda data: None)(data)

    def eof_received(self):
        return self.call("eof")

    def connection_lost(self, error):
        self.call("lost", error)

    def pause_writing(self):
        self.call("pause")

    def resume_writing(self):
        self.call("resume")

    async def until(self, holds):
        while not holds():
            self.changed.clear()
            await self.changed.wait()

    async def has(self, call):
        await self.until(lambda: call in self.calls)

    async def lost(self):
        await self.until(lambda: any(call[0] == "lost" for call in self.calls))
        return self.calls[-1][1]


class Buffered(asyncio.BufferedProtocol):
    def __init__(self, size):
        self.buffer, self.data = bytearray(size), b""
        self.log = Log()

    def connection_made(self, transport):
        self.log.connection_made(transport)

    def get_buffer(self, sizehint):
        return self.buffer

    def buffer_updated(self, size):
        self.data += self.buffer[:size]
        self.log.call("data")

    def eof_received(self):
        self.log.call("eof")

    def connection_lost(self, error):
        self.log.connection_lost(error)


class AtAddress(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.loop = asyncio.get_running_loop()
        self.loop.set_debug(False)  # as a program has it
        self.errors = []
        self.loop.set_exception_handler(lambda loop, context: self.errors.append(context))
        self.deadline = self.loop.call_later(DEADLINE, lambda: os.abort())
        self.peer = FfiPeer() if _peer else SocketPeer()
        self.servers = []

    async def asyncTearDown(self):
        for server in self.servers:
            server.close()
        self.peer.forget()
        await asyncio.sleep(0)
        self.deadline.cancel()

    async def serve(self, factory, **options):
        server = await self.loop.create_unix_server(factory, ADDRESS, **options)
        self.servers.append(server)
        return server

    async def connected(self, protocol=None, on=()):
        """A protocol that has been given its transport."""
        protocol = protocol or Log(on)
        await self.serve(lambda: protocol)
        await self.peer.connect()
        await getattr(protocol, "log", protocol).has("made")
        return protocol

    async def fill(self, log):
        """Writes until the protocol is told to wait; returns what was written."""
        self.peer.pause()
        written = 0
        while "pause" not in log.calls:
            log.transport.write(b"x" * 100_000)
            written += 100_000
            await asyncio.sleep(0)
        return written

    def assertError(self, context, message, log, error):
        self.assertIn(message, context["message"])
        self.assertIs(context["transport"], log.transport)
        self.assertIs(context["protocol"], log)
        self.assertIs(context["exception"], error)


class Connections(AtAddress):
    async def testAreMadeThenGiveDataThenEndThenAreLost(self):
        log = Log()
        await self.serve(lambda: log)
        await self.peer.connect()
        await self.peer.send(b"first")
        self.peer.close()
        self.assertIsNone(await log.lost())
        self.assertEqual(log.calls, ["made", "eof", ("lost", None)])
        self.assertEqual(log.data, b"first")
        self.assertTrue(log.transport.is_closing())

    async def testStayOpenAfterTheEndOfTheirInputIfTheProtocolSaysSo(self):
        log = await self.connected(on={"eof": lambda: True})
        self.peer.close()
        await log.has("eof")
        await asyncio.sleep(0)
        self.assertFalse(log.transport.is_closing())
        log.transport.close()
        self.assertIsNone(await log.lost())

    async def testWritesToAPeerThatHasGoneEndInABrokenPipe(self):
        log = await self.connected(on={"eof": lambda: True})
        self.peer.close()
        await log.has("eof")
        log.transport.write(b"nobody reads this")
        error = await log.lost()
        self.assertIsInstance(error, BrokenPipeError)
        self.assertEqual(error.errno, errno.EPIPE)
        self.assertEqual(self.errors, [], "it is a matter of the connection, not of the program")
        with self.assertLogs("asyncio", "WARNING") as logs:
            for _ in range(6):
                log.transport.write(b"more")
        self.assertIn("socket.send() raised exception", logs.output[0])

    async def testFollowOneAnother(self):
        logs = []

        def factory():
            logs.append(Log())
            return logs[-1]

        await self.serve(factory)
        for number in range(20):
            await self.peer.connect()
            await self.peer.send(b"%d" % number)
            while len(logs) <= number:
                await asyncio.sleep(0)
            await logs[number].until(lambda: logs[number].data)
            logs[number].transport.write(b"answer %d" % number)
            self.assertEqual(await self.peer.read(len(b"answer %d" % number)), b"answer %d" % number)
            self.peer.close()
            await logs[number].lost()
        self.assertEqual([log.data for log in logs], [b"%d" % n for n in range(20)])

    @only_ffi
    async def testMadeBeforeAnybodyListensWaitForTheServer(self):
        await self.peer.connect()
        self.peer.offer(b"early")
        log = Log()
        await self.serve(lambda: log)
        await log.until(lambda: log.data)
        self.assertEqual(log.data, b"early")

    @only_ffi
    async def testThatDoNotReadAreResetByTheNext(self):
        logs = [Log(), Log()]
        made = iter(logs)
        await self.serve(lambda: next(made))
        await self.peer.connect()
        await logs[0].has("made")
        logs[0].transport.pause_reading()
        self.peer.offer(b"unread")
        await asyncio.sleep(0.05)
        self.peer.close()
        await self.peer.connect()
        self.peer.offer(b"next")
        await logs[1].until(lambda: logs[1].data)
        self.assertEqual(logs[1].data, b"next")
        self.assertIsInstance(await logs[0].lost(), ConnectionResetError)
        self.assertEqual(logs[0].data, b"")
        self.assertEqual(_peer.queued(), 0)

    @only_ffi
    async def testAreRefusedOnceTheServerHasClosedWithAnotherOneOpen(self):
        log = await self.connected()
        self.servers[0].close()
        self.peer.close()
        await log.has("eof")
        await log.lost()
        await self.serve(lambda: log)
        log.calls.clear()
        await self.peer.connect()
        await log.has("made")


class Closing(AtAddress):
    async def testSendsWhatWasWrittenBefore(self):
        log = await self.connected()
        written = await self.fill(log)
        log.transport.close()
        self.assertTrue(log.transport.is_closing())
        self.assertFalse(any(call[0] == "lost" for call in log.calls))
        self.peer.resume()
        self.assertEqual(len(await self.peer.read()), written)
        self.assertIsNone(await log.lost())
        self.assertEqual(log.transport.get_write_buffer_size(), 0)

    async def testGivesTheProtocolNothingMore(self):
        log = await self.connected()
        log.transport.close()
        await self.peer.send(b"late")
        await log.lost()
        self.assertEqual(log.data, b"")
        log.transport.close()
        log.transport.abort()
        log.transport.write(b"ignored")
        log.transport.pause_reading()
        self.assertFalse(log.transport.is_reading())
        self.assertEqual([call for call in log.calls if call[0] == "lost"], [("lost", None)])

    async def testByAbortDropsWhatIsBuffered(self):
        log = await self.connected()
        written = await self.fill(log)
        log.transport.abort()
        self.assertTrue(log.transport.is_closing())
        self.assertEqual(log.transport.get_write_buffer_size(), 0)
        self.assertIsNone(await log.lost())
        self.peer.resume()
        self.assertLess(len(await self.peer.read()), written)

    async def testInsideOfDataReceivedEndsWithThatPiece(self):
        log = await self.connected(on={"data": lambda data: log.transport.close()})
        await self.peer.send(b"1")
        await log.lost()
        self.assertEqual(log.data, b"1")


class Writing(AtAddress):
    async def testTakesEveryBytesLikeObjectAsItIsNow(self):
        log = await self.connected()
        buffer = bytearray(b"two ")
        self.peer.pause()
        log.transport.write(b"one ")
        log.transport.write(buffer)
        log.transport.write(memoryview(b"_three _")[1:-1])
        log.transport.writelines([b"four ", bytearray(b"five"), b""])
        log.transport.write(b"")
        buffer[:] = b"XXXX"
        self.peer.resume()
        self.assertEqual(await self.peer.read(23), b"one two three four five")

    @unittest.skipIf(sys.version_info >= (3, 12), "such a Python sends what the buffer has become")
    async def testKeepsACopyOfWhatItCouldNotSend(self):
        log = await self.connected()
        await self.fill(log)
        size = log.transport.get_write_buffer_size()
        buffer = bytearray(b"end.")
        log.transport.write(buffer)
        self.assertEqual(log.transport.get_write_buffer_size(), size + 4)
        buffer[:] = b"XXXX"
        log.transport.close()
        self.peer.resume()
        self.assertTrue((await self.peer.read()).endswith(b"xend."))

    async def testRefusesText(self):
        log = await self.connected()
        for wrong in ("text", 5, None, [b"x"]):
            with self.assertRaises(TypeError):
                log.transport.write(wrong)

    async def testTellsTheProtocolOnceAboveAndOnceBelowItsLimits(self):
        log = await self.connected()
        log.transport.set_write_buffer_limits(high=300_000, low=1000)
        self.assertEqual(log.transport.get_write_buffer_limits(), (1000, 300_000))
        written = await self.fill(log)
        self.assertGreater(log.transport.get_write_buffer_size(), 300_000)
        log.transport.write(b"y" * 1000)
        self.assertEqual(log.calls.count("pause"), 1)
        self.peer.resume()
        reading = asyncio.ensure_future(self.peer.read(written + 1000))
        await log.has("resume")
        self.assertLessEqual(log.transport.get_write_buffer_size(), 1000)
        self.assertEqual(len(await reading), written + 1000)
        self.assertEqual((log.calls.count("pause"), log.calls.count("resume")), (1, 1))

    async def testLimitsFollowTheirRules(self):
        log = await self.connected()
        transport = log.transport
        self.assertEqual(transport.get_write_buffer_limits(), (16 * KIB, 64 * KIB))
        transport.set_write_buffer_limits(high=4000)
        self.assertEqual(transport.get_write_buffer_limits(), (1000, 4000))
        transport.set_write_buffer_limits(low=500)
        self.assertEqual(transport.get_write_buffer_limits(), (500, 2000))
        transport.set_write_buffer_limits(high=0)
        self.assertEqual(transport.get_write_buffer_limits(), (0, 0))
        with self.assertRaises(ValueError):
            transport.set_write_buffer_limits(high=1, low=2)
        with self.assertRaises(ValueError):
            transport.set_write_buffer_limits(high=-1)

    async def testOfAnEndIsSeenAfterAllBytesAndReadingGoesOn(self):
        log = await self.connected()
        written = await self.fill(log)
        self.assertTrue(log.transport.can_write_eof())
        log.transport.write_eof()
        log.transport.write_eof()
        with self.assertRaises(RuntimeError):
            log.transport.write(b"after the end")
        self.peer.resume()
        self.assertEqual(len(await self.peer.read()), written)
        await self.peer.send(b"still heard")
        await log.until(lambda: log.data == b"still heard")
        self.assertFalse(log.transport.is_closing())
        self.peer.close()
        self.assertIsNone(await log.lost())


class Reading(AtAddress):
    async def testIsPausedAndResumed(self):
        log = await self.connected()
        transport = log.transport
        self.assertTrue(transport.is_reading())
        transport.pause_reading()
        transport.pause_reading()
        self.assertFalse(transport.is_reading())
        await self.peer.send(b"kept ")
        await self.peer.send(b"back")
        await asyncio.sleep(0.05)  # nothing tells that nothing comes
        self.assertEqual(log.data, b"")
        transport.resume_reading()
        transport.resume_reading()
        self.assertTrue(transport.is_reading())
        await log.until(lambda: log.data == b"kept back")

    async def testThatIsPausedHearsOfTheEndLater(self):
        log = await self.connected()
        log.transport.pause_reading()
        await self.peer.send(b"last")
        self.peer.close()
        await asyncio.sleep(0.05)
        self.assertEqual(log.calls, ["made"])
        log.transport.resume_reading()
        await log.lost()
        self.assertEqual((log.calls, log.data), (["made", "eof", ("lost", None)], b"last"))

    @unittest.skipUnless(_peer or sys.version_info >= (3, 12), "before, a socket's transport reads all the same")
    async def testMayPauseFromTheBeginning(self):
        log = Log({"made": lambda: log.transport.pause_reading()})
        await self.connected(log)
        await self.peer.send(b"x")
        await asyncio.sleep(0.05)
        self.assertEqual(log.data, b"")
        log.transport.resume_reading()
        await log.until(lambda: log.data)

    async def testMayPauseAtEachPiece(self):
        log = Log()

        def pause(data):
            log.transport.pause_reading()
            self.loop.call_soon(log.transport.resume_reading)

        log.on["data"] = pause
        await self.connected(log)
        sent = os.urandom(400_000)
        sending = asyncio.ensure_future(self.peer.send(sent, piece=1000))
        await log.until(lambda: len(log.data) == len(sent))
        self.assertEqual(log.data, sent)
        await sending

    @only_ffi
    async def testThatIsPausedMakesTheHostWait(self):
        log = await self.connected()
        log.transport.pause_reading()
        sent = 0
        for _ in range(3):  # what is on its way has come by then
            while self.peer.offer(b"x" * 10_000):
                sent += 10_000
            await asyncio.sleep(0.05)
        self.assertLessEqual(_peer.queued(), 256 * KIB + 2 * 10_100)
        log.transport.resume_reading()
        await log.until(lambda: len(log.data) == sent)
        while _peer.queued():
            await asyncio.sleep(0)
        self.assertTrue(self.peer.offer(b"room"))

    async def testFillsTheBuffersOfABufferedProtocol(self):
        for size in (1, 7, MIB):
            with self.subTest(size):
                protocol = await self.connected(Buffered(size))
                sent = os.urandom(5000)
                await self.peer.send(sent)
                await protocol.log.until(lambda: len(protocol.data) == len(sent))
                self.assertEqual(protocol.data, sent)
                self.peer.close()
                self.assertIsNone(await protocol.log.lost())
                self.servers.pop().close()
                await asyncio.sleep(0)

    async def testPausedInTheMidstOfABufferGoesOnThere(self):
        protocol = Buffered(10)
        protocol.log.on["data"] = lambda: protocol.log.transport.pause_reading()
        await self.connected(protocol)
        sent = os.urandom(95)
        await self.peer.send(sent)
        while len(protocol.data) < len(sent):
            before = len(protocol.data)
            protocol.log.transport.resume_reading()
            await protocol.log.until(lambda: len(protocol.data) > before)
            self.assertLessEqual(len(protocol.data) - before, 10)
            protocol.log.changed.clear()
        self.assertEqual(protocol.data, sent)

    async def testIntoABufferWithoutRoomIsAnError(self):
        protocol = await self.connected(Buffered(0))
        await self.peer.send(b"x")
        self.assertIsInstance(await protocol.log.lost(), RuntimeError)
        self.assertEqual(len(self.errors), 1)

    async def testGoesToTheProtocolThatIsSet(self):
        first = await self.connected()
        self.assertIs(first.transport.get_protocol(), first)
        await self.peer.send(b"one")
        await first.until(lambda: first.data == b"one")
        second = Log()
        first.transport.set_protocol(second)
        self.assertIs(first.transport.get_protocol(), second)
        await self.peer.send(b"two")
        await second.until(lambda: second.data == b"two")
        self.peer.close()
        await second.lost()
        self.assertEqual(first.calls, ["made"])


class Errors(AtAddress):
    class Mistake(Exception):
        pass

    def raises(self):
        self.mistake = self.Mistake("on purpose")

        def fail(*args):
            raise self.mistake

        return fail

    async def testInDataReceivedAreToldAndEndTheConnection(self):
        log = await self.connected(on={"data": self.raises()})
        await self.peer.send(b"x")
        self.assertIs(await log.lost(), self.mistake)
        self.assertEqual(await self.peer.read(), b"")
        self.assertEqual(len(self.errors), 1)
        self.assertError(self.errors[0], "data_received() call failed", log, self.mistake)

    async def testInEofReceivedAreToldAndEndTheConnection(self):
        log = await self.connected(on={"eof": self.raises()})
        self.peer.close()
        self.assertIs(await log.lost(), self.mistake)
        self.assertError(self.errors[0], "eof_received() call failed", log, self.mistake)

    async def testInPauseWritingAreToldAndTheConnectionGoesOn(self):
        log = await self.connected(on={"pause": self.raises(), "resume": self.raises()})
        written = await self.fill(log)
        self.peer.resume()
        self.assertEqual(len(await self.peer.read(written)), written)
        await log.has("resume")
        self.assertEqual([context["message"] for context in self.errors],
                         ["protocol.pause_writing() failed", "protocol.resume_writing() failed"])
        self.assertFalse(log.transport.is_closing())

    async def testInConnectionMadeAreToldAndTheConnectionGoesOn(self):
        log = await self.connected(on={"made": self.raises()})
        await self.peer.send(b"x")
        await log.until(lambda: log.data)
        self.assertIs(self.errors[0]["exception"], self.mistake)

    async def testInConnectionLostAreTold(self):
        log = await self.connected(on={"lost": self.raises()})
        log.transport.close()
        await log.lost()
        self.assertEqual(await self.peer.read(), b"")
        await asyncio.sleep(0)
        self.assertIs(self.errors[0]["exception"], self.mistake)


class Exits(unittest.TestCase):
    def testASystemExitOfAProtocolEndsTheLoop(self):
        async def main():
            def leave(data):
                raise SystemExit(7)

            log = Log({"data": leave})
            peer = FfiPeer() if _peer else SocketPeer()
            server = await asyncio.get_running_loop().create_unix_server(lambda: log, ADDRESS)
            try:
                await peer.connect()
                await peer.send(b"x")
                await asyncio.wait_for(asyncio.Event().wait(), DEADLINE)
            finally:
                server.close()
                peer.forget()

        with self.assertRaises(SystemExit) as left:
            asyncio.run(main())
        self.assertEqual(left.exception.code, 7)

    @only_ffi
    def testAServerThatALoopTookWithItLeavesTheAddress(self):
        for _ in range(3):
            loop = asyncio.new_event_loop()

            async def talk():
                peer = FfiPeer()
                log = Log()
                await loop.create_unix_server(lambda: log, ADDRESS)
                self.assertEqual(_peer.queued(), 0, "what the loop before has not read has gone with it")
                await peer.connect()
                log.on["made"] = lambda: log.transport.pause_reading()
                await log.has("made")
                peer.offer(b"never read")
                await asyncio.sleep(0.02)
                peer.forget()

            loop.run_until_complete(talk())
            loop.close()


class Facts(AtAddress):
    async def testOfAConnectionAreThoseOfAUnixSocket(self):
        log = await self.connected()
        extra = log.transport.get_extra_info
        self.assertEqual(extra("sockname"), ADDRESS)
        self.assertEqual(extra("peername"), "")
        self.assertIsNone(extra("sslcontext"))
        self.assertEqual(extra("no such thing", 5), 5)
        self.assertEqual(extra("socket", None) is None, _peer is not None)

    @only_ffi
    async def testOfAServerOfTheOtherFamilyAreThoseOfTcp(self):
        log = Log()
        server = await self.loop.create_server(lambda: log, ADDRESS, 7)
        self.servers.append(server)
        await self.peer.connect()
        await log.has("made")
        self.assertEqual(log.transport.get_extra_info("sockname"), (ADDRESS, 7))
        host, port = log.transport.get_extra_info("peername")
        self.assertEqual((host, port), (ADDRESS, 0))

    @only_ffi
    async def testThereIsNoSocket(self):
        def sockets():
            found = set()
            for name in os.listdir("/proc/self/fd"):
                try:
                    found.add(os.readlink("/proc/self/fd/" + name))
                except OSError:
                    pass
            return {target for target in found if target.startswith("socket:")}

        before = sockets()
        log = await self.connected()
        await self.peer.send(b"x" * MIB)
        await log.until(lambda: len(log.data) == MIB)
        self.assertEqual(sockets(), before)
        self.assertEqual(self.servers[0].sockets, ())

    @only_ffi
    async def testOtherAddressesAreSocketsStill(self):
        folder = tempfile.mkdtemp(dir="/tmp")
        path = os.path.join(folder, "s")

        async def echo(reader, writer):
            writer.write(await reader.readline())
            writer.close()

        mine = await self.connected()
        unix = await asyncio.start_unix_server(echo, path)
        tcp = await asyncio.start_server(echo, "127.0.0.1", 0)
        self.assertEqual((len(unix.sockets), len(tcp.sockets)), (1, 1))
        port = tcp.sockets[0].getsockname()[1]
        for opened in (asyncio.open_unix_connection(path), asyncio.open_connection("127.0.0.1", port)):
            reader, writer = await opened
            self.assertIsNotNone(writer.get_extra_info("socket"))
            writer.write(b"hello\n")
            self.assertEqual(await reader.readline(), b"hello\n")
            writer.close()
        unix.close()
        tcp.close()
        shutil.rmtree(folder)
        mine.transport.write(b"still here")
        self.assertEqual(await self.peer.read(10), b"still here")

    @only_ffi
    async def testSslIsRefusedInOneSentence(self):
        import ssl

        with self.assertRaisesRegex(ValueError, "ssl is for sockets"):
            await self.serve(Log, ssl=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))

    @only_ffi
    async def testAForkIsNoPartOfTheStream(self):
        log = await self.connected()
        child = os.fork()
        if child == 0:
            try:
                log.transport.write(b"from the fork")
                log.transport.abort()
            finally:
                os._exit(5)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 5)
        log.transport.write(b"mine")
        self.assertEqual(await self.peer.read(4), b"mine")


class Servers(AtAddress):
    async def testServeFromTheirStartToTheirEnd(self):
        server = await self.serve(Log, start_serving=False)
        self.assertFalse(server.is_serving())
        self.assertIs(server.get_loop(), self.loop)
        await server.start_serving()
        await server.start_serving()
        self.assertTrue(server.is_serving())
        server.close()
        server.close()
        self.assertFalse(server.is_serving())
        self.assertEqual(server.sockets, ())
        await asyncio.wait_for(server.wait_closed(), DEADLINE)
        with self.assertRaisesRegex(RuntimeError, "is closed"):
            await server.serve_forever()

    async def testServeForEverUntilTheyAreCancelled(self):
        server = await self.serve(Log, start_serving=False)
        serving = asyncio.ensure_future(server.serve_forever())
        await asyncio.sleep(0)
        self.assertTrue(server.is_serving())
        with self.assertRaisesRegex(RuntimeError, "already being awaited"):
            await server.serve_forever()
        serving.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await serving
        self.assertFalse(server.is_serving())

    async def testCloseAtTheEndOfTheirContext(self):
        async with await self.serve(Log) as server:
            self.assertTrue(server.is_serving())
        self.assertFalse(server.is_serving())

    async def testLeaveTheirConnectionsOpenWhenTheyClose(self):
        log = await self.connected()
        self.servers[0].close()
        await self.peer.send(b"still")
        await log.until(lambda: log.data == b"still")
        log.transport.write(b"here")
        self.assertEqual(await self.peer.read(4), b"here")
        log.transport.close()
        await log.lost()
        await asyncio.wait_for(self.servers[0].wait_closed(), DEADLINE)

    @only_ffi
    async def testShareTheAddressWithNobody(self):
        await self.serve(Log)
        with self.assertRaises(OSError) as refused:
            await self.serve(Log)
        self.assertEqual(refused.exception.errno, errno.EADDRINUSE)
        self.servers[0].close()
        await self.serve(Log)


class Streams(AtAddress):
    """The high level; the programs know nothing of Flet, nor of stage 3."""

    async def start(self, program, **options):
        self.done = self.loop.create_future()

        async def run(reader, writer):
            try:
                await program(reader, writer)
                self.done.done() or self.done.set_result(None)
            except BaseException as error:
                self.done.done() or self.done.set_exception(error)
            finally:
                writer.close()

        self.servers.append(await asyncio.start_unix_server(run, ADDRESS, **options))
        await self.peer.connect()

    async def testEcho(self):
        async def echo(reader, writer):
            while data := await reader.read(MIB):
                writer.write(data)
                await writer.drain()

        await self.start(echo)
        for size in (1, 100, 100_000):
            data = os.urandom(size)
            await self.peer.send(data)
            self.assertEqual(await self.peer.read(size), data)
        self.peer.close()
        await self.done

    async def testALineProtocol(self):
        async def shop(reader, writer):
            stock = {}
            async for line in reader:
                verb, *words = line.decode().split()
                if verb == "put":
                    stock[words[0]] = int(words[1])
                    writer.write(b"ok\n")
                elif verb == "get":
                    writer.write(b"%d\n" % stock[words[0]])
                else:
                    return

        await self.start(shop)
        await self.peer.send(b"put apples 3\nput pears 4\nget pe")
        self.assertEqual(await self.peer.read(6), b"ok\nok\n")
        await self.peer.send(b"ars\nget apples\nbye\n")
        self.assertEqual(await self.peer.read(), b"4\n3\n")
        await self.done

    async def testLengthsAndPayloadsCutAnywhere(self):
        async def sum_up(reader, writer):
            total = 0
            while size := int.from_bytes(await reader.readexactly(4), "big"):
                total += sum(await reader.readexactly(size))
            writer.write(b"%d" % total)

        await self.start(sum_up)
        parts = [os.urandom(n) for n in (1, 50, 3000, 70_000)]
        sent = b"".join(len(part).to_bytes(4, "big") + part for part in [*parts, b""])
        for piece in (1, 7, 1021):
            await self.peer.send(sent[:piece * 30], piece=piece)
            sent = sent[piece * 30:]
        await self.peer.send(sent)
        self.assertEqual(await self.peer.read(), b"%d" % sum(map(sum, parts)))

    async def testLargeTransfersBothWays(self):
        size = 32 * MIB
        seed = os.urandom(MIB)

        async def give_and_take(reader, writer):
            async def give():
                for _ in range(size // MIB):
                    writer.write(seed)
                    await writer.drain()
                writer.write_eof()

            giving = asyncio.ensure_future(give())
            digest, got = hashlib.sha256(), 0
            while got < size:
                data = await reader.read(MIB)
                digest.update(data)
                got += len(data)
            await giving
            self.digest = digest.hexdigest()

        await self.start(give_and_take)

        async def send():
            for _ in range(size // MIB):
                await self.peer.send(seed)

        sending = asyncio.ensure_future(send())
        came = await self.peer.read()
        await sending
        await self.done
        wanted = hashlib.sha256(seed * (size // MIB)).hexdigest()
        self.assertEqual((self.digest, hashlib.sha256(came).hexdigest()), (wanted, wanted))

    async def testHalfClose(self):
        async def ask(reader, writer):
            writer.write(b"a question")
            writer.write_eof()
            self.answer = await reader.readexactly(9)

        await self.start(ask)
        self.assertEqual(await self.peer.read(), b"a question")
        await self.peer.send(b"an answer")
        await self.done
        self.assertEqual(self.answer, b"an answer")

    async def testDrainWaitsForAReaderAndMemoryStaysBounded(self):
        async def flood(reader, writer):
            self.most = 0
            for _ in range(100):
                writer.write(b"x" * 100_000)
                self.most = max(self.most, writer.transport.get_write_buffer_size())
                await writer.drain()

        self.peer.pause()
        await self.start(flood)
        await asyncio.sleep(0.2)
        self.assertFalse(self.done.done(), "it must wait")
        self.peer.resume()
        self.assertEqual(len(await self.peer.read()), 10_000_000)
        await self.done
        self.assertLessEqual(self.most, 164 * KIB + 100_000)

    async def testDrainRaisesWhenThePeerHasGone(self):
        async def flood(reader, writer):
            while True:
                writer.write(b"x" * 100_000)
                await writer.drain()

        self.peer.pause()
        await self.start(flood)
        await asyncio.sleep(0.05)
        self.peer.close()
        self.peer.resume()
        with self.assertRaises(ConnectionError):
            await self.done

    async def testAnEndInTheMidstIsAnIncompleteRead(self):
        async def read(reader, writer):
            await reader.readexactly(10)

        await self.start(read)
        await self.peer.send(b"half")
        self.peer.close()
        with self.assertRaises(asyncio.IncompleteReadError) as cut:
            await self.done
        self.assertEqual(cut.exception.partial, b"half")

    async def testALineAboveTheLimitIsRefusedAndTheRestReadable(self):
        async def read(reader, writer):
            try:
                await reader.readline()
            except ValueError:
                self.rest = await reader.readuntil(b"!")

        await self.start(read, limit=1000)
        await self.peer.send(b"x" * 5000 + b"\n")
        await asyncio.sleep(0.05)
        await self.peer.send(b"next!")
        await self.done
        self.assertTrue(self.rest.endswith(b"next!"))

    async def testAbortIsSeenAtOnce(self):
        async def leave(reader, writer):
            await reader.read(1)
            writer.transport.abort()

        await self.start(leave)
        await self.peer.send(b"x")
        self.assertEqual(await self.peer.read(), b"")
        await self.done

    async def testCloseIsAwaited(self):
        async def leave(reader, writer):
            writer.write(b"bye")
            writer.close()
            await writer.wait_closed()
            self.closing = writer.is_closing()

        await self.start(leave)
        self.assertEqual(await self.peer.read(), b"bye")
        await self.done
        self.assertTrue(self.closing)


@only_ffi
class Loops(unittest.TestCase):
    """Any loop: one with asyncio's debug mode, one of another making, which reads no descriptors."""

    async def talk(self):
        async def echo(reader, writer):
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
            writer.close()

        server = await asyncio.start_unix_server(echo, ADDRESS)
        _peer.connect()
        got = b""
        for number in range(100):
            _peer.send(b"line %d\n" % number)
            while not got.endswith(b"line %d\n" % number):
                got += _peer.take()[0]
                await asyncio.sleep(0.001)
        _peer.close()
        await asyncio.sleep(0.01)
        server.close()
        self.assertEqual(_peer.queued(), 0)

    def testInDebugMode(self):
        asyncio.run(asyncio.wait_for(self.talk(), DEADLINE), debug=True)

    def testOfAPolicyOfTheProgram(self):
        class Loop(asyncio.SelectorEventLoop):
            pass

        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self):
                return Loop()

        asyncio.set_event_loop_policy(Policy())
        try:
            asyncio.run(asyncio.wait_for(self.talk(), DEADLINE))
        finally:
            asyncio.set_event_loop_policy(None)

    def testThatReadNoDescriptors(self):
        class Loop(asyncio.SelectorEventLoop):
            def add_reader(self, fd, callback, *args):
                raise NotImplementedError

        self.run_on(Loop())

    def testThatAreNotAsynciosOwn(self):
        inner = asyncio.SelectorEventLoop()

        class Foreign(asyncio.AbstractEventLoop):
            """Has of asyncio's loop what it passes on, and its own create_unix_server()."""

            async def create_unix_server(self, *args, **options):
                raise AssertionError("this one cannot serve the address")

        def passed_on(name):
            return lambda self, *args, **options: getattr(inner, name)(*args, **options)

        for name in dir(asyncio.AbstractEventLoop):
            if not name.startswith("__") and name not in vars(Foreign):
                setattr(Foreign, name, passed_on(name))
        foreign = Foreign()
        done = []

        async def main():
            asyncio._set_running_loop(foreign)
            try:
                server = await asyncio.start_unix_server(self.greet, ADDRESS)
                _peer.connect()
                got = b""
                while got != b"hello":
                    got += _peer.take()[0]
                    await asyncio.sleep(0.001)
                _peer.close()
                server.close()
                done.append(True)
            finally:
                asyncio._set_running_loop(inner)

        inner.run_until_complete(main())
        inner.close()
        self.assertEqual(done, [True])

    async def greet(self, reader, writer):
        writer.write(b"hello")
        writer.close()

    def run_on(self, loop):
        try:
            loop.run_until_complete(asyncio.wait_for(self.talk(), DEADLINE))
        finally:
            loop.close()


if __name__ == "__main__":
    if not _peer:
        folder = tempfile.TemporaryDirectory(dir="/tmp")
        ADDRESS = os.path.join(folder.name, "s")
    unittest.main()
