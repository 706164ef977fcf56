"""Ends itself by a signal."""
import os
import signal

import flet as ft


def main(page: ft.Page):
    me = os.getpid()

    def quit_app(e):
        os.kill(me, signal.SIGTERM)  # expect: FB106

    page.add(ft.Button("Quit", on_click=quit_app))


ft.run(main)
