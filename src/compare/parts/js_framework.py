"""The table of js-framework-benchmark, which front-end frameworks are compared by: rows with a number, a label
that selects the row, and a button that removes it. A click on the page does one of the benchmark's nine operations.

One of the apps of `fletbridge compare`; `python js_framework.py` runs it by itself.
"""

import random

import flet as ft

ADJECTIVES = ["pretty", "large", "big", "small", "tall", "short", "long", "handsome", "plain", "quaint", "clean", "easy"]
COLOURS = ["red", "yellow", "blue", "green", "pink", "brown", "purple", "white", "black", "orange"]
NOUNS = ["table", "chair", "house", "bench", "desk", "lamp", "door", "sofa", "keyboard", "mouse", "bottle", "sandwich"]


def main(page: ft.Page):
    page.title = "js-framework-benchmark"
    words = random.Random(1)  # the same labels in each run
    rows = ft.Column()
    made = 0
    selected = None

    def row():
        nonlocal made
        made += 1
        label = ft.TextButton(" ".join(words.choice(some) for some in (ADJECTIVES, COLOURS, NOUNS)))
        remove = ft.IconButton(ft.Icons.CLOSE)
        line = ft.Container(ft.Row([ft.Text(str(made)), label, remove]))

        def select(e):
            nonlocal selected
            if selected is not None:
                selected.bgcolor = None
            selected = line
            line.bgcolor = ft.Colors.AMBER_100

        label.on_click = select
        remove.on_click = lambda e: rows.controls.remove(line)
        return line

    def create(count):
        rows.controls = [row() for _ in range(count)]

    def append(count):
        rows.controls.extend([row() for _ in range(count)])

    def update(e):
        for line in rows.controls[::10]:
            label = line.content.controls[1]
            # The benchmark's marks would make labels longer with each click: here the next one takes them off.
            label.content = label.content.removesuffix(" !!!") if label.content.endswith("!") else label.content + " !!!"

    def swap(e):
        lines = rows.controls
        lines[1], lines[998] = lines[998], lines[1]

    def clear(e):
        nonlocal selected
        selected = None
        rows.controls = []

    buttons = {
        "create-1000": ("Create 1,000 rows", lambda e: create(1_000)),
        "create-10000": ("Create 10,000 rows", lambda e: create(10_000)),
        "append-1000": ("Append 1,000 rows", lambda e: append(1_000)),
        "append-1": ("Append a row", lambda e: append(1)),
        "update": ("Update every 10th row", update),
        "swap": ("Swap rows", swap),
        "clear": ("Clear", clear),
    }
    page.add(ft.Row([ft.Button(text, key=key, on_click=do) for key, (text, do) in buttons.items()]), rows)


ft.run(main)
