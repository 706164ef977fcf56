"""`python -m fletbridge ARGS...`: becomes the fletbridge program, with this interpreter as its
--python unless another one is named. The process stays the same, and so does its number."""

import os
import sys


def program():
    """bin/fletbridge of the installation, or of the build, whose lib/fletbridge/python we are in."""
    here = os.path.realpath(os.path.dirname(__file__))
    return os.path.normpath(os.path.join(here, *[os.pardir] * 4, "bin", "fletbridge"))


def main():
    path = program()
    words = sys.argv[1:]
    if words and words[0] in ("run", "doctor", "check"):
        words[1:1] = ["--python", sys.executable]  # a later one, which the person named, wins
    try:
        os.execv(path, [path, *words])
    except OSError as error:
        print(f"fletbridge: cannot start {path}: {error.strerror}; use this package where it was "
              "built or installed, in lib/fletbridge/python beside bin/fletbridge", file=sys.stderr)
        sys.exit(70)


if __name__ == "__main__":
    main()
