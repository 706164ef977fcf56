"""A handler shows a ring, awaits 40 ms, hides it and shows the result: two patches an input, the first at once.

Truth: clicks.
"""

import asyncio

import flet as ft
import planted


async def main(page: ft.Page):
    ring = ft.ProgressRing(visible=False)
    result = ft.Text("nothing loaded")
    loads = 0

    async def load(e):
        nonlocal loads
        await planted.adelay()
        ring.visible = True
        page.update()
        await asyncio.sleep(0.04)
        loads += 1
        ring.visible = False
        result.value = f"loaded {loads} times"
        page.update()

    page.add(ring, result, ft.Button("Load", on_click=load))


ft.run(main)
