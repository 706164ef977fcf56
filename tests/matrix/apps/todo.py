"""A list that grows and shrinks: rows of a check box, a text and a button each."""

import flet as ft
from neutral import Button, run


def main(page: ft.Page):
    page.title = "To do"
    rows = ft.Column()
    entry = ft.TextField(label="New", key="entry")
    left = ft.Text("0 left", key="left")

    def count():
        open_ = [row for row in rows.controls if not row.controls[0].value]
        left.value = "%d left" % len(open_)
        page.update()

    def add(e):
        name = entry.value
        row = ft.Row([ft.Checkbox(label=name, value=False, on_change=lambda e: count())])

        def remove(e):
            rows.controls.remove(row)
            count()

        row.controls.append(Button("drop " + name, on_click=remove))
        rows.controls.append(row)
        entry.value = ""
        count()

    def turn(e):
        rows.controls.reverse()
        page.update()

    page.add(entry, ft.Row([Button("Add", on_click=add), Button("Reverse", on_click=turn)]), left, rows)


run(main)
