"""A child that writes the log."""
from os import _exit as leave  # not called by its own name
from os import fork as split

import flet as ft


def main(page: ft.Page):
    if split() == 0:  # expect: FB104
        leave(0)  # expect: FB105
    page.add(ft.Text("Logged"))


ft.run(main)
