"""A recorder in a process of its own."""
import flet as ft
from multiprocessing import Process


class Recorder(Process):  # expect: FB101
    def run(self):
        while True:
            pass


def main(page: ft.Page):
    page.add(ft.Text("Recording"))
    Recorder().start()


if __name__ == "__main__":
    ft.run(main)
