"""Flet in a loop of the app's own."""
import asyncio

import flet as ft


async def main(page: ft.Page):
    page.add(ft.Text("Hello"))


async def everything():
    await ft.run_async(main)


asyncio.run(everything())  # expect: FB208
