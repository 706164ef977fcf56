"""`--accelerators verify`: Flet's own code does each update, then the native one does it again from the state before,
and what differs is noted: operations, controls added and removed, exceptions, and all that Flet keeps. The app goes
on with Flet's answer.

How a comparison, which changes what it compares, is done twice in one process: what it can change is noted before
(`_World`, by reading), Flet's own code runs and with it the app's hooks, whose changes are noted one by one; then what
has changed is put back, the native code runs and each hook's changes are made in the place of a call of it; last, what
is not as Flet left it is put back as that. So hooks run once, nothing is written that an update has not changed, and
the native code keeps from one update to the next what it always keeps. A copy of the page, in this process or a fork,
would verify that copy: without what is kept, and with a fork's hooks acting on files and sockets twice.

What is asked twice: __eq__, properties, is_isolated() and validation rules of the app's. What cannot be verified is
counted: an update within a hook of another, hooks of single instances, pages with very many hooks."""

import functools
import sys
import threading
import types
import weakref
from operator import is_

MOST = 100  # differences that are kept
LIMIT = 4_000_000  # objects looked at for the hooks of one update

# Updates compared; answers of the other accelerators; what differed in either; updates that could not be compared.
counted = {"compared": 0, "answers": 0, "differences": 0, "unverified": 0}
reasons = {}  # why something could not be verified -> how often
_found = []
_on_change = None
_local = threading.local()


def differences():
    """The first of the differences, a line each."""
    return list(_found)


def note(what, why):
    counted["differences"] += 1
    line = ("%s: %s" % (what, why)).replace("\n", " ")[:600]
    if not _found:
        print("fletbridge: verify: a difference from Flet's own code, whose answer is used: " + line, file=sys.stderr)
    if len(_found) < MOST:
        _found.append(line)
    if _on_change is not None:
        _on_change()


def _pass_over(why):
    counted["unverified"] += 1
    if why in reasons or len(reasons) < MOST:
        reasons[why] = reasons.get(why, 0) + 1


# What is reachable, read without a __dict__: an instance that has been asked for it is kept in another way after.

_KEPT = ("_values", "_dirty", "__changes", "__prev_lists", "__prev_dicts", "__prev_classes", "_parent", "_frozen",
         "_initialized", "_isolated", "_i", "_c", "_b", "_stale", "_state", "data", "__reported_validation_errors")
_OPAQUE = {"_parent", "_state", "data"}  # compared, not entered
_LEAVES = {int, str, float, bool, bytes, type(None), types.FunctionType, types.MethodType, weakref.ref}
_MISSING = object()
_names = weakref.WeakKeyDictionary()  # class -> what Flet can change of its instances


def _names_of(kind):
    names = _names.get(kind)
    if names is None:
        props = getattr(kind, "_prop_defaults", ())
        fields = [field.name for field in kind.__dataclass_fields__.values()
                  if field._field_type.name == "_FIELD" and not field.metadata.get("skip") and field.name not in props]
        names = _names[kind] = tuple(dict.fromkeys((*_KEPT, *fields)))
    return names


def _read(value):
    """What a container holds: (names or keys or None, values); None for what is no container."""
    if isinstance(value, list):
        return None, list(list.__iter__(value))
    if isinstance(value, dict):
        return list(dict.keys(value)), list(dict.values(value))
    if isinstance(value, set):
        return sorted(map(repr, set.__iter__(value))), list(set.__iter__(value))
    kind = type(value)
    if not hasattr(kind, "__dataclass_fields__") or issubclass(kind, type):
        return None
    names = _names_of(kind)
    return names, [getattr(value, name, _MISSING) for name in names]


def _write(value, held):
    keys, values = held
    if isinstance(value, list):
        list.__setitem__(value, slice(None), values)
    elif isinstance(value, dict):
        dict.clear(value)
        dict.update(value, zip(keys, values))
    elif isinstance(value, set):
        set.clear(value)
        set.update(value, values)
    else:
        for name, item in zip(keys, values):
            now = getattr(value, name, _MISSING)
            if now is item:
                continue
            if item is _MISSING:
                object.__delattr__(value, name)
            else:
                object.__setattr__(value, name, item)


