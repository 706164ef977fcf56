#!/usr/bin/env bash
# Builds and tests everything, after setting up where that is needed.
#
#   tools/test.sh [--quick] [CTEST ARGUMENTS...]
#
# --quick: only what the dev build can show in a few minutes. Arguments go to each ctest, such as
# `-R Framing`; a build in which they choose nothing is passed over, but all of them may not be.
set -euo pipefail
cd "$(dirname "$0")/.."

# What runs where: preset, targets to build, labels as a regular expression, tests at once. GCC builds
# all but the address sanitizer's, which is Clang's: both compilers see everything.
plan=(
  "dev     all              ^(unit|conformance|conformance-tsan|bridge|bridge-tsan|architecture|fuzz)$ 2"
  "release fletbridge,flet,dart_bridge,dart_bridge_archive,dart_vm_host,fletbridge_accelerate ^(e2e|dart-vm|accelerate)$     2"
  "asan    all              ^(unit|conformance|conformance-tsan|bridge|bridge-tsan|fuzz|accelerate)$   2"
  "posix   all              ^(unit|bridge)$                                                         2"
  "tsan    tsan_tests       ^(tsan|conformance-tsan|bridge-tsan)$                                      2"
)
quick_plan=("${plan[0]}")

if [ "${1:-}" = --quick ]; then
  plan=("${quick_plan[@]}")
  shift
fi

say() { printf '\033[1m[test %3d s]\033[0m %s\n' "$SECONDS" "$*" >&2; }

# GCC 12's thread sanitizer does not start where the kernel spreads addresses widely, so its
# programs, and ctest's look into them while building, run without that, where setarch may do it.
wrapper() {
  if [ "$1" = tsan ] && setarch --addr-no-randomize true 2>/dev/null; then
    echo setarch --addr-no-randomize
  fi
}

bash tools/setup.sh
failed=()
ran=0
for row in "${plan[@]}"; do
  read -r preset targets labels at_once <<<"$row"
  read -ra wrap <<<"$(wrapper "$preset")"
  say "$preset: building"
  cmake --preset "$preset" -D FLETBRIDGE_WERROR=ON -D FLETBRIDGE_TESTS=ON >/dev/null
  if ! "${wrap[@]}" cmake --build --preset "$preset" --target ${targets//,/ } >&2; then
    say "$preset: does not build"
    exit 1
  fi
  select=(--preset "$preset" -L "$labels" --no-tests=error "$@")
  if [ $# -gt 0 ] && ctest "${select[@]}" -N | grep -qx 'Total Tests: 0'; then
    say "$preset: nothing chosen"
    continue
  fi
  say "$preset: testing ${labels//[^a-z0-9|]/}"
  ran=$((ran + 1))
  results=$PWD/build/test-results/$preset.xml
  mkdir -p "${results%/*}"
  "${wrap[@]}" ctest "${select[@]}" -j "$at_once" --output-junit "$results" || failed+=("$results")
done

if [ "$ran" = 0 ]; then
  say "no test was chosen by: $*"
  exit 1
fi
if [ ${#failed[@]} -gt 0 ]; then
  # Again, at the end, where one looks first, and which some services keep alone.
  python3 tools/failed_tests.py "${failed[@]}" >&2
  failed=("${failed[@]##*/}")
  say "failed in: ${failed[*]%.xml}"
  exit 1
fi
say "all passed"
