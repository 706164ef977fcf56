"""Downloads in a pool of threads, which show themselves."""
from concurrent.futures import ThreadPoolExecutor

import flet as ft


def main(page: ft.Page):
    bar = ft.ProgressBar(value=0)
    pool = ThreadPoolExecutor(4)

    def download(number):
        show(number / 10)

    def show(part):
        bar.value = part
        bar.update()  # expect: FB203

    page.add(bar, ft.Button("Go", on_click=lambda e: pool.submit(download, 3)))


ft.run(main)