def _alike(one, other):
    """Whether two readings of one container are the same."""
    if len(one[1]) != len(other[1]) or not all(map(is_, one[1], other[1])):
        return False
    return one[0] is other[0] or one[0] == other[0]


def _children(value, reading):
    if reading[0] is None or isinstance(value, (dict, set)):
        return reading[1]
    return [item for name, item in zip(*reading) if name not in _OPAQUE]


class _World:
    """What can be reached, as it was: id -> (container, reading)."""

    def __init__(self, roots=()):
        self.held = {}
        self.reach(roots)

    def reach(self, roots):
        held, pending = self.held, list(roots)
        while pending:
            value = pending.pop()
            kind = type(value)
            if kind in _LEAVES or id(value) in held:
                continue
            if kind is tuple:
                pending += value
                continue
            reading = _read(value)
            if reading is None:
                continue
            held[id(value)] = value, reading
            pending += _children(value, reading)

    def containers(self):
        return [value for value, _ in self.held.values()]


def _top(control):
    """The page that a control is in."""
    for _ in range(10000):
        parent = getattr(control, "_parent", None)
        parent = parent() if type(parent) is weakref.ref else None
        if parent is None:
            return control
        control = parent
    return control


class _Diverged(BaseException):
    """The native code has called a hook that Flet did not call there."""


class _Run:
    """One update, done twice."""

    def __init__(self, roots):
        self.before = _World(roots)
        self.hooks = []  # (object, name, result, error, traceback, changes), in order
        self.place = None  # in them while the native code runs
        self.inside = False
        self.looked_at = 0
        self.unverifiable = None
        self.heard = set()  # classes: an app can change them at any time
        for value in self.before.containers():
            self.meet(value)

    def meet(self, value):
        """Sees to it that the hooks of a control are heard."""
        kind = type(value)
        if not hasattr(kind, "before_update"):
            return
        if kind not in self.heard:
            self.heard.add(kind)
            _hear(kind)
        for name in _HOOKS:
            if getattr(getattr(value, name), "__func__", None) is not getattr(kind, name, None):
                self.unverifiable = "an instance has a %s of its own" % name

    def hook(self, flet, name, control, arguments):
        self.inside = True
        try:
            return (self.replay if self.place is not None else self.record)(flet, name, control, arguments)
        finally:
            self.inside = False

    def record(self, flet, name, control, arguments):
        # A component's function describes: what it changes is the component, and what it gave the last time.
        if _is_component(flet):
            last = control._state.last_b
            scope = [control, *(last if isinstance(last, list) else [last])]
        else:
            scope = self.before.containers()
        self.looked_at += len(scope)
        if self.looked_at > LIMIT:
            self.unverifiable = "the page has too many hooks"
        if self.unverifiable:
            return flet(control, *arguments)
        readings = [(value, reading) for value in scope if (reading := _read(value)) is not None]
        result = error = None
        try:
            result = flet(control, *arguments)
            return result
        except BaseException as raised:
            error = raised
            raise
        finally:
            changes = []
            for value, reading in readings:
                now = _read(value)
                if not _alike(reading, now):
                    changes.append((value, now))
            known = set(self.before.held)
            for value, now in changes:
                self.before.reach(_children(value, now))
            for key, (value, _) in self.before.held.items():
                if key not in known:
                    self.meet(value)
            self.hooks.append((control, name, result, error, getattr(error, "__traceback__", None), changes))

    def replay(self, flet, name, control, arguments):
        if self.place >= len(self.hooks):
            raise _Diverged("%s.%s() is called, which Flet does not call" % (_say(control), name))
        known, known_name, result, error, _, changes = self.hooks[self.place]
        if known is not control or known_name != name:
            raise _Diverged("%s.%s() is called where Flet calls %s.%s()" % (
                _say(control), name, _say(known), known_name))
        self.place += 1
        for value, reading in changes:
            _write(value, reading)
        if error is not None:
            raise error
        return result

    def verify(self, answer, error, native):
        """What differs when `native()` does what gave the answer or the error; None. Leaves Flet's state."""
        after = _World([*self.before.containers(), *self.before.held])
        self.place = 0
        restored = None
        _local.run = self
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1000)  # what another thread did here, the second restoring could undo
        try:
            for key, (value, reading) in self.before.held.items():
                if not _alike(reading, after.held[key][1]):
                    _write(value, reading)
            theirs = failure = diverged = None
            try:
                theirs = native()
            except _Diverged as raised:
                diverged = str(raised)
            except Exception as raised:
                failure = raised
            finally:
                restored = _World([*after.containers()])
            for _, _, _, raised, traceback, _ in self.hooks:
                if raised is not None:
                    raised.__traceback__ = traceback
            if diverged is not None:
                return diverged
            if type(error) is not type(failure) or str(error) != str(failure):
                return "Flet raises %s, the native code %s" % (_say(error), _say(failure))
            if self.place != len(self.hooks):
                return "%s.%s() is not called" % (_say(self.hooks[self.place][0]), self.hooks[self.place][1])
            match = _Match(self.before, after, restored)
            if error is None and not match.equal(answer, theirs):
                return "Flet answers %s, the native code %s" % match.where("answer")
            for key, (value, reading) in after.held.items():
                if not match.readings(value, reading, restored.held[key][1]):
                    return "%s: Flet leaves %s, the native code %s" % (_say(value), *match.where(""))
            return None
        finally:
            _local.run = None
            try:
                changed = False
                for key, (value, reading) in after.held.items():
                    if restored is None or not _alike(reading, restored.held[key][1]):
                        _write(value, reading)
                        changed = True
                if changed:
                    _forget()
            finally:
                sys.setswitchinterval(interval)


