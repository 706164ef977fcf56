"""A download's bar moves fifty times a second for ever: the page is never quiet.

Truth: none, because the page is never quiet.
"""

import asyncio

import flet as ft
import planted


async def main(page: ft.Page):
    bar = ft.ProgressBar(value=0, width=300)
    number = ft.Text("0")

    async def download():
        done = 0
        while True:
            done = (done + 1) % 200
            bar.value = done / 200
            page.update()
            await asyncio.sleep(0.02)

    def plus(e):
        planted.delay()
        number.value = str(int(number.value) + 1)

    page.add(bar, number, ft.Button("Add a file", on_click=plus))
    page.run_task(download)


ft.run(main)
