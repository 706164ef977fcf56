"""Handlers call page.update() themselves after each line, as for an older Flet: several patches an input, at once.

Truth: clicks.
"""

import flet as ft
import planted


def main(page: ft.Page):
    celsius = ft.Text("20", size=30)
    fahrenheit = ft.Text("68")
    said = ft.Text("")
    page.add(celsius, fahrenheit, said)

    def change(by):
        def handler(e):
            planted.delay()
            celsius.value = str(int(celsius.value) + by)
            page.update()
            fahrenheit.value = f"{int(celsius.value) * 9 / 5 + 32:.0f}"
            page.update()
            said.value = "warm" if int(celsius.value) > 25 else "cold"
            said.update()

        return handler

    page.add(ft.Row([ft.Button("Warmer", on_click=change(1)), ft.Button("Colder", on_click=change(-1))]))


ft.run(main)
