"""The end of a window and of its app, whichever goes first and however: nothing is left of the other."""

import os
import shutil
import signal

from harness import PATIENCE, Variant, command_of, every_variant, wait_gone
from windowed import APP, CLIENT, Windowed


class TheEnd(Windowed):
    def end(self, run, code):
        self.assertEqual(run.wait(15), code, run.shown())
        self.assertEqual(self.display.windows(), [])

    def testTheAppsEndClosesTheWindow(self):
        run = self.shown()
        run.write(b"exit 7\n")
        self.end(run, 7)

    def testATerminationEndsAppAndWindow(self):
        run = self.shown()
        run.signal(signal.SIGTERM)
        self.end(run, 128 + signal.SIGTERM)

    def testCtrlCEndsAppAndWindow(self):
        run = self.start(APP, tty=True)
        run.wait_line("^SHOWN", 60)
        run.type(b"\x03")
        self.end(run, 128 + signal.SIGINT)

    def testAKilledHostLeavesNothingThatTheNextRunDoesNotRemove(self):
        run = self.shown()
        pids = list(self.box.processes())
        run.signal(signal.SIGKILL)
        self.assertEqual(run.wait(15), 128 + signal.SIGKILL)
        self.assertEqual(wait_gone(pids, 15 * PATIENCE), [])
        self.assertEqual(self.display.windows(), [])
        next_run = self.shown()
        next_run.write(b"exit 0\n")
        self.end(next_run, 0)
        # and the sandbox finds no file


every_variant(TheEnd, [Variant("1", "uds"), Variant("2", "uds"), Variant("3", "ffi"),
                       Variant("2", "uds", "library"), Variant("3", "ffi", "static")])


class AKilledApp(Windowed):
    def testItsWindowGoesAndTheExitCodeTells(self):
        run = self.shown()
        (app,) = [pid for pid in self.box.processes() if pid != run.pid]
        self.assertIn("window.py", command_of(app))
        signal.pidfd_send_signal(pidfd := os.pidfd_open(app), signal.SIGKILL)
        os.close(pidfd)
        self.assertEqual(run.wait(15), 128 + signal.SIGKILL, run.shown())
        self.assertEqual(self.display.windows(), [])
        self.assertIn("the app was killed by SIGKILL", run.text[1])


every_variant(AKilledApp, [Variant("1", "uds"), Variant("1", "tcp")])


class AWindowThatCannotBe(Windowed):
    """An engine that cannot be loaded, while the app has not come to ft.run() yet."""

    def testEndsTheAppWithOneLine(self):
        client = self.box.name("client")
        for part in ("data", "lib"):
            shutil.copytree(CLIENT / part, client / part, copy_function=os.symlink)
        engine = client / "lib/libflutter_linux_gtk.so"
        engine.unlink()
        engine.touch()
        app = self.box.write("app.py", "import time\n\ntime.sleep(60)\n")
        run = self.start(app, options=["--flet-client", client])
        self.assertEqual(run.wait(15), 70, run.shown())
        self.one_line(run, "cannot load the engine of Flet's client")


every_variant(AWindowThatCannotBe, [Variant("1", "uds"), Variant("2", "uds"), Variant("2", "uds", "library")])


class ManyInARow(Windowed):
    def testTwentyStartsAndEndsLeaveNothingBehind(self):
        stages = (Variant("1", "uds"), Variant("2", "uds"), Variant("3", "ffi"))
        for i in range(20):
            run = self.shown(variant=stages[i % 3])
            if i % 2:
                (window,) = self.display.windows()
                self.display.close_window(window)
            else:
                run.write(b"exit 0\n")
            self.assertEqual(run.wait(15), 0, run.shown())
            self.assertEqual(self.display.windows(), [])
            self.box.assert_nothing_left()


every_variant(ManyInARow, [Variant("auto", "")])
