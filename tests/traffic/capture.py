#!/usr/bin/env python3
"""Captures what real apps and Flet's real desktop client of 0.82.2 say to each other.

    tools/setup.sh && python3 tests/traffic/capture.py

Writes for each app `APP.app` and `APP.client` beside this file: the bytes as they were on the app's
and the client's socket, from the app and from the client. Needs a display of no one (Xvfb). The unit
tests of common/wire read the files; they are made again only for other versions of Flet.
"""

import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "e2e"))
sys.path.insert(1, str(next((ROOT / "build/venv/1.0.5/lib").glob("python3*/site-packages"))))

import msgpack  # noqa: E402
from display import Display  # noqa: E402

CLIENT = ROOT / "build/clients/0.82.2/flet"


def read_exactly(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


class Relay:
    """Between the client's socket and the app's; keeps what passes, and frames for generation 3."""

    def __init__(self, folder, framed):
        self.framed = framed
        self.from_app, self.from_client = bytearray(), bytearray()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / "ui.sock"))
        self.listener.listen()
        self.app_path = str(folder / "app.sock")
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        self.client, _ = self.listener.accept()
        self.app = socket.socket(socket.AF_UNIX)
        while self.app.connect_ex(self.app_path):
            time.sleep(0.01)
        threading.Thread(target=self._to_client, daemon=True).start()
        unpacker = msgpack.Unpacker(strict_map_key=False)
        passed = 0
        while data := self.client.recv(1 << 16):
            self.from_client += data
            if not self.framed:
                self.app.sendall(data)
                continue
            unpacker.feed(data)
            for _ in unpacker:
                message = self.from_client[passed:unpacker.tell()]
                passed = unpacker.tell()
                self.app.sendall(struct.pack("<IB", len(message) + 1, 0) + message)

    def _to_client(self):
        try:
            while True:
                if self.framed:
                    head = read_exactly(self.app, 5)
                    message = read_exactly(self.app, struct.unpack_from("<I", head)[0] - 1)
                    self.from_app += head + message
                    if head[4] != 0:
                        continue
                else:
                    message = self.app.recv(1 << 16)
                    if not message:
                        return
                    self.from_app += message
                self.client.sendall(message)
        except (EOFError, OSError):
            return


def wait(what, holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} was never seen within {seconds} s")
        time.sleep(0.05)


def capture(version, framed):
    with tempfile.TemporaryDirectory() as name, Display() as display:
        folder = pathlib.Path(name)
        relay = Relay(folder, framed)
        app = subprocess.Popen([ROOT / f"build/venv/{version}/bin/python", HERE / "app.py"], stdin=subprocess.DEVNULL,
                               env={**os.environ, **display.environment, "FLET_PLATFORM": "linux",
                                    "FLET_SERVER_UDS_PATH": relay.app_path})
        client = subprocess.Popen([CLIENT / "flet", folder / "ui.sock", folder / "pid"], stdin=subprocess.DEVNULL,
                                  env={**os.environ, **display.environment}, stdout=subprocess.DEVNULL)
        try:
            wait("the button", lambda: display.picture().pixel(300, 600) not in (b"\0\0\0", display.picture().pixel(1200, 600)))
            time.sleep(1)  # fonts settle, and the field has the focus
            display.type("Jo")
            wait("the typed text", lambda: relay.from_client.count(b"change") >= 1)
            time.sleep(1)
            for wanted, count in ((b"value\xa11", 1), (b"value\xa222", 1)):
                display.click((280, 580, 320, 620))
                wait(wanted, lambda: relay.from_app.count(wanted) >= count)
                time.sleep(0.5)
        finally:
            client.terminate()
            app.terminate()
            client.wait()
            app.wait()
        (HERE / f"flet-{version}.app").write_bytes(relay.from_app)
        (HERE / f"flet-{version}.client").write_bytes(relay.from_client)
        print(f"{version}: {len(relay.from_app)} bytes of the app, {len(relay.from_client)} of the client")


if __name__ == "__main__":
    capture("0.82.2", framed=False)
    capture("1.0.5", framed=True)
