"""Every click writes 50 lines, to stdout and to stderr.

Truth: clicks.
"""

import sys

import flet as ft
import planted


def main(page: ft.Page):
    number = ft.Text("0")

    def work(e):
        planted.delay()
        number.value = str(int(number.value) + 1)
        for line in range(25):
            print(f"step {line} of click {number.value}: all is well")
            print(f"debug: {number.value}/{line}", file=sys.stderr)

    page.add(number, ft.Button("Work", on_click=work))


ft.run(main)
