"""Shows which Python it runs with."""
import sys as system

import flet as ft


def main(page: ft.Page):
    page.add(ft.Text(f"Python is {system.executable}"))  # expect: FB103


ft.run(main)
