"""`fletbridge client get`: a desktop client of Flet's by pip or from an address, checked, kept, not fetched twice."""

import hashlib
import http.server
import io
import tarfile
import threading
import unittest
import zipfile

from harness import BIN, E2E, PYTHON, ROOT

ARCHIVE = ROOT / "build/venv/0.82.2/lib"
DEAD_PROXY = "http://127.0.0.1:1"


def made_up_archive():
    """With what a client must have; nobody runs it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in (("lib/libflutter_linux_gtk.so", b"an engine"), ("data/icudtl.dat", b"\x20\0\xda\x27 letters"),
                              ("lib/libapp.so", b"code package:flet/src/protocol/register_client_request_body.dart"),
                              ("data/flutter_assets/version.json", b"{}")):
            info = tarfile.TarInfo("flet/" + name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


class ClientGet(E2E):
    def wheel(self, version, content):
        """As the package flet-desktop brings it, in a folder that pip takes for an index."""
        folder = self.box.home / "index"
        folder.mkdir(exist_ok=True)
        info = f"flet_desktop-{version}.dist-info"
        with zipfile.ZipFile(folder / f"flet_desktop-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr("flet_desktop/app/flet-linux-amd64.tar.gz", content)
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: flet-desktop\nVersion: {version}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
        return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": folder, "PIP_CONFIG_FILE": "/dev/null"}

    def get(self, *words, env, code=0):
        run = self.box.launch([BIN / "fletbridge", "client", "get", "--python", PYTHON, *words], env=env)
        self.assertEqual(run.wait(60), code, run.shown())
        if code:
            self.assertEqual(run.text[1].count("\n"), 1, run.shown())
        left = [path.name for path in (self.box.user / ".cache/fletbridge").glob("getting-*")]
        self.assertEqual(left, [])
        return run.text[0] + run.text[1]

    def testTheKnownOneComesByPipOnceAndIsPinned(self):
        packed = next(ARCHIVE.glob("python3*/site-packages/flet_desktop/app/flet-linux-amd64.tar.gz"))
        env = self.wheel("0.82.2", packed.read_bytes())
        said = self.get(env=env)
        self.assertIn(hashlib.sha256(packed.read_bytes()).hexdigest(), said)  # the folder is named so
        listed = self.box.launch([BIN / "fletbridge", "client", "list"])
        self.assertEqual(listed.wait(20), 0, listed.shown())
        self.assertIn("(added)", listed.text[0])
        # Nothing is asked for what is there.
        self.get(env={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/nonexistent"})

    def testAnotherFileThanTheKnownOneIsRefused(self):
        said = self.get(env=self.wheel("0.82.2", made_up_archive()), code=70)
        self.assertIn("is another file than expected", said)
        self.assertFalse(list((self.box.user / ".cache/fletbridge/clients").glob("*")))

    def testWithoutANetworkItIsOneLine(self):
        env = {"PIP_CONFIG_FILE": "/dev/null", "PIP_PROXY": DEAD_PROXY, "PIP_TIMEOUT": "1"}
        said = self.get(env=env, code=70)
        self.assertRegex(said, r"cannot get flet-desktop==0\.82\.2: pip: .*; check the network and its proxy")

    def testALaterOneComesFromAnAddressAndThroughAProxy(self):
        content = made_up_archive()
        asked = []

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        here = f"http://127.0.0.1:{server.server_port}"
        digest = hashlib.sha256(content).hexdigest()
        self.assertIn(digest, self.get("1.0.5", "--sha256", digest, env={"FLET_CLIENT_URL": f"{here}/client.tar.gz"}))
        self.assertEqual(asked, ["/client.tar.gz"])
        wrong = self.get("1.0.5", "--sha256", "0" * 64, env={"FLET_CLIENT_URL": "http://clients.invalid/x", "http_proxy": here},
                         code=70)
        self.assertIn("is another file than expected", wrong)
        self.assertEqual(asked[1:], ["http://clients.invalid/x"])
        none = self.get("1.0.5", "--sha256", "0" * 64, env={"FLET_CLIENT_URL": f"{DEAD_PROXY}/x"}, code=70)
        self.assertIn("cannot get http://127.0.0.1:1/x: ", none)
        self.assertIn("check the network", none)


if __name__ == "__main__":
    unittest.main()
