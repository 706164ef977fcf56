"""The window in a thread, a server on the main thread."""
import threading

import flet as ft


def main(page: ft.Page):
    page.add(ft.Text("Serving"))


def window():
    ft.run(main)  # expect: FB207


threading.Thread(target=window).start()
