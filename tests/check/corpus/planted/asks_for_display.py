"""Decides by DISPLAY."""
from os import environ

import flet as ft


def main(page: ft.Page):
    page.add(ft.Text("screen" if "DISPLAY" in environ else "no screen"))  # expect: FB402


ft.run(main)
