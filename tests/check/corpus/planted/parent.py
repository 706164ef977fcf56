"""Shows who started it."""
import os

import flet as ft

ft.run(lambda page: page.add(ft.Text(str(os.getppid()))))  # expect: FB111
