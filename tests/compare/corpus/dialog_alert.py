"""A button opens a dialog that has to be answered; behind an open one it would raise.

Truth: steps.
"""

import flet as ft
import planted


def main(page: ft.Page):
    answers = ft.Text("not asked")

    def answered(e):
        planted.delay()
        page.pop_dialog()
        answers.value = e.control.content

    dialog = ft.AlertDialog(
        modal=True,
        title=ft.Text("Is it raining?"),
        actions=[ft.TextButton("Yes", on_click=answered), ft.TextButton("No", on_click=answered)],
    )

    def ask(e):
        planted.delay()
        page.show_dialog(dialog)

    page.add(answers, ft.Button("Ask", on_click=ask))


ft.run(main)
