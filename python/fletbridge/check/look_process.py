"""Looks for what concerns processes: workers, forks, signals, the end. Room: python/fletbridge/check."""

import ast

from .contexts import LOOP, PROCESS, PROCESS_POOLS, STARTS_FLET, THREAD, argument, owner
from .findings import Finding
from .names import COMPREHENSIONS, FUNCTIONS, Function, Instance, Member, Outside

WORKERS = PROCESS_POOLS | {"multiprocessing.Process", "multiprocessing.Manager", "multiprocessing.Queue",
                           "multiprocessing.set_start_method", "multiprocessing.freeze_support",
                           "multiprocessing.Pipe", "joblib.Parallel"}
STARTS_WORKERS = PROCESS_POOLS | {"multiprocessing.Process", "multiprocessing.Manager"}
EXECS = {"os.execl", "os.execle", "os.execlp", "os.execlpe", "os.execv", "os.execve", "os.execvp", "os.execvpe"}
LEAVES = EXECS | {"os._exit", "os.abort"}
SPAWNS = {"subprocess." + name for name in ("run", "call", "check_call", "check_output", "Popen", "getoutput")} \
    | {"os.system", "os.popen", "os.spawnv", "os.spawnl", "os.posix_spawn", "os.spawnvp", "os.spawnlp",
       "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell"}
ENDING = {"SIGTERM", "SIGINT"}
# What takes SIGTERM and SIGINT for itself while it runs, in the process's main thread: functions, and
# methods by the class of what they are called on, or by their name where a builder makes it.
TAKES_SIGNALS = {"uvicorn.run", "hypercorn.asyncio.serve", "aiohttp.web.run_app", "pyrogram.idle", "sanic.Sanic.run"}
TAKING_METHODS = {
    "uvicorn.Server": {"serve", "run", "capture_signals", "install_signal_handlers"},
    "aiogram.Dispatcher": {"start_polling", "run_polling"},
    "sanic.Sanic": {"run"},
}
TAKING_NAMES = {"run_polling": "telegram", "run_webhook": "telegram"}


def look(app):
    for module in app.modules:
        for call in module.calls:
            name = app.names.outside(call.func)
            if name in WORKERS:
                yield Finding("FB101", module.source, f"{name} makes worker processes", call)
            elif name in ("os.fork", "os.forkpty", "pty.fork"):
                yield fork(app, module, call, name)
            elif name in ("os._exit", "os.abort"):
                yield hard_exit(module, call, name)
            elif name in ("os.kill", "os.killpg", "signal.raise_signal"):
                yield from kill(app, module, call, name)
            elif name in ("signal.signal", "signal.pthread_sigmask") or (
                    isinstance(call.func, ast.Attribute) and call.func.attr == "add_signal_handler"):
                yield from handler(app, module, call, name or "loop.add_signal_handler")
            elif taker := takes_signals(app, module, call):
                yield from handler_of_library(app, module, call, taker)
            elif name in EXECS:
                yield Finding("FB108", module.source, f"{name}() replaces the process", call)
            elif name in SPAWNS:
                yield from child(app, module, call, name)
            elif name in ("os.closerange", "os.close"):
                yield from close(app, module, call, name)
            elif name == "os.getppid":
                yield Finding("FB111", module.source, "os.getppid() is not what it was", call,
                              stages="differs fine fine")
        yield from subclasses(app, module)
        yield from executable(app, module)
    yield from unguarded(app)


def subclasses(app, module):
    for cls in module.classes:
        if any(isinstance(base, Outside) and base.name == "multiprocessing.Process"
               for base in app.names.family(cls)):
            yield Finding("FB101", module.source, f"{cls.name} is a worker process", cls.bases[0])


