"""A thread computes without rest and shows every 300 ms how far it is: patches in between, and the GIL is taken.

Truth: clicks.
"""

import time

import flet as ft
import planted


def main(page: ft.Page):
    status = ft.Text("no primes yet")
    number = ft.Text("0")

    def primes():
        found, candidate, said = 0, 2, time.monotonic()
        while True:
            found += all(candidate % d for d in range(2, int(candidate**0.5) + 1))
            candidate = candidate + 1 if candidate < 200_000 else 2
            if time.monotonic() - said > 0.3:
                status.value = f"{found} primes"
                said = time.monotonic()
                page.update()

    def plus(e):
        planted.delay()
        number.value = str(int(number.value) + 1)

    page.add(status, number, ft.Button("Count meanwhile", on_click=plus))
    page.run_thread(primes)


ft.run(main)
