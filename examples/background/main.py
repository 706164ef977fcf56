"""Long work in a thread, with progress, while the page stays alive."""

import time

import flet as ft

PARTS = 20


def main(page: ft.Page):
    page.title = "Background"
    bar = ft.ProgressBar(value=0, width=300, key="progress")
    status = ft.Text("ready", key="status")
    clicks = ft.Text("0 clicks")

    def work():
        for part in range(1, PARTS + 1):
            time.sleep(0.02)  # stands for reading a file, a query, a computation
            bar.value = part / PARTS
            status.value = f"{part} of {PARTS}"
            page.update()
        status.value = "done"
        start_button.disabled = False
        page.update()

    def start(e):
        start_button.disabled = True
        status.value = "started"
        page.run_thread(work)

    def count(e):
        clicks.value = f"{int(clicks.value.split()[0]) + 1} clicks"

    start_button = ft.Button("Start", on_click=start, key="start")
    page.add(
        bar,
        status,
        ft.Row([start_button, ft.Button("Click meanwhile", on_click=count)]),
        clicks,
    )


ft.run(main)
