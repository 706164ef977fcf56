"""Looks for what concerns files, the environment, modules and versions. Room: python/fletbridge/check."""

import ast
import re
import sys

from .contexts import argument
from .findings import Finding
from .names import Member

OPENS = {"builtins.open", "io.open", "codecs.open", "os.open", "os.listdir", "os.scandir", "os.mkdir",
         "os.makedirs", "os.remove", "os.stat", "os.path.exists", "os.path.isfile", "os.path.isdir",
         "sqlite3.connect", "shutil.copy", "shutil.copyfile", "shutil.move", "shutil.rmtree", "configparser.read",
         "pandas.read_csv", "pandas.read_excel", "numpy.load", "numpy.loadtxt", "PIL.Image.open",
         "logging.FileHandler", "shelve.open", "zipfile.ZipFile", "tarfile.open", "json.load",
         "logging.handlers.RotatingFileHandler", "aiofiles.open"}
PATHS = {"pathlib.Path", "pathlib.PosixPath"}
PATH_METHODS = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "exists", "is_file", "is_dir",
                "mkdir", "unlink", "iterdir", "glob", "rglob", "stat", "touch", "rename"}
DISPLAYS = {"DISPLAY", "WAYLAND_DISPLAY"}
HOSTS_OWN = {
    "FLET_SERVER_PORT": ("breaks breaks fine", "the app listens where its host does not look"),
    "FLET_SERVER_UDS_PATH": ("breaks breaks fine", "the app listens where its host does not look"),
    "FLET_SERVER_IP": ("fine fine fine", "the host's address is on this machine in any case"),
    "FLET_FORCE_WEB_SERVER": ("breaks breaks differs",
                              "the app becomes a web server and never comes to its host; stage 3 takes no notice"),
    "FLET_PLATFORM": ("breaks breaks breaks", "by it Flet knows that it is hosted"),
    "FLET_DART_BRIDGE_PORT": ("breaks breaks breaks", "by it Flet knows its way to the host on stage 3, and "
                                                     "takes one that is not there on 1 and 2"),
    "FLET_VIEW_PATH": ("differs differs differs", "Flet starts no client: it has no effect"),
    "FLET_DISPLAY_URL_PREFIX": ("fine differs differs", "nobody reads the line that it makes Flet print"),
    "FLET_HIDE_WINDOW_ON_START": ("differs differs differs", "Flet starts no client; use --hidden"),
}
READ_DIFFERS = {"FLET_PLATFORM", "FLET_SERVER_PORT", "FLET_SERVER_UDS_PATH", "FLET_DART_BRIDGE_PORT"}
PATCHED = {"gevent.monkey.patch_all", "eventlet.monkey_patch"}
# Modules of the standard library that a version took away.
GONE = {name: (3, 12) for name in ("asynchat", "asyncore", "distutils", "imp", "smtpd")}
GONE.update({name: (3, 13) for name in (
    "aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev",
    "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib", "lib2to3")})
ONLY = {"winreg": "Windows", "winsound": "Windows", "msvcrt": "Windows", "_winapi": "Windows"}


def look(app):
    for module in app.modules:
        for call in module.calls:
            yield from relative(app, module, call)
            yield from at_exit(app, module, call)
            name = app.names.outside(call.func)
            if name in PATCHED:
                yield Finding("FB501", module.source, f"{name}() replaces sockets and threads", call)
            elif name == "setproctitle.setproctitle":
                yield Finding("FB501", module.source, "the process is given a title", call, stages="fine differs differs",
                              why="with --hosting library it has no effect: the command line is fletbridge's",
                              do="leave --hosting at auto")
        yield from environment(app, module)
        yield from stdin(app, module)
        yield from gone(app, module)
        yield from at_exit_decorators(app, module)
    yield from versions(app)


# -- paths

def is_relative(node):
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return False
    text = node.value
    return bool(text) and not text.startswith(("/", "~", "\\", ":", "file:")) and "://" not in text \
        and not re.match(r"[A-Za-z]:", text) and text != ":memory:"


def is_path(node, app):
    """Path("data", ...) with a relative first part."""
    return isinstance(node, ast.Call) and app.names.outside(node.func) in PATHS and node.args \
        and is_relative(node.args[0])


def relative(app, module, call):
    name = app.names.outside(call.func)
    given = None
    if name in OPENS:
        given = call.args[0] if call.args else argument(call, None, "file")
    elif isinstance(call.func, ast.Attribute) and call.func.attr in PATH_METHODS and \
            isinstance(app.names.value(call.func), Member) and app.names.value(call.func).of.name in PATHS:
        given = call.func.value
    if given is None:
        return
    node = origin(app, given)
    if is_relative(node) or is_path(node, app) or path_join(app, node):
        text = node.value if isinstance(node, ast.Constant) else \
            node.args[0].value if isinstance(node, ast.Call) else node.left.args[0].value
        yield Finding("FB401", module.source, f"{text!r} is looked for in the working folder", call)


def path_join(app, node):
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and is_path(node.left, app)


def origin(app, node):
    """The expression that a name was given, if it was given only one."""
    for _ in range(8):
        if not isinstance(node, ast.Name):
            break
        scope = node.scope
        while scope is not None and node.id not in scope.names:
            scope = scope.parent
        bound = scope.names[node.id] if scope is not None else []
        if len(bound) != 1 or bound[0][0] != "value" or bound[0][1] is None:
            break
        node = bound[0][1]
    return node


