"""A counter beside a thread that computes in Python without rest, and says how fast it is.

One of the apps of `fletbridge compare`; `python busy.py` runs it by itself.
"""

import threading
import time

import flet as ft


def main(page: ft.Page):
    page.title = "Busy"
    number = ft.Text("0")
    pace = ft.Text(key="pace")
    pieces = 0
    last = time.perf_counter_ns(), 0

    def compute():
        nonlocal pieces
        value = 1
        while True:
            for _ in range(1_000):
                value = value * 1103515245 + 12345 & 0x7FFFFFFF
            pieces += 1

    def plus(e):
        number.value = str(int(number.value) + 1)

    def measure(e):
        """Nanoseconds that the thread took for a piece of its work, since the last click here."""
        nonlocal last
        now = time.perf_counter_ns(), pieces
        pace.value = str((now[0] - last[0]) // max(1, now[1] - last[1]))
        last = now

    page.add(
        ft.Row([number, ft.Button("+", key="plus", on_click=plus)]),
        ft.Row([pace, ft.Button("Measure", key="measure", on_click=measure)]),
    )
    threading.Thread(target=compute, daemon=True).start()


ft.run(main)
