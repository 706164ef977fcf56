"""Two buttons beside one another, of which one answers at once and the other after 15 ms: two humps.

Truth: clicks.
"""

import time

import flet as ft
import planted


def main(page: ft.Page):
    quick, slow = ft.Text("0"), ft.Text("0")

    def mark(e):
        planted.delay()
        quick.value = str(int(quick.value) + 1)

    def compute(e):
        planted.delay()
        time.sleep(0.015)
        slow.value = str(int(slow.value) + 1)

    page.add(quick, ft.Button("Mark", on_click=mark), slow, ft.Button("Compute", on_click=compute))


ft.run(main)
