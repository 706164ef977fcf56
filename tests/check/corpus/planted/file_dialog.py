"""Tk's file dialog in a Flet app."""
import flet as ft
from tkinter import Tk, filedialog  # expect: FB201 fine fine fine


def main(page: ft.Page):
    def pick(e):
        Tk().withdraw()
        page.add(ft.Text(filedialog.askopenfilename()))

    page.add(ft.Button("Open", on_click=pick))


ft.run(main)
