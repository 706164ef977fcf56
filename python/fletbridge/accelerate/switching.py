"""An event loop that has input gets the interpreter from a computing thread well before the switch interval is over,
and keeps it until it has nothing to do or its share of time is used: reading and writing what is there already does
not let go of it. Only loops on which Flet talks to its clients are concerned."""

_SELECT = "selectors:EpollSelector."
_LOOP = "asyncio.selector_events:BaseSelectorEventLoop."
_TRANSPORT = "asyncio.selector_events:_SelectorSocketTransport."
RELIES = [_SELECT + "select", _SELECT + "close", _LOOP + "_read_from_self", _TRANSPORT + "write",
          _TRANSPORT + "_write_ready", _TRANSPORT + "_read_ready__data_received",
          "asyncio.base_events:BaseEventLoop._run_once", "flet.messaging.connection:Connection.loop"]


def apply(native):
    import selectors
    import socket
    from functools import wraps

    from flet.messaging.connection import Connection

    class Epoll:
        """A select.epoll with a poll() of ours."""

        __slots__ = ("_epoll", "poll")

        def __init__(self, epoll):
            self._epoll = epoll
            self.poll = native.make_poll(epoll)

        def __getattr__(self, name):
            return getattr(self._epoll, name)

    class Socket(socket.socket):
        __slots__ = ()
        recv = native.socket_recv(socket.socket.recv)
        send = native.socket_send(socket.socket.send)

    Socket.__name__ = Socket.__qualname__ = "socket"
    Socket.__module__ = "socket"

    def hasten_socket(sock):
        if type(sock) is socket.socket and sock.type == socket.SOCK_STREAM:
            sock.__class__ = Socket

    def hasten_loop(loop):
        selector = getattr(loop, "_selector", None)
        epoll = getattr(selector, "_selector", None)
        if type(selector) is selectors.EpollSelector and type(epoll).__name__ == "epoll":
            selector._selector = Epoll(epoll)
            hasten_socket(getattr(loop, "_ssock", None))

    def hasten_server(server):
        """A class of Flet's that serves sockets."""
        handle = vars(server).get("handle_connection")
        if handle is None or server in servers:
            return
        servers.add(server)

        @wraps(handle)  # the function of whoever was here before, such as fletbridge's own
        def handle_connection(self, reader, writer):
            hasten_socket(getattr(getattr(writer, "transport", None), "_sock", None))
            return handle(self, reader, writer)

        server.handle_connection = handle_connection

    servers = set()
    native.set_up_switching()
    flet = vars(Connection)["loop"]

    @wraps(flet.fset)
    def set_loop(self, value):
        flet.fset(self, value)
        hasten_loop(value)
        hasten_server(type(self))

    Connection.loop = property(flet.fget, set_loop, flet.fdel, flet.__doc__)
