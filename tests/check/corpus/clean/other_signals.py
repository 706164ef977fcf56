"""Signals of its own children and of the terminal's size."""
import os
import signal
import subprocess

import flet as ft


def resized(number, frame):
    pass


signal.signal(signal.SIGWINCH, resized)
signal.signal(signal.SIGTERM, signal.SIG_DFL)


def main(page: ft.Page):
    child = subprocess.Popen(["sleep", "100"])

    def stop(e):
        os.kill(child.pid, signal.SIGKILL)

    page.add(ft.Button("Stop", on_click=stop))


ft.run(main)
