"""A file in the working folder."""
import flet as ft

NOTES = "data/notes.txt"


def main(page: ft.Page):
    with open(NOTES, encoding="utf-8") as file:  # expect: FB401
        page.add(ft.Text(file.name))


ft.run(main)
