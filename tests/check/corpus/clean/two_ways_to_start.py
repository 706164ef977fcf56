"""One of two, never both."""
import sys

import flet as ft


def main(page: ft.Page):
    page.add(ft.Text("Hello"))


def small(page: ft.Page):
    page.add(ft.Text("Hi"))


if "--small" in sys.argv:
    ft.run(small)
else:
    ft.run(main)
