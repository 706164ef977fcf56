"""A chat keeps each message on the page: it is slower with each click.

Truth: clicks.
"""

import flet as ft
import planted


def main(page: ft.Page):
    messages = ft.ListView(expand=True, height=300)

    def hello(e):
        planted.delay()
        messages.controls.append(ft.Row([ft.Text("You"), ft.Text(f"Hello {len(messages.controls)}")]))

    page.add(ft.Button("Say hello", on_click=hello), messages)


ft.run(main)
