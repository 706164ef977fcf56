"""A board to draw on: many small events, each answered by one short line."""

import flet as ft
import flet.canvas as cv


def main(page: ft.Page):
    page.title = "Drawing"
    pen = ft.Paint(stroke_width=3, color=ft.Colors.BLUE)
    canvas = cv.Canvas(width=400, height=300)
    lines = ft.Text("0 lines", key="lines")
    last = ft.Offset(0, 0)

    def start(e: ft.DragStartEvent):
        nonlocal last
        last = e.local_position

    def draw(e: ft.DragUpdateEvent):
        nonlocal last
        to = e.local_position
        canvas.shapes.append(cv.Line(last.x, last.y, to.x, to.y, paint=pen))
        last = to
        lines.value = f"{len(canvas.shapes)} lines"

    def clear(e):
        canvas.shapes.clear()
        lines.value = "0 lines"

    canvas.content = ft.GestureDetector(
        on_pan_start=start,
        on_pan_update=draw,
        key="board",
    )
    page.add(
        ft.Container(canvas, border=ft.Border.all(1, ft.Colors.GREY)),
        ft.Row([lines, ft.Button("Clear", on_click=clear)]),
    )


ft.run(main)
