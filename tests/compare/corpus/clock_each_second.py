"""A clock in the corner moves each second, by a task that runs as long as the page.

Truth: clicks.
"""

import asyncio
import datetime

import flet as ft
import planted


async def main(page: ft.Page):
    clock = ft.Text("", size=12)
    laps = ft.Column()
    count = ft.Text("0 laps")

    async def tick():
        while True:
            clock.value = datetime.datetime.now().strftime("%H:%M:%S")
            page.update()
            await asyncio.sleep(1)

    def lap(e):
        planted.delay()
        laps.controls.append(ft.Text(datetime.datetime.now().isoformat()))
        del laps.controls[:-5]
        count.value = f"{int(count.value.split()[0]) + 1} laps"

    page.add(ft.Row([ft.Text("Stopwatch"), clock]), ft.FilledButton("Lap", on_click=lap), count, laps)
    page.run_task(tick)


ft.run(main)
