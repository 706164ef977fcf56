"""The comparison of a page with what the client has of it: Flet's operations in Flet's order, without a call of
Python for what has not changed. What it does not know is left to Flet's code, node by node."""

_PATCH = "flet.controls.object_patch:"
_BASE = "flet.controls.base_control:BaseControl."
_SESSION = "flet.messaging.session:Session."
_PROP = "flet.controls.value_types:Prop."

REPLACED = ["_compare_values", "_compare_lists", "_compare_dataclasses", "get_added_controls", "get_removed_controls"]
RELIES = [
    *(_PATCH + "DiffBuilder." + name for name in (
        *REPLACED, "_compare_dicts", "_update_list_snapshot", "_update_dict_snapshot", "insert", "_item_replaced",
        "_item_added", "_item_removed", "_index_key", "store_index", "take_index", "_emit_move",
        "_maybe_compare_dataclasses", "_holds_control", "_dataclass_added", "_dataclass_removed",
        "_get_dataclass_key", "_configure_dataclass", "_removed_controls", "__init__")),
    _PATCH + "PatchOperation.__init__", _PATCH + "ObjectPatch.from_diff", _PATCH + "get_control_key",
    _PATCH + "_path_join", _PATCH + "_control_setattr",
    *(_BASE + name for name in ("is_isolated", "_before_update_safe", "before_update", "build", "_migrate_state")),
    _PROP + "__get__", _PROP + "__set__",
    "flet.utils.validation:validate", "flet.utils.validation:_compile_class_spec",
    "flet.utils.validation:_get_reported_validation_errors",
    "dataclasses:is_dataclass", "dataclasses:fields",
    _SESSION + "patch_control", _BASE + "did_mount", _BASE + "will_unmount",
    *("weakref:WeakValueDictionary." + name for name in ("__setitem__", "pop", "_commit_removals", "__init__")),
    "weakref:KeyedRef.__new__", "weakref:KeyedRef.__init__",
]


# before_update() of Flet's own controls, where it changes nothing: one of these alternatives holds for the
# instance, and what it may have made is not in `_internals`. (class, alternatives, name)
HOOKS = {
    "flet.controls.material.icon_button:IconButton": (
        ((("style", "is", None), ("bgcolor", "is", None), ("visual_density", "is", None),
          ("mouse_cursor", "is", None)),), "style"),
    "flet.controls.material.button:Button": (
        ((("style", "is", None), ("color", "is", None), ("bgcolor", "is", None), ("elevation", "=", 1)),), "style"),
    "flet.controls.material.textfield:TextField": (
        ((("filled", "!", None),),
         (("bgcolor", "is", None), ("fill_color", "is", None), ("hover_color", "is", None),
          ("focused_color", "is", None))), None),
}
KNOWN = [place + ".before_update" for place in HOOKS]

# Rules of V that read nothing but the value of the field, and those that read one field beside it.
_OF_VALUE = {"instance_of", "gt", "ge", "lt", "le", "between", "factor_of", "multiple_of", "eq", "ne", "one_of",
             "deprecated"}
_OF_FIELDS = {"gt_field", "ge_field", "lt_field", "le_field", "eq_field", "ne_field"}


def _reads_props_only(cls, check, validation):
    """Whether a rule's answer hangs on props of the instance alone."""
    code = getattr(check, "__code__", None)
    if code is None or code.co_filename != validation.__file__:
        return False
    kind, _, rest = check.__qualname__.removeprefix("V.").partition(".")
    if not check.__qualname__.startswith("V.") or rest != "<locals>._check":
        return False
    cells = dict(zip(code.co_freevars, (cell.cell_contents for cell in check.__closure__ or ())))
    # A message of the app's own is made only for an error.
    if kind in _OF_VALUE:
        return True
    if kind in _OF_FIELDS:
        return cells.get("other_field") in cls._prop_defaults
    if kind == "or_":
        return all(_reads_props_only(cls, rule._check, validation) for rule in cells["rules"])
    return False


