"""The blocking call is in a module of the app's own."""
import flet as ft
from shop import prices


async def main(page: ft.Page):
    async def refresh(e):
        page.add(ft.Text(prices.load()))

    button = ft.Button("Refresh")
    button.on_click = refresh
    page.add(button)


ft.run(main)
