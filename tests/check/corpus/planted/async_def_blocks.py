"""subprocess in an async handler."""
import subprocess

import flet as ft


class Build(ft.Column):
    def __init__(self):
        super().__init__()
        self.controls = [ft.Button("Build", on_click=self.build_all)]

    async def build_all(self, e):
        subprocess.run(["make", "all"], check=True)  # expect: FB202
        self.page.title = "Built"


ft.run(lambda page: page.add(Build()))
