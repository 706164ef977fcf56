"""A search field waits until nothing has been typed for 80 ms; what is typed meanwhile changes nothing.

Truth: steps.
"""

import asyncio

import flet as ft
import planted

WORDS = [f"{first}{second}" for first in ("bread", "butter", "cheese", "egg", "milk") for second in ("", "s", " cake")]


async def main(page: ft.Page):
    found = ft.Column()
    waits = None

    async def search(text):
        await asyncio.sleep(0.08)
        await planted.adelay()
        found.controls = [ft.Text(word) for word in WORDS if text in word] or [ft.Text("nothing")]
        page.update()

    def typed(e):
        nonlocal waits
        if waits is not None:
            waits.cancel()
        waits = page.run_task(search, e.control.value)

    page.add(ft.TextField(label="Search", key="search", on_change=typed), found)


ft.run(main)
