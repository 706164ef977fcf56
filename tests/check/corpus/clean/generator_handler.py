"""Shows what it does by yield."""
import asyncio

import flet as ft


def main(page: ft.Page):
    status = ft.Text("Ready")

    async def go(e):
        status.value = "Working"
        yield
        await asyncio.sleep(1)
        status.value = "Done"

    page.add(status, ft.Button("Go", on_click=go))


ft.run(main)
