"""A handler moves a ball by hand, a patch every 16 ms for a third of a second; the other button counts at once.

Truth: clicks.
"""

import asyncio

import flet as ft
import planted


async def main(page: ft.Page):
    ball = ft.Container(width=20, height=20, left=0, bgcolor=ft.Colors.RED, border_radius=10)
    number = ft.Text("0")

    async def roll(e):
        await planted.adelay()
        for step in range(1, 21):
            ball.left = step * 10
            page.update()
            await asyncio.sleep(0.016)
        ball.left = 0

    def plus(e):
        planted.delay()
        number.value = str(int(number.value) + 1)

    page.add(
        ft.Stack([ball], height=40, width=300),
        number,
        ft.Row([ft.Button("Roll", on_click=roll), ft.Button("Count", on_click=plus)]),
    )


ft.run(main)
