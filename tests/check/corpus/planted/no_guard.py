"""A worker, but no guard around ft.run()."""
import multiprocessing

import flet as ft


def work(queue):
    queue.put(1)


def main(page: ft.Page):
    worker = multiprocessing.Process(target=work)  # expect: FB101
    worker.start()
    page.add(ft.Text("Started"))


ft.run(main)  # expect: FB102
