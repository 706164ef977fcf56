"""The comparison of a page with what the client has of it: Flet's operations in Flet's order, without a call of
Python for what has not changed. What it does not know is left to Flet's code, node by node."""

_PATCH = "flet.controls.object_patch:"
_BASE = "flet.controls.base_control:BaseControl."
_PROP = "flet.controls.value_types:Prop."

REPLACED = ["_compare_values", "_compare_lists", "_compare_dataclasses"]
RELIES = [
    *(_PATCH + "DiffBuilder." + name for name in (
        *REPLACED, "_compare_dicts", "_update_list_snapshot", "_update_dict_snapshot", "insert", "_item_replaced",
        "_item_added", "_item_removed", "_index_key", "store_index", "take_index", "_emit_move",
        "_maybe_compare_dataclasses", "_holds_control", "_dataclass_added", "_dataclass_removed",
        "_get_dataclass_key", "_configure_dataclass", "_removed_controls", "get_added_controls",
        "get_removed_controls", "__init__")),
    _PATCH + "PatchOperation.__init__", _PATCH + "ObjectPatch.from_diff", _PATCH + "get_control_key",
    _PATCH + "_path_join", _PATCH + "_control_setattr",
    *(_BASE + name for name in ("is_isolated", "_before_update_safe", "before_update", "build", "_migrate_state")),
    _PROP + "__get__", _PROP + "__set__",
    "flet.utils.validation:validate", "flet.utils.validation:_compile_class_spec",
    "flet.utils.validation:_get_reported_validation_errors",
    "dataclasses:is_dataclass", "dataclasses:fields",
]


def apply(native):
    from flet.controls import object_patch
    from flet.controls.base_control import BaseControl
    from flet.controls.value_types import Prop
    from flet.utils import validation

    builder = object_patch.DiffBuilder
    native.set_up_diff(object_patch, BaseControl, Prop, validation)
    for name in REPLACED:
        setattr(builder, name, getattr(native, name)(vars(builder)[name]))
