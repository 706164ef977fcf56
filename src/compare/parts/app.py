"""What `fletbridge compare` measures when no app is named: one scene on the page at a time."""

from typing import Optional

import flet as ft
import flet.canvas as cv

STROKES = 100  # on the board at most, so that a long run measures the same as a short one


@ft.control("Echo")
class Echo(ft.LayoutControl):
    """Sends back what comes through its data channel."""

    on_data_channel_open: Optional[ft.EventHandler[ft.DataChannelOpenEvent]] = None


def click_scene(page):
    number = ft.Text("0")

    def plus(e):
        number.value = str(int(number.value) + 1)

    return [ft.Row([number, ft.Button("+", key="plus", on_click=plus)])]


def type_scene(page):
    shown = ft.Text("")

    def changed(e):
        shown.value = f"{len(e.control.value)} letters"

    return [ft.TextField(key="field", on_change=changed), shown]


def draw_scene(page):
    pen = ft.Paint(stroke_width=3, color=ft.Colors.BLUE)
    last = None

    def draw(e):
        nonlocal last
        to = e.local_position
        if last is not None:
            canvas.shapes.append(cv.Line(last.x, last.y, to.x, to.y, paint=pen))
        else:
            canvas.shapes.append(cv.Circle(to.x, to.y, 2, paint=pen))
        if len(canvas.shapes) > STROKES:
            del canvas.shapes[0]
        last = to

    canvas = cv.Canvas(width=400, height=300, content=ft.GestureDetector(key="pad", on_pan_update=draw))
    return [canvas]


def burst_scene(page):
    moves = 0
    number = ft.Text("0")

    def moved(e):
        nonlocal moves
        moves += 1
        ft.context.disable_auto_update()  # for this event: one patch answers them all

    def ended(e):
        number.value = str(moves)

    return [
        ft.GestureDetector(
            key="pad", content=ft.Container(width=1000, height=100), on_pan_update=moved, on_pan_end=ended
        ),
        number,
    ]


def channel_scene(page):
    state = ft.Text("closed")

    def opened(e):
        channel = e.control.get_data_channel(e.channel_id)
        channel.on_bytes(channel.send)
        state.value = "open"

    return [Echo(key="echo", on_data_channel_open=opened), state]


def fill_scene(page):
    times = 0

    def fill(count):
        nonlocal times
        times += 1
        # A new column: Flet would compare the old rows with the new ones for half a minute.
        scene[-1] = ft.Column([ft.Text(f"{times}: {n}") for n in range(count)])

    scene = [
        ft.Button("1,000", key="thousand", on_click=lambda e: fill(1_000)),
        ft.Button("10,000", key="ten-thousand", on_click=lambda e: fill(10_000)),
        ft.Column(),
    ]
    return scene


SCENES = {
    "click": click_scene,
    "type": type_scene,
    "draw": draw_scene,
    "burst": burst_scene,
    "channel": channel_scene,
    "fill": fill_scene,
}


def main(page: ft.Page):
    page.title = "fletbridge compare"
    scene = ft.Column()

    def show(name):
        scene.controls = SCENES[name](page)

    page.add(
        ft.Row([ft.Button(name, key=f"scene-{name}", on_click=lambda e, name=name: show(name)) for name in SCENES]),
        scene,
    )


ft.run(main)
