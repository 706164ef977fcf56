"""One button is done with it all and destroys the window; the other counts.

Truth: clicks.
"""

import flet as ft
import planted


async def main(page: ft.Page):
    number = ft.Text("0")

    def plus(e):
        planted.delay()
        number.value = str(int(number.value) + 1)

    async def done(e):
        await page.window.destroy()

    page.add(number, ft.Button("Count", on_click=plus), ft.Button("Done", on_click=done))


ft.run(main)
