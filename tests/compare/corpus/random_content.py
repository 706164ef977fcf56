"""Each click shows a random number of results, from none to 60: no two clicks cost the same.

Truth: clicks.
"""

import random

import flet as ft
import planted


def main(page: ft.Page):
    results = ft.Column()
    count = ft.Text("")
    searches = 0

    def search(e):
        nonlocal searches
        planted.delay()
        searches += 1
        found = random.randrange(60)
        count.value = f"search {searches}: {found} results"
        results.controls = [ft.Text(f"Result {random.random():.6f}") for _ in range(found)]

    page.add(count, ft.Button("Search again", on_click=search), results)


ft.run(main)
