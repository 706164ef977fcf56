"""Speeds up Flet's own Python. `import fletbridge.accelerate` as an app's first line switches it on in any
interpreter that runs Flet; `python -m fletbridge.accelerate SCRIPT` does it for an app as it is; an app
that fletbridge hosts has it already (`--accelerators`).

Each accelerator replaces functions of Flet whose code is known to it: for another Flet or another Python
than those it was proved with, Flet's own code runs. `state()` tells what is on, and why something is not.
"""

import sys

# Accelerator -> the module of Flet after whose import all that it replaces is there.
TRIGGERS = {
    "collecting": "flet.messaging.session",
    "creation": "flet.controls.base_control",
    "scan": "flet.messaging.session",  # before diff, which replaces the same function elsewhere
    "diff": "flet.messaging.session",
    "encoding": "flet.messaging.protocol",
    "events": "flet.messaging.session",
    "switching": "flet.messaging.connection",
}

on_change = None  # called without arguments when there is something new to tell; the host's

_state = {}  # accelerator -> None where it is on, else why it is not
_verify = None  # the module, where each result is compared with that of Flet's own code


def state():
    """Accelerator -> None where it is on, else why it is not. Those whose part of Flet has not been imported
    yet are absent."""
    return dict(_state)


def counters():
    """How often Flet's own code did the work: what the native part counts, by name; {} without it."""
    native = sys.modules.get(__name__ + "._native")
    counted = native.counters() if native else {}
    if _verify is not None:
        counted.update(_verify.counted)
    return counted


def differences():
    """What the native part did otherwise than Flet's own code, a line each: the first hundred. Only with `verify`."""
    return _verify.differences() if _verify is not None else []


def _changed():
    if on_change is not None:
        on_change()


def _note(name, why):
    _state[name] = why
    _changed()


def _apply(name):
    """Why the accelerator is not on now, or None."""
    from importlib import import_module

    try:
        # Not `from . import`: that asks for the parent package, which a host does not have.
        native = import_module("._native", __name__)
    except ImportError as error:
        tag = sys.implementation.cache_tag or sys.implementation.name
        if getattr(sys, "_is_gil_enabled", None) and "t" in getattr(sys, "abiflags", ""):
            tag += ", free-threaded"
        return "there is no native part for this Python (%s): %s" % (tag, error)
    identity = import_module(".identity", __name__)
    part = import_module("." + name, __name__)
    why = identity.obstacle(name, part.RELIES)
    if why is None and _verify is not None:
        why = _verify.apply(name, part, native, _changed)
    elif why is None:
        why = part.apply(native)  # which says so where there is nothing to speed up
    return why


def apply(name):
    """Puts one accelerator in its place, if it knows the code there. Never raises: an app runs without it."""
    if name in _state:
        return
    _state[name] = "is being applied"
    try:
        why = _apply(name)
    except Exception as error:
        why = "%s: %s" % (type(error).__name__, error)
    _note(name, why)


def switch_on(names=tuple(TRIGGERS), after_import=None, verify=False):
    """Puts the named accelerators in their places. `after_import(module, function)` has a function called once
    that module has been imported; without it they are imported now. `verify`: Flet's own code does everything too,
    its answers are used, and differences() tells where the native ones were others."""
    global _verify
    if verify:
        from importlib import import_module

        _verify = import_module(".verify", __name__)
    for name in sorted(names, key=[*TRIGGERS, *names].index):  # scan before diff
        if name not in TRIGGERS:
            _note(name, "this version has no such accelerator")
        elif after_import is not None:
            after_import(TRIGGERS[name], lambda module, name=name: apply(name))
        else:
            try:
                __import__(TRIGGERS[name])
            except ImportError as error:
                _note(name, "there is no Flet that it knows: %s" % error)
                continue
            apply(name)


# The host executes this file itself and says what is wanted: it sets `hosted` before. Under -m it is imported
# on the way to __main__: Flet is the script's to import.
if "hosted" not in globals() and not (sys.argv[:1] == ["-m"] and __name__ in sys.orig_argv):
    switch_on()
