"""A Qt dialog in a Flet app."""
import flet as ft
from PyQt6.QtWidgets import QApplication, QMessageBox  # expect: FB201 fine breaks breaks


def main(page: ft.Page):
    def about(e):
        app = QApplication([])
        QMessageBox.about(None, "About", app.applicationName())

    page.add(ft.Button("About", on_click=about))


ft.run(main)
