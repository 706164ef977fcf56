"""The counter with an async main() and async handlers, which wait before they answer."""

import asyncio

import flet as ft
from neutral import Button, run


async def main(page: ft.Page):
    page.title = "Counter"
    number = ft.Text("0", key="number")

    def add(by):
        async def clicked(e):
            await asyncio.sleep(0)
            number.value = str(int(number.value) + by)
            page.update()

        return clicked

    page.add(ft.Row([Button("-", on_click=add(-1)), number, Button("+", on_click=add(1))]))


run(main)
