"""A web server in the same loop as Flet."""
import asyncio

import flet as ft
import uvicorn


async def api(scope, receive, send):
    pass


async def both():
    server = uvicorn.Server(uvicorn.Config(api, port=0))
    serving = asyncio.create_task(server.serve())  # expect: FB107 differs differs differs
    await ft.run_async(lambda page: None)
    server.should_exit = True
    await serving


asyncio.run(both())  # expect: FB208 differs differs differs
