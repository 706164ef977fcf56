"""asyncio: a server at the host's own address gets its connections over stage 3's channel, in this process and without
a socket. One connection at a time, since the host has one client. Every other address is asyncio's own.

To a program it is as a Unix socket's server and transport, but that there is no socket to ask for
(get_extra_info("socket"), Server.sockets)."""

import asyncio
import collections
import errno
import functools
import os
import sys
from asyncio import base_events, constants, events, streams, transports, unix_events
from asyncio.log import logger

import _fletbridge_stream as wire

BY_TRANSPORT = sys.version_info >= (3, 13)  # whether a server knows its connections one by one


def throw(error):
    raise error


# CPython's own flow control: what it does differs between versions.
class Transport(transports._FlowControlMixin, transports.Transport):
    """One session's end in the app, as asyncio's transport of a socket, in each version that we know."""

    def __init__(self, loop, protocol, session, extra, on_lost):
        super().__init__(extra, loop)
        self._session = session
        self._on_lost = on_lost
        self._held = collections.deque()  # what has come while nobody reads; None: the end
        self._unsent = collections.deque()
        self._offset = self._unsent_bytes = 0  # of the first of these; of all, still to be sent
        self._reading = self._closing = self._eof = False
        self._conn_lost = 0  # closed, and then: how often it was written to
        self._paused = False
        self.set_protocol(protocol)
        loop.call_soon(protocol.connection_made, self)
        loop.call_soon(self._begin)

    def __repr__(self):
        state = "closed" if self._protocol is None else "closing" if self._closing else "open"
        return "<%s %s session=%d unsent=%d>" % (type(self).__name__, state, self._session, self._unsent_bytes)

    def set_protocol(self, protocol):
        self._protocol = protocol
        self._is_buffered = isinstance(protocol, asyncio.BufferedProtocol)

    def get_protocol(self):
        return self._protocol

    def get_loop(self):
        return self._loop

    def is_closing(self):
        return self._closing

    # ---- From the host

    def _begin(self):
        self._reading = True
        self._flush()

    def is_reading(self):
        return not self._closing and not self._paused

    def pause_reading(self):
        if self.is_reading():
            self._paused = True

    def resume_reading(self):
        if self._paused and not self._closing:
            self._paused = False
            self._loop.call_soon(self._flush)

    def take(self, data):
        """Bytes, or None: the end. Says whether it keeps them, until wire.taken()."""
        if self._closing:
            return None
        if not self._reading or self._paused or self._held:
            self._held.append(data)
            return True
        rest = self._receive(data)
        if rest is None:
            return None
        self._held.appendleft(rest)
        return True

    def _receive(self, data):
        """What the protocol leaves, having paused in the midst; else None."""
        try:
            if data is None:
                if not self._protocol.eof_received():
                    self.close()
            elif self._is_buffered:
                return self._fill(memoryview(data))
            else:
                self._protocol.data_received(data)
        except (SystemExit, KeyboardInterrupt) as error:
            self._loop.call_soon(throw, error)  # the loop's, and not the channel's
        except BaseException as error:
            self._fail(error, "Fatal error: protocol.%s() call failed." % (
                "eof_received" if data is None else "buffer_updated" if self._is_buffered else "data_received"))
        return None

    def _fill(self, data):
        while data and not self._closing:
            if self._paused:
                return data
            buffer = self._protocol.get_buffer(len(data))
            size = min(len(buffer), len(data))
            if not size:
                raise RuntimeError("get_buffer() returned an empty buffer")
            buffer[:size] = data[:size]
            self._protocol.buffer_updated(size)
            data = data[size:]
        return None

    def _flush(self):
        while self._held and not self._paused and not self._closing:
            data = self._held.popleft()
            rest = self._receive(data)
            if rest is not None:
                self._held.appendleft(rest)
            elif data is not None:
                wire.taken()

    def _drop_held(self):
        while self._held:
            if self._held.popleft() is not None:
                wire.taken()

    # ---- To the host

    def write(self, data):
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError("data argument must be a bytes-like object, not %r" % type(data).__name__)
        if self._eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        data = bytes(data)  # the same, if it is that already
        if not data:
            return
        if self._conn_lost:
            if self._conn_lost >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
                logger.warning("socket.send() raised exception.")
            self._conn_lost += 1
            return
        sent = 0
        if not self._unsent:
            sent = self._send(data, 0)
            if sent < 0 or sent == len(data):
                return
            self._offset = sent
        self._unsent.append(data)
        self._unsent_bytes += len(data) - sent
        self._maybe_pause_protocol()

    def writelines(self, list_of_data):
        self.write(b"".join(list_of_data))

    def _send(self, data, offset):
        sent = wire.send(self._session, data, offset)
        if sent < 0:
            self._fail(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)),
                       "Fatal write error on socket transport")
        return sent

    def send_more(self):
        """The channel has room again."""
        if not self._unsent or self._conn_lost:
            return
        while self._unsent:
            data = self._unsent[0]
            sent = self._send(data, self._offset)
            if sent < 0:
                return
            self._unsent_bytes -= sent
            self._offset += sent
            if self._offset < len(data):
                break
            self._unsent.popleft()
            self._offset = 0
        self._maybe_resume_protocol()  # which may write more
        if self._unsent:
            return
        if self._closing:
            self._lose(None)
        elif self._eof:
            wire.end(self._session)

    def get_write_buffer_size(self):
        return self._unsent_bytes

    def can_write_eof(self):
        return True

    def write_eof(self):
        if self._closing or self._eof:
            return
        self._eof = True
        if not self._unsent:
            wire.end(self._session)

    # ---- The end

    def close(self):
        if self._closing:
            return
        self._closing = True
        self._drop_held()
        if not self._unsent:
            self._conn_lost += 1
            self._loop.call_soon(self._lose, None)

    def abort(self):
        self.end_by(None)

    def _fail(self, error, message):
        if not isinstance(error, OSError):
            self._loop.call_exception_handler(
                {"message": message, "exception": error, "transport": self, "protocol": self._protocol})
        elif self._loop.get_debug():
            logger.debug("%r: %s", self, message, exc_info=True)
        self.end_by(error)

    def end_by(self, error):
        if self._conn_lost:
            return
        self._unsent.clear()
        self._unsent_bytes = self._offset = 0
        self._closing = True
        self._drop_held()
        self._conn_lost += 1
        self._loop.call_soon(self._lose, error)

    def _lose(self, error):
        self._conn_lost = self._conn_lost or 1
        try:
            self._protocol.connection_lost(error)
        finally:
            wire.end(self._session)
            self._protocol = None
            self._on_lost(self)

    def replace(self):
        """The host's next session has begun. What is still unread of this one is no longer there."""
        if self._held or self._unsent:
            self.end_by(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)))


