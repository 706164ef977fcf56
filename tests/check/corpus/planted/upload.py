"""Uploads for a web server that is not there."""
import flet as ft


def main(page: ft.Page):
    picker = ft.FilePicker()

    async def send(e):
        files = await picker.pick_files()
        url = page.get_upload_url(files[0].name, 60)  # expect: FB303
        page.add(ft.Text(url))

    page.add(ft.Button("Send", on_click=send))


ft.run(main)