class _Match:
    """Whether what Flet made and what the native code made is the same but for identity: new objects stand for each
    other, the same for the same."""

    def __init__(self, before, after, restored):
        self.before, self.after, self.restored = before.held, after.held, restored.held
        self.there, self.back = {}, {}
        self.path, self.first = [], None

    def where(self, start):
        path, one, other = self.first or ([], None, None)
        return "%s %s" % (start + "".join(path), _say(one)), _say(other)

    def differ(self, one, other):
        if self.first is None:
            self.first = list(self.path), one, other
        return False

    def equal(self, one, other):
        if one is other:
            return True
        kind = type(one)
        if kind is not type(other):
            return self.differ(one, other)
        if kind in (int, str, bytes, float):
            return repr(one) == repr(other) or self.differ(one, other)
        if kind is weakref.ref:
            return one() is other() or self.differ(one, other)
        if kind is tuple:
            return len(one) == len(other) and all(map(self.equal, one, other)) or self.differ(one, other)
        if kind is types.MethodType:
            return one == other or self.differ(one, other)
        if id(one) in self.before or id(other) in self.before:
            return self.differ(one, other)
        mine = self.after[id(one)][1] if id(one) in self.after else _read(one)
        theirs = self.restored[id(other)][1] if id(other) in self.restored else _read(other)
        if mine is None:
            # An object of Flet's, such as the patch, by what it has; else by the answer it gives itself.
            if kind.__module__.partition(".")[0] == "flet" and hasattr(one, "patch"):
                return self.equal(one.patch, other.patch)
            return one == other or self.differ(one, other)
        if id(one) in self.there or id(other) in self.back:
            return self.there.get(id(one)) is other and self.back.get(id(other)) is one or self.differ(one, other)
        self.there[id(one)], self.back[id(other)] = other, one
        return self.readings(one, mine, theirs)

    def readings(self, value, mine, theirs):
        if isinstance(value, set):
            return mine[0] == theirs[0] or self.differ(set(mine[1]), set(theirs[1]))
        if len(mine[1]) != len(theirs[1]) or mine[0] != theirs[0]:
            return self.differ(mine[1] if mine[0] is None else mine[0], theirs[1] if theirs[0] is None else theirs[0])
        for number, (one, other) in enumerate(zip(mine[1], theirs[1])):
            if one is other:
                continue
            self.path.append("[%r]" % (number if mine[0] is None else mine[0][number]))
            if not self.equal(one, other):
                return False
            self.path.pop()
        return True


