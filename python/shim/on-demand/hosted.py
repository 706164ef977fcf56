"""What an interpreter that shares its process with the host needs before the app's first line."""

import _signal
import atexit
import os
import sys


def change_variables_by(host):
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


def share_process(host):
    """Returns what unsets this in a fork."""
    # The host occupies the number of a closed stream, so that no socket of its own gets it; the app sees it closed.
    for number in host.told(b"FLETBRIDGE_CLOSED_STREAMS") or b"":
        name = ("stdin", "stdout", "stderr")[number - ord("0")]
        setattr(sys, name, None)
        setattr(sys, "__%s__" % name, None)

    host.watch_signals()
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
    unraisablehook = sys.unraisablehook

    def is_from_host(error):
        """Whether the host's interrupt is what `error` began with: import machinery and libraries raise others from it."""
        if os.getpid() != pid or not host.host_interrupts():
            return False
        for _ in range(100):  # a chain may be a circle
            if error is None or isinstance(error, KeyboardInterrupt):
                break
            error = error.__cause__ or error.__context__
        return isinstance(error, KeyboardInterrupt)

    # An app that the host ends before it came to ft.run() has made no error.
    def hook(kind, value, traceback):
        if not is_from_host(value):
            excepthook(kind, value, traceback)

    def unraisable_hook(told):
        if not is_from_host(told.exc_value):
            unraisablehook(told)

    # Both names: packages that bring a hook look whether the two are still the same.
    sys.excepthook = sys.__excepthook__ = hook
    sys.unraisablehook = sys.__unraisablehook__ = unraisable_hook

    def tell_of_interrupt():
        # What the interpreter printed last, if anything, is what ended the program.
        if getattr(sys, "last_type", None) is KeyboardInterrupt and os.getpid() == pid:
            host.interrupted()

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
        if sys.unraisablehook is unraisable_hook:
            sys.unraisablehook = unraisablehook
        if sys.__unraisablehook__ is unraisable_hook:
            sys.__unraisablehook__ = unraisablehook

    return forget_host
