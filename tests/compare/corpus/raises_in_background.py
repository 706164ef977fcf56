"""A task in the background raises after a second, and nobody awaits it; the page works on.

Truth: clicks.
"""

import asyncio

import flet as ft
import planted


async def main(page: ft.Page):
    number = ft.Text("0")

    async def check_for_updates():
        await asyncio.sleep(1)
        raise ConnectionError("no network")

    def plus(e):
        planted.delay()
        number.value = str(int(number.value) + 1)

    page.add(number, ft.Button("Count", on_click=plus))
    updates = asyncio.create_task(check_for_updates())
    page.data = updates


ft.run(main)
