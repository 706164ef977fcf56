"""Optional modules."""
import flet as ft

try:
    import winreg
except ImportError:
    winreg = None

try:
    from distutils.version import StrictVersion
except ImportError:
    StrictVersion = str


def main(page: ft.Page):
    page.add(ft.Text(str(StrictVersion("1.0"))), ft.Text(str(winreg)))


ft.run(main)
