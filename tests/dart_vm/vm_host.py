"""Starts dart_vm_host, which for a real VM needs a display. Room: tests/dart_vm; tests/bench uses it.

It ends with whoever has started it, however that ends, and leaves no files: the engine is given no home to write into.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/e2e"))

from display import end_with_me  # noqa: E402

BIN = pathlib.Path(os.environ.get("FLETBRIDGE_BIN", ROOT / "build/release/bin"))
# Taken out of the environment, or fletbridge would say that it has no such setting.
ORIGINAL = pathlib.Path(os.environ.pop("FLETBRIDGE_ORIGINAL", ROOT.parent / "shared/baseline/libdart_bridge.so"))
OURS = pathlib.Path(os.environ.pop("FLETBRIDGE_BRIDGE", BIN.parent / "lib/libdart_bridge.so"))
CLIENT = ROOT / "build/clients/0.82.2/flet"
PROGRAMS = pathlib.Path(__file__).with_name("programs.py")
PYTHON_HOME = "/usr"  # of the libpython that the libraries load
LIBPYTHON = "libpython3.11.so.1.0"


def why_no_real_vm():
    """Why the real VM cannot be had here, as one line; None if it can."""
    if not (CLIENT / "lib/libflutter_linux_gtk.so").exists():
        return f"no Flutter engine in {CLIENT.relative_to(ROOT)}; run tools/setup.sh"
    if table_offset() is None:
        return "the engine's symbols do not tell where dart::dart_api_data lies"
    return None


def table_offset(found=[]):
    if not found:
        symbols = subprocess.run(["nm", "-C", CLIENT / "lib/libflutter_linux_gtk.so"],
                                 capture_output=True, text=True, check=True).stdout
        lines = [line.split() for line in symbols.splitlines() if line.endswith(" dart::dart_api_data")]
        found.append(int(lines[0][0], 16) if len(lines) == 1 else None)
    return found[0]


def command(library, scenario, vm, options):
    line = [BIN / "dart_vm_host", "--library", library, "--libpython", LIBPYTHON, "--python-home",
            PYTHON_HOME, "--programs", PROGRAMS, "--vm", vm]
    if vm == "real":
        line += ["--client", CLIENT, "--table-offset", table_offset()]
    for key, value in options.items():
        flag = "--" + key.replace("_", "-")
        line += [flag] if value is True else [flag, value]
    return [str(part) for part in [*line, scenario]]


def environment(display=None):
    result = dict(os.environ, HOME="/nonexistent", XDG_CONFIG_HOME="/nonexistent", XDG_CACHE_HOME="/nonexistent",
                  PYTHONDONTWRITEBYTECODE="1", **(display.environment if display else {}))
    result.pop("WAYLAND_DISPLAY", None)
    return result


def run(library, scenario, *, vm="fake", display=None, timeout=300, **options):
    """One scenario; the object that the host prints. Its stderr is in the exception if it fails."""
    host = subprocess.run(command(library, scenario, vm, options), env=environment(display), text=True,
                          capture_output=True, timeout=timeout, preexec_fn=end_with_me(signal.SIGKILL))
    if host.returncode != 0:
        raise RuntimeError(f"{scenario} on {library}, {vm} VM: exit code {host.returncode}\n{host.stderr}")
    result = json.loads(host.stdout.splitlines()[-1])
    result["stderr"] = host.stderr
    return result
