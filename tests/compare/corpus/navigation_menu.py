"""A menu at the side exchanges the content of the page, which has more or fewer controls by what was clicked.

Truth: clicks.
"""

import flet as ft
import planted

PAGES = {"Today": 8, "Week": 20, "Month": 60}


def main(page: ft.Page):
    content = ft.Column(expand=True)
    title = ft.Text("", size=24)
    shown = 0

    def show(name):
        def handler(e):
            nonlocal shown
            planted.delay()
            shown += 1
            title.value = f"{name} ({shown})"
            content.controls = [ft.Text(f"{name}: entry {i}") for i in range(PAGES[name])]

        return handler

    menu = ft.Column([ft.TextButton(name, on_click=show(name)) for name in PAGES])
    page.add(title, ft.Row([menu, content]))


ft.run(main)
