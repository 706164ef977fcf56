"""The first click imports what it needs and fills a cache; all others are quick.

Truth: clicks.
"""

import functools

import flet as ft
import planted


@functools.lru_cache
def table():
    import decimal

    decimal.getcontext().prec = 50
    return [decimal.Decimal(i).sqrt() for i in range(5000)]


def main(page: ft.Page):
    root = ft.Text("")
    at = 0

    def following(e):
        nonlocal at
        planted.delay()
        at += 1
        root.value = f"root of {at % 5000}: {table()[at % 5000]}"

    page.add(root, ft.Button("Following root", on_click=following))


ft.run(main)
