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

_state = {}  # accelerator -> None where it is on, else why it is not
_verify = None  # the module, where each result is compared with that of Flet's own code


def state():
    """Accelerator -> None where it is on, else why it is not. Those whose part of Flet has not been imported
    yet are absent."""
    return dict(_state)


def counters():
    """How often Flet's own code did the work: what the native part counts, by name; {} without it."""
    try:
        from . import _native
    except ImportError:
        return {}
    counted = _native.counters()
    if _verify is not None:
        counted.update(_verify.counted)
    return counted


def differences():
    """What the native part did otherwise than Flet's own code, a line each: the first hundred. Only with `verify`."""
    return _verify.differences() if _verify is not None else []


def apply(name):
    """Puts one accelerator in its place, if it knows the code there. Never raises: an app runs without it."""
    if name in _state:
        return
    try:
        from importlib import import_module

        from . import identity

        _state[name] = "is being applied"
        try:
            from . import _native as native
        except ImportError:
            _state[name] = "there is no native part for this Python (%s)" % sys.implementation.cache_tag
            return
        part = import_module("." + name, __name__)
        why = identity.obstacle(name, part.RELIES)
        if why is None:
            if _verify is not None:
                _verify.apply(name, part, native)
            else:
                part.apply(native)
        _state[name] = why
    except Exception as error:
        _state[name] = "%s: %s" % (type(error).__name__, error)


def switch_on(names=tuple(TRIGGERS), after_import=None, verify=False):
    """Puts the named accelerators in their places. `after_import(module, function)` has a function called once
    that module has been imported; without it they are imported now. `verify`: Flet's own code does everything too,
    its answers are used, and differences() tells where the native ones were others."""
    global _verify
    if verify:
        from importlib import import_module

        _verify = import_module(".verify", __name__)  # `from . import` would need the package above it
    if after_import is not None:
        for name in names:
            after_import(TRIGGERS[name], lambda module, name=name: apply(name))
        return
    from importlib import import_module

    for name in names:
        try:
            import_module(TRIGGERS[name])
        except ImportError as error:
            _state[name] = "there is no Flet that it knows: %s" % error
            continue
        apply(name)


# The host executes this file itself and says what is wanted: it sets `hosted` before.
if "hosted" not in globals():
    switch_on()
