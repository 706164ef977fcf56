"""What Debian's policy wants of a package beside its files: copyright and changelog, compressed man pages, no symbols that
nobody links.

    debian_documents.py PACKAGE VERSION PREFIX

Called by CPack's installation. SOURCE_DATE_EPOCH is the time of the newest entry; else the changelog's own.
"""

import gzip
import os
import re
import subprocess
import sys
import textwrap
from email.utils import formatdate
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAINTAINER = "the fletbridge authors <authors@fletbridge.invalid>"
HEAD = """fletbridge is under the Apache License, Version 2.0. On Debian systems its text is in the file
/usr/share/common-licenses/Apache-2.0.

"""


def pack(path, text):
    with open(path, "wb") as out:
        with gzip.GzipFile("", "wb", 9, out, mtime=0) as packed:
            packed.write(text)


def changelog(version):
    """CHANGELOG.md's entries, newest first, as Debian has them."""
    source = ROOT / "CHANGELOG.md"
    when = formatdate(int(os.environ.get("SOURCE_DATE_EPOCH", source.stat().st_mtime)))
    parts = []
    for number, body in re.findall(r"^## (\d[0-9.]*)[^\n]*\n(.*?)(?=^## |\Z)", source.read_text(), re.M | re.S):
        points = [" ".join(point.split()) for point in re.split(r"^- ", body, flags=re.M)[1:]]
        lines = [textwrap.fill(point, 76, initial_indent="  * ", subsequent_indent="    ") for point in points]
        parts.append(f"fletbridge ({number}) unstable; urgency=medium\n\n" + "\n".join(lines) +
                     f"\n\n -- {MAINTAINER}  {when}\n")
    if not parts or not parts[0].startswith(f"fletbridge ({version})"):
        raise SystemExit(f"CHANGELOG.md has no entry for {version} on top")
    return "\n".join(parts)


def main():
    package, version, prefix = sys.argv[1:]
    share = Path(prefix) / "share"
    folder = share / "doc" / package
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "copyright").write_text(HEAD + (ROOT / "NOTICE").read_text())
    pack(folder / "changelog.gz", changelog(version).encode())
    if package == "fletbridge":
        for page in sorted((share / "man/man1").glob("*.1")):
            pack(page.with_suffix(".1.gz"), page.read_bytes())
            page.unlink()
        for path in (Path(prefix) / "lib/fletbridge").rglob("*"):
            if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF":
                subprocess.run(["strip", "--strip-unneeded", path], check=True)
    else:
        examples = folder / "examples/embed"
        examples.mkdir(parents=True, exist_ok=True)
        for name in ("CMakeLists.txt", "main.cc"):
            (examples / name).write_bytes((ROOT / "examples/embed" / name).read_bytes())


if __name__ == "__main__":
    main()
