#!/usr/bin/env bash
# Installs everything that fletbridge needs to build, run and test on Debian 12: packages, and
# virtual environments with pinned Flet versions in build/venv/<version>. Idempotent: a second run
# takes a second. Works as root or with sudo.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(g++ cmake ninja-build ccache pkg-config git ca-certificates binutils
  libboost1.81-dev nlohmann-json3-dev libcli11-dev libgtest-dev libgmock-dev libbenchmark-dev
  libtomlplusplus-dev clang-14 libclang-rt-14-dev clang-tidy-14 clang-format-14
  python3 python3-dev python3-venv procps)

say() { printf '\033[1m[setup]\033[0m %s\n' "$*" >&2; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${#missing[@]} packages: ${missing[*]}"
  as_root apt-get update -qq
  # Boost first and alone: other packages would choose the older default version, which conflicts.
  case " ${missing[*]} " in *" libboost1.81-dev "*)
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libboost1.81-dev >/dev/null ;;
  esac
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if [ ! -e build/deps/msgpack/usr/include/msgpack.hpp ]; then
  say "unpacking the MessagePack headers into build/deps"
  # Not installed: the package depends on another Boost than ours, its headers do not.
  mkdir -p build/deps/msgpack
  download=$(mktemp -d)
  chmod 755 "$download"
  if ! (cd "$download" && apt-get download -qq libmsgpack-cxx-dev 2>/dev/null); then
    as_root apt-get update -qq
    (cd "$download" && apt-get download -qq libmsgpack-cxx-dev)
  fi
  dpkg-deb -x "$download"/libmsgpack-cxx-dev_*.deb build/deps/msgpack
  rm -rf "$download"
fi

# venv VERSION PACKAGE... : one virtual environment with these packages, made whole or not at all.
venv() {
  local dir=build/venv/$1; shift
  local stamp="$dir/.packages"
  if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$*" ]; then return; fi
  say "making $dir: $*"
  rm -rf "$dir"
  /usr/bin/python3 -m venv "$dir"
  "$dir/bin/pip" install -q --disable-pip-version-check "$@"
  echo "$*" > "$stamp"
}
mkdir -p build/venv
venv 1.0.5 flet==1.0.5 flet-desktop==1.0.5
say "ready"
