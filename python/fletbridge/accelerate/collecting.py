"""The garbage collector: less to look at, and full collections less often. It is never off, and an app that has set it
up itself is left alone, before Flet is imported or at any later time.

A page of 1,000 rows is 27,000 objects that live long; CPython then looks at every object that there is after each
70,000 new ones. What Flet's import has made stays for the process's life and is not looked at again, and five times as
many objects are made between two full collections. What would be left to them is given back at once where Flet means
to: an update's operations keep one another, and with them all controls that it has removed."""

RELIES = ["flet.controls.object_patch:DiffBuilder." + name for name in ("__init__", "insert", "teardown")]
RELIES.append("flet.controls.object_patch:ObjectPatch.from_diff")

USUAL = (700, 10, 10)
OURS = (700, 10, 50)


def apply(native):
    import gc

    from flet.controls.object_patch import DiffBuilder

    DiffBuilder.teardown = native.teardown(vars(DiffBuilder)["teardown"])
    if gc.isenabled() and gc.get_threshold() == USUAL and gc.get_freeze_count() == 0:
        gc.freeze()
        gc.set_threshold(*OURS)
