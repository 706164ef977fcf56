"""A thousand broken frames from either side: no crash, no hang, no growth, and the next works."""

import contextlib
import os
import random
import struct
import time
import unittest

import g3
from harness import PATIENCE, every_variant, open_fds, status_kib

SEED = int(os.environ.get("FLETBRIDGE_E2E_SEED", "20240501"))
FRAMES = 1000

COUNTER = """
import flet as ft

def main(page):
    text = ft.Text("0")

    def plus(e):
        text.value = str(int(text.value) + 1)

    page.add(text, ft.Button("plus", on_click=plus))

ft.run(main)
"""

# An "app" that speaks the protocol by hand, over whatever the stage gives it, and sends the broken
# frames in place of patches. It answers the registration properly and ends with a proper patch.
EVIL = """
import asyncio, os, struct, sys
frames = eval(open(os.environ["E2E_FRAMES"]).read())
import msgpack

def registered():
    page = {"_c": "Page", "_i": 1, "views": [{"_c": "View", "_i": 3, "controls": []}]}
    return msgpack.packb([1, {"session_id": "s", "page_patch": page, "error": ""}])

def shown(text):
    return msgpack.packb([2, {"id": 1, "patch": [[0, {"views": [1, {0: [2]}]}],
        [0, 2, "controls", [{"_c": "Text", "_i": 9, "value": text}]]]}])

def packets():
    yield b"\\0" + registered()
    yield b"\\0" + shown("begin")
    yield from frames
    # Whatever the broken ones have made of the tree, this one stands.
    view = {"_c": "View", "_i": 50, "controls": [{"_c": "Text", "_i": 51, "value": "done"}]}
    yield b"\\0" + msgpack.packb([2, {"id": 1, "patch": [[0], [0, 0, "views", [view]]]}])

async def serve(reader, writer):
    await reader.readexactly(5)
    for packet in packets():
        writer.write(struct.pack("<I", len(packet)) + packet)
        await writer.drain()
    while await reader.read(65536):
        pass
    ended.set()

async def sockets():
    global ended
    ended = asyncio.Event()
    port = int(os.environ.get("FLET_SERVER_PORT", 0))
    if port:
        server = await asyncio.start_server(serve, "127.0.0.1", port)
    else:
        server = await asyncio.start_unix_server(serve, os.environ["FLET_SERVER_UDS_PATH"])
    await ended.wait()
    server.close()

def bridge():
    import dart_bridge, threading
    port = int(os.environ["FLET_DART_BRIDGE_PORT"])
    first = threading.Event()
    dart_bridge.set_enqueue_handler_func(port, lambda packet: first.set())
    first.wait(30)
    for packet in packets():
        dart_bridge.send_bytes(port, packet)
    try:
        threading.Event().wait(60)
    except KeyboardInterrupt:
        pass

if os.environ.get("FLET_DART_BRIDGE_PORT"):
    bridge()
else:
    asyncio.run(sockets())
"""


def random_value(rng, depth=0):
    kinds = ["int", "str", "bytes", "none", "bool", "float", "ext"]
    if depth < 4:
        kinds += ["list", "map", "list", "map"]
    kind = rng.choice(kinds)
    if kind == "int":
        return rng.choice([0, 1, 2, 3, 9, -1, 1 << 31, (1 << 64) - 1, -(1 << 63),
                           rng.randrange(100)])
    if kind == "str":
        return rng.choice(["", "_c", "_i", "views", "controls", "value", "x" * rng.randrange(300),
                           "\0"])
    if kind == "bytes":
        return rng.randbytes(rng.randrange(40))
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "float":
        return rng.choice([0.0, float("nan"), float("inf"), 1e308])
    if kind == "ext":
        return g3.msgpack.ExtType(rng.randrange(127), rng.randbytes(rng.randrange(20)))
    if kind == "list":
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(5))]
    if kind == "map":
        return {rng.choice(["_c", "_i", "id", "patch", "target", "name", "props", str(rng.random()),
                            rng.randrange(5)]): random_value(rng, depth + 1)
                for _ in range(rng.randrange(5))}
    return None


def mutate(rng, sample):
    """One broken packet ([type][payload]) made from a good one."""
    packet = bytearray(b"\0" + sample)
    how = rng.randrange(7)
    if how == 0:  # bits
        for _ in range(rng.randrange(1, 8)):
            packet[rng.randrange(len(packet))] ^= 1 << rng.randrange(8)
    elif how == 1:  # cut
        del packet[rng.randrange(1, len(packet)):]
    elif how == 2:  # wrong type
        packet[0] = rng.randrange(1, 256)
    elif how == 3:  # random MessagePack
        packet[1:] = g3.pack(random_value(rng))
    elif how == 4:  # random bytes
        packet[1:] = rng.randbytes(rng.randrange(0, 400))
    elif how == 5:  # the right frame of a message around a random body
        packet[1:] = g3.pack([rng.randrange(0, 9), random_value(rng)])
    else:  # containers that promise more than there is
        packet[1:] = rng.choice([b"\xdf\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff",
                                 b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\x91" * 5000,
                                 b"\x81\xa1a" * 5000])
    return bytes(packet)


