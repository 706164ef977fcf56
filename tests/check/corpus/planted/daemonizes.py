"""Puts itself into the background."""
import os
import sys

import flet as ft


def main(page: ft.Page):
    page.add(ft.Text("In the background"))


if os.fork():  # expect: FB104 breaks breaks breaks
    sys.exit(0)
ft.run(main)
