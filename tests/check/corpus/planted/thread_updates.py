"""A clock in a thread."""
import threading
import time

import flet as ft


class Clock(ft.Text):
    def tick(self):
        while True:
            self.value = time.strftime("%X")
            self.update()  # expect: FB203
            time.sleep(1)

    def did_mount(self):
        threading.Thread(target=self.tick).start()


ft.run(lambda page: page.add(Clock()))