def fork(app, module, call, name):
    """The child must leave by os._exit() or exec: else it unwinds through the event loop of its parent."""
    inside = owner(call)
    calls = app.contexts._calls_in.get(inside, ()) if inside is not None else \
        [c for c in module.calls if owner(c) is None]
    leaves = any(app.names.outside(c.func) in LEAVES for c in calls)
    # Where main's module forks before ft.run(), it is the parent that leaves, and with it the session.
    before_run = inside is None and any(app.names.outside(c.func) in STARTS_FLET for c in calls)
    if leaves and not before_run:
        return Finding("FB104", module.source, f"{name}() copies the process", call)
    if before_run:
        return Finding("FB104", module.source, f"{name}() before ft.run() puts the app into another process",
                       call, stages="breaks breaks breaks",
                       why="the host waits for the process that it started or that it is",
                       do="let a service manager put the app into the background")
    return Finding("FB104", module.source, f"{name}() copies the process, and the copy does not leave by os._exit()",
                   call, stages="breaks breaks breaks",
                   why="the copy ends through the event loop that it shares with the app: afterwards the app "
                       "no longer hears of its UI's end, and has to be killed")


def hard_exit(module, call, name):
    if name == "os._exit":
        return Finding("FB105", module.source, "os._exit() ends the process at once", call)
    return Finding("FB105", module.source, "os.abort() ends the process by a signal", call,
                   stages="fine differs differs",
                   why="on stage 1 the host is left and says what happened; on 2 and 3 it goes with the app")


def signal_names(app, node, depth=0):
    """The names of the signals in an expression; numbers as names too. A loop's variable is what it goes over."""
    known = {15: "SIGTERM", 2: "SIGINT", 9: "SIGKILL", 1: "SIGHUP"}
    found = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant):
            if inner.value in known:
                found.add(known[inner.value])
            elif isinstance(inner.value, str) and inner.value.startswith("SIG"):  # getattr(signal, "SIGTERM")
                found.add(inner.value)
        elif isinstance(inner, (ast.Attribute, ast.Name)):
            value = app.names.value(inner)
            name = value.name if isinstance(value, Outside) else ""
            if name.startswith("signal.") and name.rpartition(".")[2].startswith("SIG"):
                found.add(name.rpartition(".")[2])
            elif isinstance(inner, ast.Name) and value is None and depth < 8:
                for source in sources_of(app, inner):
                    found |= signal_names(app, source, depth + 1)
    return found


def sources_of(app, name):
    """The expressions that a name takes its values from: a loop goes over them, it was given them, or a call does."""
    node = name
    while node is not None and not isinstance(node, FUNCTIONS):
        loops = node.generators if isinstance(node, COMPREHENSIONS) else \
            [node] if isinstance(node, (ast.For, ast.AsyncFor)) else []
        over = [loop.iter for loop in loops if any(isinstance(part, ast.Name) and part.id == name.id
                                                   for part in ast.walk(loop.target))]
        if over:
            return over
        node = node.up
    scope = name.scope
    while scope is not None and name.id not in scope.names:
        scope = scope.parent
    given = []
    for what, bound in scope.names[name.id] if scope is not None else ():
        if what == "value" and bound is not None:
            given.append(bound)
        elif what == "annotated" and bound.value is not None:
            given.append(bound.value)
        elif what == "parameter":
            calls = app.contexts._calls_of.get(bound.of, ())
            given += [one for one in (argument(call, bound.index, bound.arg) for call in calls) if one is not None]
    return given


def stands_for(app, node, names):
    """Whether the expression is, or is a name for, a call of one of these."""
    value = app.names.value(node)
    return isinstance(value, Instance) and isinstance(value.of, Outside) and value.of.name in names


def kill(app, module, call, name):
    if name != "signal.raise_signal":
        if not call.args:
            return
        whom = call.args[0]
        zero = isinstance(whom, ast.Constant) and whom.value == 0
        if not zero and not stands_for(app, whom, {"os.getpid", "os.getppid", "os.getpgrp", "os.getpgid"}):
            return
        if len(call.args) > 1 and isinstance(call.args[1], ast.Constant) and call.args[1].value == 0:
            return  # only asks whether the process is there
        if stands_for(app, whom, {"os.getppid"}):
            yield Finding("FB106", module.source, f"{name}() to the parent process", call,
                          why="the parent is fletbridge on stage 1, and whoever started fletbridge on 2 and 3")
            return
    yield Finding("FB106", module.source, f"{name}() to the app's own process", call)


