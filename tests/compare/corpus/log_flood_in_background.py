"""A thread writes 100 lines every 20 ms for ever.

Truth: clicks.
"""

import logging
import threading
import time

import flet as ft
import planted

logging.basicConfig(level=logging.INFO)
log = logging.getLogger("sensor")


def listen():
    value = 0
    while True:
        for _ in range(100):
            value = (value * 31 + 7) % 1009
            log.info("value %d", value)
        time.sleep(0.02)


def main(page: ft.Page):
    number = ft.Text("0")

    def plus(e):
        planted.delay()
        number.value = str(int(number.value) + 1)

    page.add(number, ft.Button("Mark", on_click=plus))
    threading.Thread(target=listen, daemon=True).start()


ft.run(main)
