"""Two buttons count, each answers at once and once: nothing that could mislead.

Truth: clicks.
"""

import flet as ft
import planted


def main(page: ft.Page):
    page.title = "Counter"
    number = ft.Text("0", size=40)

    def minus(e):
        planted.delay()
        number.value = str(int(number.value) - 1)

    def plus(e):
        planted.delay()
        number.value = str(int(number.value) + 1)

    page.add(ft.Row([ft.IconButton(ft.Icons.REMOVE, on_click=minus), number, ft.IconButton(ft.Icons.ADD, on_click=plus)]))


ft.run(main)