def handler(app, module, call, name):
    if len(call.args) < 2:
        return
    signals = signal_names(app, call.args[1] if name == "signal.pthread_sigmask" else call.args[0]) & ENDING
    if not signals or app.names.outside(call.args[0]) == "signal.SIG_UNBLOCK":
        return
    which = " and ".join(sorted(signals, reverse=True))
    if name == "signal.pthread_sigmask":
        yield Finding("FB107", module.source, f"{which} is blocked", call, why=NOT_HEEDED)
        return
    given = app.names.value(call.args[1])
    if isinstance(given, Outside) and given.name in ("signal.SIG_DFL", "signal.SIG_IGN", "signal.default_int_handler",
                                                      "signal.getsignal"):
        return
    message = f"a handler of its own for {which}"
    if not (isinstance(given, Function) and ends_app(app, given.node)):
        yield Finding("FB107", module.source, message + " that does not end the app", call, why=NOT_HEEDED)
    elif on_flets_loop(app, call):
        yield Finding("FB107", module.source, message, call, stages="fine fine fine", why=AFTER_FLETS)
    else:
        yield Finding("FB107", module.source, message, call)


NOT_HEEDED = ("the UI's closing comes without a signal, and ft.run() returns; a real SIGTERM or Ctrl-C is passed on, "
              "and an app that does not end for it is ended by force, where Flet alone has put its own handler in "
              "place of this one or goes on")
AFTER_FLETS = "it is set after Flet's, and stays, with Flet alone too; the UI's closing does not call it"


def on_flets_loop(app, call):
    """Whether it runs while Flet does, in main or a handler; a coroutine that only is async may come before."""
    inside = owner(call)
    return inside is not None and app.contexts.is_in(call, LOOP) \
        and not app.contexts.path(inside, LOOP).endswith("is async")


def takes_signals(app, module, call):
    """The name of a library's function that takes SIGTERM and SIGINT for itself, if this calls one, or ''."""
    value = app.names.value(call.func)
    name = value.name if isinstance(value, Outside) else ""
    if isinstance(value, Member) and value.name in TAKING_METHODS.get(value.of.name, ()):
        name = f"{value.of.name}.{value.name}"
    elif isinstance(call.func, ast.Attribute) and call.func.attr in TAKING_NAMES and any(
            imported.partition(".")[0] == TAKING_NAMES[call.func.attr] for imported, _, _ in module.imports):
        name = f"{TAKING_NAMES[call.func.attr]}'s {call.func.attr}"
    elif name not in TAKES_SIGNALS:
        return ""
    inside = owner(call)
    contexts = app.contexts.of.get(inside, ()) if inside is not None else ()
    if not contexts or LOOP in contexts:
        refused = {"handle_signals": False, "stop_signals": None, "handle_signal": False}
        refuses = any(item.arg in refused and isinstance(item.value, ast.Constant) and not item.value.value
                      for item in call.keywords)
        return "" if refuses else name
    return "" if THREAD in contexts or PROCESS in contexts else name  # only the main thread can


def taker_in_own_loop(app):
    """What takes SIGTERM or SIGINT in a loop that the app has before Flet comes, in words, or ''."""
    for module in app.modules:
        for call in module.calls:
            if on_flets_loop(app, call):
                continue
            if isinstance(call.func, ast.Attribute) and call.func.attr == "add_signal_handler" and call.args \
                    and signal_names(app, call.args[0]) & ENDING:
                return "a handler of the loop"
            if (taker := takes_signals(app, module, call)) and owner(call) is not None:
                return taker + "()"
    return ""


def handler_of_library(app, module, call, taker):
    message = f"{taker}() takes SIGTERM and SIGINT for itself"
    if on_flets_loop(app, call):
        yield Finding("FB107", module.source, message, call, stages="fine fine fine", why=AFTER_FLETS)
    else:
        yield Finding("FB107", module.source, message, call)


