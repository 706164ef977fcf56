"""Tenths of a second are counted down while a handler awaits 80 ms: the first patch behind a click is the countdown's.

Truth: none, because the page changes by itself.
"""

import asyncio
import time

import flet as ft
import planted


async def main(page: ft.Page):
    left = ft.Text("60.0")
    answer = ft.Text("")
    asked = 0

    async def count_down():
        end = time.monotonic() + 60
        while True:
            left.value = f"{(end - time.monotonic()) % 60:.1f}"
            page.update()
            await asyncio.sleep(0.1)

    async def ask(e):
        nonlocal asked
        asked += 1
        await planted.adelay()
        await asyncio.sleep(0.08)
        answer.value = f"answer {asked}"

    page.add(left, answer, ft.Button("Ask", on_click=ask))
    page.run_task(count_down)


ft.run(main)
