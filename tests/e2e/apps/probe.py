"""Writes down what a program can see of its own surroundings, before and while Flet runs."""

import atexit
import json
import logging
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading


def square(number):
    return number * number, os.getpid()


def seen():
    import __main__ as main_module

    return {
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "executable": sys.executable,
        "_base_executable": getattr(sys, "_base_executable", None),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "exec_prefix": sys.exec_prefix,
        "path": sys.path,
        "flags": str(sys.flags),
        "warnoptions": sys.warnoptions,
        "version": sys.version,
        "dont_write_bytecode": sys.dont_write_bytecode,
        "path_hooks": len(sys.path_hooks),
        "excepthook": sys.excepthook is sys.__excepthook__,
        "__name__": __name__,
        "__file__": main_module.__file__,
        "__package__": main_module.__package__,
        "__spec__": getattr(main_module.__spec__, "name", None),
        "__loader__": type(main_module.__loader__).__name__,
        "__cached__": getattr(main_module, "__cached__", None),
        "__doc__": main_module.__doc__,
        "same_globals": main_module.__dict__ is globals(),
        "cwd": os.getcwd(),
        "environ": dict(os.environ),
        "umask": _umask(),
        "main_thread": threading.current_thread() is threading.main_thread(),
        "native_main_thread": threading.get_native_id() == os.getpid(),
        "python_threads": [t.name for t in threading.enumerate()],
        "sigint": getattr(signal.getsignal(signal.SIGINT), "__name__",
                          str(signal.getsignal(signal.SIGINT))),
        "sigterm": str(signal.getsignal(signal.SIGTERM)),
        "sigpipe": str(signal.getsignal(signal.SIGPIPE)),
        "sigchld": str(signal.getsignal(signal.SIGCHLD)),
        "blocked": sorted(int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "stdin": [sys.stdin.encoding, sys.stdin.errors, sys.stdin.fileno(), sys.stdin.isatty()],
        "stdout": [sys.stdout.encoding, sys.stdout.errors, sys.stdout.fileno(),
                   sys.stdout.line_buffering, sys.stdout.isatty()],
        "stderr": [sys.stderr.encoding, sys.stderr.errors, sys.stderr.fileno(),
                   sys.stderr.line_buffering],
        "fs_encoding": [sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()],
        "multiprocessing": multiprocessing.get_start_method(allow_none=True),
        "handlers": [str(h) for h in logging.getLogger().handlers],
        "inheritable": [fd for fd in range(3, 256) if _inheritable(fd)],
        "rlimit": resource.getrlimit(resource.RLIMIT_NOFILE),
        "pgrp_is_own": os.getpgrp() == os.getsid(0),
    }


def _umask():
    mask = os.umask(0o77)
    os.umask(mask)
    return mask


def _inheritable(fd):
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False


def spawn_and_fork():
    """Workers of every kind, while the host's own threads run."""
    results = {}
    for method in ("spawn", "fork", "forkserver"):
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            answers = pool.map(square, range(5))
        results[method] = [a for a, _ in answers]
        results[method + "_elsewhere"] = os.getpid() not in {pid for _, pid in answers}
    child = subprocess.run([sys.executable, "-c",
                            "import sys, os, json; print(json.dumps([sys.executable, sys.prefix, "
                            "sys.path[1:], sorted(k for k in os.environ if k.startswith("
                            "('FLETBRIDGE', 'PYTHON')))]))"], capture_output=True, text=True)
    results["child"] = [child.returncode, child.stdout, child.stderr]
    inherited = subprocess.run(["env", "-0"], capture_output=True).stdout.split(b"\0")
    results["no_gaps"] = inherited.count(b"") == 1  # behind the last one
    return results


if __name__ == "__main__":
    out = os.environ["E2E_PROBE"]
    # Before anything else is imported: what the interpreter has made of it all.
    before = seen()
    line = sys.stdin.readline()
    import flet as ft

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="LOG %(message)s")
    logging.info("to stderr")
    print("text żółć 漢")
    sys.stdout.flush()
    sys.stdout.buffer.write(bytes(range(256)))
    sys.stdout.buffer.flush()
    os.write(1, b"raw\0\xff\n")
    sys.stderr.write("err żółć\n")
    workers = {} if os.environ.get("E2E_FEW") else spawn_and_fork()
    during = {}

    def main(page):
        during.update(seen())
        during["page"] = [str(page.platform), page.web, page.width]
        page.add(ft.Text("shown"))
        print("in main")

    atexit.register(lambda: print("atexit"))
    if os.environ.get("E2E_ALONE"):  # the interpreter without any host, to compare with
        print("in main")
    else:
        ft.run(main)
    print("after run")
    after = seen()
    with open(out, "w") as file:
        json.dump({"before": before, "line": line, "workers": workers, "during": during,
                   "after": after, "rest": sys.stdin.read()}, file)
