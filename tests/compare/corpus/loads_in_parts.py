"""main() shows its list while it loads, an entry each 80 ms for the first second; then the page is quiet.

Truth: clicks.
"""

import asyncio

import flet as ft
import planted


async def main(page: ft.Page):
    entries = ft.Column()
    details = ft.Text("")
    asked = 0

    async def show_details(e):
        nonlocal asked
        asked += 1
        await planted.adelay()
        await asyncio.sleep(0.06)
        details.value = f"details {asked}"

    page.add(ft.Button("Details", on_click=show_details), details, entries)
    for number in range(12):
        await asyncio.sleep(0.08)
        entries.controls.append(ft.Text(f"Entry {number}"))
        page.update()


ft.run(main)
