"""A worker thread that sleeps, and puts its results where the loop fetches them."""
import asyncio
import queue
import threading
import time

import flet as ft

results = queue.Queue()


def work():
    for number in range(10):
        time.sleep(1)
        results.put(number)


async def main(page: ft.Page):
    text = ft.Text("0")
    page.add(text)
    threading.Thread(target=work).start()
    while True:
        await asyncio.sleep(0.2)
        while not results.empty():
            text.value = str(results.get_nowait())
            page.update()


ft.run(main)
