"""A remote control: every button talks to a device and shows nothing.

Truth: none, because a click on it changes nothing.
"""

import flet as ft
import planted


def main(page: ft.Page):
    sent = []

    def press(e):
        planted.delay()
        sent.append(e.control.content)

    names = ["Mute", "Louder", "Quieter", "Next channel", "Last channel", "Menu"]
    page.add(ft.Text("Remote control"), ft.Column([ft.Button(name, on_click=press) for name in names]))


ft.run(main)
