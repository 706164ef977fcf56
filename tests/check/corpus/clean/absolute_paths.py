"""Files beside the script, in the home, and in memory."""
import sqlite3
import tempfile
from pathlib import Path

import flet as ft

HERE = Path(__file__).parent


def main(page: ft.Page):
    text = (HERE / "notes.txt").read_text()
    with open(HERE / "notes.txt") as file, open("/etc/hostname") as host, open(1, "w", closefd=False):
        text += file.read() + host.read()
    sqlite3.connect(":memory:").close()
    with open(tempfile.mktemp(), "w") as scratch:
        scratch.write("x")
    Path.home().joinpath("notes").exists()
    page.add(ft.Text(text))


ft.run(main)
