"""A second Flet app with an environment without ours."""
import os
import subprocess

import flet as ft


def main(page: ft.Page):
    def more(e):
        env = {k: v for k, v in os.environ.items() if not k.startswith("FLET_")}
        subprocess.Popen(["python3", "child_with_own_environment.py"], env=env)

    page.add(ft.Button("More", on_click=more))


ft.run(main)
