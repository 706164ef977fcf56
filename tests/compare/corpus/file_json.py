"""A shopping list keeps itself in a JSON file beside the script, at each click; the next start would find it.

Truth: clicks.
"""

import json
import pathlib

import flet as ft
import planted

FILE = pathlib.Path(__file__).with_name("list.json")


def main(page: ft.Page):
    items = json.loads(FILE.read_text()) if FILE.exists() else []
    shown = ft.Column([ft.Text(item) for item in items[-10:]])
    count = ft.Text(f"{len(items)} items")

    def add(e):
        planted.delay()
        items.append(f"{('Apples', 'Pears', 'Bread')[len(items) % 3]} {len(items)}")
        del items[:-50]
        FILE.write_text(json.dumps(items))
        shown.controls.append(ft.Text(items[-1]))
        del shown.controls[:-10]
        count.value = f"{len(items)} items, the last is {items[-1]}"

    page.add(count, ft.Button("Add", on_click=add), shown)


ft.run(main)
