"""A restart button."""
import os
import sys

import flet as ft


def main(page: ft.Page):
    def restart(e):
        os.execv("/usr/bin/env", ["env", "python3", *sys.argv])  # expect: FB108

    page.add(ft.Button("Restart", on_click=restart))


ft.run(main)
