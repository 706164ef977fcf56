"""Closes what it may have inherited."""
import os

import flet as ft


def main(page: ft.Page):
    page.add(ft.Text("Clean"))


for fd in range(3, 64):
    try:
        os.close(fd)  # expect: FB110
    except OSError:
        pass
ft.run(main)
