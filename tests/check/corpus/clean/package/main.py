"""An app of several modules, whose names are those of known ones."""
import flet as ft

from lib import multiprocessing
from lib.signal import signal
from lib import tkinter as toolkit


def main(page: ft.Page):
    page.add(ft.Text(multiprocessing.Process("a")), ft.Text(signal(15, print)), ft.Text(toolkit.Tk))


ft.run(main)
