"""flet.flet of Flet 0.1: the app is a client of its broker `fletd`, which it starts. Its window is the host, so
ft.app() waits for that, and returns when the host or the person asks it to end. The host alone comes to the page, on
loopback, at the port of the environment."""

import atexit
import functools
import inspect
import os
import queue
import signal
import sys
import threading
import time


class Calls:
    """What a conversation asks of an event loop, for a thread that only waits."""

    def __init__(self):
        self.calls = queue.SimpleQueue()

    def call_soon_threadsafe(self, call, *args):
        self.calls.put((call, args))

    def add_reader(self, *args):
        raise NotImplementedError  # so that a thread reads for it

    def remove_reader(self, fd):
        pass

    def run_until(self, asked):
        while not asked:
            call, args = self.calls.get()
            call(*args)


def let_no_thread_begin():
    """Flet has a daemon thread for each event, and so one for the end of its session. CPython before 3.12 crashes
    when a thread's first step comes while the interpreter ends: from here on none begins, and those that
    have been started have taken it."""
    start = threading.Thread.start

    def start_or_wait(thread):
        if threading.current_thread().daemon:
            never = threading.Lock()
            never.acquire()
            never.acquire()  # until the process has ended, as it is with all daemon threads
        start(thread)

    threading.Thread.start = start_or_wait
    until = time.monotonic() + 1
    while threading._limbo and time.monotonic() < until:
        time.sleep(0.001)


def patch(module, shim):
    if not hasattr(module, "_start_flet_server"):
        return  # of another generation
    if shim.conversation is None:
        shim.conversation = shim.load("conversation")["Conversation"](shim.channel)
    conversation = shim.conversation
    if sys.version_info < (3, 12):
        atexit.register(let_no_thread_begin)
    os.environ.pop("FLET_DISPLAY_URL_PREFIX", None)  # would print the address in place of showing the page

    class Window:
        """In place of the process of Flet's own client. It has no pid: Flet would kill the next number."""

        def wait(self):
            loop, asked = Calls(), []

            def ask():
                asked.append(True)

            def on_signal(number, frame):
                conversation.heeded.add(number)
                loop.call_soon_threadsafe(ask)

            def is_ours(number):
                if number in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
                    return False  # somebody waits for it
                return signal.getsignal(number) is on_signal

            before = {}
            for number in (signal.SIGINT, signal.SIGTERM):
                before[number] = signal.signal(number, on_signal)  # as Flet has just done

            def give_back():
                for number, handler in before.items():
                    if signal.getsignal(number) is on_signal:
                        signal.signal(number, handler)

            shim.forgets.append(give_back)
            conversation.listen(loop, ask, is_ours)
            loop.run_until(asked)
            shim.forgets.remove(give_back)
            give_back()
            conversation.leave(loop, ask)

    connect, start, app = module._connect_internal, module._start_flet_server, module.app

    @functools.wraps(connect)
    def connect_internal(*args, **kwargs):
        # The page has no name, which would be a part of the address, and is served on loopback.
        kwargs.update(page_name="", host=None, server=None, share=False)
        connection = connect(*args, **kwargs)
        shim.channel.say("2")
        return connection

    @functools.wraps(start)
    def start_flet_server(host, port, attached, *more, **named):
        return start(None, port, True, *more, **named)  # it ends with the app

    @functools.wraps(app)
    def run(*args, **kwargs):
        given = inspect.signature(app).bind(*args, **kwargs)
        given.arguments["view"] = module.FLET_APP
        return app(*given.args, **given.kwargs)

    module._connect_internal, module._start_flet_server = connect_internal, start_flet_server
    module.app = run
    module._open_flet_view = lambda url, hidden: Window()
    module.is_linux_server = lambda: False
    module.open_in_browser = lambda url: None
