"""A handler has a thread hash a password and awaits it: some milliseconds outside of the loop, without the GIL.

Truth: clicks.
"""

import asyncio
import hashlib

import flet as ft
import planted


def digest(text):
    return hashlib.pbkdf2_hmac("sha256", text.encode(), b"salt", 4000).hex()


async def main(page: ft.Page):
    shown = ft.Text("", size=10)
    number = 0

    async def hash_it(e):
        nonlocal number
        number += 1
        await planted.adelay()
        shown.value = await asyncio.to_thread(digest, f"password {number}")

    page.add(ft.Text("Password strength"), shown, ft.Button("Hash", on_click=hash_it))


ft.run(main)
