"""What `fletbridge check --run` puts on the app's PYTHONPATH: writes down, line by line as JSON, what
the app does. Room: python/fletbridge/check.

By an audit hook: processes, sockets that are bound, files opened by a relative path. By wrapping functions:
threads and workers (their start), what runs on an event loop for more than 100 ms (asyncio's Handle._run, with the stack that
a watchdog thread has seen meanwhile), and updates from threads (Flet's Session.patch_control). Gives way to
the machine's own sitecustomize, and takes its traces from the environment and from sys.path. Nothing that
goes wrong here may reach the app.
"""

import os
import sys


def _watch():
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != here]
    out = os.environ.pop("FB_WATCH_FILE", None)
    root = os.environ.pop("FB_WATCH_ROOT", "")
    before = os.environ.pop("FB_WATCH_PYTHONPATH", None)
    if before:
        os.environ["PYTHONPATH"] = before
    else:
        os.environ.pop("PYTHONPATH", None)
    if out:
        _install(out, root)

    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import PathFinder

    spec = PathFinder.find_spec("sitecustomize")
    if spec is not None and spec.loader is not None and spec.origin != globals().get("__file__"):
        spec.loader.exec_module(module_from_spec(spec))


def _install(out, root):
    import json
    import threading
    import time
    from asyncio import events

    pid = os.getpid()
    busy = threading.local()
    limit = 0.1  # seconds

    def is_the_apps(name):
        return name.startswith(root + os.sep) and not any(
            part in name for part in ("site-packages", os.sep + ".venv" + os.sep, os.sep + "venv" + os.sep))

    def place(frame, past_flet=True):
        """(who, file, line, function) of the innermost frame of the app's own; who: app, flet or python.
        Without `past_flet`, what Flet does by itself below the app's ft.run() is Flet's."""
        who, depth = "python", 0
        while frame is not None and depth < 200:
            name = frame.f_code.co_filename
            if is_the_apps(name):
                return "app", os.path.relpath(name, root), frame.f_lineno, frame.f_code.co_name
            if who == "python" and f"{os.sep}flet{os.sep}" in name:
                who = "flet"
                if not past_flet:
                    break
            frame, depth = frame.f_back, depth + 1
        return who, "", 0, ""

    def tell(kind, what, where, **more):
        if os.getpid() != pid:
            return  # a forked child is not the app
        who, file, line, function = where
        line = json.dumps({"kind": kind, "what": what, "by": who, "file": file, "line": line,
                           "function": function, **more})
        # Opened anew: the app may close every descriptor it finds.
        descriptor = os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode() + b"\n")
        finally:
            os.close(descriptor)

    def told(kind, what, frame, only_app=False, **more):
        if getattr(busy, "now", False):
            return
        busy.now = True
        try:
            where = place(frame, kind == "update from a thread")
            if where[0] == "app" or not only_app:
                tell(kind, what, where, **more)
        except Exception:
            pass
        finally:
            busy.now = False

    processes = {"os.fork": "os.fork", "os.forkpty": "os.forkpty", "os.system": "os.system",
                 "os.exec": "os.exec", "os.posix_spawn": "os.posix_spawn", "os.spawn": "os.spawn",
                 "subprocess.Popen": "subprocess"}

    def hook(event, arguments):
        if event == "open":
            path, flags = arguments[0], arguments[2]
            if isinstance(path, str) and path and not os.path.isabs(path):
                writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
                told("relative path", path, sys._getframe(1), True, writes=bool(writes))
        elif event in processes:
            what = processes[event]
            if event == "subprocess.Popen":
                program = arguments[0] or (arguments[1] or [""])[0]
                what += " " + os.path.basename(os.fsdecode(program))
            told("process", what, sys._getframe(1))
        elif event in ("_thread.start_new_thread", "_thread.start_joinable_thread"):
            function = arguments[0]
            if not isinstance(getattr(function, "__self__", None), threading.Thread):
                told("thread", getattr(function, "__qualname__", "?"), sys._getframe(1))
        elif event == "socket.bind":
            address = arguments[1]
            told("socket", "unix socket" if isinstance(address, (str, bytes)) else "tcp or udp port",
                 sys._getframe(1), address=str(address))

    # -- the event loop

    running = {}  # thread -> [since, samples]
    loop_threads = set()
    started = []

    def watchdog():
        while True:
            time.sleep(limit / 5)
            now = time.perf_counter()
            for thread, entry in list(running.items()):
                if now - entry[0] > limit:
                    frame = sys._current_frames().get(thread)
                    if frame is not None:
                        where = place(frame)
                        stack = []
                        while frame is not None and len(stack) < 30:
                            stack.append(f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
                            frame = frame.f_back
                        entry[1].append((where, stack))

    run = events.Handle._run

    def timed(self):
        thread = threading.get_ident()
        if thread in running or os.getpid() != pid:
            return run(self)
        if not started:
            started.append(True)
            threading.Thread(target=watchdog, name="fletbridge check", daemon=True).start()
        loop_threads.add(thread)
        entry = running[thread] = [time.perf_counter(), []]
        try:
            return run(self)
        finally:
            running.pop(thread, None)
            took = time.perf_counter() - entry[0]
            if took > limit:
                try:
                    samples = [s for s in entry[1] if s[0][0] == "app"] or entry[1]
                    # Where it was seen most often; nothing, if native code kept the watchdog out.
                    where, stack = max(samples, key=lambda s: sum(o[0] == s[0] for o in samples)) \
                        if samples else (("python", "", 0, ""), [])
                    tell("blocked", "event loop", where, ms=round(took * 1000), stack=stack)
                except Exception:
                    pass

    events.Handle._run = timed

    # Python before 3.12 has no audit event for threads.
    start_thread = threading.Thread.start

    def start_seen(self):
        target = getattr(self, "_target", None) or self.run
        if target is not watchdog:
            told("thread", getattr(target, "__qualname__", type(self).__name__), sys._getframe(1))
        return start_thread(self)

    threading.Thread.start = start_seen

    # -- updates from threads

    def watch_session(module):
        patch_control = module.Session.patch_control

        def seen(self, *args, **kwargs):
            if loop_threads and threading.get_ident() not in loop_threads:
                told("update from a thread", "update", sys._getframe(1))
            return patch_control(self, *args, **kwargs)

        module.Session.patch_control = seen

    def watch_workers(module):
        start = module.BaseProcess.start

        def seen(self):
            told("process", "multiprocessing " + type(self).__name__, sys._getframe(1))
            return start(self)

        module.BaseProcess.start = seen

    # The shim, behind which this is loaded, has one finder for both.
    shim = next((finder for finder in sys.meta_path if hasattr(finder, "after_execution")), None)
    if shim is not None:
        shim.after_execution("flet.messaging.session", watch_session)
        shim.after_execution("multiprocessing.process", watch_workers)
    sys.addaudithook(hook)


_watch()
