"""A comment that silences nothing."""
import os

import flet as ft

ft.run(lambda page: os.fspath("x"))  # fletbridge: ignore[FB999] expect: FB002
