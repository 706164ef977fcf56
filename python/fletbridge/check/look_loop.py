"""Looks for what concerns Flet's event loop and its UI: blocking calls, threads, other loops. Room:
python/fletbridge/check."""

import ast

from .contexts import LOOP, STARTS_FLET, THREAD, owner
from .findings import Finding
from .look_process import taker_in_own_loop
from .names import FUNCTIONS, Instance, Member, Outside

REQUESTS = {f"{library}.{verb}" for library in ("requests", "httpx")
            for verb in ("get", "post", "put", "patch", "delete", "head", "options", "request", "stream")}
BLOCKS = REQUESTS | {
    "time.sleep", "builtins.input", "getpass.getpass", "os.system", "os.wait", "os.waitpid", "os.wait3",
    "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output",
    "subprocess.getoutput", "subprocess.getstatusoutput", "urllib.request.urlopen", "urllib.request.urlretrieve",
    "socket.create_connection", "select.select", "signal.pause", "signal.sigwait", "smtplib.SMTP", "smtplib.SMTP_SSL",
    "ftplib.FTP", "concurrent.futures.wait", "multiprocessing.connection.wait", "sched.scheduler.run",
}
# Methods that block, by the class of what they are called on.
BLOCKING_METHODS = {
    "requests.Session": {"get", "post", "put", "patch", "delete", "head", "request"},
    "requests.session": {"get", "post", "put", "patch", "delete", "head", "request"},
    "httpx.Client": {"get", "post", "put", "patch", "delete", "head", "request"},
    "subprocess.Popen": {"wait", "communicate"},
    "threading.Thread": {"join"}, "threading.Event": {"wait"}, "threading.Barrier": {"wait"},
    "threading.Condition": {"wait", "wait_for"},
    "multiprocessing.Process": {"join"}, "multiprocessing.Pool": {"map", "starmap", "apply", "join"},
    "queue.Queue": {"get", "join"}, "queue.SimpleQueue": {"get"}, "multiprocessing.Queue": {"get"},
    "socket.socket": {"recv", "accept", "connect", "recvfrom"},
    "concurrent.futures.ThreadPoolExecutor": {"shutdown"},
}
# Other user interfaces, by module, and what runs their loop.
OTHER_UI = {
    "tkinter": ("Tk", "mainloop"), "customtkinter": ("CTk", "mainloop"), "turtle": ("mainloop", "done", "Screen"),
    "PyQt5": ("QApplication",), "PyQt6": ("QApplication",), "PySide2": ("QApplication",), "PySide6": ("QApplication",),
    "wx": ("App",), "pygame": ("init", "display"), "kivy": ("App",), "pyglet": ("app", "run"), "arcade": ("run",),
    "dearpygui": (), "webview": ("start",), "pystray": ("Icon",), "gi": (), "cv2": ("imshow", "waitKey"),
}
UI_MODULES = set(OTHER_UI) - {"cv2", "turtle"}
ON_GLIB = {"gi", "wx", "PyQt5", "PyQt6", "PySide2", "PySide6"}  # by Qt's and GTK's own event loops
WEB_VIEWS = {"flet.WEB_BROWSER", "flet.FLET_APP_WEB", "flet.FLET_APP_HIDDEN"}


def look(app):
    for module in app.modules:
        yield from other_ui(app, module)
        for call in module.calls:
            yield from blocking(app, module, call)
            yield from thread_update(app, module, call)
            yield from run_arguments(app, module, call)
            yield from own_loop(app, module, call)
    yield from second_run(app)


def other_ui(app, module):
    seen = set()
    for name, inner, node in module.imports:
        top = name.partition(".")[0]
        if top in app.names.modules or top in seen:
            continue
        if top in UI_MODULES and not (top == "gi" and inner not in ("Gtk", "Gdk", "GLib", "Adw", "Gio")) \
                and not (top == "tkinter" and name in ("tkinter.colorchooser", "tkinter.constants")):
            seen.add(top)
            yield ui_finding(module, node, top, f"{top} brings a user interface of its own")
    for call in module.calls:
        name = app.names.outside(call.func)
        if name in ("cv2.imshow", "cv2.waitKey", "matplotlib.pyplot.show", "turtle.mainloop", "turtle.done"):
            yield ui_finding(module, call, name, f"{name}() runs a user interface of its own")


