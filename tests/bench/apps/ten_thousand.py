"""Ten thousand controls in one update, anew with each click."""

import flet as ft


def main(page: ft.Page):
    page.title = "Ten thousand"
    times = 0

    def fill(e):
        nonlocal times
        times += 1
        page.controls[1] = ft.Column([ft.Text(f"{times}: {n}") for n in range(10_000)])

    page.add(ft.Button("fill", on_click=fill), ft.Column([]))


ft.run(main)
