"""Most buttons only write to a log; one of them counts.

Truth: clicks.
"""

import logging

import flet as ft
import planted

log = logging.getLogger("tools")


def main(page: ft.Page):
    number = ft.Text("0")

    def logs(e):
        planted.delay()
        log.info("pressed %s", e.control.content)

    def plus(e):
        planted.delay()
        number.value = str(int(number.value) + 1)

    tools = ["Select", "Pen", "Brush", "Fill", "Text", "Zoom"]
    page.add(ft.Row([ft.Button(tool, on_click=logs) for tool in tools]), number, ft.Button("Layer +", on_click=plus))


ft.run(main)
