"""Changes that nobody asks for: a task of the page and a thread of the app's own, beside clicks."""

import asyncio
import threading
import time

import flet as ft
from neutral import Button, run


def main(page: ft.Page):
    page.title = "Clock"
    task = ft.Text("task 0", key="task")
    thread = ft.Text("thread 0", key="thread")
    clicks = ft.Text("clicks 0", key="clicks")
    count = [0]

    async def ticks():
        for i in range(1, 6):
            await asyncio.sleep(0.02)
            task.value = "task %d" % (int(task.value.split()[1]) + 1)
            page.update()

    async def turn():
        pass

    def work():
        for i in range(1, 6):
            time.sleep(0.02)
            thread.value = "thread %d" % (int(thread.value.split()[1]) + 1)
            page.update()
            page.run_task(turn)  # on a socket, what a thread sends goes when the event loop turns

    def clicked(e):
        count[0] += 1
        clicks.value = "clicks %d" % count[0]
        page.update()

    page.add(task, thread, clicks, Button("Task", on_click=lambda e: page.run_task(ticks)),
             Button("Thread", on_click=lambda e: threading.Thread(target=work).start()), Button("Click", on_click=clicked))


run(main)
