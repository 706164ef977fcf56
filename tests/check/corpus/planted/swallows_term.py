"""Takes SIGTERM for a wish to save, and goes on."""
import signal

import flet as ft


def save(number, frame):
    print("saved")


def main(page: ft.Page):
    page.add(ft.Text("Notes"))


for one in (signal.SIGTERM,):
    signal.signal(one, save)  # expect: FB107 differs differs differs
ft.run(main)
