"""Signals by the names of lists, of loops and of parameters."""
import asyncio
import signal
import sys

import flet as ft

ENDING = [signal.SIGINT, signal.SIGTERM]


def leave(*_):
    sys.exit(0)


def install(number):
    signal.signal(number, leave)  # expect: FB107 differs differs differs


install(signal.SIGTERM)
for name in ("SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), leave)  # expect: FB107 differs differs differs
[signal.signal(each, leave) for each in ENDING]  # expect: FB107 differs differs differs
signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # expect: FB107 differs differs differs


def main(page: ft.Page):
    for one in ENDING:
        asyncio.get_running_loop().add_signal_handler(one, leave)  # expect: FB107 fine fine fine


ft.run(main)
