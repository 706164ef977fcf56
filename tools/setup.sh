#!/usr/bin/env bash
# Installs everything that fletbridge needs to build, run and test on Debian 12 or 13, or on Ubuntu 24.04: packages, and
# virtual environments with pinned Flet versions in build/venv/<version>. Idempotent: a second run
# takes a second. Works as root or with sudo, on a machine that has nothing but Debian's minimum.
set -euo pipefail
cd "$(dirname "$0")/.."

# What is named otherwise from release to release. Boost from 1.81 on, but before 1.86, which has no Process of headers
# alone; Clang as the release has it, in which the sanitizers and fuzzers are built.
release=$(. /etc/os-release && echo "$ID $VERSION_CODENAME") || release=unknown
case $release in
  "debian bookworm") boost=1.81 clang=14 gtk=libgtk-3-0 browser=chromium ;;
  "debian trixie") boost=1.83 clang=19 gtk=libgtk-3-0t64 browser=chromium ;;
  "ubuntu noble") boost=1.83 clang=18 gtk=libgtk-3-0t64 browser=chromium-browser ;;
  *)
    echo "[setup] this set-up knows Debian 12 and 13 and Ubuntu 24.04, and this is $release; install by hand what tools/setup.sh lists" >&2
    exit 1 ;;
esac

packages=(g++ cmake ninja-build ccache pkg-config git ca-certificates binutils
  "libboost$boost-dev" nlohmann-json3-dev libcli11-dev libgtest-dev libgmock-dev libbenchmark-dev
  libxcb1-dev libxcb-damage0-dev libxcb-xfixes0-dev libxcb-xtest0-dev libxau-dev libxdmcp-dev
  libtomlplusplus-dev libmd-dev libbrotli-dev libcurl4-openssl-dev openssl "clang-$clang" "libclang-rt-$clang-dev" "clang-tidy-$clang" "clang-format-$clang"
  python3 python3-dev python3-venv procps
  # A Flutter engine with Flet's own client, on a display that nobody sees; what its plugins need.
  "$gtk" libegl1 libgles2 libgl1-mesa-dri xvfb xdotool x11-utils imagemagick
  blackbox weston  # a small window manager, without which nothing is maximized; a Wayland compositor
  libsecret-1-0 libmpv2 libgstreamer-plugins-base1.0-0
  dbus-daemon  # a session bus of a test's own
  brotli    # reads what the web server sends
  strace    # counts the wake-ups of an idle app
  libwebkit2gtk-4.1-0  # the window of `--ui webview`
  "$browser") # opens the page of `fletbridge compare --html`, and those of `--ui web`

say() { printf '\033[1m[setup]\033[0m %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "cannot install packages: neither root nor sudo; run 'bash tools/setup.sh' once as root"
  fi
}

mkdir -p build/venv
exec 9>build/.setup.lock
flock 9  # two set-ups at once would make the same folders

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"  # apt's own user looks into it

# install PACKAGE... : one apt run, with a count now and then, and apt's own words only if it fails.
install() {
  local log="$scratch/apt.log"
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
      -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" 2>&1 | tee "$log" |
      awk '/newly installed/ { total = $3 }
           /^Get:/ && ++fetched % 25 == 0 { printf "[setup]   %d packages fetched of %d\n", fetched, total; fflush() }
           /^Setting up/ && ++ready % 25 == 0 { printf "[setup]   %d packages ready of %d\n", ready, total; fflush() }' >&2
  then
    tail -20 "$log" >&2
    fail "apt-get could not install: $*"
  fi
}

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null || true)
missing=()
for package in "${packages[@]}"; do
  grep -qx "installed $package" <<<"$installed" || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${#missing[@]} packages and what they need: ${missing[*]}"
  as_root apt-get update -qq -o Acquire::Retries=3
  # Boost first and alone: other packages would choose the older default version, which conflicts.
  case " ${missing[*]} " in *" libboost$boost-dev "*) install "libboost$boost-dev" ;; esac
  install "${missing[@]}"
fi

# Flet's own TCP server listens on "localhost"; the barest systems do not know that name.
if ! getent ahosts localhost >/dev/null; then
  say "adding localhost to /etc/hosts"
  echo '127.0.0.1 localhost' | as_root tee -a /etc/hosts >/dev/null
