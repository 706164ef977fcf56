"""Makes docs/commands.md: what every command of fletbridge says of itself by --help.

    python3 tools/commands_page.py [--bin build/release/bin]           writes the page
    python3 tools/commands_page.py --check [--bin build/release/bin]   exit code 1 if it is another

Commands are found by their help alone: the words below "Commands:".
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/commands.md"
HEAD = """# Commands

What `fletbridge COMMAND --help` says, of every command, and `flet --help`. Made by `tools/commands_page.py`; a test compares it.
"""


def help_of(program, words=()):
    run = subprocess.run([program, *words, "--help"], capture_output=True, text=True, timeout=60, check=False,
                         env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})
    if run.returncode != 0 or run.stderr or not run.stdout.strip():
        raise RuntimeError(f"{' '.join([program.name, *words, '--help'])} ended with {run.returncode}: {run.stderr}")
    return run.stdout


def commands_in(text):
    block = re.search(r"^Commands:\n((?:  .*\n)+)", text, re.M)
    return re.findall(r"^  (\S+)", block.group(1), re.M) if block else []


def page(folder):
    program = folder / "fletbridge"
    parts = [HEAD]

    def add(words):
        text = help_of(program, words)
        parts.append(f"\n## {' '.join(['fletbridge', *words])}\n\n```\n{text.strip()}\n```\n")
        for name in commands_in(text):
            add([*words, name])

    add([])
    parts.append(f"\n## flet\n\n```\n{help_of(folder / 'flet').strip()}\n```\n")
    return "".join(parts)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", type=Path, default=ROOT / "build/release/bin")
    options.add_argument("--check", action="store_true")
    given = options.parse_args()
    text = page(given.bin)
    if not given.check:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        print(f"{PAGE} is not what the commands say; run tools/commands_page.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
