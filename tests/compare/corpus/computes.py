"""A handler computes for some milliseconds in plain Python before it answers.

Truth: clicks.
"""

import flet as ft
import planted


def mandelbrot(width, height, steps):
    inside = 0
    for y in range(height):
        for x in range(width):
            c, z = complex(3 * x / width - 2, 2 * y / height - 1), 0
            for _ in range(steps):
                z = z * z + c
                if abs(z) > 2:
                    break
            else:
                inside += 1
    return inside


def main(page: ft.Page):
    shown = ft.Text("")
    steps = 10

    def finer(e):
        nonlocal steps
        planted.delay()
        steps = 10 + (steps - 9) % 5
        shown.value = f"{mandelbrot(40, 30, steps)} inside after {steps}"

    page.add(shown, ft.Button("Finer", on_click=finer))


ft.run(main)
