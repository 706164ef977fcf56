"""Logs where the client is."""
import flet as ft


def log(view):
    print(view.client_ip)  # expect: FB302


def main(page: ft.Page):
    log(page)


ft.run(main)