def ui_finding(module, node, top, message):
    if top in ON_GLIB:
        return Finding("FB201", module.source, message, node, stages="fine breaks breaks",
                       why="it runs on GLib's main context, which on stages 2 and 3 belongs to the thread of the Flet "
                           "client's window (--ui desktop): Qt crashes, GTK calls back on that thread")
    if top in ("tkinter", "customtkinter", "turtle", "matplotlib"):
        return Finding("FB201", module.source, message, node, stages="fine fine fine",
                       why="Tk has a loop and a connection to the display of its own, and runs beside the window")
    return Finding("FB201", module.source, message, node)


def blocking_name(app, call):
    value = app.names.value(call.func)
    if isinstance(value, Outside):
        return value.name if value.name in BLOCKS else ""
    if isinstance(value, Member) and value.name in BLOCKING_METHODS.get(value.of.name, ()):
        return f"{value.of.name}().{value.name}" if value.of.name[0].isalpha() else value.name
    if isinstance(call.func, ast.Attribute) and call.func.attr == "result" and not call.args and \
            isinstance(app.names.value(call.func.value), Instance) and \
            getattr(app.names.value(call.func.value).of, "name", "") == "asyncio.run_coroutine_threadsafe":
        return "result"
    return ""


def does_not_wait(call, name):
    first = call.args[0] if call.args else None
    if name == "time.sleep":
        return isinstance(first, ast.Constant) and first.value == 0
    if name.endswith(".get"):
        for item in [*call.args[:1], *(k.value for k in call.keywords if k.arg == "block")]:
            if name.startswith(("queue", "multiprocessing")) and isinstance(item, ast.Constant) and item.value is False:
                return True
    if name == "os.waitpid":
        return len(call.args) > 1 and not isinstance(call.args[1], ast.Constant)
    return any(k.arg == "timeout" and isinstance(k.value, ast.Constant) and k.value.value == 0 for k in call.keywords)


def blocking(app, module, call):
    name = blocking_name(app, call)
    if not name or does_not_wait(call, name):
        return
    if isinstance(call.up, ast.Await):
        return
    inside = owner(call)
    if inside is None or not app.contexts.is_in(call, LOOP):
        if name in ("builtins.input", "getpass.getpass"):
            yield Finding("FB404", module.source, f"{name.rpartition('.')[2]}() reads from the terminal", call)
        return
    if app.contexts.is_in(call, THREAD) and app.contexts.path(inside, LOOP) == "is async":
        return
    who = getattr(inside, "name", "this lambda")
    how = app.contexts.path(inside, LOOP)
    message = f"{name}() blocks the event loop: {who} {how}"
    if updates_before(app, inside, call):
        yield Finding("FB202", module.source, message, call, stages="fine fine differs",
                      why="on sockets what the function has updated before is sent when the event loop turns, "
                          "after the call; on stage 3 it is sent at once, so a half-made page is seen")
    else:
        yield Finding("FB202", module.source, message, call)


def is_update(app, call):
    """page.update(), control.update(), page.add(...): what sends something to the client."""
    func = call.func
    if not isinstance(func, ast.Attribute):
        return False
    if func.attr == "update" and not call.keywords:
        if app.contexts.is_page(func.value) or app.contexts.is_control(func.value):
            return True
        return isinstance(func.value, ast.Name) and func.value.id == "self" and app.contexts.is_control(func.value)
    return func.attr in ("add", "insert", "remove", "clean", "open", "show_dialog", "pop_dialog") and \
        app.contexts.is_page(func.value)


def updates_before(app, function, call):
    """Whether an update may come before the call: above it, or anywhere in a loop around it."""
    around = call
    while around is not None and around is not function and not isinstance(around, (ast.For, ast.While, ast.AsyncFor)):
        around = around.up
    in_loop = isinstance(around, (ast.For, ast.While, ast.AsyncFor))
    for other in app.contexts._calls_in.get(function, ()):
        before = (other.lineno, other.col_offset) < (call.lineno, call.col_offset)
        if is_update(app, other) and (before or in_loop and around.lineno <= other.lineno <= (around.end_lineno or 0)):
            return True
    return False


def thread_update(app, module, call):
    inside = owner(call)
    if inside is None or isinstance(inside, ast.AsyncFunctionDef) or not app.contexts.is_in(call, THREAD):
        return
    if is_update(app, call):
        who = getattr(inside, "name", "this lambda")
        yield Finding("FB203", module.source,
                      f"{ast.unparse(call.func) if hasattr(ast, 'unparse') else 'update'}() in a thread: {who} "
                      f"{app.contexts.path(inside, THREAD)}", call)