@every_variant
class BadInput:
    def samples(self):
        return [g3.pack([g3.REGISTER, {"session_id": None, "page_name": "x", "page": g3.PAGE}]),
                g3.pack([g3.EVENT, {"target": 10, "name": "click", "data": None}]),
                g3.pack([g3.PROPS, {"id": 1, "props": {"width": 10.0, "route": "/x"}}]),
                g3.pack([g3.INVOKE, {"control_id": 1, "call_id": "abcdefghij", "result": None,
                                     "error": None}])]

    def testThousandFramesIntoAttach(self):
        run = self.box.attach(self.variant, self.box.write("app.py", COUNTER))
        self.next_client_works(run)
        rng = random.Random(SEED)
        samples = self.samples()
        sent, warm, fds = 0, None, None
        while sent < FRAMES:
            if sent >= FRAMES // 5 and warm is None:
                self.next_client_works(run)
                warm, fds = status_kib(run.pid, "VmRSS"), len(open_fds(run.pid))
            client = g3.Client(g3.connect(run.address, 20, run.alive))
            with contextlib.suppress(g3.Closed), client:
                if rng.random() < 0.3:
                    client.register(5)
                for _ in range(5):
                    packet = mutate(rng, rng.choice(samples))
                    length = len(packet)
                    if rng.random() < 0.1:  # a length that lies
                        length = rng.choice([0, 1, length + 1, length - 1, 1 << 26, 1 << 31,
                                             0xFFFFFFF0])
                    sent += 1
                    client.send_raw(struct.pack("<I", length) + packet, 10)
            self.assertTrue(run.alive(), f"seed {SEED}, after frame {sent}{run.shown()}")
        self.next_client_works(run)
        grown = status_kib(run.pid, "VmRSS") - warm
        self.assertLess(grown, 32 * 1024, f"{grown} KiB more after {FRAMES} frames")
        # The last client's connections may still be closing, on both sides of this process.
        deadline = time.monotonic() + 5 * PATIENCE
        while len(open_fds(run.pid)) > fds + 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertLessEqual(len(open_fds(run.pid)), fds + 1)
        self.assertEqual(self.stop(run), 143, run.shown())

    def next_client_works(self, run):
        client = self.client(run)
        client.expect_text("0", 20)
        client.click("plus")
        client.expect_text("1")
        client.close()

    def testThousandFramesIntoTheHeadlessClient(self):
        rng = random.Random(SEED)
        node = {"_c": "Text", "_i": 9, "value": "x"}
        samples = [
            g3.pack([g3.PATCH, {"id": 1, "patch": [[0, {"views": [1, {0: [2]}]}],
                                                   [0, 2, "controls", [node, node]]]}]),
            g3.pack([g3.PATCH, {"id": 3, "patch": [[0, {"controls": [1]}], [1, 1, 0, node]]}]),
            g3.pack([g3.PATCH, {"id": 3, "patch": [[0, {"controls": [1]}], [2, 1, 0]]}]),
            g3.pack([g3.PATCH, {"id": 3, "patch": [[0, {"controls": [1]}], [3, 1, 0, 1, 1]]}]),
            g3.pack([g3.PATCH, {"id": 9, "patch": [[0], [0, 0, "value", "y"]]}]),
            g3.pack([g3.INVOKE, {"control_id": 1, "call_id": "abcdefghij", "name": "get",
                                 "args": {"key": "k"}}])]
        frames = [mutate(rng, rng.choice(samples)) for _ in range(FRAMES)]
        file = self.box.name("frames")
        file.write_text(repr(frames))
        run = self.box.headless(self.variant, self.box.write("app.py", EVIL),
                                steps='wait text="begin" 30s\nwait text="done" 30s\n',
                                env={"E2E_FRAMES": file})
        code = run.wait(60)
        # A broken frame may end the session with an error (70) or fail a step (1); it may do no harm.
        self.assertIn(code, (0, 1, 70), f"seed {SEED}{run.shown()}")
        self.assertEqual(bool(code), bool(run.err), run.shown())
        self.assertNotIn("terminate called", run.text[1])

    def testHugeFrameFromTheAppIsRefused(self):
        if self.variant.stage == "3":
            return  # a direct call brings its packet whole: there is no header to lie
        source = EVIL.replace("    for packet in packets():\n        writer.write(",
                              "    writer.write(struct.pack('<I', 0xfffffff0) + b'\\0')\n"
                              "    for packet in packets():\n        writer.write(")
        file = self.box.name("frames")
        file.write_text("[]")
        run = self.box.headless(self.variant, self.box.write("app.py", source),
                                steps='wait text="done" 5s\n', env={"E2E_FRAMES": file})
        self.assertIn(run.wait(20), (1, 70), run.shown())
        self.assertRegex(run.text[1], r"42949672(80|79)")
        self.assertRegex(run.text[1], r"67108864|64 MiB")


if __name__ == "__main__":
    unittest.main()