def ends_app(app, function):
    body = function.body if isinstance(function.body, list) else [function.body]
    for part in body:
        for node in ast.walk(part):
            if isinstance(node, ast.Raise):
                return True
            if isinstance(node, ast.Call) and app.names.outside(node.func) in (
                    "sys.exit", "builtins.exit", "builtins.quit", "os._exit"):
                return True
    return False


def child(app, module, call, name):
    """A child that is another Flet app: the flet command, or a script of the app's own that imports Flet."""
    if any(item.arg == "env" for item in call.keywords) or not call.args:
        return
    words = call.args[0].elts if isinstance(call.args[0], (ast.List, ast.Tuple)) else call.args
    texts = [word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)]
    command = " ".join(texts).split()
    if command[:2] == ["flet", "run"]:
        yield Finding("FB109", module.source, "flet run is started with this app's environment", call)
        return
    runs_python = any(app.names.outside(word) == "sys.executable" for word in words) or (
        command and command[0].rpartition("/")[2].startswith("python"))
    if not runs_python:
        return
    scripts = {source.path.name for source in app.sources
               if source.tree is not None and app.imports_flet(source)}
    again = any(isinstance(word, ast.Name) and word.id == "__file__" or
                isinstance(word, ast.Subscript) and app.names.outside(word.value) == "sys.argv"
                for word in words)
    if again or any(text.rpartition("/")[2] in scripts for text in command) or command[1:3] == ["-m", "flet"]:
        yield Finding("FB109", module.source, "another Flet app is started with this app's environment", call)


def close(app, module, call, name):
    if name == "os.closerange":
        yield Finding("FB110", module.source, "os.closerange() closes the host's descriptors too", call)
        return
    # for fd in range(3, 256): os.close(fd)
    if call.args and isinstance(call.args[0], ast.Name):
        node = call
        while node is not None and not isinstance(node, FUNCTIONS):
            if isinstance(node, ast.For) and isinstance(node.target, ast.Name) \
                    and node.target.id == call.args[0].id and isinstance(node.iter, ast.Call) \
                    and app.names.outside(node.iter.func) == "builtins.range":
                yield Finding("FB110", module.source, "a loop closes descriptors that it did not open", call)
                return
            node = node.up


def executable(app, module):
    for name, inner, node in module.imports:
        if name == "sys" and inner == "executable":
            yield Finding("FB103", module.source, "sys.executable is the app's own interpreter", node)
    for node in module.of(ast.Attribute, ast.Constant):
        if isinstance(node, ast.Constant):
            if node.value in ("/proc/self/exe", "/proc/self/cmdline", "/proc/self/comm"):
                yield Finding("FB111", module.source, f"{node.value} tells of the host's program", node,
                              stages="fine differs differs")
        elif node.attr == "executable" and isinstance(node.ctx, ast.Load) \
                and app.names.outside(node) == "sys.executable":
            yield Finding("FB103", module.source, "sys.executable is the app's own interpreter", node)


def unguarded(app):
    """Workers, and an ft.run() that every worker comes to as well."""
    uses = any(app.names.outside(call.func) in STARTS_WORKERS for module in app.modules for call in module.calls) or \
        any(isinstance(base, Outside) and base.name == "multiprocessing.Process"
            for module in app.modules for cls in module.classes for base in app.names.family(cls))
    only_fork = any(app.names.outside(call.func) == "multiprocessing.set_start_method" and call.args
                    and isinstance(call.args[0], ast.Constant) and call.args[0].value == "fork"
                    for module in app.modules for call in module.calls)
    if not uses or only_fork:
        return
    for module in app.modules:
        for call in module.calls:
            if app.names.outside(call.func) in STARTS_FLET and owner(call) is None and not is_guarded(call):
                yield Finding("FB102", module.source, "a worker that is spawned comes to this ft.run() too", call)


def is_guarded(node):
    while node is not None:
        if isinstance(node, ast.If) and any(isinstance(n, ast.Name) and n.id == "__name__"
                                            or isinstance(n, ast.Attribute) and n.attr in ("current_process", "parent_process")
                                            for n in ast.walk(node.test)):
            return True
        node = node.up
    return False
