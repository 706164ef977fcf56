"""A memory game of 100 tiles: each is clicked itself, and turns over.

Truth: clicks.
"""

import flet as ft
import planted


def main(page: ft.Page):
    turned = ft.Text("0 turned")

    def turn(e):
        planted.delay()
        tile = e.control
        tile.bgcolor = ft.Colors.GREEN if tile.bgcolor == ft.Colors.GREY else ft.Colors.GREY
        turned.value = f"{int(turned.value.split()[0]) + 1} turned"

    tiles = [
        ft.Container(ft.Text(chr(65 + i % 26)), width=40, height=40, bgcolor=ft.Colors.GREY, on_click=turn)
        for i in range(100)
    ]
    page.add(turned, ft.Row(tiles, wrap=True, width=440))


ft.run(main)
