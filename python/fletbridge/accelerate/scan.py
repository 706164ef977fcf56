"""Flet 0.80 to 0.86.0: after an update each control that was removed was looked for among all that were added, and
the other way round. Now in a set; later versions have no such scan, and need no such accelerator."""

RELIES = ["flet.messaging.session:Session.patch_control", "flet.controls.base_control:BaseControl.will_unmount",
          "flet.controls.base_control:BaseControl.did_mount", "flet.controls.base_control:BaseControl.__str__"]


def apply(native):
    from flet.controls.base_control import BaseControl
    from flet.messaging import session

    code = session.Session.patch_control.__code__
    scans = {each.co_freevars: each for each in code.co_consts if getattr(each, "co_name", "") == "<genexpr>"}
    if {("removed_control",), ("added_control",)} - set(scans):
        return "this Flet has no such scan"
    native.set_up_scan(BaseControl, code, scans["removed_control",], scans["added_control",])
    session.any = native.any(any)
