"""An ordinary Flet app with a button for everything that the protocol can carry."""

import asyncio
import datetime
import hashlib
import os
import sys

import flet as ft

LAST_CLOSE = {"count": 0}


@ft.control("EchoBox")
class EchoBox(ft.LayoutControl):
    """Sends back what comes over its data channels, then says how many came."""

    on_data_channel_open: ft.EventHandler[ft.DataChannelOpenEvent] | None = None

    def init(self):
        super().init()
        self.opened = []
        self.on_data_channel_open = self._open

    def _open(self, e):
        channel = self.get_data_channel(e.channel_id)
        self.opened.append(channel)
        channel.on_bytes(lambda payload: channel.send(bytes(payload)))
        self.page.controls[0].value = f"open {e.channel_name} {e.channel_id}"
        self.page.update()


def digest(text):
    return f"{len(text)} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def main(page: ft.Page):
    page.title = "Kitchen"
    said = ft.Text("ready", key="said")
    count = ft.Text("0", key="count")
    big = ft.TextField(value="", key="big")
    out = ft.Text("", key="out")
    row = ft.Row([ft.Text(c) for c in "abcd"], key="row")
    other = ft.Row([], key="other")
    box = ft.Container(width=10, height=10, key="box", padding=ft.Padding(1, 2, 3, 4),
                       gradient=ft.LinearGradient(colors=["red", "green", "blue"]))
    picker = ft.DatePicker(value=datetime.datetime(2024, 1, 2, 3, 4, 5), key="date",
                           current_date=datetime.datetime(2024, 1, 1))
    clock = ft.TimePicker(value=datetime.time(7, 8), key="time")
    image = ft.RawImage(width=4, height=4, key="image", ready_timeout=20, ack_timeout=20)
    preferences = ft.SharedPreferences()

    def say(text):
        said.value = text
        page.update()

    def plus(e):
        count.value = str(int(count.value) + 1)

    async def plus_async(e):
        await asyncio.sleep(0)
        plus(e)

    def steps(e):
        for value in ("one", "two", "three"):
            said.value = value
            yield

    def fail(e):
        raise ValueError("handler says no")

    def send_big(e):
        out.value = "x" * (20 << 20)

    def send_many(e):
        for number in range(64):
            out.value = f"{number:06d}" + "y" * (1 << 20)
            page.update()
        say("sent all")

    async def ask(e):
        try:
            said.value = f"got {await preferences.get('k')!r}"
        except RuntimeError as error:
            said.value = f"error {error}"

    async def ask_and_remove(e):
        asked = ft.TextField(key="asked")
        page.controls.append(asked)
        page.update()
        waiting = asyncio.create_task(asked.focus())
        await asyncio.sleep(0)
        page.controls.remove(asked)
        said.value = "removed"
        page.update()
        await waiting

    def order(e):
        said.value = "order " + "".join(c.value for c in row.controls) + "|" + \
            "".join(c.value for c in other.controls)

    def insert_first_drop_last(e):
        row.controls.insert(0, ft.Text("n"))
        row.controls.pop()

    def rotate(e):
        row.controls.append(row.controls.pop(0))

    def across(e):
        other.controls.append(row.controls.pop(0))

    def back_and_new(e):
        moved = other.controls.pop()
        row.controls.insert(1, moved)
        moved.value = moved.value.upper()

    def nested(e):
        box.padding = ft.Padding(9, 2, 3, 8)
        box.gradient.colors[1] = "white"
        box.gradient.colors.append("black")

    def words(e):
        out.value = "Zażółć gęślą jaźń 漢字 🐍 \x00 \u2028"
        said.value = ""

    def megabyte(e):
        out.value = "ż" * (1 << 19)

    def times(e):
        picker.value = datetime.datetime(2030, 12, 31, 23, 59, 58)
        clock.value = datetime.time(23, 1)

    def what_times(e):
        # Flet sends UTC and gives the app local time; the tests run in UTC.
        value = picker.value
        say(f"times {value.strftime('%Y-%m-%d %H:%M:%S')} {clock.value.strftime('%H:%M')}")

    async def paint(e):
        await image.render_rgba(4, 4, b"\x10\x20\x30\xff" * 16)
        await image.render_rgba(4, 4, b"\x40\x50\x60\xff" * 16)
        said.value = "painted 2"

    async def go(e):
        await page.push_route("/store")
        said.value = "pushed"

    def leave(e):
        sys.exit(100)

    async def leave_async(e):
        sys.exit(100)

    page.on_route_change = lambda e: say(f"route {page.route}")
    page.on_resize = lambda e: say(f"size {page.width} {page.height}")
    page.on_media_change = lambda e: say(f"media {e.padding.top}")
    page.on_platform_brightness_change = lambda e: say(f"bright {page.platform_brightness.value}")

    def closed(e):
        LAST_CLOSE["count"] += 1

    page.on_close = closed

    def buttons(**handlers):
        return [ft.Button(name.replace("_", " "), on_click=handler)
                for name, handler in handlers.items()]

    page.add(
        said, count, big, out, row, other, box, EchoBox(key="echo"), image, picker, clock,
        ft.Text(f"pid {os.getpid()}", key="pid"),
        ft.Text(f"page {page.platform} {page.width} {page.height} {page.route} {page.web} "
                f"{page.platform_brightness}", key="page"),
        *buttons(plus=plus, plus_async=plus_async, steps=steps, fail=fail, send_big=send_big,
                 send_many=send_many, digest=lambda e: say(digest(big.value)), ask=ask,
                 ask_and_remove=ask_and_remove, order=order, rotate=rotate, across=across,
                 insert_first_drop_last=insert_first_drop_last, back_and_new=back_and_new,
                 nested=nested, words=words, megabyte=megabyte, times=times,
                 what_times=what_times, paint=paint, go=go, leave=leave, leave_async=leave_async,
                 closed=lambda e: say(f"closed {LAST_CLOSE['count']}")),
    )


ft.run(main)
