"""What is said during a capture: a page, typed text, two clicks: a change, and a call with its answer."""

import flet as ft


def main(page: ft.Page):
    page.title = "Traffic ☂"
    number = ft.Text("0", key="number")

    async def clicked(_):
        number.value = str(int(number.value) + 1)
        page.update()
        if number.value == "2":
            await field.focus()
            number.value = "22"
            page.update()

    field = ft.TextField(label="Name", autofocus=True, on_change=lambda e: page.update())
    page.add(number, field, ft.FilledButton("Go", expand=True, width=600, on_click=clicked))


ft.run(main)
