"""What Flet keeps for a page, as text that two processes can compare: every object that is reachable, numbered in
order of first appearance, so that aliases show; no address, no order that depends on one."""

import re
import types
import weakref
from dataclasses import is_dataclass
from enum import Enum

# Orders that Flet iterates over, printed as they stand; a dict of attributes has none.
ORDERED = ("_values", "_dirty", "__changes", "__prev_lists", "__prev_dicts", "__prev_classes")
SCALARS = frozenset((int, str, bytes, bool, float, complex, type(None)))


# Beside the declared fields. One asks by name: an instance whose __dict__ has been asked for is kept in another way
# from then on, and an accelerator may read the two in two ways.
HOOKS = ("before_update", "build", "did_mount", "will_unmount", "is_isolated", "_before_update_safe", "_notify")
KEPT = ORDERED + ("_parent", "_frozen", "_initialized", "_isolated", "_i", "_c", "_stale", "_b", "_state",
                  "__reported_validation_errors", "__deprecated_validation_warnings", "_lock")
NAMES = {}  # class -> what to ask its instances for
HELD = {}  # class -> the names of the fields that hold what the app has put together
MISSING = object()


def fields_of(kind):
    """The names of what an instance of a dataclass keeps in itself; an InitVar is no field of the instance."""
    props = getattr(kind, "_prop_defaults", ())
    return [field.name for field in kind.__dataclass_fields__.values()
            if field._field_type.name == "_FIELD" and field.name not in props]


def held(value):
    """What an app may have put into an instance of a dataclass: the values of its public fields."""
    kind = type(value)
    names = HELD.get(kind)
    if names is None:
        names = HELD[kind] = sorted(
            {"_overlay", "_dialogs", "_b", *(name for name in fields_of(kind) if name[:1] != "_")})
    return [getattr(value, name, None) for name in names]


def attributes(value):
    """What an instance of a dataclass holds, without its __dict__: name -> value."""
    kind = type(value)
    names = NAMES.get(kind)
    if names is None:
        names = NAMES[kind] = sorted({*KEPT, *fields_of(kind)})
    found = {}
    for name in names:
        item = getattr(value, name, MISSING)
        if item is not MISSING:
            found[name] = item
    for name in HOOKS:
        item = getattr(value, name, None)
        if item is not None and getattr(item, "__func__", None) is not getattr(kind, name, None):
            found[name] = item
    return found


def settled(text):
    """A message without addresses."""
    return re.sub(r"\b0x[0-9a-f]{6,}|\b\d{12,}\b", "ADDRESS", text)


class Dump:
    """The state reachable from `roots`: (label, object) pairs. `opened`: through __dict__."""

    def __init__(self, roots, opened):
        self._opened = opened
        self._number = {}
        self._keep = []  # a number is an object's own as long as the object lives
        self._pending = []
        self.lines = []
        for label, root in roots:
            self.lines.append("%s = %s" % (label, self._short(root)))
            while self._pending:
                self._object(self._pending.pop())

    def text(self):
        return "\n".join(self.lines)

    def _refer(self, value):
        number = self._number.get(id(value))
        if number is None:
            number = self._number[id(value)] = len(self._number)
            self._keep.append(value)
            self._pending.append(value)
        return number

    def _short(self, value):
        kind = type(value)
        if kind in SCALARS:
            return repr(value)
        number = self._number.get(id(value))
        if number is not None:
            return "%s#%d" % (kind.__name__, number)
        tell = TELL.get(kind)
        if tell is None:
            tell = TELL[kind] = _how_to_tell(kind, value)
        return tell(self, value)

    def _object(self, value):
        mine = "#%d" % self._number[id(value)]
        if isinstance(value, list):
            self.lines.append("%s: [%s]" % (mine, ", ".join(map(self._short, list.__iter__(value)))))
            return
        if isinstance(value, dict):
            self.lines.append("%s: {%s}" % (mine, self._items(value)))
            return
        held = getattr(value, "__dict__", None) if self._opened else None
        if held is None:
            held = attributes(value)
        parts = ["%s %s(%s):" % (mine, type(value).__qualname__, held.get("_i", ""))]
        for name in sorted(held):
            item = held[name]
            kind = type(item)
            if kind in SCALARS:
                parts.append("%s=%r" % (name, item))
            elif kind is dict and name in ORDERED and id(item) not in self._number:
                # In one line with its owner: what one looks at first.
                number = self._number[id(item)] = len(self._number)
                self._keep.append(item)
                parts.append("%s=dict#%d{%s}" % (name, number, self._items(item) if item else ""))
            else:
                parts.append("%s=%s" % (name, self._short(item)))
        self.lines.append(" ".join(parts))

    def _items(self, value):
        short = self._short
        return ", ".join(["%s: %s" % (key if type(key) is str else short(key), short(item))
                          for key, item in dict.items(value)])

    def _numbered(self, value):
        return "%s#%d" % (type(value).__name__, self._refer(value))

    def _weak(self, value):
        target = value()
        return "weak(%s)" % (None if target is None else self._short(target))

    def _method(self, value):
        return "method %s of %s" % (value.__func__.__qualname__, self._short(value.__self__))

    def _set(self, value):
        return "%s{%s}" % (type(value).__name__, ", ".join(sorted(map(self._short, value))))

    def _tuple(self, value):
        return "(%s)" % ", ".join(map(self._short, value))


TELL = {}  # class -> how Dump tells a value of it


def _how_to_tell(kind, value):
    if issubclass(kind, Enum):
        return lambda dump, value: str(value)
    if issubclass(kind, type):
        return lambda dump, value: "class " + value.__qualname__
    if issubclass(kind, weakref.ref):
        return Dump._weak
    if kind in (types.FunctionType, types.BuiltinFunctionType):
        return lambda dump, value: "function " + value.__qualname__
    if kind is types.MethodType:
        return Dump._method
    if issubclass(kind, (set, frozenset)):
        return Dump._set
    if issubclass(kind, tuple):
        return Dump._tuple
    if issubclass(kind, (list, dict)) or is_dataclass(kind):
        return Dump._numbered
    if issubclass(kind, (int, str, float)):
        return lambda dump, value: "%s %r" % (kind.__name__, value)
    return lambda dump, value: "a " + kind.__qualname__
