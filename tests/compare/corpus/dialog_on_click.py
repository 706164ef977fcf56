"""The same button both opens a dialog and is behind it: the second click raises, and the app goes on.

Truth: none, because a click on it ends more.
"""

import flet as ft
import planted


def main(page: ft.Page):
    dialog = ft.AlertDialog(title=ft.Text("About"), content=ft.Text("Version 1.0"))

    def about(e):
        planted.delay()
        page.show_dialog(dialog)

    page.add(ft.Text("An app"), ft.Button("About", on_click=about))


ft.run(main)
