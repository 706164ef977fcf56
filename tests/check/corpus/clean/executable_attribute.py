"""A class with an attribute of a telling name."""
from dataclasses import dataclass

import flet as ft


@dataclass
class Tool:
    executable: str
    url: str

    def system(self):
        return self.executable + self.url


def main(page: ft.Page):
    sys = Tool("hammer", "http://tools.invalid")
    page.add(ft.Text(sys.executable), ft.Text(sys.url), ft.Text(sys.system()))


ft.run(main)
