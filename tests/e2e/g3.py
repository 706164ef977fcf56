"""A minimal client of Flet's wire generation 3, written from the protocol alone.

Room: tests/e2e. It shares no line with the C++ code, so that both have to be right to agree.
One thread; every call that waits has a deadline and raises Timeout when it passes.

Frame on a stream: [u32 little-endian length][u8 type][payload]; the length counts the type byte.
Type 0 is MessagePack [action, body], type 1 is a data channel's [u32 little-endian id][bytes].
"""

import select
import socket
import struct
import time

import msgpack

from patience import PATIENCE

REGISTER, PATCH, EVENT, PROPS, INVOKE, CRASHED, OUTPUT = 1, 2, 3, 4, 5, 6, 7
CONTROL, DATA = 0, 1

PAGE = {
    "route": "/", "pwa": False, "web": False, "debug": False, "wasm": False, "test": False,
    "multi_view": False, "pyodide": False, "platform_brightness": "light", "width": 800.0,
    "height": 600.0, "platform": "linux",
    "window": {"maximized": False, "minimized": False, "full_screen": False,
               "always_on_top": False, "focused": True, "visible": True, "width": 800.0,
               "height": 600.0, "top": 0.0, "left": 0.0, "opacity": 1.0},
    "media": {"padding": {"left": 0.0, "top": 0.0, "right": 0.0, "bottom": 0.0},
              "view_padding": {"left": 0.0, "top": 0.0, "right": 0.0, "bottom": 0.0},
              "view_insets": {"left": 0.0, "top": 0.0, "right": 0.0, "bottom": 0.0},
              "device_pixel_ratio": 1.0, "orientation": "landscape",
              "always_use_24_hour_format": False},
}


class Timeout(Exception):
    """What was waited for did not come in time."""


class Closed(Exception):
    """The other side has closed the connection."""


def pack(message):
    return msgpack.packb(message)


def frame(payload, kind=CONTROL):
    return struct.pack("<IB", len(payload) + 1, kind) + payload


def parse_address(address):
    """`unix:PATH` or `tcp:HOST:PORT`, as --ui attach has it."""
    kind, _, rest = address.partition(":")
    if kind == "unix":
        return socket.AF_UNIX, rest
    host, _, port = rest.rpartition(":")
    return socket.AF_INET, (host, int(port))


def connect_once(address):
    family, where = parse_address(address)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(5)
        sock.connect(where)
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    return sock


