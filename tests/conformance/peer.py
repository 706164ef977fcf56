"""The app of the conformance suite: speaks to a transport as Flet's own servers do, without Flet.

On stage `legacy` uvicorn serves it, as it serves Flet. On stages 1 and 2 it listens where FLET_SERVER_UDS_PATH or FLET_SERVER_PORT says, with the frames of
wire generation 3; on stage 3 and in a packaged app it uses the built-in `dart_bridge`. Where
CONFORMANCE_CLIENT names a program, it starts that as its client, which connects to it, as an app does
that was started by `python app.py`. A control packet that begins with
COMMAND carries an order as JSON; every other packet is echoed or counted. What must be said while no
packet flows goes over a socket pair, CONFORMANCE_FD: lines of JSON to the test, single bytes back.
"""

import asyncio
import json
import os
import signal
import socket
import struct
import sys
import threading

CONTROL, DATA = 0, 1
COMMAND = b"\xc1"  # never used by MessagePack
CHANNEL = 7  # the one data channel
LABEL = struct.Struct("<III")  # session, sender, number
SIDE = int(os.environ["CONFORMANCE_FD"])
PACKAGED = os.environ.get("FLET_DART_BRIDGE_EXIT_PORT")


def tell(**facts):
    os.write(SIDE, json.dumps(facts).encode() + b"\n")


def wait_for_go():
    """Blocks the calling thread until the test says so."""
    while not os.read(SIDE, 1):
        os._exit(99)  # the test has gone


def labelled(session, sender, number, size):
    label = LABEL.pack(session, sender, number)
    return label[:size] + bytes([number & 0xFF]) * (size - len(label))


class SocketSession:
    """One connection, as FletSocketServer has it."""

    def __init__(self, number, writer):
        self.number = number
        self.writer = writer
        self.tasks = set()
        self.lock = asyncio.Lock()
        self.loop = asyncio.get_running_loop()
        writer.transport.set_write_buffer_limits(0)  # drain() waits until the kernel has it all

    def post(self, kind, payload):
        self.writer.write((len(payload) + 1).to_bytes(4, "little") + bytes([kind]))
        self.writer.write(payload)

    async def send(self, kind, payload):
        if kind == DATA:
            payload = CHANNEL.to_bytes(4, "little") + payload
        async with self.lock:
            self.post(kind, payload)
            await self.writer.drain()

    def send_from_thread(self, kind, payload):
        self.loop.call_soon_threadsafe(self.post, kind, payload)


class WebSession:
    """One WebSocket of uvicorn's, as FletApp of flet-web has it."""

    def __init__(self, number, send):
        self.number = number
        self.send_event = send
        self.tasks = set()
        self.lock = asyncio.Lock()
        self.loop = asyncio.get_running_loop()
        self.uvicorn = send.__self__  # its protocol
        self.uvicorn.transport.set_write_buffer_limits(0)

    async def send(self, kind, payload):
        if kind == DATA:
            payload = CHANNEL.to_bytes(4, "little") + payload
        async with self.lock:
            await self.send_event({"type": "websocket.send", "bytes": bytes([kind]) + payload})
            await self.uvicorn.writable.wait()  # as SocketSession: until the kernel has it all
        await asyncio.sleep(0)  # uvicorn drops what is for a client that has gone, and waits for nothing

    def send_from_thread(self, kind, payload):
        asyncio.run_coroutine_threadsafe(self.send(kind, payload), self.loop)


class BridgeSession:
    """One session over dart_bridge, as FletDartBridgeServer has it."""

    def __init__(self, number, port):
        self.number = number
        self.port = port
        self.tasks = set()

    def send_from_thread(self, kind, payload):
        import dart_bridge

        try:
            if kind == DATA:
                dart_bridge.send_bytes(CHANNEL, payload)
            else:
                dart_bridge.send_bytes(self.port, bytes([kind]) + payload)
        except RuntimeError as error:  # a refused packet must not end the session
            tell(refused=str(error))

    async def send(self, kind, payload):
        self.send_from_thread(kind, payload)
        await asyncio.sleep(0)


