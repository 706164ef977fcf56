"""`texts.py N`: a page of N texts.

One of the apps of `fletbridge compare`; `python texts.py 10000` runs it by itself.
"""

import sys

import flet as ft


def main(page: ft.Page):
    page.title = "Texts"
    page.add(ft.Column([ft.Text(f"Text {number}") for number in range(int(sys.argv[1]))]))


ft.run(main)
