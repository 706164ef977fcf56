"""Takes the page's address apart."""
import flet as ft
from urllib.parse import urlparse


class Where(ft.Text):
    def did_mount(self):
        self.value = urlparse(self.page.url).netloc  # expect: FB301


def main(page: ft.Page):
    page.add(Where())


ft.run(main)
