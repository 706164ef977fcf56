"""os.fork(), sys.executable and time.sleep() in texts and comments only."""
import flet as ft

# os._exit(1) would end it
HELP = """
import multiprocessing
os.environ["FLET_SERVER_PORT"] = "1"
# fletbridge: ignore[FB998]
"""


def main(page: ft.Page):
    page.add(ft.Markdown("`os.execv` and `page.url`"), ft.Text(HELP))


ft.run(main)
