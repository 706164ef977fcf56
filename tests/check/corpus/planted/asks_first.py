"""Asks on the terminal before it begins."""
import flet as ft

name = input("Name? ")  # expect: FB404


def main(page: ft.Page):
    page.add(ft.Text(name))


ft.run(main)
