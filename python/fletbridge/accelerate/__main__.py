"""`python -m fletbridge.accelerate SCRIPT | -m MODULE [ARGS...]`: runs it as python does, accelerated."""

import sys
from runpy import run_module, run_path


def main():
    words = sys.argv[1:]
    if not words or words == ["-m"] or words[0] in ("-h", "--help"):
        print("usage: python -m fletbridge.accelerate SCRIPT | -m MODULE [ARGS...]", file=sys.stderr)
        sys.exit(0 if words[:1] in (["-h"], ["--help"]) else 2)
    if words[0] == "-m":
        sys.argv = words[1:]
        run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        import os

        sys.argv = words
        sys.path[0] = os.path.dirname(os.path.realpath(words[0]))
        run_path(words[0], run_name="__main__")


main()
