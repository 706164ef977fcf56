import flet as ft


def main(page: ft.Page):
    page.add(ft.Text("Settings"))


if __name__ == "__main__":
    ft.run(main)
