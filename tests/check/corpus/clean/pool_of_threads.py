"""A pool of threads, and a sleep in it."""
import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import flet as ft

pool = ThreadPoolExecutor(2)


def slow(number):
    time.sleep(number)
    return number


async def main(page: ft.Page):
    loop = asyncio.get_running_loop()

    async def go(e):
        page.add(ft.Text(str(await loop.run_in_executor(pool, slow, 2))))

    page.add(ft.Button("Go", on_click=go))


ft.run(main)
