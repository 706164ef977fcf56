"""A chess app: a fork is a move."""
import flet as ft


def fork(piece):
    return f"{piece} forks"


class Move:
    def kill(self, piece):
        return piece

    def exec(self):
        return self.kill("queen")


def main(page: ft.Page):
    os = Move()

    def play(e):
        page.add(ft.Text(fork("knight") + os.kill("pawn") + os.exec()))

    page.add(ft.Button("Fork", on_click=play))


ft.run(main)
