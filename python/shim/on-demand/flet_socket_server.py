"""Flet's socket server: its peers, its socket, its end."""

import asyncio
import errno
import functools
import os
import select
import socket
import struct


def make_check(*others):
    """What accepts only processes of ours: this one, its ancestors, such as the host, its descendants, and these
    `others`. One whose owner is unknown is refused. Returns check(transport)."""
    user = os.geteuid()
    can_ask = said = False

    def is_shortage(error):
        """Without a descriptor nobody knows: that is no answer."""
        return getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE)

    def line_of(pid):
        """A process, its parent, and so on."""
        while pid > 0:
            yield pid
            try:
                with open("/proc/%d/stat" % pid, "rb") as stat:
                    pid = int(stat.read().rpartition(b")")[2].split()[1])
            except OSError as error:
                if is_shortage(error):
                    raise
                return

    came_from = (*line_of(os.getpid()), os.getppid(), *others)  # a process that it leaves behind loses its line

    def is_relative(pid):
        return pid in came_from or pid in line_of(os.getpid()) or os.getpid() in line_of(pid)

    def holds(pid, link):
        try:
            numbers = os.listdir("/proc/%d/fd" % pid)
        except OSError as error:
            if is_shortage(error):
                raise
            return False
        for number in numbers:
            try:
                if os.readlink("/proc/%d/fd/%s" % (pid, number)) == link:
                    return True
            except OSError:
                pass
        return False

    def ask_kernel(family, ends):
        """Its socket diagnosis: the user and the inode of exactly this connection, or None."""
        nonlocal can_ask
        question = struct.pack("=L2H2L4BL", 72, 20, 1, 0, 0, family, socket.IPPROTO_TCP, 0, 0, 0xffffffff)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 4) as kernel:
            kernel.send(question + ends + struct.pack("=3L", 0, 0xffffffff, 0xffffffff))
            answer = kernel.recv(4096)
        kind, = struct.unpack_from("=H", answer, 4)
        if kind == 20:
            can_ask = True
            # If there is no such connection, the answer describes the listening socket.
            return struct.unpack_from("=2L", answer, 80) if answer[20:56] == ends else None
        error, = struct.unpack_from("=i", answer, 16)
        if can_ask and error == -errno.ENOENT:
            return None
        raise OSError(-error, os.strerror(-error))

    def look_in_table(family, ends):
        def name(port, address):
            words = ["%08X" % word for word in struct.unpack("=%dL" % (len(address) // 4), address)]
            return "".join(words) + ":%04X" % struct.unpack("!H", port)

        size = 4 if family == socket.AF_INET else 16
        wanted = " %s %s " % (name(ends[:2], ends[4:4 + size]), name(ends[2:4], ends[20:20 + size]))
        with open("/proc/net/tcp" if size == 4 else "/proc/net/tcp6") as table:
            for row in table:
                if wanted in row:
                    fields = row.split()
                    return int(fields[7]), int(fields[9])
        return None

    def is_ours(peer):
        if peer.family == socket.AF_UNIX:
            pid, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            # 0: outside of a container that is ours alone; the folder is private as well.
            return uid == user and (pid == 0 or is_relative(pid))
        theirs, ours = peer.getpeername(), peer.getsockname()
        ends = struct.pack("!2H16s16s", theirs[1], ours[1], socket.inet_pton(peer.family, theirs[0]),
                           socket.inet_pton(peer.family, ours[0]))
        try:
            owner = ask_kernel(peer.family, ends)
        except OSError:
            owner = look_in_table(peer.family, ends)
        if owner is None or owner[0] != user or owner[1] == 0:
            return False
        link = "socket:[%d]" % owner[1]
        if any(holds(pid, link) for pid in (*line_of(os.getpid()), *came_from)):
            return True
        pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
        return any(os.getpid() in line_of(pid) and holds(pid, link) for pid in pids)

    def refuse(transport, why):
        nonlocal said
        transport.abort()
        if said:
            return
        said = True
        poll = select.poll()
        poll.register(2, select.POLLOUT)
        if any(events == select.POLLOUT for _, events in poll.poll(0)):  # the app does not wait for it
            os.write(2, b"fletbridge: refused a connection to the app's own socket: %s\n" % why.encode())

    def check(transport):
        """Whether its peer is ours; else it is aborted."""
        # Asked by asyncio's own socket object: a copy would cost one more of perhaps few descriptors.
        why = "it is not the host's"
        peer = transport.get_extra_info("socket")
        try:
            if peer is None or is_ours(peer):  # none: stage 3's host is in this process
                return True
        except Exception as error:
            why = "whose it is cannot be told: %s" % (getattr(error, "strerror", None) or repr(error))
            if is_shortage(error):
                why += "; raise the limit with ulimit -n"
        refuse(transport, why)
        return False

    return check


def check_peers(module):
    """Each connection is checked before a byte of it is read."""
    handle, check = module.FletSocketServer.handle_connection, make_check()

    # No coroutine: asyncio calls it before it begins to read.
    @functools.wraps(handle)
    def handle_connection(self, reader, writer):
        if check(writer.transport):
            lines = [line for line in getattr(self, "_fletbridge_lines", ()) if not line.is_closing()]
            self._fletbridge_lines = [*lines, writer.transport]  # for its end
            return handle(self, reader, writer)

    module.FletSocketServer.handle_connection = handle_connection


def serve_many(module, shim):
    """Each connection is a client of its own, whose session may outlive it."""
    Client = shim.load("clients")["on"](module, module.FletSocketServer, shim)
    most = 64 << 20  # bytes that wait for the host, which reads as fast as the client does

    async def handle_connection(self, reader, writer):
        transport = writer.transport

        def send(packet):
            if transport.is_closing():
                return
            transport.write(len(packet).to_bytes(4, "little") + packet)
            if transport.get_write_buffer_size() > most:
                transport.abort()  # it gets the page anew when it comes back

        client = Client(self, send)
        client.sessions.lines.add(transport.close)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(4), "little")
                await client.take(await reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except Exception as error:
            module.logger.debug("Error receiving data from Flet client: %s", error, exc_info=True)
        finally:
            transport.abort()
            client.sessions.lines.discard(transport.close)
            await client.leave()

    module.FletSocketServer.handle_connection = handle_connection


def serve_the_next(module):
    """Before Flet 0.70 a server serves one client, and no other after it. It takes the next as later ones do: with
    a session of its own, in which nothing of the one before comes."""
    handle = module.FletSocketServer.handle_connection

    async def drop(self):
        before = getattr(self, "_FletSocketServer__receive_loop_task", None)
        if before is None:
            return
        for task in (before, self._FletSocketServer__send_loop_task):
            task.cancel()
            await asyncio.wait({task})
            task.cancelled() or task.exception()  # Flet leaves what a bad message has raised there
        left = list(self.sessions.values())
        self.sessions.clear()
        for page in left:
            page._close()
        self._FletSocketServer__send_queue = asyncio.Queue()
        self._FletSocketServer__connected = False

    @functools.wraps(handle)
    async def handle_connection(self, reader, writer):
        # One after the other: those that come at once would all wait for the same messages.
        async with self.__dict__.setdefault("_fletbridge_turns", asyncio.Lock()):
            await drop(self)
            await handle(self, reader, writer)

    module.FletSocketServer.handle_connection = handle_connection


def patch(module, shim):
    """The server takes the socket that listens already, and at which Flet's client may be waiting; and it is
    closed at the end."""
    if shim.sessions:
        serve_many(module, shim)
    if module.__name__ == "flet.flet_socket_server":
        serve_the_next(module)
    check_peers(module)
    start = module.FletSocketServer.start

    @functools.wraps(start)
    async def start_with_socket(self):
        shim.servers.append((asyncio.get_running_loop(), self))
        if shim.listener is None:
            return await start(self)
        ours = socket.socket(fileno=int(shim.listener))
        shim.listener = None
        name = "start_unix_server" if ours.family == socket.AF_UNIX else "start_server"
        starter = getattr(asyncio, name)

        async def start_server(callback, *where):
            setattr(asyncio, name, starter)  # nobody else has seen this one
            server = await starter(callback, sock=ours)
            shim.channel.say("2")
            return server

        setattr(asyncio, name, start_server)
        try:
            return await start(self)
        finally:
            if getattr(asyncio, name) is start_server:
                setattr(asyncio, name, starter)

    module.FletSocketServer.start = start_with_socket
