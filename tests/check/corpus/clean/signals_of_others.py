"""Signals that are nobody's end, a bot that was told to leave them alone, and a server in a thread."""
import signal
import threading

import flet as ft
import uvicorn
from aiogram import Dispatcher


def api():
    uvicorn.run("app:api")


def main(page: ft.Page):
    dispatcher = Dispatcher()
    page.run_task(dispatcher.start_polling, None, handle_signals=False)


for number in (signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, lambda *_: None)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
threading.Thread(target=api).start()
ft.run(main)
