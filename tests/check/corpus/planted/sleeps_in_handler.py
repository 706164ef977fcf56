"""A progress text that is only seen where updates leave at once."""
from time import sleep as pause

import flet as ft


def main(page: ft.Page):
    status = ft.Text("Ready")

    def go(e):
        status.value = "Working"
        page.update()
        pause(2)  # expect: FB202 fine fine differs
        status.value = "Done"

    page.add(status, ft.Button("Go", on_click=go))


ft.run(main)
