"""Counts the moves of a drag, and shows their number when it ends: one patch answers them all."""

import flet as ft


def main(page: ft.Page):
    page.title = "Burst"
    moves = 0
    number = ft.Text("0")

    def moved(e):
        nonlocal moves
        moves += 1
        ft.context.disable_auto_update()  # for this event

    def ended(e):
        number.value = str(moves)

    page.add(
        ft.GestureDetector(
            key="pad",
            content=ft.Container(width=1000, height=100),
            on_pan_update=moved,
            on_pan_end=ended,
        ),
        number,
    )


ft.run(main)
