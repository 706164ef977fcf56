"""`component.py N`: a component that renders N to-dos again at each click, one of which has changed.

One of the apps of `fletbridge compare`; `python component.py 1000` runs it by itself.
"""

import sys

import flet as ft

COUNT = int(sys.argv[1])


@ft.component
def Todos():
    done, set_done = ft.use_state(0)
    return ft.Column(
        [
            ft.Button("Next", key="next", on_click=lambda e: set_done((done + 1) % COUNT)),
            *(
                ft.Row([ft.Checkbox(value=number == done), ft.Text(f"To-do {number}"), ft.IconButton(ft.Icons.DELETE)])
                for number in range(COUNT)
            ),
        ]
    )


ft.run(lambda page: page.render(Todos))
