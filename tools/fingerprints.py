"""Adds the Flet of an interpreter to the table of what the accelerators know, after the proof has run on it.
    python3 tools/fingerprints.py PYTHON...
Each PYTHON is an interpreter with Flet, such as build/venv/1.0.5/bin/python."""

import subprocess
import sys
from pathlib import Path

ACCELERATE = Path(__file__).resolve().parents[1] / "python/fletbridge/accelerate"

ASK = """
import importlib, importlib.util, sys
spec = importlib.util.spec_from_file_location("accelerate", sys.argv[1] + "/__init__.py",
                                              submodule_search_locations=[sys.argv[1]])
package = importlib.util.module_from_spec(spec)
package.hosted = True
sys.modules["accelerate"] = package
spec.loader.exec_module(package)
from accelerate import identity
known = {place: set(prints) for place, prints in identity.table().items()}
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
            known.setdefault(place, set()).add(found)
print(sys.implementation.cache_tag.replace("-", "_"))
print('\"\"\"Made by tools/fingerprints.py: the functions of Flet that the accelerators know.\"\"\"\\n')
print("FINGERPRINTS = {")
for place in sorted(known):
    print("    %r: {%s}," % (place, ", ".join(map(hex, sorted(known[place])))))
print("}")
"""


def main():
    for python in sys.argv[1:]:
        run = subprocess.run([python, "-c", ASK, str(ACCELERATE)], capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{python} could not be asked: {run.stderr.strip().splitlines()[-1]}")
        tag, table = run.stdout.split("\n", 1)
        (ACCELERATE / "known" / f"{tag}.py").write_text(table)


if __name__ == "__main__":
    main()
