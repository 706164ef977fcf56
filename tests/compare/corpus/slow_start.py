"""Half a second of work before the first frame, as of an app that loads its data.

Truth: start-up.
"""

import time

import flet as ft
import planted


def load():
    """Half a second, whatever the machine is."""
    planted.start()
    data, end = {}, time.perf_counter() + 0.5
    while time.perf_counter() < end:
        data[len(data) % 1000] = str(len(data))
    return data


def main(page: ft.Page):
    data = load()
    at = ft.Text("0")

    def following(e):
        planted.delay()
        at.value = str((int(at.value) + 1) % len(data))

    page.add(ft.Text(f"{len(data)} records"), at, ft.Button("Following", on_click=following))


ft.run(main)
