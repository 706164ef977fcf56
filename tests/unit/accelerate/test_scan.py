"""The accelerator `scan`: what is mounted and unmounted after an update, in Flet's order, without looking for each
control among all others. Room: tests."""

import asyncio
import builtins
import gc
import random
import time
import unittest
import weakref

import accelerated

accelerated.switch_on("scan")

import flet as ft  # noqa: E402
from flet.messaging import session  # noqa: E402
from flet.messaging.connection import Connection  # noqa: E402
from flet.pubsub.pubsub_hub import PubSubHub  # noqa: E402

OURS = session.any


class Sending(Connection):
    def __init__(self, loop):
        super().__init__()
        self.loop = loop
        self.pubsubhub = PubSubHub(loop=loop)
        self.sent = []

    def send_message(self, message):
        self.sent.append(message)


@ft.control("Own")
class Own(ft.Control):
    log = []
    before = staticmethod(lambda control: None)

    def did_mount(self):
        Own.before(self)
        Own.log.append(("mounted", self.data))

    def will_unmount(self):
        Own.before(self)
        Own.log.append(("unmounted", self.data))


def log_of(looking, added, removed, before=lambda control: None):
    """What the hooks of `patch_control` have noted, where the comparison says `added` and `removed`."""
    Own.log, Own.before = [], staticmethod(before)

    async def run():
        made = session.Session(Sending(asyncio.get_running_loop()))
        made._Session__get_update_control_patch = lambda **_: ([[0]], list(added), list(removed))
        try:
            made.patch_control(made.page)
        except Exception as error:
            Own.log.append(repr(error))

    session.any = looking
    try:
        asyncio.run(run())
    finally:
        session.any = OURS
    return Own.log


def controls(kind, count, start=0):
    return [kind(data=start + n) for n in range(count)]


class Order(unittest.TestCase):
    def same(self, added, removed, before=lambda control: None):
        numbers = [(each, each._i) for each in {*added, *removed}]
        logs = []
        for looking in (builtins.any, OURS):
            for each, number in numbers:
                each._i = number
            logs.append(log_of(looking, added, removed, before))
        self.assertEqual(*logs)
        return logs[1]

    def test_hooks_are_called_for_the_same_controls_in_the_same_order(self):
        numbers = random.Random(4)
        for size in (0, 1, 23, 24, 25, 200):
            added, removed = controls(Own, size), controls(Own, size, 1000)
            both = controls(Own, size // 3, 2000)
            for each in numbers.sample(removed, size // 4):
                each._i = numbers.choice(added)._i
            added, removed = added + both, removed + both
            numbers.shuffle(added)
            numbers.shuffle(removed)
            log = self.same(added, removed)
            self.assertEqual(size * 2 - size // 4 * 2 > 0, bool(log))

    def test_numbers_that_a_hook_changes_count_from_then_on(self):
        added, removed = controls(Own, 60), controls(Own, 60, 100)

        def give_away(control):
            if control.data % 7 == 3:
                added[(control.data + 5) % 60]._i = removed[(control.data + 9) % 60]._i

        self.same(added, removed, give_away)

    def test_a_hook_that_raises_ends_it_as_with_Flet(self):
        def fail(control):
            if control.data == 130:
                raise ValueError("from a hook")

        self.assertIn("ValueError('from a hook')", self.same(controls(Own, 60), controls(Own, 60, 100), fail))

    def test_odd_numbers_are_left_to_Flet(self):
        added, removed = controls(Own, 60), controls(Own, 60, 100)
        added[5]._i, removed[7]._i = "a", "a"
        added[6]._i, removed[8]._i = 3.0, 3
        self.same(added, removed)

    def test_nothing_is_kept_of_a_call(self):
        added, removed = controls(ft.Text, 60), controls(ft.Text, 60, 100)
        references = [weakref.ref(each) for each in added + removed]
        log_of(OURS, added, removed)
        gc.collect()
        del added, removed
        gc.collect()
        self.assertEqual(0, sum(each() is not None for each in references))

    def test_any_is_still_any(self):
        for values in ([], [0], [0, 1], (each for each in [0, 2]), (each for each in ()), {}):
            values = list(values)
            self.assertEqual(builtins.any(iter(values)), OURS(iter(values)))
            self.assertEqual(builtins.any(values), OURS(each for each in values))
        with self.assertRaises(TypeError):
            OURS(5)


class Time(unittest.TestCase):
    def test_twice_the_controls_take_no_four_times_as_long(self):
        def took(looking, size):
            added, removed = controls(ft.Text, size), controls(ft.Text, size, size)
            begin = time.process_time()
            log_of(looking, added, removed)
            return time.process_time() - begin

        flets, ours = [], []
        for _ in range(3):
            flets.append(took(builtins.any, 2000))
            ours.append(took(OURS, 2000))
        self.assertLess(min(ours), min(flets) / 4)


if __name__ == "__main__":
    unittest.main()
