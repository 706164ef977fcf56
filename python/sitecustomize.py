# Loaded by the app's interpreter before the app's first line, on every stage: in an executable of
# ours as a built-in module, in the interpreter's own from a folder on PYTHONPATH. There it loads our
# extension, if the process that has become this interpreter says so (stages 2 and 3).
#
# Flet runs in its embedded mode, in which ft.run() never returns. This makes it return as it does in
# `python app.py` when the window closes, namely when SIGTERM or SIGINT comes, so that the app's own
# clean-up runs. It takes its traces from the environment and from sys.path, gives way to the machine's
# own sitecustomize, and imports nothing heavy until Flet is imported.
import os
import sys
# The frozen modules: importlib.util costs more than all the rest of this file.
from _frozen_importlib import ModuleSpec


def _change_variables_by(host):
    """os.environ no longer pulls the list away under a thread that reads it: a window has many."""
    putenv, unsetenv = os.putenv, os.unsetenv

    def is_plain(name):
        return name and b"=" not in name and b"\0" not in name

    def safe_putenv(name, value, /):
        key, text = os.fsencode(name), os.fsencode(value)
        if not is_plain(key) or b"\0" in text:
            return putenv(name, value)  # which refuses it
        sys.audit("os.putenv", key, text)
        host.set_variable(key, text)

    def safe_unsetenv(name, /):
        key = os.fsencode(name)
        if not is_plain(key):
            return unsetenv(name)
        sys.audit("os.unsetenv", key)
        host.unset_variable(key)

    for new, old in ((safe_putenv, putenv), (safe_unsetenv, unsetenv)):
        new.__name__ = new.__qualname__ = old.__name__
        new.__doc__ = old.__doc__
    os.putenv, os.unsetenv = safe_putenv, safe_unsetenv


def _remember_generated_code(module, place):
    """dataclasses: most of what importing Flet costs is the compiling of the methods that each of its
    controls gets, the same texts in each run. Their code is kept as __pycache__ keeps the code of a
    module: by the text itself, for this version of Python, for this user alone."""
    import atexit
    import marshal
    from _frozen_importlib_external import _RAW_MAGIC_NUMBER as magic
    from _imp import source_hash

    file = "%s-%s-%d-%d" % (place, sys.implementation.cache_tag, magic, sys.flags.optimize)
    limit = 16 << 20  # bytes: of more than that only what was used last stays
    pid = os.getpid()

    def load():
        """The hash of a text -> its code in bytes; in a list, if the text came more than once."""
        try:
            with open(os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as kept:
                status = os.fstat(kept.fileno())
                # Another user's word about what runs here is not taken.
                if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                    return {}
                data = kept.read()
            body = memoryview(data)[8:]
            return marshal.loads(body) if source_hash(magic, body) == data[:8] else {}
        except (OSError, EOFError, TypeError, ValueError):
            return {}

    codes = load()
    used, new = set(), {}

    def save():
        if not new or sys.dont_write_bytecode or os.getpid() != pid:
            return
        known = {**load(), **new}
        body = marshal.dumps(known)
        if len(body) > limit:
            body = marshal.dumps({key: kept for key, kept in known.items() if key in used})
        part = file + ".part"  # one for all: what two write at once is refused by its hash, what a killed one left goes
        try:
            os.makedirs(os.path.dirname(file), 0o700, exist_ok=True)
            try:
                anew = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
                with open(os.open(part, anew, 0o600), "wb") as out:
                    out.write(source_hash(magic, body) + body)
                os.replace(part, file)
            except OSError:
                os.unlink(part)
        except OSError:
            pass  # it is compiled again

    def remembering_exec(source, globals, locals, /):
        key = source_hash(magic, source.encode(errors="surrogatepass"))
        kept = codes.pop(key, None)  # most texts come once: what is not needed again takes no room
        if kept is None:
            code = compile(source, "<string>", "exec", dont_inherit=True)
            new[key] = marshal.dumps(code) if key not in used else [marshal.dumps(code)]
        elif isinstance(kept, list):
            codes[key] = kept
            code = marshal.loads(kept[0])  # one of its own for each class, as if compiled
        else:
            code = marshal.loads(kept)
        used.add(key)
        exec(code, globals, locals)

    atexit.register(save)
    module.exec = remembering_exec


def _unset_in_forks(forgets, watch_signals):
    """What the shim and the host have set in this process is unset in each fork of it, before the app's
    first line there; a signal that comes meanwhile waits. Returns a dictionary for the signals that the shim
    takes: number -> (what was there before, what is there now)."""
    import _signal
    import atexit
    from _thread import get_ident

    taken = {}
    masks = {}  # of the threads that fork

    def block():
        masks[get_ident()] = _signal.pthread_sigmask(
            _signal.SIG_BLOCK, (_signal.SIGHUP, _signal.SIGINT, _signal.SIGTERM))

    def restore():
        mask = masks.pop(get_ident(), None)
        if mask is not None:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)

    def give_back(at_end):
        import signal  # who has taken one has imported it

        for number, (before, ours) in taken.items():
            if signal.getsignal(number) is ours:
                if before is None:
                    before = signal.SIG_DFL
                elif at_end and callable(before):  # of a loop
                    before = signal.default_int_handler
                signal.signal(number, before)
        taken.clear()

    def forget():
        try:
            for part in forgets:
                part()
            if taken:
                give_back(False)
        finally:
            restore()
            masks.clear()

    def end():
        # The interpreter lets go of these very late: a loop that hangs on them, since ft.run() was left by an
        # error of its own, would end where there is nothing left that it needs for that.
        forgets.clear()
        if taken:
            give_back(True)
            watch_signals()

    os.register_at_fork(before=block, after_in_parent=restore, after_in_child=forget)
    atexit.register(end)
    return taken


