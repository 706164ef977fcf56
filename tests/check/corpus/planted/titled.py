"""Gives the process a title."""
import flet as ft
import setproctitle

setproctitle.setproctitle("shop")  # expect: FB501
ft.run(lambda page: page.add(ft.Text("Hello")))