def _say(value, depth=2):
    kind = type(value)
    if value is _MISSING:
        return "nothing"
    if isinstance(value, BaseException):
        return "%s: %s" % (kind.__name__, str(value)[:200])
    if hasattr(kind, "__dataclass_fields__"):
        return "%s(%s)" % (kind.__qualname__, getattr(value, "_i", ""))
    if isinstance(value, (list, tuple)) and depth:
        return "[%s]" % ", ".join(_say(item, depth - 1) for item in list(value)[:20])
    if isinstance(value, dict) and depth:
        return "{%s}" % ", ".join("%s: %s" % (key, _say(item, depth - 1)) for key, item in list(value.items())[:20])
    return repr(value)[:200] if kind in _LEAVES else "a " + kind.__qualname__


# Hooks. Flet's own change the control that has them and can be called again; the app's are called once.

_HOOKS = ("before_update", "build", "_migrate_state", "_before_update_safe")


def _is_component(function):
    return function.__module__ == "flet.components.component"


def _hear(kind):
    for owner in kind.__mro__:
        for name in _HOOKS:
            function = vars(owner).get(name)
            if type(function) is types.FunctionType and not hasattr(function, "_fletbridge_flet") and (
                    (function.__module__ or "").partition(".")[0] not in ("flet", "fletbridge")
                    or _is_component(function) and name == "before_update"):
                setattr(owner, name, _hearing(function, name))


def _hearing(function, name):
    @functools.wraps(function)
    def hook(self, *arguments):
        run = getattr(_local, "run", None)
        if run is None or run.inside:
            return function(self, *arguments)
        return run.hook(function, name, self, arguments)

    hook._fletbridge_flet = function
    return hook


# The accelerators.


def _forget():
    """Set by _diff(): the native code forgets what it has noted of pages."""


def _diff(part, native):
    global _forget
    from flet.controls import object_patch

    builder, patch = object_patch.DiffBuilder, object_patch.ObjectPatch
    methods = {name: vars(builder)[name] for name in part.REPLACED}

    class Props:
        """Props stay Flet's own."""

        def __getattr__(self, name):
            return (lambda prop: None) if name == "take_props" else getattr(native, name)

    why = part.apply(Props())
    if why is not None:
        return why
    _forget = native.forget_records
    own = type(builder.__name__, (builder,), {"__doc__": "With Flet's own methods.", **methods})
    flet = vars(patch)["from_diff"].__func__
    flets = types.FunctionType(flet.__code__, {**flet.__globals__, "DiffBuilder": own}, flet.__name__,
                               flet.__defaults__, flet.__closure__)
    flets.__kwdefaults__ = flet.__kwdefaults__

    @functools.wraps(flet)
    def from_diff(cls, src, dst, control_cls, parent=None, path=None, frozen=False):
        def call(function):
            return function(cls, src, dst, control_cls, parent, None if path is None else list(path), frozen)

        if getattr(_local, "run", None) is not None:
            _pass_over("an update within the hook of another")
            return call(flets)
        run = _Run([src, dst, parent, _top(parent if parent is not None else dst)])
        answer = error = None
        _local.run = run
        try:
            answer = call(flets)
        except Exception as raised:
            error = raised
        finally:
            _local.run = None
        try:
            for value in run.before.containers():
                run.meet(value)  # again: a hook can have given an instance one of its own
            if run.unverifiable:
                _pass_over(run.unverifiable)
            else:
                why = run.verify(answer, error, lambda: call(flet))
                counted["compared"] += 1
                if why is not None:
                    note("update of %s" % _say(parent if parent is not None else dst), why)
        except Exception as problem:
            _pass_over("%s: %s" % (type(problem).__name__, problem))
        finally:
            del run
        if error is not None:
            raise error
        return answer

    from_diff._fletbridge_flet = flet
    patch.from_diff = classmethod(from_diff)


