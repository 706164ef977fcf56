"""The page itself is random: from 20 to 400 rows at each start, so two starts of the same thing differ in truth.

Truth: clicks.
"""

import random

import flet as ft
import planted


def main(page: ft.Page):
    rows = random.randrange(20, 400)
    colours = [ft.Text(f"#{random.randrange(1 << 24):06x}") for _ in range(rows)]
    picked = ft.Text(f"one of {rows}")

    def pick(e):
        planted.delay()
        colour = f"#{random.randrange(1 << 24):06x}"
        picked.value = f"{colour} of {rows}"
        colours[random.randrange(rows)].value = colour

    page.add(picked, ft.Button("Pick", on_click=pick), ft.ListView(colours, height=300))


ft.run(main)
