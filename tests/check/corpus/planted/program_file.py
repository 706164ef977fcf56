"""Finds its interpreter by the kernel's word, and by Python's under another name."""
import os
from sys import executable as python  # expect: FB103

import flet as ft


def main(page: ft.Page):
    page.add(ft.Text(os.readlink("/proc/self/exe")), ft.Text(python))  # expect: FB111 fine differs differs


ft.run(main)
