"""A window of WebKitGTK with Flet's web client in it, joined without a socket."""

import os
import signal
import unittest
from pathlib import Path

from harness import E2E, ROOT, Variant, every_variant
from windowed import Windowed, why_no_window

APP = """
import flet as ft

def main(page):
    page.title = "A webview"
    number = ft.Text("0", size=80)

    def plus(e):
        number.value = str(int(number.value) + 1)
        page.update()
        print("CLICKED", number.value, flush=True)

    page.on_close = lambda e: print("CLOSED", flush=True)
    page.add(number, ft.Button("plus", on_click=plus, width=400, height=200))
    print("MAIN", page.web, page.pyodide, flush=True)

ft.run(main)
"""
NUMBER, PLUS = (5, 5, 200, 100), (60, 150, 360, 260)
WAIT = 90


def why_no_webkit():
    if why_no_window():
        return why_no_window()
    folders = ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib/aarch64-linux-gnu")
    if not any(os.path.exists(folder + "/libwebkit2gtk-4.1.so.0") for folder in folders):
        return "there is no WebKitGTK 4.1; run tools/setup.sh"
    return None


def sockets(pid):
    """What the process has that other programs could connect to, or that leaves the machine."""
    found = []
    inodes = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            if "socket:[%s]" % line.split()[9] in inodes:
                found.append(line)
    return found


@unittest.skipIf(why_no_webkit(), why_no_webkit())
class Webview(Windowed):
    def start(self, *app, env=None, **more):
        return self.box.run(self.variant, *app, ui="webview", env={**self.display.environment, **(env or {}),
                                                                   "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}, **more)

    def drawn(self):
        run = self.start(self.box.write("app.py", APP))
        run.wait_line("^MAIN True False", WAIT)
        picture = self.see(run, lambda picture: not picture.blank(NUMBER) and not picture.blank(PLUS), "the page")
        return run, picture

    def test_draws_the_page_and_answers_clicks(self):
        run, before = self.drawn()
        self.display.click(PLUS)
        run.wait_line("^CLICKED 1", 30)
        self.see(run, lambda picture: picture.part(NUMBER) != before.part(NUMBER), "the new number")
        self.display.click(PLUS)
        run.wait_line("^CLICKED 2", 30)
        window = self.window_titled("A webview")
        if self.variant.transport != "tcp":  # there it is the app's own
            self.assertEqual(sockets(run.pid), [])
        self.display.close_window(window)
        self.assertEqual(run.wait(30), 0, run.shown())
        run.wait_line("^CLOSED", 5)
        report = run.report()
        self.assertEqual(report["used"]["ui"], "webview")
        self.assertEqual(report["exit"]["code"], 0)
        self.assertGreaterEqual(report["latency_us"]["count"], 1)
        for moment in ("window_shown", "registered", "first_frame", "frame_drawn"):
            self.assertIsNotNone(report["timeline_ms"][moment], moment)

    def test_ends_with_the_app_and_at_ctrl_c(self):
        run, _ = self.drawn()
        run.signal(signal.SIGINT)
        self.assertEqual(run.wait(30), 130, run.shown())

    def test_says_when_webkit_crashes(self):
        run, _ = self.drawn()
        for pid, command in self.box.processes().items():
            if "WebKitWebProcess" in command:
                os.kill(pid, signal.SIGKILL)
        self.assertEqual(run.wait(30), 70, run.shown())
        self.one_line(run, "WebKit's process for the page has ended")


every_variant(Webview, [Variant("1", "uds"), Variant("2", "tcp"), Variant("3", "ffi")])


class WithoutAWebview(E2E):
    def test_a_machine_without_a_display_says_so_in_one_line(self):
        if why_no_webkit():
            self.skipTest(why_no_webkit())
        run = self.box.run(Variant("1", "uds"), self.box.write("app.py", APP), ui="webview", env={"DISPLAY": "", "WAYLAND_DISPLAY": ""})
        self.assertEqual(run.wait(30), 70, run.shown())
        self.one_line(run, "no display answers")

    def test_flet_before_086_says_so_in_one_line(self):
        run = self.box.run(Variant("1", "uds"), self.box.write("app.py", APP), ui="webview",
                           python=ROOT / "build/venv/0.82.2/bin/python")
        self.assertEqual(run.wait(30), 70, run.shown())
        self.one_line(run, "webview is for Flet 0.86 and later")


if __name__ == "__main__":
    unittest.main()