def connect(address, timeout=20.0, alive=lambda: True):
    """Tries until somebody listens: a socket's file says nothing about readiness."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        try:
            return connect_once(address)
        except OSError as error:
            if time.monotonic() > deadline:
                raise Timeout(f"nobody listens on {address} after {timeout} s: {error}") from error
            if not alive():
                raise Closed(f"the server of {address} has ended: {error}") from error
            time.sleep(0.01)


def is_control(value):
    return isinstance(value, dict) and "_c" in value


def walk(value):
    """Every control below `value`, itself first."""
    if isinstance(value, dict):
        if "_c" in value:
            yield value
        for child in value.values():
            yield from walk(child)
    elif isinstance(value, list):
        for child in value:
            yield from walk(child)


def merge(into, patch):
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def without_ids(value):
    """The tree as two runs can be compared by: what is chosen anew in each run is left out."""
    if isinstance(value, dict):
        return {str(k): without_ids(v) for k, v in value.items() if k not in ("_i", "uid", "id")}
    if isinstance(value, list):
        return [without_ids(v) for v in value]
    if isinstance(value, msgpack.ExtType):
        return f"ext {value.code}: {value.data!r}"
    return value


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.inbox = bytearray()
        self.page = {"_c": "Page", "_i": 1}
        self.index = {1: self.page}
        self.session_id = None
        self.register_error = None
        self.patches = 0
        self.patch_log = []  # bodies of message 2, in the order they came
        self.crashes = []  # texts of message 6
        self.data = []  # (channel id, bytes)
        self.invokes = []  # bodies of message 5 from the app
        self.frames = []  # type of each frame, in order: control and data must not overtake
        self.answers = {}  # method name -> function(args) -> (result, error), or None: never answer
        self.closed = False

    @classmethod
    def connect(cls, address, timeout=20.0, alive=lambda: True):
        return cls(connect(address, timeout, alive))

    @classmethod
    def registered(cls, address, timeout=20.0, alive=lambda: True, **page):
        """Connects and registers, again and again as Flet's own client does, until served: while
        the one before is still being dismissed, the newcomer is turned away."""
        deadline = time.monotonic() + timeout * PATIENCE
        while True:
            client = cls.connect(address, deadline - time.monotonic(), alive)
            try:
                client.register(timeout=max(0.1, deadline - time.monotonic()), **page)
                return client
            except (Closed, ConnectionError, BrokenPipeError):
                client.close()
                if time.monotonic() > deadline:
                    raise Timeout(f"{address} turned every client away for {timeout} s") from None
                time.sleep(0.01)

    def close(self):
        self.closed = True
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- out ---------------------------------------------------------------------------------

    def send_raw(self, data, timeout=30.0):
        """Writes all of `data`; reads (into the inbox) meanwhile, so that two full pipes cannot
        block each other."""
        deadline = time.monotonic() + timeout * PATIENCE
        view = memoryview(data)
        self.sock.setblocking(False)
        while view:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Timeout(f"{len(view)} of {len(data)} bytes were not taken in {timeout} s")
            readable, writable, _ = select.select([self.sock], [self.sock], [], left)
            if readable:
                self._receive()
            if writable:
                try:
                    view = view[self.sock.send(view[:1 << 20]):]
                except (BrokenPipeError, ConnectionResetError) as error:
                    raise Closed(str(error)) from error

    def send(self, action, body, timeout=30.0):
        self.send_raw(frame(pack([action, body])), timeout)

    def event(self, target, name, data=None):
        self.send(EVENT, {"target": target, "name": name, "data": data})

    def props(self, control_id, **props):
        self.send(PROPS, {"id": control_id, "props": props})

    def send_data(self, channel, payload):
        self.send_raw(frame(struct.pack("<I", channel) + payload, DATA))

    def click(self, label):
        self.event(self.button(label)["_i"], "click")

    # -- in ----------------------------------------------------------------------------------

    def _receive(self):
        try:
            data = self.sock.recv(1 << 20)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            raise Closed("end of stream")
        self.inbox += data

    def _next_frame(self):
        if len(self.inbox) < 4:
            return None
        (length,) = struct.unpack_from("<I", self.inbox)
        if len(self.inbox) < 4 + length:
            return None
        body = bytes(self.inbox[4:4 + length])
        del self.inbox[:4 + length]
        return body

    def pump(self, until, timeout=10.0, what="an answer"):
        """Takes in what comes until `until()` is true; raises Closed at the end of the stream."""
        self._pump(until, timeout * PATIENCE, what)

    def _pump(self, until, timeout, what):
        deadline = time.monotonic() + timeout
        self.sock.setblocking(False)
        while True:
            body = self._next_frame()
            while body is not None:
                self._take(body)
                if until():
                    return
                body = self._next_frame()
            if until():
                return
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise Timeout(f"no {what} within {timeout} s; texts: {self.texts()[:40]}, "
                              f"crashes: {self.crashes}")
            self._receive()

    def wait_closed(self, timeout=10.0):
        try:
            self.pump(lambda: False, timeout, "end of the connection")
        except Closed:
            return

    def wait_idle(self, timeout):
        """Takes in what comes for so long."""
        try:
            self._pump(lambda: False, timeout, "end of the connection")
        except Timeout:
            return

    def _take(self, body):
        if not body:
            return
        self.frames.append(body[0])
        if body[0] == DATA:
            (channel,) = struct.unpack_from("<I", body, 1)
            self.data.append((channel, body[5:]))
            return
        if body[0] != CONTROL:
            raise AssertionError(f"a frame of type {body[0]} from the app")
        action, content = msgpack.unpackb(body[1:], strict_map_key=False)
        if action == REGISTER:
            self.session_id = content["session_id"]
            self.register_error = content.get("error") or ""
            merge(self.page, content.get("page_patch") or {})
            self._index(self.page)
        elif action == PATCH:
            if self.session_id is None:
                raise AssertionError(f"a patch of somebody else's session: {content}")
            self.patches += 1
            self.patch_log.append(content)
            self._apply(content)
        elif action == INVOKE:
            self.invokes.append(content)
            self._answer(content)
        elif action == CRASHED:
            self.crashes.append(content["message"])
        elif action != OUTPUT:
            raise AssertionError(f"unknown action {action} from the app")

    def _answer(self, call):
        handler = self.answers.get(call["name"], lambda _: (None, f"unknown method {call['name']}"))
        if handler is None:
            return
        result, error = handler(call.get("args") or {})
        self.answer(call, result, error)

    def answer(self, call, result, error=None):
        self.send(INVOKE, {"control_id": call["control_id"], "call_id": call["call_id"],
                           "result": result, "error": error})

    def _index(self, value):
        for control in walk(value):
            self.index[control["_i"]] = control

    # -- the tree ------------------------------------------------------------------------------

    def _apply(self, content):
        root = self.index.get(content["id"])
        if root is None:
            return
        tree, *operations = content["patch"]
        paths = {}

        def learn(node, path):
            paths[node[0]] = path
            for segment, child in (node[1] if len(node) > 1 else {}).items():
                learn(child, path + [segment])

        learn(tree, [])

        def container(number):  # resolved when the operation runs: earlier ones shift positions
            at = root
            for segment in paths[number]:
                at = at[segment]
            return at

        for operation in operations:
            kind, number, *rest = operation
            target = container(number)
            if kind == 0:
                key, value = rest
                target[key] = value
                self._index(value)
            elif kind == 1:
                key, value = rest
                if isinstance(target, list):
                    target.insert(key, value)
                else:
                    target[key] = value
                self._index(value)
            elif kind == 2:
                del target[rest[0]]
            elif kind == 3:
                from_key, to_number, to_key = rest
                value = target.pop(from_key)
                to = container(to_number)
                if isinstance(to, list):
                    to.insert(to_key, value)
                else:
                    to[to_key] = value
            else:
                raise AssertionError(f"unknown patch operation {operation}")

    def controls(self, kind=None):
        return [c for c in walk(self.page) if kind is None or c["_c"] == kind]

    def texts(self):
        return [c.get("value", "") for c in self.controls("Text")]

    def button(self, label):
        for control in self.controls():
            content = control.get("content")
            if is_control(content):
                content = content.get("value")
            if control.get("on_click") and label in (content, control.get("text")):
                return control
        raise AssertionError(f"no button {label!r} in {self.texts()}")

    def keyed(self, key):
        for control in self.controls():
            value = control.get("key")
            if value == key or (isinstance(value, dict) and value.get("value") == key):
                return control
        raise AssertionError(f"no control with key {key!r}")

    # -- a session -----------------------------------------------------------------------------

    def register(self, timeout=20.0, session_id=None, page_name="e2e", **page):
        self.send(REGISTER, {"session_id": session_id, "page_name": page_name,
                             "page": {**PAGE, **page}}, timeout)
        self.pump(lambda: self.session_id is not None, timeout, "answer to the registration")

    def expect_text(self, value, timeout=10.0):
        self.pump(lambda: value in self.texts(), timeout, f"text {value!r}")

    def expect_crash(self, part, timeout=10.0):
        self.pump(lambda: any(part in c for c in self.crashes), timeout, f"crash with {part!r}")
