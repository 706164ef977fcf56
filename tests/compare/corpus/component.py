"""A declarative page: components with state, rendered again at each click.

Truth: clicks.
"""

import flet as ft
import planted


@ft.component
def Cell(number: int):
    return ft.Container(ft.Text(f"{number}"), width=40, bgcolor=ft.Colors.AMBER if number % 2 else ft.Colors.LIME)


@ft.component
def App():
    count, set_count = ft.use_state(0)

    def plus(e):
        planted.delay()
        set_count(count + 1)

    return ft.Column(
        [
            ft.Text(f"{count} clicks"),
            ft.Button("Count", on_click=plus),
            ft.Row([Cell(number=count + i) for i in range(10)]),
        ]
    )


ft.run(lambda page: page.render(App))
