"""Of a Python that is not there yet."""
import flet as ft

ft.run(main) unless closed  # expect: FB001
