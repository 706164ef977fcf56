"""For one system."""
import flet as ft
import winreg  # expect: FB502


def main(page: ft.Page):
    page.add(ft.Text(str(winreg)))


ft.run(main)
