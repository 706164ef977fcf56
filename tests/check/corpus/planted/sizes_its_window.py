"""Sizes its window, and asks before it closes."""
import flet as ft


async def main(page: ft.Page):
    page.window.width = 400  # expect: FB305
    page.window.prevent_close = True
    window = page.window

    async def leave(e):
        await window.destroy()

    window.on_event = leave
    page.add(ft.Text("Hello"))


ft.run(main)
