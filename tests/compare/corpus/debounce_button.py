"""A stepper saves 60 ms after its last click, and shows only then what it has saved.

Truth: clicks.
"""

import asyncio

import flet as ft
import planted


async def main(page: ft.Page):
    saved = ft.Text("saved: 0")
    amount = 0
    waits = None

    async def save():
        await asyncio.sleep(0.06)
        await planted.adelay()
        saved.value = f"saved: {amount}"
        page.update()

    def change(by):
        def handler(e):
            nonlocal amount, waits
            amount += by
            if waits is not None:
                waits.cancel()
            waits = page.run_task(save)

        return handler

    page.add(saved, ft.Row([ft.Button("More", on_click=change(1)), ft.Button("Less", on_click=change(-1))]))


ft.run(main)
