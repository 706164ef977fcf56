"""A box grows and shrinks by an animation that the client runs by itself: one patch an input.

Truth: clicks.
"""

import flet as ft
import planted


def main(page: ft.Page):
    box = ft.Container(
        width=100,
        height=100,
        bgcolor=ft.Colors.BLUE,
        animate=ft.Animation(300, ft.AnimationCurve.EASE_OUT),
        animate_opacity=300,
    )

    def grow(e):
        planted.delay()
        box.width = 200 if box.width == 100 else 100
        box.bgcolor = ft.Colors.RED if box.width == 200 else ft.Colors.BLUE

    def fade(e):
        planted.delay()
        box.opacity = 0.2 if box.opacity == 1 else 1

    page.add(box, ft.Button("Grow", on_click=grow), ft.Button("Fade", on_click=fade))


ft.run(main)
