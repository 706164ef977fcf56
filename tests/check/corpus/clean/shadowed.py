"""Names of builtins and modules with other meanings."""
import flet as ft


def open(name):
    return name


def main(page: ft.Page):
    def input(prompt="x"):
        return prompt

    time = page.session
    time.sleep = lambda seconds: seconds

    def go(e):
        page.add(ft.Text(input("Name")), ft.Text(open("data.txt")))

    page.add(ft.Button("Go", on_click=go))


ft.run(main)