class Channel:
    """The host's own channel with this process: what concerns the life of the run goes here, and so
    never by the app's signals, streams or connections. A message is a letter and a number (the host's
    common/app/app_channel.h has them all). Without a host, and in a fork, it is silent."""

    def __init__(self, numbers):
        self.fd = None  # where the host is heard
        self.out = None  # where it hears
        self.closed = False  # the UI has
        self.runs = []  # the calls of ft.run() that are under way: (loop, what to do)
        self.owner = None  # the loop that reads
        self.heeded = set()  # the signals that have ended an ft.run()
        if numbers:
            self.fd, self.out = map(int, numbers.split(":"))
            for fd in self.fd, self.out:
                os.set_inheritable(fd, False)
            self.inodes = self._inodes()

    def _inodes(self):
        return os.fstat(self.fd).st_ino, os.fstat(self.out).st_ino

    def forget(self):
        """In a fork: it is the app's, not the fork's."""
        if self._good():
            os.close(self.fd)
            os.close(self.out)
        self.fd = None

    def _good(self):
        """An app may close what it does not know, and get the number for a file of its own."""
        try:
            return self.fd is not None and self._inodes() == self.inodes
        except OSError:
            return False

    def say(self, letter, number=0):
        if self._good():
            try:
                os.write(self.out, letter.encode() + bytes((number,)))
            except OSError:
                pass  # the host has gone, or does not listen

    def take(self):
        """The messages that wait: (letter, number)."""
        while self._good():
            try:
                message = os.read(self.fd, 2)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                message = b""
            if not message:
                self.fd = None
                return
            yield chr(message[0]), message[1]

    def hear(self, is_ours):
        """On the event loop, so whoever waits for an answer knows that it turns. `is_ours(number)`:
        whether the signal ends ft.run()."""
        fd = self.fd
        for letter, number in self.take():
            if letter == "c":
                self.closed = True
                self.say("h")
                self.ask()
            elif letter == "s" and not is_ours(number):
                self.say("o", number)
            elif letter == "s":
                self.say("h")
                self.ask()
        if self.fd is None:
            self.owner.remove_reader(fd)
            self.ask()  # nobody is left who could show this app

    def ask(self):
        for loop, asked in self.runs:
            try:
                loop.call_soon_threadsafe(asked)
            except RuntimeError:
                pass  # that loop has ended

    def listen(self, loop, asked, is_ours):
        """From now on the host is heard on this loop, unless another one does that already."""
        self.runs.append((loop, asked))
        if self.closed:
            asked()
        if self.owner is not None or not self._good():
            return
        try:
            loop.add_reader(self.fd, self.hear, is_ours)
        except NotImplementedError:  # a foreign loop: somebody else reads for it
            import select
            import threading

            def wait():
                while self.owner is loop and self._good():
                    if select.select((self.fd,), (), (), 1)[0] and self.owner is loop:
                        done = threading.Event()
                        try:
                            loop.call_soon_threadsafe(lambda: (self.hear(is_ours), done.set()))
                        except RuntimeError:
                            return
                        done.wait()

            threading.Thread(target=wait, name="fletbridge", daemon=True).start()
        self.owner = loop
        self.say("b")

    def leave(self, loop, asked):
        """ft.run() returns. Waits until the host has written what the session came to: from here on
        the process may end in any way."""
        self.runs.remove((loop, asked))
        if self.owner is loop:
            self.owner = None
            try:
                if self._good():
                    loop.remove_reader(self.fd)
            except (NotImplementedError, RuntimeError):
                pass
        if self.runs or not self._good():
            return
        import select
        import time

        self.say("r")
        until = time.monotonic() + 1
        while self._good() and select.select((self.fd,), (), (), max(0, until - time.monotonic()))[0]:
            for letter, number in self.take():
                if letter == "k":
                    return
                if letter == "c":
                    self.closed = True
                    self.say("h")
                if letter == "s" and number in self.heeded:  # the question comes after the deed
                    self.say("h")
                elif letter == "s":
                    self.say("o", number)  # it is Python's again


