"""Notes in a SQLite database beside the script, a commit at each click; rows of the last start would slow the next.

Truth: clicks.
"""

import pathlib
import sqlite3

import flet as ft
import planted

FILE = pathlib.Path(__file__).with_name("notes.db")


def main(page: ft.Page):
    db = sqlite3.connect(FILE, check_same_thread=False)
    db.execute("create table if not exists notes (id integer primary key, text varchar, priority integer)")
    shown = ft.Column()
    count = ft.Text("")

    def refresh():
        total = db.execute("select count(*) from notes").fetchone()[0]
        rows = db.execute("select text from notes order by id desc limit 5").fetchall()
        count.value = f"{total} notes"
        shown.controls = [ft.Text(text) for (text,) in rows]

    def add(e):
        planted.delay()
        db.execute("insert into notes (text, priority) values (?, ?)", ("remember the milk", 1))
        db.commit()
        refresh()

    page.add(count, ft.Button("Write a note", on_click=add), shown)
    refresh()


ft.run(main)
