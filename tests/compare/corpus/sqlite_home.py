"""Settings in a SQLite database in the home folder, read and written off the loop.

Truth: clicks.
"""

import asyncio
import pathlib
import sqlite3

import flet as ft
import planted

FILE = pathlib.Path.home() / ".corpus_settings.db"


def store(name, value):
    with sqlite3.connect(FILE) as db:
        db.execute("pragma synchronous = off")
        db.execute("create table if not exists settings (name text primary key, value text)")
        db.execute("insert or replace into settings values (?, ?)", (name, value))
        return db.execute("select value from settings where name = ?", (name,)).fetchone()[0]


async def main(page: ft.Page):
    size = ft.Text("12", size=12)

    async def larger(e):
        await planted.adelay()
        wanted = 12 + (int(size.value) - 11) % 20
        size.value = await asyncio.to_thread(store, "size", str(wanted))
        size.size = int(size.value)

    page.add(ft.Text("Text size"), size, ft.Button("Larger", on_click=larger))


ft.run(main)