def _install():
    try:
        import _fletbridge as host  # only in a hosted interpreter
        _change_variables_by(host)
    except ImportError:
        host = None

    folder = os.environ.pop("FLETBRIDGE_SHIM", None)
    if folder:
        sys.path[:] = [entry for entry in sys.path if entry != folder]
        before = os.environ.pop("FLETBRIDGE_PYTHONPATH", None)
        given = ":".join(filter(None, (folder, before)))
        now = os.environ.get("PYTHONPATH", given)
        if now != given:  # a script that starts Python has added to it
            os.environ["PYTHONPATH"] = ":".join(entry for entry in now.split(":") if entry != folder)
        elif before is None:
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = before

    extension = os.environ.pop("FLETBRIDGE_EXTENSION", None)
    descriptor, _, wanted = os.environ.pop("FLETBRIDGE_HANDOVER", "").partition(":")
    built_in = ()
    if extension and wanted == str(os.getpid()):
        try:
            from _imp import create_dynamic

            host = create_dynamic(ModuleSpec("_fletbridge", None, origin=extension))
            sys.modules["_fletbridge"] = host
            _change_variables_by(host)
            built_in = host.start(int(descriptor)).decode().split()
        except Exception as error:
            text = "fletbridge: cannot load %s: %s; choose another with --hosting\n" % (extension, error)
            os.write(2, text.encode(errors="backslashreplace"))
            os._exit(70)

    def told(name):
        """What the host has to say: to its own process by itself, to another one in the environment."""
        value = host.told(name.encode()) if host else None
        return os.environ.pop(name, None) if value is None else os.fsdecode(value)

    channel = Channel(told("FLETBRIDGE_CHANNEL"))
    channel.say("1")
    # For direct mode a socket for Flet's server, which listens already.
    listener = told("FLETBRIDGE_LISTENER_FD")
    if listener:
        os.set_inheritable(int(listener), False)

    if host:
        # A stream that is closed for `python app.py` is held by the host, whom it could reach otherwise.
        for number in host.told(b"FLETBRIDGE_CLOSED_STREAMS") or b"":
            name = ("stdin", "stdout", "stderr")[number - ord("0")]
            setattr(sys, name, None)
            setattr(sys, "__%s__" % name, None)

        host.watch_signals()
        import _signal

        set_handler = _signal.signal

        def signal(number, handler, /):
            # Whoever sets a handler (asyncio does at the start and the end of each loop) puts the host's
            # away: it is back before the next signal can come.
            blocked = _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP))
            try:
                return set_handler(number, handler)
            finally:
                host.watch_signals()
                _signal.pthread_sigmask(_signal.SIG_SETMASK, blocked)

        _signal.signal = signal
        os_exit = os._exit
        pid = os.getpid()

        def _exit(status):
            # The host shares this process: let it write its report and clean up first.
            (host.exit_now if os.getpid() == pid else os_exit)(status)

        os._exit = _exit

        excepthook = sys.excepthook

        def hook(kind, value, traceback):
            # An app that the host ends before it came to ft.run() has made no error.
            if not (kind is KeyboardInterrupt and os.getpid() == pid and host.host_interrupts()):
                excepthook(kind, value, traceback)

        # Both: packages that bring a hook look whether the two are still the same.
        sys.excepthook = sys.__excepthook__ = hook

        def tell_of_interrupt():
            # What the interpreter printed last, if anything, is what ended the program.
            if getattr(sys, "last_type", None) is KeyboardInterrupt and os.getpid() == pid:
                host.interrupted()

        import atexit

        atexit.register(tell_of_interrupt)  # the first to come is the last to be called

        def forget_host():
            host.forked()
            atexit.unregister(tell_of_interrupt)
            if _signal.signal is signal:
                _signal.signal = set_handler
            if os._exit is _exit:
                os._exit = os_exit
            if sys.excepthook is hook:
                sys.excepthook = excepthook
            if sys.__excepthook__ is hook:
                sys.__excepthook__ = excepthook

    not_in_forks = _unset_in_forks([channel.forget, forget_host] if host else [channel.forget],
                                   host.watch_signals if host else lambda: None)

    def is_default(signal, number):
        handler = signal.getsignal(number)
        inner = getattr(getattr(handler, "func", None), "__name__", "")  # asyncio.Runner's own
        # Nor does an app that ignores a signal keep Flet from taking it: Flet sets its own handler.
        return handler in (signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler) or \
            inner == "_on_sigint"

    servers = []  # Flet's, of the calls of ft.run() that are under way: (loop, server)

    def let_go_of_loops():  # before the interpreter does, very late, as in _unset_in_forks
        servers.clear()
        channel.runs.clear()
        channel.owner = None

    import atexit

    atexit.register(let_go_of_loops)

    def make_run_return(module):
        """flet.app: run_async() returns when the host or the person asks it to end."""
        import asyncio
        import functools
        import signal

        name = "run_async" if hasattr(module, "run_async") else "app_async"  # before Flet 0.70
        run_async = getattr(module, name)

        def closing(loop):
            """The tasks in which the app's on_close runs."""
            for task in asyncio.all_tasks(loop):
                frame = getattr(task.get_coro(), "cr_frame", None)
                if frame is not None and frame.f_code.co_name == "dispatch_event" \
                        and frame.f_locals.get("event_name") == "close":
                    yield task

        @functools.wraps(run_async)
        async def run_until_asked(*args, **kwargs):
            loop = asyncio.get_running_loop()
            asked = loop.create_future()
            taken = {}

            def ask():
                if not asked.done():
                    asked.set_result(None)

            def on_signal(number, frame):
                channel.heeded.add(number)
                loop.call_soon_threadsafe(ask)

            for number in (signal.SIGINT, signal.SIGTERM):
                try:
                    if is_default(signal, number):  # an app's own handler stays
                        taken[number] = signal.signal(number, on_signal)
                        not_in_forks[number] = taken[number], on_signal
                except ValueError:
                    pass  # not the main thread

            def is_ours(number):
                """Whether nobody but us takes the signal now."""
                if number in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
                    return False  # somebody waits for it
                handler = signal.getsignal(number)
                return handler is on_signal or (handler is not signal.SIG_IGN and is_default(signal, number))

            if host:
                host.watch_signals()
            channel.listen(loop, ask, is_ours)
            flet = asyncio.ensure_future(run_async(*args, **kwargs))

            def take_again():
                """Flet before 0.70 has put handlers of its own in the place of these by then."""
                for number in taken:
                    if getattr(signal.getsignal(number), "__module__", None) == module.__name__:
                        signal.signal(number, on_signal)
                if host:
                    host.watch_signals()

            loop.call_soon(take_again)
            try:
                await asyncio.wait({flet, asked}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                asked.cancel()
                if not flet.done():
                    flet.cancel()
                    await asyncio.wait({flet})
                    # As Flet itself does when its window has been closed.
                    for server in [server for where, server in servers if where is loop]:
                        await asyncio.wait({asyncio.ensure_future(server.close())}, timeout=3)
                    await asyncio.sleep(0)
                    # What the session's end has started is the app's own work.
                    ending = set(closing(loop))
                    if ending:
                        await asyncio.wait(ending)
                servers[:] = [pair for pair in servers if pair[0] is not loop]
                for number, before in taken.items():
                    not_in_forks.pop(number, None)
                    if signal.getsignal(number) is on_signal:
                        signal.signal(number, before)
                if host:
                    host.watch_signals()
                channel.leave(loop, ask)
            return None if flet.cancelled() else flet.result()

        setattr(module, name, run_until_asked)
        # Without DISPLAY, Flet on Linux would make itself a web server, embedded or not.
        module.is_linux_server = lambda: False

    def check_peers(module):
        """flet.messaging.flet_socket_server: serves processes of ours alone, which are this one, those that
        it comes from, such as the host, and those that come from it. Each connection is looked at before a
        byte of it is read; one whose owner cannot be told is refused."""
        import errno
        import functools
        import select
        import socket
        import struct

        handle = module.FletSocketServer.handle_connection
        user = os.geteuid()
        can_ask = said = False

        def line_of(pid):
            """A process, its parent, and so on."""
            while pid > 0:
                yield pid
                try:
                    with open("/proc/%d/stat" % pid, "rb") as stat:
                        pid = int(stat.read().rpartition(b")")[2].split()[1])
                except OSError:
                    return

        came_from = (*line_of(os.getpid()), os.getppid())  # a process that it leaves behind loses its line

        def is_relative(pid):
            return pid in came_from or pid in line_of(os.getpid()) or os.getpid() in line_of(pid)

        def holds(pid, link):
            try:
                numbers = os.listdir("/proc/%d/fd" % pid)
            except OSError:
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
                # Where there is no such connection, it tells of the socket that listens.
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

        def refuse(writer):
            nonlocal said
            writer.transport.abort()
            if said:
                return
            said = True
            poll = select.poll()
            poll.register(2, select.POLLOUT)
            if any(events == select.POLLOUT for _, events in poll.poll(0)):  # the app does not wait for it
                os.write(2, b"fletbridge: refused a connection to the app's own socket: it is not the host's\n")

        # No coroutine: asyncio calls it before it begins to read.
        @functools.wraps(handle)
        def handle_connection(self, reader, writer):
            try:
                with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as peer:
                    ours = is_ours(peer)
            except Exception:
                ours = False
            if ours:
                return handle(self, reader, writer)
            refuse(writer)

        module.FletSocketServer.handle_connection = handle_connection

    def take_socket(module):
        """flet.messaging.flet_socket_server: its server takes the socket that listens already, and at
        which Flet's client may be waiting; and it is closed at the end."""
        check_peers(module)
        import asyncio
        import functools
        import socket

        start = module.FletSocketServer.start

        @functools.wraps(start)
        async def start_with_socket(self):
            nonlocal listener
            servers.append((asyncio.get_running_loop(), self))
            if listener is None:
                return await start(self)
            ours = socket.socket(fileno=int(listener))
            listener = None
            name = "start_unix_server" if ours.family == socket.AF_UNIX else "start_server"
            starter = getattr(asyncio, name)

            async def start_server(callback, *where):
                setattr(asyncio, name, starter)  # nobody else has seen this one
                server = await starter(callback, sock=ours)
                channel.say("2")
                return server

            setattr(asyncio, name, start_server)
            try:
                return await start(self)
            finally:
                if getattr(asyncio, name) is start_server:
                    setattr(asyncio, name, starter)

        module.FletSocketServer.start = start_with_socket

    def use_own_loop(module):
        """flet.messaging.flet_dart_bridge_server: packets mostly come on the event loop's own thread, and
        then go into its queue at once; a new client ends the session of the one before."""
        import asyncio
        import threading

        import _fletbridge_ffi as ffi
        import dart_bridge

        server = module.FletDartBridgeServer
        start = server.start

        async def start_and_watch(self):
            await start(self)
            queue = self._FletDartBridgeServer__inbound_queue
            loop = asyncio.get_running_loop()

            def put(packet):
                # An app's own handler, set outside of the loop, has all of them called elsewhere.
                if asyncio._get_running_loop() is loop:
                    queue.put_nowait(packet)
                else:
                    loop.call_soon_threadsafe(queue.put_nowait, packet)

            dart_bridge.set_enqueue_handler_func(self._FletDartBridgeServer__port, put)

            def new_session():
                session, self.session = self.session, None
                if session is not None:
                    session.close()
                # What the client before had sent and nobody has handled yet goes with it.
                while not queue.empty():
                    queue.get_nowait()
                reader = self._FletDartBridgeServer__inbound_task
                for task in (reader, *self._FletDartBridgeServer__running_tasks):
                    task.cancel()
                self._FletDartBridgeServer__inbound_task = asyncio.create_task(
                    self._FletDartBridgeServer__inbound_loop())

            def new_session_on_loop():
                if asyncio._get_running_loop() is loop:
                    new_session()
                    return
                begun = threading.Event()
                loop.call_soon_threadsafe(lambda: (new_session(), begun.set()))
                begun.wait()

            ffi.set_new_session_handler(new_session_on_loop)

        server.start = start_and_watch

    code_cache = told("FLETBRIDGE_CODE_CACHE")
    patches = {
        "flet.app": [make_run_return],
        "flet.messaging.flet_dart_bridge_server": [use_own_loop],
        "flet.messaging.flet_socket_server": [take_socket],
        "flet.flet_socket_server": [take_socket],  # before Flet 0.70
    }

    if code_cache:
        patches["dataclasses"] = [lambda module: _remember_generated_code(module, code_cache)]

    class BuiltIn:
        """What is a built-in module in an executable of ours."""

        @staticmethod
        def create_module(spec):
            return host.create(spec.name)

        @staticmethod
        def exec_module(module):
            pass

    from _thread import get_ident

    class Loader:
        """A module's own loader, and then its patches. That loader is not changed: an archive has one for all of
        its modules. The module shows nothing of this."""

        def __init__(self, name, loader):
            self._fletbridge = name, loader

        def __getattr__(self, attribute):
            name, loader = self._fletbridge
            found = getattr(loader, attribute)
            if attribute not in ("exec_module", "load_module"):
                return found

            def execute(module):  # which for load_module, that some loaders still have alone, is its name
                spec = getattr(module, "__spec__", None)
                if getattr(spec, "loader", None) is self:
                    spec.loader = loader
                if getattr(module, "__loader__", None) is self:
                    module.__loader__ = loader
                loaded = found(module) or module
                patched[name] = loaded
                for patch in patches[name]:
                    patch(loaded)
                return loaded

            return execute

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if missed or sys.meta_path[:1] != [Finder]:
                Finder.catch_up()
            if name in built_in:
                return ModuleSpec(name, BuiltIn, origin="built-in")
            search = get_ident(), name
            # One of those asked below may ask us in turn.
            if name not in patches or search in searches:
                return None
            searches.add(search)
            try:
                for finder in list(sys.meta_path):
                    find = None if finder is Finder else getattr(finder, "find_spec", None)
                    spec = find(name, path, target) if find else None
                    if spec is not None:
                        break
                else:
                    return None
            finally:
                searches.remove(search)
            if spec.loader is not None:
                spec.loader = Loader(name, spec.loader)
            return spec

        @staticmethod
        def after_execution(name, patch):
            """Has it called with the module whenever that has been executed. Also for what `check` watches."""
            patches.setdefault(name, []).append(patch)
            if name in patched:
                patch(patched[name])
            else:
                Finder.catch_up()

        @staticmethod
        def catch_up():
            """Somebody came before us and imports by himself: what has been loaded so far is patched now."""
            if sys.meta_path[:1] != [Finder]:
                sys.meta_path[:] = [Finder, *(finder for finder in sys.meta_path if finder is not Finder)]
            missed.clear()
            for name in patches:
                module = sys.modules.get(name)
                if module is None or patched.get(name) is module:
                    continue
                if getattr(getattr(module, "__spec__", None), "_initializing", False):
                    missed.append(name)  # it is looked for again at the next import
                    continue
                patched[name] = module
                before = dict(vars(module))
                for patch in patches[name]:
                    patch(module)
                # The package has taken the names that it offers.
                offered = vars(sys.modules.get(name.partition(".")[0], module))
                for key, value in before.items():
                    now = vars(module).get(key)
                    if now is not value and offered.get(key) is value:
                        offered[key] = now

    patched, missed, searches = {}, [], set()  # name -> the module; names; (thread, name)
    Finder.catch_up()

    # The machine's own sitecustomize, whose place this one took.
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import PathFinder

    spec = PathFinder.find_spec("sitecustomize")
    if spec is not None and spec.loader is not None and spec.origin != globals().get("__file__"):
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


_install()
