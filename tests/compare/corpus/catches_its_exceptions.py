"""Now and then something fails, is caught, logged with its traceback, and shown.

Truth: clicks.
"""

import logging

import flet as ft
import planted

log = logging.getLogger("parser")


def main(page: ft.Page):
    result = ft.Text("")
    at = 0
    inputs = ["12", "7", "x", "3", "0", "44", "5"]

    def parse(e):
        nonlocal at
        planted.delay()
        at += 1
        try:
            result.value = f"{at}: {1 / int(inputs[at % len(inputs)]):.3f}"
        except (ValueError, ZeroDivisionError) as error:
            log.exception("cannot parse")
            result.value = f"{at}: {error}"

    page.add(result, ft.Button("Parse", on_click=parse))


ft.run(main)
