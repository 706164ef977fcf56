"""Each click changes a text of 100 KB, such as a log or a picture in base64.

Truth: clicks.
"""

import flet as ft
import planted


def main(page: ft.Page):
    text = ft.Text("")
    number = 0

    def following(e):
        nonlocal number
        planted.delay()
        number += 1
        text.value = f"part {number}: " + "0123456789abcdef" * 6400

    page.add(ft.Button("Following part", on_click=following), text)


ft.run(main)
