"""Handlers change nothing themselves: they send a message, and its subscriber changes the page.

Truth: clicks.
"""

import flet as ft
import planted


def main(page: ft.Page):
    votes = {"tea": 0, "coffee": 0}
    shown = ft.Text("")

    def count(drink):
        planted.delay()
        votes[drink] += 1
        shown.value = f"tea {votes['tea']}, coffee {votes['coffee']}"
        page.update()

    page.pubsub.subscribe(count)
    page.add(
        shown,
        ft.Button("Tea", on_click=lambda e: page.pubsub.send_all("tea")),
        ft.Button("Coffee", on_click=lambda e: page.pubsub.send_all("coffee")),
    )


ft.run(main)
