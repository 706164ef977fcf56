#!/usr/bin/env bash
# Shows fletbridge at work: a page of 1,000 rows on Flet alone and on stage 3, then the counter of
# examples/ on every stage and transport, clicked 500 times on each, and tables of what was measured; where
# there is a display, also in a window for a moment on each stage. Sets up and builds first where that is
# needed. Needs no display. `--rows SECONDS`, `--clicks N`, `--rounds N` and `--window SECONDS` change the
# amount.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m[demo]\033[0m %s\n' "$*" >&2; }

bash tools/setup.sh
say "building build/release (the first time takes some minutes)"
cmake --preset release >/dev/null
cmake --build --preset release --target bin/fletbridge bin/flet >&2
exec python3 tools/demo.py "$@"
