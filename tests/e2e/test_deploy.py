"""What deploy/ has: nginx in front of two processes, as Debian packages it, and manifests that Kubernetes takes."""

import os
import re
import signal
import ssl
import subprocess
import unittest
from pathlib import Path

from harness import PATIENCE, ROOT, Variant, free_port
from test_web_operation import WHERE, Browser, Operated

NGINX = Path(os.environ.get("FLETBRIDGE_NGINX") or ROOT / "build/deps/nginx/usr/sbin/nginx")
VALIDATE = Path(os.environ.get("FLETBRIDGE_KUBERNETES_VALIDATE") or ROOT / "build/venv/tools/bin/kubernetes-validate")
DEPLOY = ROOT / "deploy"


class Nginx:
    """Debian's nginx with our part of a configuration, as a program of this test."""

    def __init__(self, test, ports):
        self.folder = test.box.home / "nginx"
        self.port = free_port()
        for name in ("", "logs", "body", "proxy", "fastcgi", "uwsgi", "scgi"):
            (self.folder / name).mkdir(exist_ok=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.folder / "tls.key",
                        "-out", self.folder / "tls.crt"], check=True, capture_output=True)
        part = (DEPLOY / "nginx/fletbridge.conf").read_text()
        for old, new in (("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"),
                         ("/etc/fletbridge/tls", f"{self.folder}/tls"),
                         ("127.0.0.1:8551", f"127.0.0.1:{ports[0]}"), ("127.0.0.1:8552", f"127.0.0.1:{ports[1]}")):
            test.assertIn(old, part)
            part = part.replace(old, new)
        paths = "".join(f"{kind}_temp_path {self.folder}/{name};\n" for kind, name in
                        (("client_body", "body"), ("proxy", "proxy"), ("fastcgi", "fastcgi"), ("uwsgi", "uwsgi"),
                         ("scgi", "scgi")))
        self.conf = self.folder / "nginx.conf"
        # As root nginx would change to a user who cannot read this folder.
        self.conf.write_text(("user root;\n" if os.getuid() == 0 else "") + f"""
daemon off;
worker_processes 1;
pid {self.folder}/nginx.pid;
error_log stderr notice;
events {{ worker_connections 512; }}
http {{
access_log off;
{paths}
{part}
}}
""")
        self.run = test.box.launch([NGINX, "-p", self.folder, "-e", "stderr", "-c", self.conf])
        self.run.wait_line("start worker process ", 60)

    def reload(self):
        self.run.signal(signal.SIGHUP)
        self.run.wait_line("gracefully shutting down", 60)

    def end(self):
        self.run.signal(signal.SIGTERM)
        return self.run.wait(30)


class Visitor(Browser):
    """Speaks TLS to nginx."""

    def __init__(self, test, number=0):
        super().__init__(test, f"visitor {number}", f"127.0.0.1:{test.nginx.port}",
                         ssl.create_default_context(cafile=test.nginx.folder / "tls.crt"))
        test.assertEqual(self.open("/"), 200)
        self.come()


class NginxInFront(Operated):
    variant = Variant("3", "ffi")

    def testTwoProcessesShareTheBrowsersAndNothingIsLostByAReloadOrAnEnd(self):
        key = self.box.write("web.key", "0123456789abcdef" * 2)
        key.chmod(0o600)
        app = self.box.write("app.py", WHERE)
        runs, ports = [], []
        for _ in range(2):
            runs.append(self.serve(self.variant, app, "--web-key", key, "--drain", "600",
                                   "--trusted-proxy", "127.0.0.1"))
            ports.append(self.port)
        self.nginx = Nginx(self, ports)

        # Until both have one: which process a browser gets is chance.
        visitors = [Visitor(self)]
        while len({v.process() for v in visitors}) < 2:
            self.assertLess(len(visitors), 64, "all browsers are sent to one process")
            visitors.append(Visitor(self, len(visitors)))
        one, other = visitors[0], visitors[-1]
        where = one.process(), other.process()
        for run in runs:  # what the app sees is the address that the browser has
            run.wait_line(rf"MAIN 127\.0\.0\.1 visitor \d+ wss://127\.0\.0\.1:{self.nginx.port}")

        # A browser comes back to its session.
        for visitor in one, other:
            visitor.click()
            visitor.client.close()
            visitor.come(visitor.client.session_id)
            self.assertEqual(visitor.client.texts()[0], "1")
        self.assertEqual((one.process(), other.process()), where)

        # What is open goes on through a reload, and what is new is served by the new process of nginx.
        self.nginx.reload()
        for visitor in one, other, Visitor(self, 100):
            visitor.click()

        # One process ends: its session goes on, and whoever comes gets the other one.
        first = next(run for run in runs if run.pid in where[0])
        first.signal(signal.SIGTERM)
        first.wait_line("no new sessions from here on", 60)
        one.click()
        for number in range(200, 206):
            visitor = Visitor(self, number)
            self.assertEqual(visitor.process(), other.process())
            visitor.client.close()
        for visitor in visitors:
            if visitor.process() == where[0]:
                visitor.click()
                visitor.client.close()
        for run in runs:
            if run is not first:
                other.click()
                run.signal(signal.SIGTERM)
                run.wait_line("no new sessions", 60)
                run.signal(signal.SIGTERM)
            else:
                first.signal(signal.SIGTERM)
            self.assertEqual(run.wait(60), 143, run.shown())
        self.nginx.end()


class Kubernetes(unittest.TestCase):
    def testTakesTheManifests(self):
        manifests = DEPLOY / "kubernetes/fletbridge.yaml"
        for version in "1.29", "1.37":
            checked = subprocess.run([VALIDATE, "--strict", "-k", version, manifests], capture_output=True, text=True,
                                     timeout=120 * PATIENCE)
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        # What is wrong is seen.
        broken = subprocess.run([VALIDATE, "--strict", "-"], text=True, capture_output=True, timeout=120 * PATIENCE,
                                input=manifests.read_text().replace("containerPort", "containersPort"))
        self.assertNotEqual(broken.returncode, 0)

    def testTheyAskForWhatThereIs(self):
        text = (DEPLOY / "kubernetes/fletbridge.yaml").read_text()
        self.assertGreater(int(re.search(r"terminationGracePeriodSeconds: (\d+)", text)[1]),
                           int(re.search(r'--drain, "(\d+)"', text)[1]))
        figures = (ROOT / "src/ui/web/figures.cc").read_text()
        for name in re.findall(r"name: (fletbridge_\w+)\}", text):
            self.assertIn(f'"{name}"', figures)
        commands = (ROOT / "docs/commands.md").read_text()
        for option in re.findall(r"--[a-z-]+", text.partition("args:")[2].partition("ports:")[0]):
            self.assertTrue(option in commands, option)


if __name__ == "__main__":
    unittest.main()
