"""Two views that lead to one another: after a click there are other controls at the same place.

Truth: clicks.
"""

import flet as ft
import planted


async def main(page: ft.Page):
    visits = 0

    def home():
        return ft.View(
            route="/",
            controls=[ft.AppBar(title=ft.Text("Home")), ft.Text(f"{visits} visits"), ft.Button("To the garden", on_click=go)],
        )

    def garden():
        flowers = [ft.ListTile(title=ft.Text(f"Flower {i}")) for i in range(10)]
        return ft.View(
            route="/garden",
            controls=[ft.AppBar(title=ft.Text("Garden")), ft.Button("Back home", on_click=back), *flowers],
        )

    def go(e):
        nonlocal visits
        planted.delay()
        visits += 1
        page.views.append(garden())
        page.update()

    def back(e):
        planted.delay()
        page.views.clear()
        page.views.append(home())
        page.update()

    page.views.clear()
    page.views.append(home())
    page.update()


ft.run(main)