fi

if [ ! -e build/deps/msgpack/usr/include/msgpack.hpp ]; then
  say "unpacking the MessagePack headers into build/deps"
  # Not installed: the package depends on another Boost than ours, its headers do not.
  mkdir -p build/deps/msgpack
  fetch() { (cd "$scratch" && apt-get download -qq libmsgpack-cxx-dev); }
  fetch 2>/dev/null || { as_root apt-get update -qq; fetch; }
  dpkg-deb -x "$scratch"/libmsgpack-cxx-dev_*.deb build/deps/msgpack
fi

if [ ! -x build/deps/nginx/usr/sbin/nginx ]; then
  say "unpacking nginx into build/deps"
  # Not installed: the package would start a server, now and with every boot. What it links is Debian's minimum.
  mkdir -p build/deps/nginx
  fetch() { (cd "$scratch" && apt-get download -qq nginx); }
  fetch 2>/dev/null || { as_root apt-get update -qq; fetch; }
  dpkg-deb -x "$scratch"/nginx_*.deb build/deps/nginx
fi

# venv VERSION PACKAGE... : one virtual environment with these packages, made whole or not at all.
venv() {
  local dir=build/venv/$1; shift
  local stamp="$dir/.packages"
  # Its python is tried as well: a folder that was copied or an upgraded system leaves a dead link.
  if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$*" ] && "$dir/bin/python" -c '' 2>/dev/null; then
    return
  fi
  say "making $dir: $*"
  rm -rf "$dir"
  /usr/bin/python3 -m venv "$dir"
  "$dir/bin/pip" install -q --disable-pip-version-check "$@"
  echo "$*" > "$stamp"
}
venv 1.0.5 flet==1.0.5 flet-desktop==1.0.5 flet-web==1.0.5
# Kubernetes's own schemas, with a program that holds manifests against them.
venv tools kubernetes-validate==1.37.0
# The plotting library of `fletbridge compare --html`, out of the Python package that brings it.
plotly() {
  local version=$1 dir=build/deps/plotly
  [ "$(cat "$dir/version" 2>/dev/null)" != "$version" ] || return 0
  say "fetching plotly.js out of the package plotly $version"
  build/venv/1.0.5/bin/pip download -q --disable-pip-version-check --no-deps -d "$scratch/plotly" "plotly==$version"
  rm -rf "$dir" && mkdir -p "$dir"
  python3 -m zipfile -e "$scratch"/plotly/plotly-*.whl "$scratch/plotly/unpacked"
  cp "$scratch/plotly/unpacked/plotly/package_data/plotly.min.js" "$dir/"
  echo "$version" > "$dir/version"
}
plotly 5.24.1

# Its Linux client holds a Flutter engine whose Dart VM libdart_bridge can be tried on.
# Its web server, for stage legacy, needs a FastAPI of its time.
venv 0.82.2 flet==0.82.2 flet-desktop==0.82.2 flet-web==0.82.2 fastapi==0.115.12
# JSON on the wire; the light package's client is the one that needs no old libmpv.
venv 0.28.3 flet==0.28.3 flet-desktop-light==0.28.3 flet-web==0.28.3 fastapi==0.115.12

# Where the road began: its broker `fletd` is a program within the package. pip, not Flet, would choose the newest of these.
venv 0.1.65 flet==0.1.65 beartype==0.23.1 websocket-client==1.9.2 watchdog==7.1.0

# client VERSION : Flet's own desktop client, out of the environment's package, whole or not at all.
client() {
  local dir=build/clients/$1 packed
  [ ! -e "$dir/flet/lib/libflutter_linux_gtk.so" ] || return 0
  packed=$(find "build/venv/$1" -name 'flet-linux-amd64.tar.gz' | head -1)
  if [ -z "$packed" ]; then
    say "flet-desktop $1 brings no client for this processor; what needs it is skipped"
    return
  fi
  say "unpacking Flet's client into $dir"
  rm -rf "$dir"
  mkdir -p "$dir.part"
  tar -xzf "$packed" -C "$dir.part"
  mv "$dir.part" "$dir"
}
client 0.82.2
client 0.28.3
say "ready"
