"""A handler awaits a server's answer for 20 ms and shows it then: one patch, late.

Truth: clicks.
"""

import asyncio

import flet as ft
import planted

QUOTES = ["Well begun is half done.", "Less is more.", "Haste makes waste."]


async def fetch(number):
    await asyncio.sleep(0.02)
    return QUOTES[number % len(QUOTES)]


async def main(page: ft.Page):
    quote = ft.Text("", italic=True)
    shown = 0

    async def another(e):
        nonlocal shown
        await planted.adelay()
        quote.value = await fetch(shown)
        shown += 1

    page.add(ft.Text("Quotes"), quote, ft.Button("Another", on_click=another))


ft.run(main)
