"""Makes the man pages: of `fletbridge`, of each of its commands and of `flet`, from what these say by --help.

    python3 tools/man_pages.py [--bin build/release/bin] FOLDER
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from commands_page import ROOT, commands_in, help_of  # noqa: E402


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return "\\&" + text if text.startswith(".") else text


def entries(lines):
    """The options, or commands, of a block: their names as they stand, and what is said of them."""
    found = []
    for line in lines:
        head = re.match(r"^(?:  | {6}(?=--))(\S.*?)(?:  +(.*))?$", line)
        if head:
            found.append([head.group(1), [head.group(2)] if head.group(2) else []])
        elif found and line.strip():
            found[-1][1].append(line.strip())
    return found


def blocks(text):
    """Paragraphs; one with a heading and indented lines below it is a list."""
    for block in re.split(r"\n\n+", text.strip("\n")):
        lines = block.split("\n")
        is_list = re.match(r"^\w[^.;]*:$", lines[0]) and len(lines) > 1 and all(line.startswith("  ") for line in lines[1:])
        yield (lines[0][:-1], lines[1:]) if is_list else (None, lines)


def page(words, text, version):
    name = "-".join(words)
    usage = re.search(r"^Usage: (.*(?:\n {7}.*)*)", text, re.M)
    before, after = text[:usage.start()].strip(), text[usage.end():]
    parts = list(blocks(after))
    about = before or (" ".join(parts.pop(0)[1]) if parts and parts[0][0] is None else name)
    out = ["'\\\" -*- coding: utf-8 -*-", f'.TH {name.upper()} 1 "" "fletbridge {version}" "User Commands"', ".SH NAME",
           f"{escaped(name)} \\- {escaped(' '.join(about.split()).rstrip('.'))}", ".SH SYNOPSIS"]
    for line in usage.group(1).split("\n"):
        out += [escaped(line.strip()), ".br"]
    out += [".SH DESCRIPTION", escaped(" ".join(about.split()))]
    in_options = False
    for title, lines in parts:
        if title is None or title == "Examples":
            out += [f".SH {'EXAMPLES' if title else 'NOTES'}", ".nf"] if title or in_options else [".PP", ".nf"]
            out += [*map(escaped, lines), ".fi"]
            in_options = False
            continue
        if title == "Commands":
            out.append(".SH COMMANDS")
        else:
            out += ([] if in_options else [".SH OPTIONS"]) + [f".SS {escaped(title)}"]
            in_options = True
        for names, said in entries(lines):
            out += [".TP", f"\\fB{escaped(names)}\\fR", escaped(" ".join(said)) or "\\&"]
    others = ["fletbridge"] if words != ["fletbridge"] else [f"fletbridge-{command}" for command in commands_in(text)]
    out += [".SH SEE ALSO", ",\n".join(f"\\fB{escaped(other)}\\fR(1)" for other in others)]
    return "\n".join(out) + "\n"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", type=Path, default=ROOT / "build/release/bin")
    options.add_argument("folder", type=Path)
    given = options.parse_args()
    program = given.bin / "fletbridge"
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    given.folder.mkdir(parents=True, exist_ok=True)

    def write(words):
        text = help_of(program, words)
        name = ["fletbridge", *words]
        (given.folder / f"{'-'.join(name)}.1").write_text(page(name, text, version))
        for command in commands_in(text):
            write([*words, command])

    write([])


if __name__ == "__main__":
    main()
