"""Which code an accelerator replaces: it is applied only where every function that it replaces or relies on
has a fingerprint that the table in `known` has for this Python."""

import sys
from _imp import source_hash
from importlib import import_module
from types import CodeType, FunctionType


def _text(code):
    """What a code object does: all but where it came from."""
    constants = [_text(item) if isinstance(item, CodeType) else
                 sorted(map(repr, item)) if isinstance(item, frozenset) else repr(item)
                 for item in code.co_consts]
    return repr((code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars,
                 code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags))


def fingerprint(function):
    """Of a function's code and its defaults; None for what is no Python function, such as what a tracer has put in
    its place, whatever code that says it has."""
    function = getattr(function, "__func__", function)
    kind = type(function)
    if kind.__module__ == "fletbridge.accelerate" or kind.__name__ == "_lru_cache_wrapper":
        function = function.__wrapped__  # what another accelerator has replaced; functools.cache
    elif kind is FunctionType:
        function = vars(function).get("_fletbridge_flet", function)  # of verify
    if type(function) is not FunctionType:
        return None
    text = _text(function.__code__) + repr(function.__defaults__) + repr(function.__kwdefaults__)
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
    """place -> {fingerprint: the versions that have it}, of this Python: versions of Flet, or of Python for what is
    not Flet's."""
    try:
        return import_module(".known.%s" % sys.implementation.cache_tag.replace("-", "_"), __package__).FINGERPRINTS
    except ImportError:
        return {}


def _told(place):
    return place.partition(":")[2] if place.startswith("flet.") else place


def _versions(place, texts):
    """The installed version if it is one of them, else all of them."""
    found = {version for text in texts for version in text.split()}
    if place.startswith("flet."):
        from importlib.metadata import version

        try:
            installed = version("flet")
        except ImportError:
            installed = None
        found = {installed} if installed in found else found
    order = sorted(found, key=lambda version: [int(part) if part.isdigit() else -1 for part in version.split(".")])
    return ("Flet " if place.startswith("flet.") else "Python ") + " or ".join(order)


def obstacle(name, places):
    """Why the accelerator cannot be applied here, or None."""
    known = table()
    if not known:
        return "this Python (%s) is not one that it was proved with" % sys.implementation.cache_tag
    common = None  # versions of Flet: one must have all of it
    for place in places:
        prints = known.get(place)
        if not prints:
            return "%s is not in the table of what it knows" % _told(place)
        try:
            found = fingerprint(find(place))
        except (ImportError, KeyError):
            return "%s of %s is not there" % (_told(place), _versions(place, prints.values()))
        if found not in prints:
            return "%s is not the code of %s" % (_told(place), _versions(place, prints.values()))
        if place.startswith("flet."):
            versions = set(prints[found].split())
            common = versions if common is None else common & versions
            if not common:
                return "%s is not of the same Flet as the rest" % _told(place)
    return None
