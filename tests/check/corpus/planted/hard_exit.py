"""A button that ends everything."""
import os

import flet as ft


def main(page: ft.Page):
    page.add(ft.Button("Quit", on_click=lambda e: os._exit(0)))  # expect: FB105 fine fine fine


ft.run(main)
