"""A bot in the same loop as Flet, which takes the signals for itself, as bots do."""
import asyncio
import signal

import flet as ft

stop = asyncio.Event()


async def main(page: ft.Page):
    page.add(ft.Text("Bot"))


async def both():
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)  # expect: FB107 differs differs differs
    await ft.run_async(main)


asyncio.run(both())  # expect: FB208 differs differs differs
