"""Runs a script, a module or a command as `python` itself does: in the real `__main__`, with its own sys.argv,
sys.path, messages, tracebacks and exit codes."""

import atexit
import os
import runpy
import sys
from importlib.machinery import SourceFileLoader, SourcelessFileLoader

from . import switch_on
from .imports import after_import

USAGE = "usage: python -m fletbridge.accelerate SCRIPT | -m MODULE | -c COMMAND [ARGS...]"


def _own_main():
    """The globals of `__main__`, as a script finds them."""
    names = vars(sys.modules["__main__"])
    kept = {name: names[name] for name in ("__builtins__", "__annotations__") if name in names}
    names.clear()
    names.update(__name__="__main__", __doc__=None, __package__=None, __loader__=None, __spec__=None, **kept)
    return names


def _set_first_path(folder):
    """In place of that of -m; with -P or -I there is none."""
    if not getattr(sys.flags, "safe_path", sys.flags.isolated):
        sys.path[0] = folder


def _holds_modules(path):
    """A folder or an archive, which python looks into for a `__main__`."""
    for hook in sys.path_hooks:
        try:
            hook(path)
            return True
        except ImportError:
            pass
    return False


def _module(name, alter_argv):
    names = _own_main()
    del names["__loader__"]
    runpy._run_module_as_main(name, alter_argv)  # what -m calls


def _script(path):
    file = os.path.join(os.getcwd(), path)
    try:
        with open(path, "rb") as source:
            text = source.read()
    except OSError as error:
        print("%s: can't open file %r: [Errno %d] %s" % (sys.orig_argv[0], file, error.errno, error.strerror),
              file=sys.stderr)
        sys.exit(2)
    if path.endswith(".pyc"):
        loader = SourcelessFileLoader("__main__", file)
        code = loader.get_code("__main__")
    else:
        loader = SourceFileLoader("__main__", file)
        code = compile(text, file, "exec", dont_inherit=True)
    _set_first_path(os.path.dirname(os.path.realpath(path)))
    names = _own_main()
    names.update(__loader__=loader, __file__=file, __cached__=None)
    exec(code, names)


def _command(text):
    code = compile(text + "\n", "<string>", "exec", dont_inherit=True)
    _set_first_path("")
    names = _own_main()
    names["__loader__"] = sys.modules["builtins"].__loader__
    exec(code, names)


def _run(words):
    first = words[0]
    if first == "-m":
        sys.argv[:] = ["-m", *words[2:]]
        _module(words[1], True)
    elif first == "-c":
        sys.argv[:] = ["-c", *words[2:]]
        _command(words[1])
    else:
        sys.argv[:] = words
        place = os.path.join(os.getcwd(), first)
        if _holds_modules(place):
            sys.path[:getattr(sys.flags, "safe_path", sys.flags.isolated) ^ 1] = [place]
            _module("__main__", False)
        else:
            _script(first)


_interrupted = False


def _end_by_signal():
    if _interrupted:
        import signal

        for stream in sys.stdout, sys.stderr:
            try:
                stream.flush()
            except Exception:
                pass
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)


def main():
    global _interrupted
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help") or words in (["-m"], ["-c"]):
        print(USAGE, file=sys.stderr)
        sys.exit(0 if words[:1] in (["-h"], ["--help"]) else 2)
    switch_on(after_import=after_import)
    atexit.register(_end_by_signal)  # the first to come is the last to be called
    try:
        _run(words)
    except SystemExit:
        raise
    except BaseException as error:
        # As python's own end, but for our frames.
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_globals is globals():
            trace = trace.tb_next
        error.__traceback__ = trace
        sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
        if sys.version_info >= (3, 12):
            sys.last_exc = error
        _interrupted = isinstance(error, KeyboardInterrupt)
        sys.excepthook(type(error), error, trace)
        sys.exit(1)
