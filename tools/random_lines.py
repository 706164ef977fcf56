"""Draws random lines of product code and prints them without their files, for somebody who knows only ARCHITECTURE and
places each line in its room, then checks the result.

    python3 tools/random_lines.py --seed N [--count 40]             the lines, numbered
    python3 tools/random_lines.py --seed N [--count 40] --answers   each with its room and place as well
    python3 tools/random_lines.py --seed N --context 1              each with the line before and after, as in a review:
                                                                    `return header;` alone says nothing about a room

The same seed gives the same lines as long as no file of the tree changes.
"""

import argparse
import random
import re
from pathlib import Path

TOPS = ("common", "src", "tools", "python")
CODE = {".h", ".cc", ".py", ".sh", ".js"}
# Not drawn: blanks, punctuation and keywords alone, includes and imports, namespaces.
EMPTY = re.compile(r"(\W|_|\b(else|try|do|return|break|continue|pass|public|private|protected|default)\b)*|#include\b.*|(import|from)\s.*|#pragma once|namespace\b.*|\}  // namespace.*")
GIVEN_AWAY = re.compile(r"\bRoom: ")  # a header's first line names its room


def room_of(path):
    """The room of a file, given relative to the root: its folder. The shim with its subfolders is one room."""
    return "python/shim" if path.parts[:2] == ("python", "shim") else path.parent.as_posix()


def lines_of(root):
    """All lines that may be drawn: (file, number, text)."""
    for top in TOPS:
        for path in sorted((root / top).rglob("*")):
            if path.suffix in CODE and path.is_file():
                name = path.relative_to(root)
                for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                    text = text.strip()
                    if not EMPTY.fullmatch(text) and not GIVEN_AWAY.search(text):
                        yield name, number, text


def draw(root, seed, count):
    lines = list(lines_of(root))
    return random.Random(seed).sample(lines, min(count, len(lines)))


def around(path, number, context):
    """The line with so many before and after it, without a line that names the room."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for at in range(max(1, number - context), min(len(lines), number + context) + 1):
        if not GIVEN_AWAY.search(lines[at - 1]):
            yield (">" if at == number else " ") + " " + lines[at - 1]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", type=int, required=True)
    options.add_argument("--count", type=int, default=40)
    options.add_argument("--answers", action="store_true", help="show room, file and line of each")
    options.add_argument("--context", type=int, default=0, metavar="LINES", help="show so many lines before and after each")
    options.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1], help="another checkout")
    given = options.parse_args()
    for index, (path, number, text) in enumerate(draw(given.root, given.seed, given.count), 1):
        if given.context:
            print(f"{index:3}", *around(given.root / path, number, given.context), sep="\n     ")
        else:
            print(f"{index:3}  {text}")
        if given.answers:
            print(f"     -> {room_of(path)}  ({path}:{number})")


if __name__ == "__main__":
    main()
