"""A number with a button on each side: the smallest app that answers a click."""

import flet as ft


def main(page: ft.Page):
    page.title = "Counter"
    page.vertical_alignment = ft.MainAxisAlignment.CENTER
    number = ft.Text("0", size=40, key="number")

    def minus(e):
        number.value = str(int(number.value) - 1)

    def plus(e):
        number.value = str(int(number.value) + 1)

    page.add(
        ft.Row(
            alignment=ft.MainAxisAlignment.CENTER,
            controls=[
                ft.Button("-", on_click=minus),
                number,
                ft.Button("+", on_click=plus),
            ],
        )
    )


ft.run(main)
