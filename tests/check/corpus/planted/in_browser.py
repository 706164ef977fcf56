"""Asks for the browser."""
import flet as ft
from flet import AppView


def main(page):
    page.add(ft.Text("Hello"))


ft.app(main, view=AppView.WEB_BROWSER)  # expect: FB204