# -- the environment

def environment(app, module):
    for node in module.of(ast.Subscript, ast.Call, ast.Compare):
        key, writes = None, False
        if isinstance(node, ast.Subscript) and app.names.outside(node.value) == "os.environ":
            key, writes = node.slice, not isinstance(node.ctx, ast.Load)
        elif isinstance(node, ast.Call):
            name = app.names.outside(node.func)
            if name in ("os.getenv", "os.putenv", "os.unsetenv", "os.environ.get", "os.environ.pop",
                        "os.environ.setdefault"):
                key = node.args[0] if node.args else None
                writes = name not in ("os.getenv", "os.environ.get")
            elif name == "os.environ.update":
                names = [k.arg for k in node.keywords] + [
                    k.value for a in node.args if isinstance(a, ast.Dict) for k in a.keys if isinstance(k, ast.Constant)]
                for one in names:
                    yield from variable(module, node, one, True)
        elif isinstance(node, ast.Compare) and len(node.comparators) == 1 \
                and app.names.outside(node.comparators[0]) == "os.environ":
            key = node.left
        key = getattr(key, "value", key) if isinstance(key, (ast.Constant, ast.Index if hasattr(ast, "Index") else ast.Constant)) else None
        if isinstance(key, str):
            yield from variable(module, node, key, writes)


def variable(module, node, name, writes):
    if name in DISPLAYS and not writes:
        yield Finding("FB402", module.source, f"{name} is asked for", node)
    elif writes and name in HOSTS_OWN:
        stages, why = HOSTS_OWN[name]
        yield Finding("FB403", module.source, f"{name} is set by the app", node, stages=stages, why=why)
    elif not writes and name in READ_DIFFERS:
        yield Finding("FB403", module.source, f"{name} is asked for", node)


STDIN_WORDS = {"stdin", "__stdin__", "read", "readline", "readlines", "readinto"}


def stdin(app, module):
    for node in module.of(ast.Attribute):
        if node.attr not in STDIN_WORDS:
            continue
        if isinstance(node.ctx, ast.Load) and app.names.outside(node) in ("sys.stdin", "sys.__stdin__") and not isinstance(node.up, ast.Attribute):
            yield Finding("FB404", module.source, "sys.stdin is read", node)
        elif isinstance(node.up, ast.Call) and node.up.func is node and \
                app.names.outside(node.value) in ("sys.stdin", "sys.stdin.buffer"):
            yield Finding("FB404", module.source, f"sys.stdin.{node.attr}() is called", node)


def at_exit_decorators(app, module):
    for function in module.functions:
        for decorator in getattr(function, "decorator_list", ()):
            if app.names.outside(decorator) == "atexit.register":
                yield Finding("FB405", module.source, "atexit is used", decorator)


def at_exit(app, module, call):
    name = app.names.outside(call.func)
    if name == "atexit.register":
        yield Finding("FB405", module.source, "atexit is used", call)
    elif name == "threading.Thread":
        daemon = argument(call, None, "daemon")
        if isinstance(daemon, ast.Constant) and daemon.value is True:
            yield Finding("FB405", module.source, "a daemon thread ends with the process", call)


# -- modules and versions

def gone(app, module):
    for name, _, node in module.imports:
        top = name.partition(".")[0]
        if top in app.names.modules or is_tried(node):
            continue
        if top in ONLY:
            yield Finding("FB502", module.source, f"the module {top} is for {ONLY[top]} only", node)
        elif top in GONE:
            since = ".".join(map(str, GONE[top]))
            if sys.version_info >= GONE[top]:
                yield Finding("FB502", module.source, f"the module {top} is gone since Python {since}", node)
            else:
                yield Finding("FB502", module.source, f"the module {top} needs a Python before {since}", node,
                              stages="fine fine fine", why="this interpreter still has it",
                              do="replace it before the interpreter is")


def is_tried(node):
    """`try: import x` with an `except ImportError`, or below `if sys.platform`."""
    while node is not None:
        if isinstance(node, ast.Try) and node.handlers or isinstance(node, (ast.If, *FUNCTION_TYPES)):
            return True
        node = node.up
    return False


FUNCTION_TYPES = (ast.FunctionDef, ast.AsyncFunctionDef)


def versions(app):
    place = next(((module, node) for module in app.modules for name, _, node in module.imports
                  if name.partition(".")[0] == "flet"), None)
    if place is None:
        return
    module, node = place
    numbers = tuple(int(n) for n in re.findall(r"\d+", app.facts.get("flet") or "")[:2])
    if numbers and numbers < (0, 4):
        yield Finding("FB503", module.source, f"Flet {app.facts['flet']} is too old for a stage", node,
                      stages="breaks breaks breaks", why="it has no socket for its client, as Flet has since 0.4",
                      do="move the app to Flet 0.4 or later first")
    if not (3, 10) <= sys.version_info[:2] <= (3, 14):
        yield Finding("FB502", module.source, "this interpreter has a version that no stage runs", node,
                      why="every stage is for CPython 3.10 to 3.14")
    elif sys.implementation.name != "cpython":
        yield Finding("FB502", module.source, "this interpreter cannot share a process with the host", node,
                      stages="fine breaks breaks", why="stages 2 and 3 are for CPython 3.10 to 3.14")
