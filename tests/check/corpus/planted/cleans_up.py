"""Cleans up at the end."""
import atexit

import flet as ft


@atexit.register  # expect: FB405
def unused():
    pass


atexit.register(print, "bye")  # expect: FB405
ft.run(lambda page: page.add(ft.Text("Hello")))
