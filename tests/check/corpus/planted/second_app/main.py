"""Opens a second app of its own."""
import subprocess

import flet as ft


def main(page: ft.Page):
    def settings(e):
        subprocess.Popen(["python3", "settings.py"])  # expect: FB109

    page.add(ft.Button("Settings", on_click=settings))


ft.run(main)
