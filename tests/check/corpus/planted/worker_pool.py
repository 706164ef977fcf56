"""Thumbnails in worker processes."""
import multiprocessing as mp

import flet as ft


def shrink(path):
    return path.upper()


def main(page: ft.Page):
    def go(e):
        pool = mp.get_context("spawn").Pool(2)  # expect: FB101
        page.add(ft.Text(str(pool.map_async(shrink, ["a", "b"]))))

    page.add(ft.Button("Go", on_click=go))


if __name__ == "__main__":
    ft.run(main)
