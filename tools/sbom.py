"""Writes what a build has of others inside of it, as CycloneDX 1.5: the bill of materials of a release.

    python3 tools/sbom.py [--build build/deb] [FILE]

Asks the build itself: which headers each object was compiled with, which archives were linked, which files lie beside
them; and dpkg which package, in which version, those come from. What is inside and has no row below is an error, so
that NOTICE cannot miss it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Debian package, as an expression: name in NOTICE, its licence by SPDX, what of it is inside.
INSIDE = {
    r"libboost[0-9.]*-dev": ("Boost", "BSL-1.0", "headers"),
    r"libmsgpack-cxx-dev": ("MessagePack for C++", "BSL-1.0", "headers"),
    r"nlohmann-json3-dev": ("JSON for Modern C++", "MIT", "headers"),
    r"libtomlplusplus-dev": ("toml++", "MIT", "headers"),
    r"libcli11-dev": ("CLI11", "BSD-3-Clause", "headers"),
    r"libbrotli-dev": ("Brotli", "MIT", "archive"),
    r"libmd-dev": ("libmd", "BSD-3-Clause", "archive"),
    r"libxcb1-dev|libxcb-[a-z]+0-dev": ("libxcb", "X11", "archive"),
    r"libxau-dev": ("libXau", "X11", "archive"),
    r"libxdmcp-dev": ("libXdmcp", "X11", "archive"),
    r"libstdc\+\+-[0-9]+-dev": ("libstdc++", "GPL-3.0-or-later WITH GCC-exception-3.1", "archive"),
    r"libpython3[0-9.]*-dev": ("CPython", "PSF-2.0", "archive"),
}
# Declares what is the machine's own; nothing of it is inside.
OUTSIDE = re.compile(r"libc6-dev|linux-libc-dev|libgcc-[0-9]+-dev|libcurl4-[a-z]+-dev|libpython3[0-9.]*-dev|x11proto-dev|libx11-dev")


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def headers(build):
    """Those outside of this tree that an object which is shipped was compiled with."""
    found = set()
    shipped = False
    for line in run("ninja", "-C", build, "-t", "deps").splitlines():
        if not line.startswith(" "):
            shipped = bool(line) and not line.startswith("tests/") and "/CMakeFiles/unit_" not in line
        elif shipped:
            found.add(os.path.normpath(os.path.join(build, line.strip())))
    return {path for path in found if not path.startswith(f"{ROOT}/") or path.startswith(f"{ROOT}/build/deps/")}


def archives(build):
    """What the links name of the system's archives."""
    found = set()
    for line in run("ninja", "-C", build, "-t", "commands").splitlines():
        if "/tests/" in line or " -o bin/unit_" in line:
            continue
        found.update(word for word in re.findall(r"(?<=\s)/\S+\.a\b", line) if not word.startswith(f"{ROOT}/"))
        if "-static-libstdc++" in line:
            found.add(os.path.realpath(run("c++", "-print-file-name=libstdc++.a").strip()))
    return found


def packages_of(paths):
    """The Debian packages of files: those that have none are files of a person's own, such as another Python."""
    owners = {}
    paths = sorted({os.path.realpath(path) for path in paths} | set(paths))
    for start in range(0, len(paths), 500):
        said = subprocess.run(["dpkg-query", "-S", *paths[start:start + 500]], capture_output=True, text=True, check=False).stdout
        for line in said.splitlines():
            names, _, path = line.partition(": ")
            for name in names.split(", "):
                owners.setdefault(name.split(":")[0], set()).add(path)
    return owners


def version_of(package):
    return run("dpkg-query", "-W", "-f", "${Version}\n", package).splitlines()[0]


def component(name, version, licence, purl=None):
    """An SPDX id, or an expression of such."""
    return {"type": "library", "name": name, "version": version,
            "licenses": [{"expression": licence} if " " in licence else {"license": {"id": licence}}],
            **({"purl": purl} if purl else {})}


def components(build):
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    distribution = release.get("ID", "debian").strip('"')
    taken = headers(build)
    found = {}

    def add(package, kind):
        for pattern, (name, licence, how) in INSIDE.items():
            if re.fullmatch(pattern, package) and how == kind:
                version = version_of(package)
                found[name] = component(name, version, licence, f"pkg:deb/{distribution}/{package}@{version}".replace("+", "%2B"))
                return
        if kind == "archive" or not (OUTSIDE.fullmatch(package) or any(re.fullmatch(p, package) for p in INSIDE)):
            sys.exit(f"sbom: {package} is inside of the programs, and neither NOTICE nor tools/sbom.py knows it")

    for package in packages_of(taken):
        add(package, "headers")
    for package in packages_of(archives(build)):
        add(package, "archive")
    deps = Path(os.environ.get("FLETBRIDGE_DEPS", ROOT / "build/deps"))
    master = [Path(path) for path in taken if path.endswith("/msgpack/version_master.hpp")]
    if any("/msgpack/" in path for path in taken) and "MessagePack for C++" not in found:
        text = (master[0] if master else deps / "msgpack/usr/include/msgpack/version_master.hpp").read_text()
        version = ".".join(re.findall(r"VERSION_(?:MAJOR|MINOR|REVISION)\s+(\d+)", text))
        found["MessagePack for C++"] = component("MessagePack for C++", version, "BSL-1.0", f"pkg:github/msgpack/msgpack-c@cpp-{version}")
    if (Path(build) / "lib/fletbridge/compare/plotly.min.js").exists():
        version = (deps / "plotly/version").read_text().strip()  # the Python package's
        script = re.search(r"plotly\.js v([0-9.]+)", (Path(build) / "lib/fletbridge/compare/plotly.min.js").read_text()[:400])
        found["plotly.js"] = component("plotly.js", script.group(1) if script else version, "MIT",
                                       f"pkg:npm/plotly.js-dist-min@{script.group(1)}" if script else f"pkg:pypi/plotly@{version}")
    return [found[name] for name in sorted(found, key=str.lower)]


def bill(build):
    version = re.search(r"project\(fletbridge VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": {"component": {"type": "application", "name": "fletbridge", "version": version,
                                       "licenses": [{"license": {"id": "Apache-2.0"}}]}},
            "components": components(build)}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", default=ROOT / "build/deb")
    options.add_argument("file", nargs="?")
    given = options.parse_args()
    text = json.dumps(bill(given.build), indent=2) + "\n"
    if given.file:
        Path(given.file).write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
