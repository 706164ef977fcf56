"""`rows.py N`: a counter and a field, and below them a list of N to-dos that the two have nothing to do with.

One of the apps of `fletbridge compare`; `python rows.py 1000` runs it by itself.
"""

import sys

import flet as ft


def main(page: ft.Page):
    page.title = "Rows"
    number = ft.Text("0")
    length = ft.Text("0 letters")
    todos = ft.Column()
    made = 0

    def row():
        nonlocal made
        made += 1
        line = ft.Row([ft.Checkbox(), ft.Text(f"To-do {made}"), ft.IconButton(ft.Icons.DELETE)])
        line.controls[2].on_click = lambda e: todos.controls.remove(line)
        return line

    def plus(e):
        number.value = str(int(number.value) + 1)

    def typed(e):
        length.value = f"{len(e.control.value)} letters"

    def append(e):
        todos.controls.append(row())

    def reverse(e):
        todos.controls.reverse()

    def new(e):
        todos.controls = [row() for _ in range(1_000)]

    def clear(e):
        todos.controls.clear()

    todos.controls = [row() for _ in range(int(sys.argv[1]))]
    page.add(
        ft.Row([number, ft.Button("+", key="plus", on_click=plus)]),
        ft.Row([ft.TextField(key="field", on_change=typed), length]),
        ft.Row([ft.Button(do.__name__, key=do.__name__, on_click=do) for do in (append, reverse, new, clear)]),
        todos,
    )


ft.run(main)