class Peer:
    def __init__(self):
        self.sessions = 0
        self.counting = False
        self.count = 0
        self.bytes = 0
        self.wrong = 0
        self.numbers = {}  # sender: its last number
        self.end = asyncio.get_running_loop().create_future()
        self.session = None

    def begin(self, session):
        self.session = session
        tell(session=session.number)

    async def on_packet(self, session, kind, payload):
        if kind == CONTROL and payload.startswith(COMMAND):
            order = json.loads(payload[1:])
            await getattr(self, "do_" + order.pop("do"))(session, **order)
        elif self.counting:
            self.count += 1
            self.bytes += len(payload)
            _, sender, number = LABEL.unpack_from(payload)
            if number != self.numbers.get(sender, -1) + 1 or payload != labelled(0, sender, number, len(payload)):
                self.wrong += 1
            self.numbers[sender] = number
        else:
            await session.send(kind, payload)

    def spawn(self, session, coroutine):
        task = asyncio.ensure_future(coroutine)
        session.tasks.add(task)
        task.add_done_callback(session.tasks.discard)

    async def do_count(self, session):
        self.counting = True

    async def do_report(self, session):
        facts = {"count": self.count, "bytes": self.bytes, "wrong": self.wrong, "sessions": self.sessions}
        await session.send(CONTROL, json.dumps(facts).encode())

    async def do_produce(self, session, n, size, kind=CONTROL, progress=False, forever=False):
        async def produce():
            number = 0
            while forever or number < n:
                await session.send(kind, labelled(session.number, 0, number, size))
                number += 1
                if progress:
                    tell(sent=number)

        self.spawn(session, produce())

    async def do_threads(self, session, threads, n, size):
        def produce(sender):
            for number in range(n):
                session.send_from_thread(CONTROL, labelled(session.number, sender, number, size))

        for sender in range(threads):
            threading.Thread(target=produce, args=(sender,)).start()

    async def do_stall(self, session):
        tell(at="stalled")
        wait_for_go()

    async def do_half(self, session, size):
        """The first half of a packet, and then nothing: sockets only."""
        if isinstance(session, WebSession):
            session.uvicorn.transport.write(
                bytes([0x82, 127]) + (size + 1).to_bytes(8, "big") + bytes(1 + size // 2))
            return tell(at="half")
        session.writer.write((size + 1).to_bytes(4, "little") + b"\0" + bytes(size // 2))
        tell(at="half")  # asyncio writes at once what the kernel takes

    async def do_exit(self, session, how, code=0, packets=0, size=0):
        for number in range(packets):
            await session.send(CONTROL, labelled(session.number, 0, number, size))
        if how == "return":
            self.end.set_result(None)
        elif how == "exit" and PACKAGED:  # as the program of `flet build` has it
            import dart_bridge

            dart_bridge.send_bytes(int(PACKAGED), str(code).encode())
        elif how == "os":
            os._exit(code)
        elif how == "raise":
            self.end.set_exception(ValueError("the app's own mistake, on purpose"))
        elif how == "handler":
            asyncio.get_running_loop().call_soon(sys.exit, code)
        elif how == "thread":
            threading.Thread(target=sys.exit, args=(code,)).start()
        elif how == "os in a thread":
            threading.Thread(target=os._exit, args=(code,)).start()
        else:
            self.end.set_exception(SystemExit(code))

    # ---- stages 1 and 2, and with a client of its own

    def await_client(self):
        """As Flet, which ends when its client has; whoever started us wants the client's exit code."""
        loop = self.end.get_loop()
        os.waitid(os.P_PID, CLIENT.pid, os.WEXITED | os.WNOWAIT)
        loop.call_soon_threadsafe(lambda: self.end.done() or self.end.set_result(None))

    async def serve(self, reader, writer):
        self.sessions += 1
        session = SocketSession(self.sessions, writer)
        self.begin(session)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(4), "little")
                if length:
                    packet = await reader.readexactly(length)
                    kind, payload = packet[0], packet[1:]
                    await self.on_packet(session, kind, payload[4:] if kind == DATA else payload)
        except (asyncio.IncompleteReadError, ConnectionError):
            tell(ended=session.number)
        finally:
            for task in list(session.tasks):
                task.cancel()
            writer.close()

    # ---- stage legacy

    async def serve_web(self, scope, receive, send):
        """An app of ASGI."""
        assert scope["type"] == "websocket", scope
        await receive()
        await send({"type": "websocket.accept"})
        self.sessions += 1
        session = WebSession(self.sessions, send)
        self.begin(session)
        while (event := await receive())["type"] == "websocket.receive":
            kind, payload = event["bytes"][0], event["bytes"][1:]
            await self.on_packet(session, kind, payload[4:] if kind == DATA else payload)
        tell(ended=session.number)
        for task in list(session.tasks):
            task.cancel()

    async def start_web(self, port):
        import uvicorn

        server = uvicorn.Server(uvicorn.Config(self.serve_web, host="127.0.0.1", port=port, log_level="error",
                                               ws="websockets-sansio", lifespan="off",
                                               interface="asgi3"))
        self.serving = asyncio.create_task(server.serve())

    # ---- stage 3, and in a packaged app

    async def serve_bridge(self, port):
        import dart_bridge

        arrived = asyncio.Queue()

        def begin(port):
            self.sessions += 1
            self.begin(BridgeSession(self.sessions, port))
            dart_bridge.set_enqueue_handler_func(
                port, lambda packet: arrived.put_nowait((self.session, packet[0], packet[1:])))

        def new_session(port=port):
            for task in list(self.session.tasks):
                task.cancel()
            tell(ended=self.session.number)
            begin(port)

        dart_bridge.set_enqueue_handler_func(
            CHANNEL, lambda payload: arrived.put_nowait((self.session, DATA, payload)))
        if PACKAGED:
            dart_bridge.add_session_restart_handler(lambda ports: new_session(ports["protocol"]))
        else:
            import _fletbridge_ffi

            _fletbridge_ffi.set_new_session_handler(new_session)
        begin(port)
        while True:
            session, kind, payload = await arrived.get()
            if session is self.session:
                await self.on_packet(session, kind, payload)

    async def run(self):
        bridge = int(os.environ.get("FLET_DART_BRIDGE_PORT") or 0)
        port = int(os.environ.get("FLET_SERVER_PORT") or 0)
        if CLIENT:
            threading.Thread(target=self.await_client, daemon=True).start()
            serve = asyncio.start_unix_server if CLIENT.path else asyncio.start_server
            await serve(self.serve, sock=CLIENT.listener, limit=1 << 20)
        elif os.environ.get("FLET_FORCE_WEB_SERVER"):
            await self.start_web(port)
        elif bridge:
            self.reading = asyncio.ensure_future(self.serve_bridge(bridge))
        elif port:
            await asyncio.start_server(self.serve, "localhost", port, limit=1 << 20)
        else:
            await asyncio.start_unix_server(self.serve, os.environ["FLET_SERVER_UDS_PATH"], limit=1 << 20)
        await self.end


class Client:
    """The client that the app starts, and the address that it is given: bound, but not listening yet."""

    def __init__(self, line):
        self.path = os.environ.get("FLET_SERVER_UDS_PATH")
        if self.path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(self.path)
        else:
            self.listener = socket.socket()
            self.listener.bind(("127.0.0.1", 0))
        port = 0 if self.path else self.listener.getsockname()[1]
        side = int(os.environ["CONFORMANCE_SIDE"])
        environment = os.environ | {"CONFORMANCE_ADDRESS": self.path or str(port)}
        self.pid = os.posix_spawn(line[0], line, environment, file_actions=[(os.POSIX_SPAWN_CLOSE, SIDE)])
        os.close(side)  # its end is the client's end


CLIENT = None


async def main():
    import flet.app  # ours, beside this file

    async def body():
        await Peer().run()

    await flet.app.run_async(body)


def begin():
    start = os.environ["CONFORMANCE_START"]
    if start == "deaf_hold":
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
    if "CONFORMANCE_CLIENT" in os.environ:
        global CLIENT
        CLIENT = Client(json.loads(os.environ["CONFORMANCE_CLIENT"]))
    tell(at="started", port=int(os.environ.get("FLET_SERVER_PORT") or 0),
         path=os.environ.get("FLET_SERVER_UDS_PATH", ""))
    if start in ("hold", "deaf_hold"):
        wait_for_go()
    elif start == "exit":
        sys.exit(3)
    elif start == "raise":
        raise ValueError("the app's own mistake, on purpose")


begin()
asyncio.run(main())
if os.environ["CONFORMANCE_START"] == "slow_end":  # the app's own work behind ft.run()
    tell(at="cleaning")
    wait_for_go()
    tell(at="clean")
