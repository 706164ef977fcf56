"""Each click shows a new snack bar that nobody takes away under a client without a clock: the tree grows.

Truth: clicks.
"""

import flet as ft
import planted


def main(page: ft.Page):
    number = ft.Text("0 copies")

    def copy(e):
        planted.delay()
        count = int(number.value.split()[0]) + 1
        number.value = f"{count} copies"
        page.show_dialog(ft.SnackBar(ft.Text(f"Copied {count}")))

    page.add(number, ft.Button("Copy", on_click=copy))


ft.run(main)
