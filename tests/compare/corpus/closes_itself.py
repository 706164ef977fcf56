"""A splash screen: the app ends by itself half a second after it has come.

Truth: none, because the app ended.
"""

import os
import threading

import flet as ft
import planted


def main(page: ft.Page):
    number = ft.Text("0")

    def plus(e):
        planted.delay()
        number.value = str(int(number.value) + 1)

    page.add(ft.Text("Loading"), number, ft.Button("Skip a picture", on_click=plus))
    timer = threading.Timer(0.6, os._exit, [0])
    timer.daemon = True
    timer.start()


ft.run(main)
