"""A sheet opens and closes by setting `open`, from two buttons that are always there.

Truth: clicks.
"""

import flet as ft
import planted


def main(page: ft.Page):
    sheet = ft.Column([ft.Text("Details"), ft.Text("of what was chosen")], visible=False)
    times = ft.Text("opened 0 times")

    def toggle(e):
        planted.delay()
        sheet.visible = not sheet.visible
        if sheet.visible:
            times.value = f"opened {int(times.value.split()[1]) + 1} times"

    def rename(e):
        planted.delay()
        sheet.controls[0].value = "Details" if sheet.controls[0].value != "Details" else "More"
        times.color = ft.Colors.RED if times.color != ft.Colors.RED else ft.Colors.BLACK

    page.add(times, ft.Button("Details", on_click=toggle), ft.Button("Other title", on_click=rename), sheet)


ft.run(main)
