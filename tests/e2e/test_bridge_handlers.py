"""Stage 3: an app that uses `dart_bridge` itself, beside Flet."""

import unittest

from harness import HOSTED, every_variant

APP = """
import threading
import _fletbridge_ffi
import dart_bridge
import flet as ft

# Outside of any loop: from now on all handlers, Flet's too, are called on a thread of the bridge.
dart_bridge.set_enqueue_handler_func(5, lambda data: None)

def main(page):
    count = ft.Text("0")

    def add(e):
        count.value = str(int(count.value) + 1)

    page.add(count, ft.Button("+", on_click=add))

ft.run(main)
print("THREADS", len(threading.enumerate()), flush=True)
print("DROPPED", _fletbridge_ffi.statistics()["dropped"], flush=True)
"""


class BridgeHandlers:
    def testAHandlerSetOutsideOfTheLoopDisturbsNeitherFletNorTheEnd(self):
        run = self.box.headless(self.variant, self.box.write("app.py", APP),
                                steps='repeat 20 click text="+"\nexpect text="20"\nclose\n')
        self.assertEqual(run.wait(20), 0, run.shown())
        self.assertIn("DROPPED 0\n", run.text[0])
        self.assertEqual(run.text[1], "", run.shown())

    def testItsExitCodeIsItsOwn(self):
        source = APP.replace("ft.run(main)", "ft.run(main)\nimport os, sys\nsys.exit(7)")
        run = self.box.headless(self.variant, self.box.write("app.py", source),
                                steps='click text="+"\nclose\n')
        self.assertEqual(run.wait(20), 7, run.shown())

    def testAForkOfTheAppEndsAndLeavesItAlone(self):
        source = APP.replace("ft.run(main)", """
def fork(e):
    import atexit, os
    child = os.fork()
    if child == 0:
        atexit._run_exitfuncs()  # what is registered for an end; asyncio's loop is shared, and stays
        os._exit(9)
    print("CHILD", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)

def main_and_fork(page):
    main(page)
    page.add(ft.Button("fork", on_click=fork))

ft.run(main_and_fork)""")
        run = self.box.headless(self.variant, self.box.write("app.py", source),
                                steps='click text="fork"\nrepeat 5 click text="+"\nexpect text="5"\nclose\n')
        self.assertEqual(run.wait(30), 0, run.shown())
        self.assertIn("CHILD 9\n", run.text[0])


every_variant(BridgeHandlers, [variant for variant in HOSTED if variant.stage == "3"])

if __name__ == "__main__":
    unittest.main()
