"""Which code an accelerator replaces: it is applied only where every function that it replaces or relies on
has a fingerprint that the table in `known` has for this Python."""

import sys
from _imp import source_hash
from importlib import import_module
from types import CodeType


def _text(code):
    """What a code object does: all but where it came from."""
    constants = [_text(item) if isinstance(item, CodeType) else
                 sorted(map(repr, item)) if isinstance(item, frozenset) else repr(item)
                 for item in code.co_consts]
    return repr((code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars,
                 code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags))


def fingerprint(function):
    """Of a function's code and its defaults; None for what is no Python function."""
    while hasattr(function, "__wrapped__") and not hasattr(function, "__code__"):
        function = function.__wrapped__  # functools.cache and its like
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if type(code) is not CodeType:
        return None
    text = _text(code) + repr(function.__defaults__) + repr(function.__kwdefaults__)
    return int.from_bytes(source_hash(0x666c6574, text.encode(errors="surrogatepass")), "little")


def find(place):
    """`module:Class.function` -> what stands there now, as its class holds it."""
    module, _, name = place.partition(":")
    owner = import_module(module)
    *classes, last = name.split(".")
    for part in classes:
        owner = vars(owner)[part]
    found = vars(owner)[last]
    if isinstance(found, property):
        found = found.fget
    return found


def table():
    """place -> the fingerprints known for it, of this Python."""
    try:
        return import_module(".known.%s" % sys.implementation.cache_tag.replace("-", "_"), __package__).FINGERPRINTS
    except ImportError:
        return {}


def obstacle(name, places):
    """Why the accelerator cannot be applied here, or None."""
    known = table()
    if not known:
        return "this Python (%s) is not one that it was proved with" % sys.implementation.cache_tag
    for place in places:
        try:
            found = fingerprint(find(place))
        except (ImportError, KeyError):
            return "%s is not there" % place
        if found not in known.get(place, ()):
            return "%s is not the code that it knows" % place
    return None
