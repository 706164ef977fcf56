"""A child that comes back through the event loop."""
import os
import sys

import flet as ft


def main(page: ft.Page):
    pid = os.fork()  # expect: FB104 breaks breaks breaks
    if pid == 0:
        sys.exit(0)
    page.add(ft.Text("Parent"))


ft.run(main)
