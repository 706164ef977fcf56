"""A to-do list of 500 rows, each with a checkbox and a button that changes nothing, below a counter.

Truth: clicks.
"""

import flet as ft
import planted


def main(page: ft.Page):
    done = ft.Text("0 done")

    def tick(e):
        planted.delay()
        done.value = f"{int(done.value.split()[0]) + 1} done"

    def row(number):
        return ft.Row(
            [
                ft.Checkbox(value=number % 3 == 0),
                ft.Text(f"To-do {number}", expand=True),
                ft.IconButton(ft.Icons.INFO, tooltip="About it", on_click=lambda e: None),
            ]
        )

    page.add(done, ft.Button("Tick one", on_click=tick), ft.ListView([row(i) for i in range(500)], expand=True))


ft.run(main)
