"""Faults such as an accelerator could have, put into Flet's own code: the proof has to find each (test_sameness.py)."""

from flet.controls import object_patch
from flet.controls.base_control import BaseControl
from flet.messaging.session import Session

builder = object_patch.DiffBuilder
kept = []


def one_operation_more():
    emit = builder._emit_move

    def twice(self, from_loc, to_loc):
        if from_loc[-1] - to_loc[-1] == 1:
            from_loc, to_loc = to_loc, from_loc  # the same result for neighbours, another operation
        emit(self, from_loc, to_loc)

    builder._emit_move = twice


def snapshot_is_the_list():
    def update(snapshots, key, value):
        snapshots[key] = value

    builder._update_list_snapshot = staticmethod(update)


def parent_not_set():
    added = builder._dataclass_added

    def unparented(self, item, parent, frozen):
        added(self, item, None if isinstance(item, BaseControl) else parent, frozen)

    builder._dataclass_added = unparented


def hook_left_out():
    """Only for a control that is hidden."""
    safe = BaseControl._before_update_safe

    def visible_only(self):
        if getattr(self, "visible", True):
            safe(self)

    BaseControl._before_update_safe = visible_only


def hooks_in_another_order():
    removed = builder.get_removed_controls

    def reversed_order(self):
        return reversed(list(removed(self)))

    builder.get_removed_controls = reversed_order


def removed_control_stays_alive():
    removed = builder.get_removed_controls

    def keeping(self):
        for control in removed(self):
            kept.append(control)
            yield control

    builder.get_removed_controls = keeping


def dirty_note_stays():
    compare = builder._compare_dataclasses

    def noting(self, parent, path, src, dst, frozen):
        compare(self, parent, path, src, dst, frozen)
        if getattr(dst, "_values", None) is not None and "tooltip" in dst._values and not frozen:
            dst._dirty["_internals"] = None  # a name that makes no operation

    builder._compare_dataclasses = noting


def exception_swallowed():
    patch = Session.patch_control

    def quiet(self, *arguments, **named):
        try:
            patch(self, *arguments, **named)
        except ValueError:
            pass

    Session.patch_control = quiet


FAULTS = {fault.__name__: fault for fault in (
    one_operation_more, snapshot_is_the_list, parent_not_set, hook_left_out, hooks_in_another_order,
    removed_control_stays_alive, dirty_note_stays, exception_swallowed)}
