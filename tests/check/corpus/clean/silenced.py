"""What is known and wanted, is silenced."""
import os
import sys

import flet as ft


def main(page: ft.Page):
    page.add(ft.Text(sys.executable))  # fletbridge: ignore[FB103]
    page.add(ft.Text(
        str(os.getppid()),  # fletbridge: ignore[FB111, FB103]
    ))


ft.run(main)