def run_arguments(app, module, call):
    if app.names.outside(call.func) not in STARTS_FLET:
        return
    for item in call.keywords:
        if item.arg == "export_asgi_app" and not (isinstance(item.value, ast.Constant) and not item.value.value):
            yield Finding("FB205", module.source, "export_asgi_app=True makes a web application", item.value)
        elif item.arg in ("host", "port") and not (isinstance(item.value, ast.Constant) and not item.value.value):
            yield Finding("FB204", module.source, f"{item.arg}= counts for browsers alone", item.value)
        elif item.arg == "view":
            name = app.names.outside(item.value)
            text = item.value.value if isinstance(item.value, ast.Constant) else ""
            if name in WEB_VIEWS or text in ("web_browser", "flet_app_web", "flet_app_hidden") or \
                    isinstance(item.value, ast.Constant) and item.value.value is None:
                yield Finding("FB204", module.source, "view= counts where no --ui is given", item.value)
        elif item.arg == "upload_dir" and not (isinstance(item.value, ast.Constant) and not item.value.value):
            yield Finding("FB303", module.source, "upload_dir= counts for browsers alone", item.value,
                          stages=app.web_stages("differs"), why=app.web_reason("uploads"))
    inside = owner(call)
    if inside is not None and THREAD in app.contexts.of.get(inside, ()):
        yield Finding("FB207", module.source, "ft.run() in a thread", call)


def own_loop(app, module, call):
    name = app.names.outside(call.func)
    if name in ("asyncio.run", "asyncio.run_until_complete") or (
            isinstance(call.func, ast.Attribute) and call.func.attr == "run_until_complete"):
        if app.contexts.is_in(call, LOOP) and not app.contexts.is_in(call, THREAD):
            yield Finding("FB208", module.source, "a second event loop inside of Flet's", call,
                          why="Python refuses it (RuntimeError) on every stage, as it does today",
                          do="await the coroutine, or hand it to page.run_task()")
        elif owner(call) is None or not app.contexts.is_in(call, THREAD):
            yield shared_loop(app, module, call)
    elif name in ("asyncio.set_event_loop_policy", "asyncio.set_event_loop", "uvloop.install", "uvloop.run",
                  "nest_asyncio.apply"):
        yield Finding("FB208", module.source, f"{name}() sets the event loop", call)


def shared_loop(app, module, call):
    taker = taker_in_own_loop(app)
    if not taker:
        return Finding("FB208", module.source, "an event loop of the app's own", call)
    return Finding("FB208", module.source, f"an event loop of the app's own, in which {taker} takes SIGTERM or SIGINT",
                   call, stages="differs differs differs",
                   why="when the UI closes, ft.run_async() returns and there is no signal; a real SIGTERM or Ctrl-C reaches "
                       "only that other handler, where Flet alone handles it too",
                   do="when ft.run_async() has returned, stop the other part; when that gets a signal, cancel the task "
                      "that awaits ft.run_async()")


def second_run(app):
    for module in app.modules:
        runs = [call for call in module.calls if app.names.outside(call.func) in STARTS_FLET
                and not isinstance(call.up, ast.Lambda)]
        for number, call in enumerate(runs):
            if in_loop(call):
                yield Finding("FB206", module.source, "ft.run() in a loop", call)
            elif any(follows(earlier, call) for earlier in runs[:number]):
                yield Finding("FB206", module.source, "ft.run() once more, after the app has ended", call)


def in_loop(call):
    node = call
    while node is not None and not isinstance(node, FUNCTIONS):
        if isinstance(node, (ast.While, ast.For)):
            return True
        node = node.up
    return False


def follows(first, second):
    """Whether both may run, one after the other: same function, and not two arms of one `if`."""
    if owner(first) is not owner(second):
        return False
    chain = []
    node = first
    while node is not None:
        chain.append(node)
        node = node.up
    before, node = second, second.up
    while node is not None and node not in chain:
        before, node = node, node.up
    if node is None:
        return True
    arm = chain[chain.index(node) - 1] if chain.index(node) else first
    if isinstance(node, ast.If):
        return (arm in node.body) == (before in node.body) and arm is not before or \
            (arm in node.body) == (before in node.body)
    if isinstance(node, (ast.IfExp, ast.Try)) or type(node).__name__ == "Match":
        return False
    # `if x: run(); return` before it
    return not any(isinstance(last, (ast.Return, ast.Raise)) for last in getattr(arm, "body", [])[-1:])
