"""A chat room with a robot that answers: async handlers and messages between sessions."""

import asyncio
from dataclasses import dataclass

import flet as ft


@dataclass
class Message:
    author: str
    text: str


async def main(page: ft.Page):
    page.title = "Chat"
    messages = ft.ListView(expand=True, spacing=10, auto_scroll=True, key="messages")
    entry = ft.TextField(label="Your message", expand=True, autofocus=True, key="message")

    async def show(message: Message):
        messages.controls.append(
            ft.Row(
                [
                    ft.Text(message.author, weight=ft.FontWeight.BOLD),
                    ft.Text(message.text, selectable=True),
                ]
            )
        )
        page.update()

    async def send(e):
        text = entry.value.strip()
        if not text:
            return
        entry.value = ""
        page.update()
        page.pubsub.send_all(Message("You", text))
        await asyncio.sleep(0.1)  # the robot thinks
        page.pubsub.send_all(Message("Robot", f"You said: {text}"))

    page.pubsub.subscribe(show)
    entry.on_submit = send
    page.add(
        messages,
        ft.Row([entry, ft.Button("Send", on_click=send, key="send")]),
    )


ft.run(main)
