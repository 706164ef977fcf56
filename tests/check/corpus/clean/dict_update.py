"""update() of a dictionary, a digest and a set, in a thread."""
import hashlib
import threading

import flet as ft

settings = {}


def load():
    settings.update(color="red")
    digest = hashlib.sha256()
    digest.update(b"x")
    seen = set()
    seen.update()


def main(page: ft.Page):
    threading.Thread(target=load).start()
    page.add(ft.Text("Settings"))


ft.run(main)
