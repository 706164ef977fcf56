"""Adds the Flet of an interpreter to the table of what the accelerators know, after the proof has run on it.
    python3 tools/fingerprints.py [--steps N] [--build DIR] PYTHON...
    python3 tools/fingerprints.py --check PYTHON...
Each PYTHON is an interpreter with Flet, such as build/venv/1.0.5/bin/python. The proof is tests/accelerate: N steps of
generated pages with the table as it would be; if they differ from Flet's own, the table stays as it is and what
differs is said. --check: whether the table has of these interpreters' Flet what it would be given, and no more."""

import argparse
import ast
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ACCELERATE = ROOT / "python/fletbridge/accelerate"

ASK = """
import importlib, importlib.metadata, importlib.util, json, sys
spec = importlib.util.spec_from_file_location("accelerate", sys.argv[1] + "/__init__.py",
                                              submodule_search_locations=[sys.argv[1]])
package = importlib.util.module_from_spec(spec)
package.hosted = True
sys.modules["accelerate"] = package
spec.loader.exec_module(package)
from accelerate import identity
prints = {}
for name, module in package.TRIGGERS.items():
    try:
        importlib.import_module(module)
    except ImportError:
        continue
    part = importlib.import_module("accelerate." + name)
    for place in [*part.RELIES, *getattr(part, "KNOWN", ())]:
        try:
            found = identity.fingerprint(identity.find(place))
        except (ImportError, KeyError):
            continue
        if found is not None:
            prints[place] = found
print(json.dumps({"tag": sys.implementation.cache_tag.replace("-", "_"), "prints": prints,
                  "flet": importlib.metadata.version("flet"), "python": "%d.%d" % sys.version_info[:2]}))
"""


def ask(python):
    run = subprocess.run([python, "-c", ASK, str(ACCELERATE)], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{python} could not be asked: {run.stderr.strip().splitlines()[-1]}")
    return json.loads(run.stdout)


def read(tag):
    file = ACCELERATE / "known" / f"{tag}.py"
    return ast.literal_eval(file.read_text().partition("FINGERPRINTS = ")[2]) if file.exists() else {}


def version_of(place, told):
    return told["flet"] if place.startswith("flet.") else told["python"]


def without(table, told):
    """The table without what that Flet gave it. What is Python's own stays: other Flets may have asked for it."""
    left = {}
    for place, prints in table.items():
        if not place.startswith("flet."):
            left[place] = prints
            continue
        kept = {found: " ".join(version for version in versions.split() if version != version_of(place, told))
                for found, versions in prints.items()}
        kept = {found: versions for found, versions in kept.items() if versions}
        if kept:
            left[place] = kept
    return left


def added(table, told):
    table = {place: dict(prints) for place, prints in table.items()}
    for place, found in told["prints"].items():
        prints = table.setdefault(place, {})
        prints[found] = " ".join(sorted({*prints.get(found, "").split(), version_of(place, told)}))
    return table


def text_of(table):
    lines = ['"""Made by tools/fingerprints.py: the functions of Flet that the accelerators know, and of which versions."""',
             "", "FINGERPRINTS = {"]
    for place in sorted(table):
        prints = ", ".join(f'{found:#x}: "{versions}"' for found, versions in sorted(table[place].items()))
        lines.append(f'    "{place}": {{{prints}}},')
    return "\n".join([*lines, "}", ""])


def prove(python, tag, text, options):
    """What the proof says of the table, or None if it finds nothing."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "fletbridge/accelerate"
        shutil.copytree(ACCELERATE, package, ignore=shutil.ignore_patterns("__pycache__"))
        (package / "known" / f"{tag}.py").write_text(text)
        for native in (Path(options.build) / "lib/fletbridge/python/fletbridge/accelerate").glob("_native.*.so"):
            shutil.copy2(native, package)
        run = subprocess.run(
            [sys.executable, str(ROOT / "tests/accelerate/sameness.py"), "--python", python, "--package", folder,
             "--count", str(options.steps)], capture_output=True, text=True)
        return None if run.returncode == 0 else (run.stdout + run.stderr).strip()


def check(python):
    told = ask(python)
    table = read(told["tag"])
    # What is not Flet's is the same for all Flets of one Python, each of which may ask for more of it.
    here = {place: found for place, prints in table.items() for found, versions in prints.items()
            if version_of(place, told) in versions.split() and (place.startswith("flet.") or place in told["prints"])}
    wrong = sorted(place for place in {*here, *told["prints"]} if here.get(place) != told["prints"].get(place))
    if wrong or text_of(table) != (ACCELERATE / "known" / f"{told['tag']}.py").read_text():
        sys.exit(f"the table is not that of Flet {told['flet']}: {', '.join(wrong[:5]) or 'it was written by hand'}; "
                 f"python3 tools/fingerprints.py {python}")
    print(f"Flet {told['flet']}, {told['tag']}: {len(told['prints'])} functions as they are in the table")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--build", default=str(ROOT / "build/release"))
    parser.add_argument("pythons", nargs="+", metavar="PYTHON")
    options = parser.parse_args()
    for python in options.pythons:
        if options.check:
            check(python)
            continue
        told = ask(python)
        text = text_of(added(without(read(told["tag"]), told), told))
        why = prove(python, told["tag"], text, options)
        if why:
            sys.exit(f"{why}\nFlet {told['flet']} of {python} was not added: the proof has found this")
        (ACCELERATE / "known" / f"{told['tag']}.py").write_text(text)
        print(f"Flet {told['flet']}, {told['tag']}: {len(told['prints'])} functions, after {options.steps} steps")


if __name__ == "__main__":
    main()
