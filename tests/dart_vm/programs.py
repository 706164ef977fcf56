"""The Python sides of dart_vm_host, one function per program; BRIDGE_PROGRAM names it.

Bytes come in as Flet's FletDartBridgeServer takes them: the handler, which may be called on any
thread, hands them to an asyncio queue. A program says `ready` once it listens. What makes it end comes by a
pipe, not by the bridge: on the original a call that is still under way when Python ends kills its caller.
"""

import asyncio
import gc
import os
import threading

import dart_bridge

PORT = int(os.environ["BRIDGE_PORT"])
COMMANDS = int(os.environ["BRIDGE_COMMANDS"])  # a byte ends the program, or lets it go on to its end
SIZE = int(os.environ.get("BRIDGE_SIZE", "0"))
COUNT = int(os.environ.get("BRIDGE_COUNT", "0"))


class Inbox:
    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.queue = asyncio.Queue()
        self.loop.add_reader(COMMANDS, self.on_command)
        dart_bridge.set_enqueue_handler_func(PORT, self.on_bytes)
        dart_bridge.send_bytes(PORT, b"ready")

    def on_bytes(self, payload):
        self.loop.call_soon_threadsafe(self.queue.put_nowait, payload)

    def on_command(self):
        os.read(COMMANDS, 1)
        self.queue.put_nowait(b"")


async def echo():
    inbox = Inbox()
    while payload := await inbox.queue.get():
        dart_bridge.send_bytes(PORT, payload)


async def growth():
    """An echo that tells the size of Python's heap when it is asked."""
    import tracemalloc

    tracemalloc.start()
    inbox = Inbox()
    while payload := await inbox.queue.get():
        if payload == b"heap":
            gc.collect()
            payload = str(tracemalloc.get_traced_memory()[0]).encode()
        dart_bridge.send_bytes(PORT, payload)


async def sink():
    """Answers once for each COUNT messages."""
    inbox = Inbox()
    while True:
        for _ in range(COUNT):
            if not await inbox.queue.get():
                return
        dart_bridge.send_bytes(PORT, b"done")


async def source():
    """Sends COUNT messages of SIZE bytes for each that comes in. They are made beforehand, so that
    the time is the bridge's alone."""
    inbox = Inbox()
    payloads = [bytes([n % 251]) * SIZE for n in range(COUNT)]
    while await inbox.queue.get():
        for payload in payloads:
            dart_bridge.send_bytes(PORT, payload)


async def last_words():
    """Sends COUNT messages of SIZE bytes and ends at once."""
    inbox = Inbox()
    await inbox.queue.get()
    for n in range(COUNT):
        dart_bridge.send_bytes(PORT, bytes([n % 251]) * SIZE)


async def ports():
    """What send_bytes says to ports that do not take it."""
    inbox = Inbox()
    await inbox.queue.get()
    for port in (int(os.environ["BRIDGE_CLOSED_PORT"]), PORT ^ 0x5A5A5A, 0):
        try:
            answer = str(dart_bridge.send_bytes(port, b"x" * SIZE))
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        dart_bridge.send_bytes(PORT, answer.encode())


async def raising():
    inbox = Inbox()
    await inbox.queue.get()
    raise ValueError("on purpose")


async def busy():
    """As sink, while a thread computes: BRIDGE_WORK is `python`, `c` (long calls that keep the GIL) or
    `none`."""

    def in_python():
        while True:
            sum(n * n for n in range(1000))

    def in_c():
        while True:
            7**1500000

    work = {"python": in_python, "c": in_c}.get(os.environ["BRIDGE_WORK"])
    if work:
        threading.Thread(target=work, daemon=True).start()
    await sink()


asyncio.run(globals()[os.environ["BRIDGE_PROGRAM"]]())
