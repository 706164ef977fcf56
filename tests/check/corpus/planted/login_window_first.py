"""One window for the login, then the next."""
import flet as ft


def login(page: ft.Page):
    page.add(ft.Text("Name"))


def main(page: ft.Page):
    page.add(ft.Text("Welcome"))


ft.run(login)
ft.run(main)  # expect: FB206
