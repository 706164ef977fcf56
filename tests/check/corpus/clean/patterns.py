"""match, walrus, comprehensions and nested scopes."""
import flet as ft


def main(page: ft.Page):
    def change(e):
        match e.data:
            case {"kind": fork, **rest}:
                page.add(ft.Text(f"{fork} {rest}"))
            case [sleep, *more]:
                page.add(ft.Text(f"{sleep(1)} {more}"))
        if (system := e.data) and [system for system in system]:
            page.add(ft.Text(system))

    page.add(ft.TextField(on_change=change))


ft.run(main)
