"""Handlers of a library that calls them in a thread of its own."""
import time

import flet as ft
import paho.mqtt.client as mqtt


def received(client, data, message):
    time.sleep(1)


def main(page: ft.Page):
    client = mqtt.Client()
    client.on_message = received
    observer = mqtt.Observer(on_created=received)
    page.add(ft.Text(str(observer)))


ft.run(main)