class Channel:
    """Who listens at the address, and its connection."""

    def __init__(self):
        self.server = None
        self.transport = None  # of the host's session

    def listen(self, server):
        for one in (self.server, self.transport):  # those of a loop that was closed have gone with it
            if one is not None and not one.get_loop().is_closed():
                if one is self.server:
                    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
                break
        else:
            if self.transport is not None:
                self.transport._drop_held()
            self.transport = None
        self.server = server
        wire.listen(self.hear)

    def leave(self, server):
        if self.server is server:
            self.server = None
            self.rest()

    def rest(self):
        if self.server is None and self.transport is None:
            wire.listen(None)

    def hear(self, what):
        loop = (self.server or self.transport).get_loop()
        if events._get_running_loop() is loop:
            return self.take(what)
        # A loop that reads no descriptors, or an app's own handler, which has all of them called elsewhere.
        loop.call_soon_threadsafe(self.take_later, what)
        return True if type(what) is bytes else None

    def take_later(self, what):
        if self.take(what) is None and type(what) is bytes:
            wire.taken()

    def take(self, what):
        """What the host says (src/stage3/stream_module.h)."""
        transport = self.transport
        if type(what) is bytes:
            return None if transport is None else transport.take(what)
        if what is None:
            if transport is not None:
                transport.send_more()
        elif what > 0:
            if transport is not None:
                transport.replace()
            self.transport = None
            if self.server is None:
                wire.end(what)
                self.rest()
            else:
                self.transport = self.server.accept(what)
        elif transport is not None and transport._session == -what:
            transport.take(None)
        return None

    def lost(self, transport):
        if self.transport is transport:
            self.transport = None
            self.rest()


CHANNEL = Channel()


# CPython's own server, with no socket: what it waits for at its end differs between versions.
class Server(base_events.Server):
    def __init__(self, loop, protocol_factory, extra):
        super().__init__(loop, [], protocol_factory, None, 0, None)
        self._extra = extra

    def _start_serving(self):
        if not self._serving:
            CHANNEL.listen(self)
        super()._start_serving()

    def close(self):
        super().close()
        CHANNEL.leave(self)

    def accept(self, session):
        transport = Transport(self._loop, self._protocol_factory(), session, self._extra, self._lost)
        self._attach(*(transport,) * BY_TRANSPORT)
        return transport

    def _lost(self, transport):
        self._detach(*(transport,) * BY_TRANSPORT)
        CHANNEL.lost(transport)


def patch(module, shim):
    def forget():  # in a fork, whose parent has the channel
        shim.stream = None

    shim.forgets.append(forget)

    def is_ours(where):
        return isinstance(where, (str, bytes, os.PathLike)) and os.fsdecode(where) == shim.stream

    def at_address(create, keyword):
        """A loop's create_server() or create_unix_server(), whose address is its second argument."""

        @functools.wraps(create)
        async def create_at(loop, protocol_factory, *args, **options):
            where = args[0] if args else options.get(keyword)
            if options.get("sock") is not None or not is_ours(where):
                return await create(loop, protocol_factory, *args, **options)
            if options.get("ssl"):
                raise ValueError("ssl is for sockets, and at %s there is none" % shim.stream)
            extra = {"sockname": shim.stream, "peername": ""}
            if keyword == "host":
                port = args[1] if len(args) > 1 else options.get("port")
                extra = {"sockname": (shim.stream, port), "peername": (shim.stream, 0)}
            server = Server(loop, protocol_factory, extra)
            if options.get("start_serving", True):
                await server.start_serving()
            return server

        return create_at

    def for_any_loop(start, create_at, keyword):
        """asyncio.start_server() or start_unix_server(): a loop that is not asyncio's own has methods of its own."""

        @functools.wraps(start)
        async def start_at(client_connected_cb, *args, **options):
            loop = events.get_running_loop()
            if isinstance(loop, base_events.BaseEventLoop) or not is_ours(args[0] if args else options.get(keyword)):
                return await start(client_connected_cb, *args, **options)
            limit = options.pop("limit", streams._DEFAULT_LIMIT)

            def factory():
                reader = asyncio.StreamReader(limit=limit, loop=loop)
                return asyncio.StreamReaderProtocol(reader, client_connected_cb, loop=loop)

            return await create_at(loop, factory, *args, **options)

        return start_at

    for kind, create, start, keyword in (
            (unix_events._UnixSelectorEventLoop, "create_unix_server", "start_unix_server", "path"),
            (base_events.BaseEventLoop, "create_server", "start_server", "host")):
        create_at = at_address(getattr(kind, create), keyword)
        setattr(kind, create, create_at)
        start_at = for_any_loop(getattr(streams, start), create_at, keyword)
        for place in (streams, module):
            setattr(place, start, start_at)
