"""Blocks in a thread that Flet starts, and shows the result on the loop."""
import requests

import flet as ft


def main(page: ft.Page):
    text = ft.Text("")

    async def show(answer):
        text.value = answer
        page.update()

    def fetch():
        page.run_task(show, requests.get("http://news.invalid").text)

    page.add(text, ft.Button("Fetch", on_click=lambda e: page.run_thread(fetch)))


ft.run(main)
