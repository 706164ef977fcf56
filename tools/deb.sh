#!/usr/bin/env bash
# Makes the Debian packages fletbridge and fletbridge-dev in dist/, has lintian read them, and tries them on fresh
# systems: installed by apt, used by root and by another user, removed without a trace.
#
#   tools/deb.sh [--no-try] [SUITE...]        suites: bookworm and trixie if none is named
#
# Trying needs root, debootstrap and a network. The plain system of each suite is made once, in
# $FRESH_FOLDER/fresh-debian-SUITE (default /var/tmp).
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf '\033[1m[deb]\033[0m %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
try=yes
if [ "${1:-}" = --no-try ]; then try=; shift; fi
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=(bookworm trixie)

[ -e build/deps/msgpack ] || bash tools/setup.sh
need=(dpkg-dev lintian man-db)
[ -z "$try" ] || need+=(debootstrap)
missing=()
for package in "${need[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  [ "$(id -u)" = 0 ] || fail "install as root: ${missing[*]}"
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

build=build/deb
say "building (without a filled compiler cache some minutes)"
cmake -S . -B $build -G Ninja -D CMAKE_BUILD_TYPE=Release -D FLETBRIDGE_WERROR=ON -D FLETBRIDGE_TESTS=OFF \
  -D FLETBRIDGE_BENCH=OFF -D FLETBRIDGE_STATIC_PYTHON=OFF -D FLETBRIDGE_BYTECODE=OFF \
  -D FLETBRIDGE_CLIENT_DIR=lib/fletbridge/bin >/dev/null
ninja -C $build >&2
rm -f $build/*.deb
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct -- CHANGELOG.md 2>/dev/null || stat -c %Y CHANGELOG.md)}
export SOURCE_DATE_EPOCH
(cd $build && umask 022 && cpack >cpack.log) || { tail -30 $build/cpack.log >&2; fail "cpack failed"; }

unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
mkdir -p dist
for package in $build/*.deb; do
  dpkg-deb -R "$package" "$unpacked/${package##*/}"
done
if grep -rlF -e "$PWD" -e /_CPack_Packages "$unpacked"; then
  fail "the files above hold a path of this machine"
fi
say "lintian"
# Informational tags are left out; errors fail.
lintian --fail-on error --display-level '>=warning' $build/*.deb >&2 || fail "lintian finds errors"
rm -f dist/fletbridge*.deb
cp $build/*.deb dist/
ls -l dist/*.deb >&2
[ -n "$try" ] || exit 0

[ "$(id -u)" = 0 ] || fail "packages are in dist; trying them needs root"
folder=${FRESH_FOLDER:-/var/tmp}
for suite in "${suites[@]}"; do
  base=$folder/fresh-debian-$suite
  if [ ! -e "$base/etc/debian_version" ]; then
    say "making a fresh $suite in $base"
    mirror=$(awk '/^URIs:/{print $2; exit} /^deb /{print $2; exit}' /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null || true)
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$base" ${mirror:+"$mirror"} >"$base.log" 2>&1 ||
      fail "debootstrap failed; see $base.log"
  fi
  say "trying on $suite"
  root=$(mktemp -d "$folder/fletbridge-deb-XXXXXX")
  trap 'rm -rf --one-file-system "$unpacked" "$root"' EXIT
  cp -a "$base/." "$root/"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  for settings in /etc/apt/apt.conf.d/*proxy* /etc/pip.conf; do
    [ ! -e "$settings" ] || install -D "$settings" "$root$settings"
  done
  mkdir "$root/srv/try"
  cp dist/*.deb packaging/try_deb.sh examples/counter/main.py "$root/srv/try/"
  unshare --mount --pid --ipc --fork --kill-child bash -c '
    mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/dev/shm"
    mount --bind /dev/null "$1/dev/null" 2>/dev/null || true
    mkdir -p "$1/dev/pts" && mount --bind /dev/pts "$1/dev/pts" 2>/dev/null || true
    exec chroot "$1" /usr/bin/env -i HOME=/root TERM=dumb LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
      PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
      bash /srv/try/try_deb.sh' fresh "$root" >&2 || fail "the packages do not work on $suite"
  rm -rf --one-file-system "$root"
done
say "all good: ${suites[*]}"
