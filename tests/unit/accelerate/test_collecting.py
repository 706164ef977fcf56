"""The accelerator `collecting`: the garbage collector has less to do, and an app's own settings stay. Room: tests."""

import gc
import subprocess
import sys
import unittest
import weakref
from pathlib import Path

import accelerated

accelerated.switch_on("collecting")

import flet as ft  # noqa: E402
import msgpack  # noqa: E402
from flet.controls.object_patch import DiffBuilder, ObjectPatch  # noqa: E402
from flet.messaging import protocol  # noqa: E402

FLETS = DiffBuilder.teardown.__wrapped__


def answer(before="", after=""):
    """(threshold, enabled, frozen) of an interpreter in which the accelerator has been switched on."""
    code = f"import gc, accelerated\n{before}\naccelerated.switch_on('collecting')\n{after}\n" \
           "print((gc.get_threshold(), gc.isenabled(), gc.get_freeze_count() > 0))"
    run = subprocess.run([sys.executable, "-B", "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True,
                         timeout=60, check=True)
    return eval(run.stdout)


class Settings(unittest.TestCase):
    def test_full_collections_are_rarer_and_the_collector_stays_on(self):
        self.assertEqual(((700, 10, 50), True, True), answer())

    def test_what_the_app_has_set_before_stays(self):
        self.assertEqual(((9000, 10, 10), True, False), answer("gc.set_threshold(9000)"))
        self.assertEqual(((700, 10, 10), False, False), answer("gc.disable()"))
        self.assertEqual(((700, 10, 10), True, True), answer("gc.freeze()"))

    def test_what_the_app_sets_afterwards_stays(self):
        self.assertEqual(((500, 5, 5), True, False), answer(after="gc.set_threshold(500, 5, 5); gc.unfreeze()"))

    def test_garbage_of_the_app_is_still_collected(self):
        class Node:
            pass

        references = []
        for _ in range(40_000):
            node = Node()
            node.self = node
            references.append(weakref.ref(node))
        self.assertLess(sum(each() is not None for each in references), 20_000)


class Operations(unittest.TestCase):
    def setUp(self):
        self.addCleanup(gc.enable)
        gc.collect()
        gc.disable()

    def update(self, rows, teardown):
        """Weak references to what an update has replaced, and its patch."""
        column = ft.Column([ft.Text(f"old {n}") for n in range(rows)])
        ObjectPatch.from_diff(None, column, control_cls=ft.BaseControl)
        msgpack.packb(column, default=protocol.configure_encode_object_for_msgpack(ft.BaseControl))  # has it kept
        old = [weakref.ref(each) for each in column.controls]
        column.controls = [ft.Row([ft.Text(f"new {n}")]) for n in range(rows + 1)]
        DiffBuilder.teardown = teardown
        try:
            patch, added, removed = ObjectPatch.from_diff(column, column, control_cls=ft.BaseControl)
        finally:
            DiffBuilder.teardown = ours
        counts = len(added), len(removed), [each["op"] for each in patch.patch]
        del patch, added, removed
        if hasattr(column, "_values"):
            column._dirty.clear()
        column.__dict__.pop("__prev_lists", None)
        return old, counts

    def test_controls_that_an_update_has_removed_go_without_the_collector(self):
        for rows in (10, 50):
            old, flets = self.update(rows, FLETS)
            self.assertGreater(sum(each() is not None for each in old), 0)  # so it is worth while
            old, counts = self.update(rows, ours)
            self.assertEqual(0, sum(each() is not None for each in old))
            self.assertEqual(flets, counts)

    def test_a_builder_is_left_as_Flet_leaves_it(self):
        states = []
        for teardown in (FLETS, ours):
            builder = DiffBuilder(1, 2)
            for _ in range(3):
                builder.insert("operation")
            teardown(builder)
            root = builder._DiffBuilder__root
            self.assertTrue(root[0] is root and root[1] is root and root[2] is None)
            states.append({name: value for name, value in vars(builder).items() if value is not root})
        self.assertEqual(*states)

    def test_odd_builders_end_as_with_Flet(self):
        for rest in ({}, {"_DiffBuilder__root": []}, {"_DiffBuilder__root": [1, 2, 3]},
                     {"_DiffBuilder__root": [None, [5, [6], 7], 8]}, {"_DiffBuilder__root": 5}):
            outcomes = []
            for teardown in (FLETS, ours):
                builder = DiffBuilder(1, 2)
                del builder._DiffBuilder__root
                vars(builder).update(rest)
                try:
                    outcomes.append(teardown(builder))
                except Exception as error:
                    outcomes.append((type(error), str(error)))
            self.assertEqual(*outcomes)

    def test_updates_without_end_keep_one_list_each_for_the_collector_at_most(self):
        self.update(20, ours)
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(50):
            self.update(20, ours)
        self.assertLess(len(gc.get_objects()) - before, 50 * 3)


ours = DiffBuilder.teardown

if __name__ == "__main__":
    unittest.main()
