"""A countdown shows tenths of a second: a patch every 100 ms, so the page is quiet for half of the time.

Truth: clicks.
"""

import asyncio
import time

import flet as ft
import planted


async def main(page: ft.Page):
    left = ft.Text("60.0", size=40)
    score = ft.Text("0 points")

    async def count_down():
        end = time.monotonic() + 60
        while True:
            left.value = f"{(end - time.monotonic()) % 60:.1f}"
            left.update()
            await asyncio.sleep(0.1)

    def hit(e):
        planted.delay()
        score.value = f"{int(score.value.split()[0]) + 1} points"

    page.add(left, score, ft.Button("Hit", on_click=hit))
    page.run_task(count_down)


ft.run(main)
