"""threading.Timer shows a hint for half a second after each click, and takes it away: a late patch for each input.

Truth: clicks.
"""

import threading

import flet as ft
import planted


def main(page: ft.Page):
    number = ft.Text("0")
    hint = ft.Text("counted", visible=False)
    timer = None

    def hide():
        hint.visible = False
        page.update()

    def plus(e):
        nonlocal timer
        planted.delay()
        number.value = str(int(number.value) + 1)
        hint.visible = True
        if timer is not None:
            timer.cancel()
        timer = threading.Timer(0.5, hide)
        timer.daemon = True
        timer.start()

    page.add(number, ft.Button("Count", on_click=plus), hint)


ft.run(main)
