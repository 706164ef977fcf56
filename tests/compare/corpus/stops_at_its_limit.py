"""A stepper counts from 0 to 10 and then stays: from the eleventh click on nothing changes.

Truth: none, because from some click on nothing changes.
"""

import flet as ft
import planted


def main(page: ft.Page):
    guests = ft.Text("0", size=30)

    def more(e):
        planted.delay()
        guests.value = str(min(10, int(guests.value) + 1))

    page.add(ft.Text("Guests"), guests, ft.Button("More guests", on_click=more))


ft.run(main)
