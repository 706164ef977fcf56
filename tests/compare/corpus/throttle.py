"""A button ignores what comes within 200 ms of the last click, so that nobody counts twice; the other one counts all.

Truth: clicks.
"""

import time

import flet as ft
import planted


def main(page: ft.Page):
    slow, fast = ft.Text("0"), ft.Text("0")
    last = 0.0

    def careful(e):
        nonlocal last
        planted.delay()
        if time.monotonic() - last < 0.2:
            return
        last = time.monotonic()
        slow.value = str(int(slow.value) + 1)

    def each(e):
        planted.delay()
        fast.value = str(int(fast.value) + 1)

    page.add(slow, ft.Button("Vote", on_click=careful), fast, ft.Button("Clap", on_click=each))


ft.run(main)
