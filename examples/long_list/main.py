"""A list of 1,000 rows, of which one changes or one is inserted."""

import flet as ft


def row(text: str) -> ft.Row:
    return ft.Row([ft.Icon(ft.Icons.LABEL), ft.Text(text)])


def main(page: ft.Page):
    page.title = "Long list"
    rows = ft.ListView(
        expand=True,
        item_extent=40,
        key="rows",
        controls=[row(f"Row {i}") for i in range(1000)],
    )
    changes = 0
    inserts = 0

    def change(e):
        nonlocal changes
        changes += 1
        rows.controls[500].controls[1].value = f"Changed {changes}"

    def insert(e):
        nonlocal inserts
        inserts += 1
        rows.controls.insert(0, row(f"Inserted {inserts}"))

    page.add(
        ft.Row(
            [
                ft.Button("Change one", on_click=change),
                ft.Button("Insert one", on_click=insert),
            ]
        ),
        rows,
    )


ft.run(main)