def _encoding(part, native):
    """The encoder sets three attributes of what it encodes, anew each time: Flet's own goes last."""
    from flet.messaging import protocol

    name = "configure_encode_object_for_msgpack"
    flet = getattr(protocol, name)
    why = part.apply(native)
    if why is not None:
        return why
    ours = getattr(protocol, name)
    kept = ("__prev_lists", "__prev_dicts", "__prev_classes")

    def run(encode, obj):
        try:
            answer, error = encode(obj), None
        except Exception as raised:
            answer, error = None, raised
        return answer, error, [getattr(obj, name, _MISSING) for name in kept]

    def configure(control_cls):
        own, native_one = flet(control_cls), ours(control_cls)

        def encode_object_for_msgpack(obj):
            before = [getattr(obj, name, _MISSING) for name in kept]
            theirs = run(native_one, obj)
            for name, old, new in zip(kept, before, theirs[2]):
                if new is not old and hasattr(type(obj), "__dataclass_fields__"):
                    if old is _MISSING:
                        object.__delattr__(obj, name)
                    else:
                        object.__setattr__(obj, name, old)
            mine = run(own, obj)
            counted["answers"] += 1
            match = _Match(_World(), _World(), _World())
            same = [new is old for new, old in zip(mine[2], before)] == [
                new is old for new, old in zip(theirs[2], before)]
            if type(mine[1]) is not type(theirs[1]) or str(mine[1]) != str(theirs[1]):
                note("encoding of " + _say(obj), "Flet raises %s, the native code %s" % (_say(mine[1]), _say(theirs[1])))
            elif not same or not match.equal((mine[0], *mine[2]), (theirs[0], *theirs[2])):
                note("encoding of " + _say(obj), "Flet gives %s, the native code %s" % match.where(""))
            if mine[1] is not None:
                raise mine[1]
            return mine[0]

        return encode_object_for_msgpack

    configure = functools.wraps(flet)(configure)
    configure._fletbridge_flet = flet
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get(name) is ours:
            setattr(module, name, configure)


def _pure(what, flet, native):
    """A function without effects: asked twice."""

    @functools.wraps(flet)
    def both(*arguments, **named):
        if getattr(_local, "asking", False):
            return flet(*arguments, **named)
        _local.asking = True
        results = []
        try:
            for function in (native, flet):
                try:
                    results.append((function(*arguments, **named), None))
                except Exception as raised:
                    results.append((None, raised))
        finally:
            _local.asking = False
        (theirs, failure), (mine, error) = results
        counted["answers"] += 1
        if type(error) is not type(failure) or str(error) != str(failure):
            note(what, "Flet raises %s, the native code %s" % (_say(error), _say(failure)))
        elif not _Match(_World(), _World(), _World()).equal(mine, theirs):
            note(what, "Flet answers %s, the native code %s" % (_say(mine), _say(theirs)))
        if error is not None:
            raise error
        return mine

    both._fletbridge_flet = flet
    return both


def _functions(part, native):
    """An accelerator of functions without effects: each one that it put into a module or a class is asked twice."""
    places = {}
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").partition(".")[0] in ("flet", "flet_web"):
            for name, value in list(vars(module).items()):
                places[module, name] = value
    from flet.controls.base_control import BaseControl

    for name, value in list(vars(BaseControl).items()):
        places[BaseControl, name] = value
    why = part.apply(native)
    if why is not None:
        return why
    made = {}
    for (owner, name), flet in places.items():
        ours = vars(owner).get(name)
        if ours is flet or ours is None:
            continue
        if id(ours) not in made:
            if isinstance(ours, property):
                made[id(ours)] = property(_pure(name, flet.fget, ours.fget), flet.fset, flet.fdel, flet.__doc__)
            else:
                made[id(ours)] = _pure(name, flet, ours)
        setattr(owner, name, made[id(ours)])


def _creation(part, native):
    return part.apply(native, lambda control, flets, natives: note(
        "comparing " + _say(control), "Python answers %s, the native code %s" % (flets, natives)))


WAYS = {"creation": _creation, "diff": _diff, "encoding": _encoding, "events": _functions}


def apply(name, part, native, on_change=None):
    """In the place of part.apply(native), and as that: why there is nothing to speed up, or None. What gives no answers
    that could be compared (switching, collecting, scan), and the making of controls, is on as it is."""
    global _on_change
    _on_change = on_change
    return WAYS.get(name, lambda part, native: part.apply(native))(part, native)
