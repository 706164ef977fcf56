"""The app's files: found, read, parsed. Room: python/fletbridge/check.

A file that this interpreter cannot parse is kept, with the reason; nothing here raises for what a
file holds. Only the app's own folder is looked at.
"""

import ast
import io
import os
import re
import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path, PurePosixPath

# Folders that hold other people's code, or none. Hidden ones are left out as well.
NOT_THE_APPS = {"__pycache__", "site-packages", "dist-packages", "node_modules", "build", "dist",
                "venv", "env", "__pypackages__"}
LARGEST = 8 << 20  # bytes; a Python file that is longer was written by a program
LARGEST_ARCHIVE, MOST_FILES = 256 << 20, 20000

IGNORE = re.compile(r"#\s*fletbridge:\s*ignore(?P<file>-file)?\s*\[(?P<ids>[^\]]*)\]")


class Source:
    """One file. `tree` is None, and `error` says (line, column, why), if it cannot be parsed."""

    def __init__(self, path, root):
        self.path = path
        self.name = module_name(path, root)
        try:
            self.shown = path.relative_to(root).as_posix()
        except ValueError:
            self.shown = path.as_posix()
        self.is_package = path.name == "__init__.py"
        self.lines = []
        self.tree = None
        self.error = None
        self.silenced = {}  # line -> ids
        self.silenced_everywhere = set()
        self.comments = []  # (line, column, id) of each id in a comment of ours
        self._read()

    def _read(self):
        try:
            if self.path.stat().st_size > LARGEST:
                self.error = (1, 1, f"it is longer than {LARGEST >> 20} MiB")
                return
            data = self.path.read_bytes()
        except OSError as error:
            self.error = (1, 1, f"it cannot be read: {error.strerror}")
            return
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            text = io.TextIOWrapper(io.BytesIO(data), encoding, newline=None).read()
        except (SyntaxError, UnicodeDecodeError, LookupError) as error:
            self.error = (1, 1, f"its text cannot be decoded: {error}")
            return
        self.lines = text.split("\n")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the app's own doubtful escapes are its matter
                self.tree = ast.parse(data, str(self.path))
        except SyntaxError as error:
            self.error = (error.lineno or 1, error.offset or 1, str(error.msg))
        except (ValueError, RecursionError, MemoryError) as error:
            self.error = (1, 1, str(error) or "it is nested too deeply")
        self._read_comments(text)

    def _read_comments(self, text):
        if "fletbridge:" not in text:
            return
        try:
            tokens = [(t.start, t.string) for t in tokenize.generate_tokens(io.StringIO(text).readline)
                      if t.type == tokenize.COMMENT]
        except (tokenize.TokenError, SyntaxError):
            tokens = []  # the finding that it does not parse cannot be silenced
        for (line, column), comment in tokens:
            for match in IGNORE.finditer(comment):
                ids = [word.strip() for word in match["ids"].split(",") if word.strip()]
                self.comments += [(line, column + match.start("ids") + 1, word) for word in ids]
                if match["file"]:
                    self.silenced_everywhere.update(ids)
                else:
                    self.silenced.setdefault(line, set()).update(ids)

    def is_silenced(self, rule, first_line, last_line):
        """Whether a comment on one of the lines of the thing found, or for the file, says so."""
        return rule in self.silenced_everywhere or any(
            rule in self.silenced.get(line, ()) for line in range(first_line, last_line + 1))

    def column(self, line, offset):
        """A column for people, from 1, in characters; `offset` is ast's, in bytes of UTF-8."""
        if not 0 < line <= len(self.lines):
            return offset + 1
        return len(self.lines[line - 1].encode()[:offset].decode(errors="replace")) + 1


def module_name(path, root):
    """`shop.views` for root/shop/views.py; the name alone for a file outside of the root."""
    try:
        parts = list(path.relative_to(root).with_suffix("").parts)
    except ValueError:
        return path.stem
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def is_the_apps(folder):
    return not (folder.name.startswith(".") or folder.name in NOT_THE_APPS
                or (folder / "pyvenv.cfg").exists() or folder.name.endswith(".egg-info"))


def files_below(root):
    """Every Python file of the app in this folder, in a stable order."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if is_the_apps(here / name))
        for name in sorted(files):
            if name.endswith((".py", ".pyw")) and (here / name).is_file():
                yield here / name


def unpack(archive, folder):
    """Puts the Python files of a zip archive (a zipapp) into the folder; OSError or ValueError if it cannot be read."""
    left = LARGEST_ARCHIVE
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist()[:MOST_FILES]:
                path = PurePosixPath(entry.filename)
                if path.suffix not in (".py", ".pyw") or path.is_absolute() or ".." in path.parts \
                        or path.parts[0] in ("flet", "flet_desktop", "flet_web", "flet_cli"):
                    continue
                with opened.open(entry) as file:
                    data = file.read(LARGEST + 1)  # what is longer is one finding
                left -= len(data)
                if left < 0:
                    raise ValueError(f"it holds more than {LARGEST_ARCHIVE >> 20} MiB of Python")
                place = folder / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(str(error) or type(error).__name__) from None


def file_of_module(name, roots):
    """The app's own file that `import name` would take, or None."""
    parts = name.split(".")
    if not all(parts):
        return None
    for root in roots:
        place = root.joinpath(*parts)
        for path in (place / "__init__.py", place.with_name(place.name + ".py")):
            if path.is_file() and all(is_the_apps(folder) for folder in path.parents
                                      if folder != root and root in folder.parents):
                return path
    return None
