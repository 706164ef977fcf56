"""A page of another library has a url as well."""
import flet as ft


def titles(browser):
    for page in browser.pages:
        yield page.url, page.title


class Document:
    def __init__(self, page):
        self.page = page


def main(page: ft.Page):
    doc = Document({"url": "x"})
    page.add(ft.Text(str(doc.page)))


ft.run(main)
