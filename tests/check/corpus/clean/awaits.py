"""Waits as one should."""
import asyncio

import flet as ft
from asyncio import sleep


async def main(page: ft.Page):
    async def go(e):
        await sleep(1)
        answer = await asyncio.to_thread(slow)
        page.add(ft.Text(answer))

    page.add(ft.Button("Go", on_click=go))


def slow():
    import time
    time.sleep(3)
    return "done"


ft.run(main)
