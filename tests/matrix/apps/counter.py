"""The counter, as each guide begins."""

import flet as ft
from neutral import Button, run


def main(page: ft.Page):
    page.title = "Counter"
    number = ft.Text("0", key="number")

    def add(by):
        def clicked(e):
            number.value = str(int(number.value) + by)
            page.update()

        return clicked

    page.add(ft.Row([Button("-", on_click=add(-1)), number, Button("+", on_click=add(1))]))


run(main)
