"""Every 40th click finds a bug and raises.

Truth: none, because the app raised.
"""

import flet as ft
import planted


def main(page: ft.Page):
    number = ft.Text("0")
    names = [f"customer {i}" for i in range(40)]

    def following(e):
        planted.delay()
        number.value = str(int(number.value) + 1)
        number.tooltip = names[int(number.value)]

    page.add(number, ft.Button("Following customer", on_click=following))


ft.run(main)