def _describer(base, validation, identity):
    """Returns describe(cls): the description of a class of controls for the native part."""
    known = identity.table()
    package = validation.__file__.removesuffix("utils/validation.py")
    plain = vars(base)["before_update"]

    def hook(cls):
        """0, (), None: nothing is done before an update; 1 and when it is nothing; 2: it has to be called."""
        found = [owner for owner in cls.__mro__ if "before_update" in vars(owner)]
        if vars(found[0])["before_update"] is plain:
            return 0, (), None
        owner = found[0]
        place = "%s:%s" % (owner.__module__, owner.__qualname__)
        if place in HOOKS and [vars(other)["before_update"] for other in found[1:]] == [plain] and \
                identity.fingerprint(vars(owner)["before_update"]) in known.get(place + ".before_update", ()):
            return 1, *HOOKS[place]
        return 2, (), None

    def pure(check):
        """Whether a rule is Flet's own, all of which only look."""
        code = getattr(check, "__code__", None)
        if code is None or not code.co_filename.startswith(package):
            return False
        cells = dict(zip(code.co_freevars, (cell.cell_contents for cell in check.__closure__ or ())))
        asked = [cells[name] for name in ("predicate", "check") if name in cells]
        return all(map(pure, asked + [rule._check for rule in cells.get("rules", ())]))

    def describe(cls):
        spec = validation._compile_class_spec(cls)
        rules = []
        for name, rule in spec.field_rules:
            own = type(rule) is validation.FieldRule and _reads_props_only(cls, rule._check, validation)
            passes = False
            if own and name in cls._prop_defaults:
                try:
                    # For None each says whether the class allows it; no other default hangs on an instance.
                    stand_in = object.__new__(cls)
                    stand_in._values = {}
                    rule._check(stand_in, name, cls._prop_defaults[name])
                    passes = not {"other_field", "rules"} & set(rule._check.__code__.co_freevars)
                except Exception:
                    passes = False
            rules.append((name, rule._check, 2 if own else 1 if pure(rule._check) else 0, passes))
        return *hook(cls), tuple(rules), tuple((rule._check, pure(rule._check)) for rule in spec.class_rules)

    return describe


def _patcher(session, base_control, native, flet):
    """Session.patch_control(), which formatted a log line for each added and removed control even if none was logged."""
    from functools import wraps
    from logging import DEBUG

    @wraps(flet)
    def patch_control(self, control, prev_control=None, parent=None, path=None, frozen=False):
        if session.patch_logger.isEnabledFor(DEBUG):
            return flet(self, control, prev_control, parent, path, frozen)
        patch, added, removed = self._Session__get_update_control_patch(
            control=control, prev_control=prev_control or control, parent=parent, path=path, frozen=frozen)
        if len(patch) > 1:
            self._Session__send_message(session.Message(
                session.MessageAction.PATCH_CONTROL,
                session.PatchControlBody(parent._i if parent else control._i, patch)))
        if added or removed:
            native.mount(self._Session__index, added, removed, base_control.controls_log.isEnabledFor(DEBUG))

    return patch_control


def apply(native):
    from importlib import import_module
    from weakref import KeyedRef

    from flet.controls import base_control, object_patch, value_types
    from flet.controls.base_control import BaseControl
    from flet.controls.keys import Key
    from flet.controls.page import Page
    from flet.messaging import session
    from flet.utils import validation

    identity = import_module(".identity", __package__)

    builder = object_patch.DiffBuilder
    native.set_up_diff(object_patch, BaseControl, Page, value_types.Prop, value_types._UNSET, Key, validation.validate,
                       _describer(BaseControl, validation, identity))
    for name in REPLACED:
        setattr(builder, name, getattr(native, name)(vars(builder)[name]))
    native.set_up_mounting(BaseControl, KeyedRef)
    session.Session.patch_control = _patcher(session, base_control, native, session.Session.patch_control)
