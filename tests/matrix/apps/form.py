"""A form: text, switch, slider, a dialog that asks, and a control that comes and goes."""

import flet as ft
from neutral import Button, hide, run, show


def main(page: ft.Page):
    page.title = "Order"
    name = ft.TextField(label="Name", key="name")
    fast = ft.Switch(label="Fast", key="fast", value=False)
    hint = ft.Text("costs more", key="hint", visible=False)
    result = ft.Text("nothing yet", key="result")

    def changed(e):
        hint.visible = fast.value
        page.update()

    fast.on_change = changed

    def confirmed(e):
        result.value = "%s, %s" % (name.value, "fast" if fast.value else "slow")
        hide(page, dialog)
        page.update()

    def refused(e):
        result.value = "refused"
        hide(page, dialog)
        page.update()

    dialog = ft.AlertDialog(title=ft.Text("Sure?"), actions=[Button("Yes", on_click=confirmed), Button("No", on_click=refused)])
    page.add(name, fast, hint, result, Button("Send", on_click=lambda e: show(page, dialog)))


run(main)
