"""Saves when it is asked to end."""
import signal
import sys

import flet as ft

notes = []


def save_and_leave(number, frame):
    notes.clear()
    sys.exit(0)


signal.signal(signal.SIGTERM, save_and_leave)  # expect: FB107 differs differs differs
ft.run(lambda page: page.add(ft.Text("Notes")))
