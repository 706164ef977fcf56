"""flet.app: run_async() returns when the host or the person asks it to end."""

import asyncio
import atexit
import functools
import inspect
import json
import os
import signal


def is_default(number):
    handler = signal.getsignal(number)
    inner = getattr(getattr(handler, "func", None), "__name__", "")  # asyncio.Runner's own
    # Nor does an app that ignores a signal keep Flet from taking it: Flet sets its own handler.
    return handler in (signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler) or \
        inner == "_on_sigint"


signals = {}  # that ft.run() has taken: number -> (what was there before, what is there now)


def give_back(at_end=False):
    for number, (before, ours) in signals.items():
        if signal.getsignal(number) is ours:
            if before is None:
                before = signal.SIG_DFL
            elif at_end and callable(before):  # of a loop
                before = signal.default_int_handler
            signal.signal(number, before)
    signals.clear()


def patch(module, shim):
    if shim.conversation is None:  # the module may come again
        shim.conversation = shim.load("conversation")["Conversation"](shim.channel)
    conversation, servers = shim.conversation, shim.servers

    def end():
        # The interpreter lets go of these very late: a loop that hangs on them, since ft.run() was left by an
        # error of its own, would end where there is nothing left that it needs for that.
        servers.clear()
        conversation.runs.clear()
        conversation.owner = None
        give_back(True)

    if give_back not in shim.forgets:
        shim.forgets.append(give_back)
        atexit.register(end)

    name = "run_async" if hasattr(module, "run_async") else "app_async"  # before Flet 0.70
    run_async = getattr(module, name)

    def look_at(args, kwargs):
        """What a call of ft.run() asks for, by the names of its parameters."""
        try:
            given = inspect.signature(run_async).bind(*args, **kwargs)
        except TypeError:
            return {}  # Flet says what is wrong
        given.apply_defaults()
        return given.arguments

    def tell_wish(asked):
        """That the app asks for a browser, and where."""
        forced = os.environ.get("FLET_FORCE_WEB_SERVER", "").lower() in ("true", "1", "yes")
        view = asked.get("view")
        if not forced and getattr(view, "value", view) != "web_browser":
            return
        wish = {"opens": not forced, "host": str(asked.get("host") or ""), "port": asked.get("port") or (8000 if forced else 0),
                "name": str(asked.get("name") or "")}
        conversation.tell_wish(json.dumps(wish))

    def closing(loop):
        """The tasks in which the app's on_close runs."""
        for task in asyncio.all_tasks(loop):
            frame = getattr(task.get_coro(), "cr_frame", None)
            if frame is not None and frame.f_code.co_name == "dispatch_event" \
                    and frame.f_locals.get("event_name") == "close":
                yield task

    async def turns(task):
        """Lets the loop go on for what needs no waiting."""
        for _ in range(10):
            if not task.done():
                await asyncio.sleep(0)

    @functools.wraps(run_async)
    async def run_until_asked(*args, **kwargs):
        loop = asyncio.get_running_loop()
        asked = loop.create_future()
        taken = {}

        def ask():
            if not asked.done():
                asked.set_result(None)

        def on_signal(number, frame):
            conversation.heeded.add(number)
            loop.call_soon_threadsafe(ask)

        # Without a handler here the host, whose own comes first, decides when the app is asked to end.
        for number in (signal.SIGINT,) if shim.held else (signal.SIGINT, signal.SIGTERM):
            try:
                if is_default(number):  # an app's own handler stays
                    taken[number] = signal.signal(number, on_signal)
                    signals[number] = taken[number], on_signal
            except ValueError:
                pass  # not the main thread

        def is_ours(number):
            """Whether nobody but us takes the signal now."""
            if number in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
                return False  # somebody waits for it
            handler = signal.getsignal(number)
            return handler is on_signal or (handler is not signal.SIG_IGN and is_default(number))

        asked_for = look_at(args, kwargs)
        upload_dir = asked_for.get("upload_dir")
        resolve = getattr(module, "__get_upload_dir_path", None)
        shim.upload_dir = resolve(upload_dir) if upload_dir and resolve else upload_dir
        tell_wish(asked_for)
        conversation.listen(loop, ask, is_ours)
        if shim.broker:  # the broker knows its address, of which the name would be a part
            given = inspect.signature(run_async).bind(*args, **kwargs)
            given.arguments["name"] = ""
            args, kwargs = given.args, given.kwargs
        flet = asyncio.ensure_future(run_async(*args, **kwargs))

        def take_again():
            """Flet before 0.70 has put handlers of its own in the place of these by then."""
            for number in taken:
                if getattr(signal.getsignal(number), "__module__", None) == module.__name__:
                    signal.signal(number, on_signal)

        loop.call_soon(take_again)
        try:
            await asyncio.wait({flet, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
            if not flet.done():
                flet.cancel()
                await turns(flet)
                # As Flet itself does when its window has been closed. Since Python 3.12 a server that is cancelled
                # waits for its connections, and so for a host that waits for the app.
                for server in [server for where, server in servers if where is loop]:
                    ended = asyncio.ensure_future(server.close())
                    await asyncio.wait({ended}, timeout=0.2)
                    for transport in getattr(server, "_fletbridge_lines", ()):
                        transport.close()
                    await asyncio.wait({ended}, timeout=3)
                await asyncio.wait({flet})
                await asyncio.sleep(0)
                # What the session's end has started is the app's own work.
                ending = set(closing(loop))
                if ending:
                    await asyncio.wait(ending)
            servers[:] = [pair for pair in servers if pair[0] is not loop]
            for number, before in taken.items():
                signals.pop(number, None)
                if signal.getsignal(number) is on_signal:
                    signal.signal(number, before)
            if shim.package:
                shim.package.tell()  # what the session has come to is written next
            conversation.leave(loop, ask)
        return None if flet.cancelled() else flet.result()

    setattr(module, name, run_until_asked)
    # Without DISPLAY, Flet on Linux would make itself a web server, embedded or not.
    module.is_linux_server = lambda: False
