"""Every third click completes a set and changes the page; the clicks between are only counted inside.

Truth: none, because from some click on nothing changes.
"""

import flet as ft
import planted


def main(page: ft.Page):
    sets = ft.Text("0 sets")
    clicks = 0

    def collect(e):
        nonlocal clicks
        planted.delay()
        clicks += 1
        if clicks < 4 or clicks % 3 == 0:
            sets.value = f"{clicks / 3:.1f} sets"

    page.add(ft.Text("Collect three"), sets, ft.Button("Collect", on_click=collect))


ft.run(main)
