"""A thousand rows, of which a click changes one, adds one and takes one away."""

import flet as ft
from neutral import Button, run


def main(page: ft.Page):
    page.title = "Rows"
    rows = ft.Column([ft.Row([ft.Checkbox(value=False), ft.Text("row %d" % i)]) for i in range(1000)])
    total = ft.Text("1000 rows", key="total")

    def told():
        total.value = "%d rows" % len(rows.controls)
        page.update()

    def change(e):
        rows.controls[500].controls[1].value = "changed"
        told()

    added = []

    def append(e):
        added.append(len(added) + 1)
        rows.controls.append(ft.Row([ft.Checkbox(value=True), ft.Text("added %d" % len(added))]))
        told()

    def remove(e):
        del rows.controls[10]
        told()

    page.add(total, ft.Row([Button("Change", on_click=change), Button("Append", on_click=append), Button("Remove", on_click=remove)]), rows)


run(main)
