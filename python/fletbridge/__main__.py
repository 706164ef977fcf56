"""`python -m fletbridge ARGS...`, and the command `fletbridge` of a wheel: becomes the fletbridge program. The process
stays the same, and so does its number."""

import os
import sys

from fletbridge import FLET_VIEW_PATH

WITH_AN_APP = ("run", "record", "replay", "compare", "check", "doctor")


def start(python):
    """With this interpreter as its --python, unless another one is named; None: it looks for one by itself."""
    path = os.path.join(FLET_VIEW_PATH, "fletbridge")
    words = sys.argv[1:]
    if python and words and words[0] in WITH_AN_APP:
        words[1:1] = ["--python", python]  # a later one, which the person named, wins
    try:
        os.execv(path, [path, *words])
    except OSError as error:
        print(f"fletbridge: cannot start {path}: {error.strerror}; use this package where it was "
              "built or installed, in lib/fletbridge/python beside bin/fletbridge, or install its wheel anew",
              file=sys.stderr)
        sys.exit(70)


def main():
    """`python -m fletbridge`: this very interpreter."""
    start(sys.executable)


def command():
    """The wheel's command: the interpreter of the environment that it is in, if Flet is there too. One of its own, as
    pipx and `uv tool` make it, is not meant."""
    from importlib.machinery import PathFinder

    ours = "FLETBRIDGE_PYTHON" not in os.environ and PathFinder.find_spec("flet") is not None
    start(sys.executable if ours else None)


if __name__ == "__main__":
    main()
