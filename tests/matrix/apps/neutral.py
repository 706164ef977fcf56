"""The few names that differ between Flet's generations, for apps that run on each of them."""

import flet as ft

Button = ft.ElevatedButton if not hasattr(ft, "run") else ft.Button
run = getattr(ft, "run", None) or ft.app


def show(page, dialog):
    (getattr(page, "show_dialog", None) or page.open)(dialog)


def hide(page, dialog):
    if hasattr(page, "pop_dialog"):
        page.pop_dialog()
    else:
        page.close(dialog)
