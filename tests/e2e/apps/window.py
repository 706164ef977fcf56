"""Things at known places of the window, for a real mouse and keyboard; tells what reaches it.

Commands come by stdin: an assignment is executed, `await ...` is awaited, each is answered by a line.
"""

import asyncio
import os
import sys
import threading

import flet as ft


def tell(*words):
    print(*words, flush=True)


def main(page: ft.Page):
    page.title = "Probe"
    page.padding = 0
    page.window.on_event = lambda e: tell("EVENT", e.type.value)
    echo = ft.Text("", size=30, left=20, top=110)
    number = ft.Text("0", size=30, left=500, top=110)

    def typed(e):
        tell("FIELD", ascii(e.control.value))
        echo.value = e.control.value

    def plus(e):
        number.value = str(int(number.value) + 1)
        tell("PLUS", number.value)

    field = ft.TextField(autofocus=True, on_change=typed, on_submit=lambda e: tell("SUBMIT"), width=400)
    rows = [ft.Container(height=90, bgcolor=ft.Colors.AMBER if i % 3 else ft.Colors.BLUE) for i in range(60)]
    page.add(ft.Stack(width=1280, height=720, controls=[
        ft.Container(field, left=20, top=20), ft.Button("+", on_click=plus, left=500, top=20, width=100, height=60),
        echo, number, ft.Container(ft.ListView(rows), left=20, top=200, width=600, height=400)]))

    async def do(line):
        scope = {"page": page, "window": page.window, "ft": ft}
        try:
            if line.startswith("await "):
                await eval(line[6:], scope)
            else:
                exec(line, scope)
                page.update()
            tell("DONE", line)
        except Exception as error:
            tell("FAILED", line, repr(error))

    loop = asyncio.get_running_loop()

    def listen():
        for line in sys.stdin:
            if line.startswith("exit"):
                os._exit(int(line.split()[1]))
            asyncio.run_coroutine_threadsafe(do(line.strip()), loop)

    threading.Thread(target=listen, daemon=True).start()
    tell("SHOWN")


ft.run(main)
tell("AFTER")
