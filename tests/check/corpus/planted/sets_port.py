"""Chooses Flet's port by itself."""
import os

import flet as ft


def main(page: ft.Page):
    page.add(ft.Text("Hello"))


os.environ["FLET_SERVER_PORT"] = "8550"  # expect: FB403 breaks breaks fine
ft.run(main)
