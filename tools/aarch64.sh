#!/usr/bin/env bash
# Builds the wheel and the bridge's tests for aarch64 with a cross-compiler, and runs them once in an emulated Debian 12:
# a counter on stages 1, 2 and 3 without a screen, out of the installed wheel, and the suite of libdart_bridge.
#
#   tools/aarch64.sh [--no-wheel]      without building the wheel anew; the one in build/aarch64/dist is tried
#
# On Debian 12, as root, with a network; twenty minutes on two busy cores with an empty compiler cache. Not a part of CI.
# All of it is in build/aarch64. The emulator is registered with the kernel for the time of the run.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf '\033[1m[aarch64]\033[0m %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
[ "$(id -u)" = 0 ] || fail "it mounts folders and registers an emulator: run it as root"

work=$PWD/build/aarch64
root=$work/root
packages=(python3 python3-venv libpython3.11-dev libc6-dev libstdc++-12-dev libboost1.81-dev nlohmann-json3-dev
  libcli11-dev libtomlplusplus-dev libmd-dev libbrotli-dev libcurl4-openssl-dev libxcb1-dev libxcb-damage0-dev
  libxcb-xfixes0-dev libxcb-xtest0-dev libxau-dev libxdmcp-dev libgtest-dev libgmock-dev)

[ -x build/venv/1.0.5/bin/python ] || bash tools/setup.sh
missing=()
for package in debootstrap qemu-user-static g++-aarch64-linux-gnu; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# The packages are unpacked, not installed: nothing of theirs has to run in the emulator for that.
if [ ! -e "$root/.complete" ]; then
  say "unpacking a Debian 12 for arm64"
  rm -rf "$root"
  mkdir -p "$work"
  mirror=$(awk '/^URIs:/{print $2; exit} /^deb /{print $2; exit}' /etc/apt/sources.list.d/*.sources /etc/apt/sources.list \
    2>/dev/null || true)
  list=$(IFS=,; echo "${packages[*]}")
  debootstrap --arch=arm64 --download-only --variant=minbase --include="$list" bookworm "$root" ${mirror:+"$mirror"} \
    >"$work/packages.log" 2>&1 || { tail -5 "$work/packages.log" >&2; fail "the packages cannot be had"; }
  for folder in bin sbin lib; do
    mkdir -p "$root/usr/$folder"
    ln -s "usr/$folder" "$root/$folder"
  done
  for package in "$root"/var/cache/apt/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$root"
  done
  rm -rf "$root/var/cache/apt/archives"
  mkdir -p "$root/tmp" "$root/proc" "$root/dev"
  chmod 1777 "$root/tmp"
  touch "$root/.complete"
fi

toolchain=$work/toolchain.cmake
cat >"$toolchain" <<END
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_SYSROOT $root)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L $root)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
END

if [ "${1:-}" != --no-wheel ]; then
  say "the wheel"
  FLETBRIDGE_WHEEL_MACHINE=aarch64 FLETBRIDGE_WHEEL_TOOLCHAIN=$toolchain FLETBRIDGE_WHEEL_DIST=$work/dist \
    bash tools/wheel.sh --no-try
fi
wheel=$(echo "$work"/dist/fletbridge-*_aarch64.whl)
[ -e "$wheel" ] || fail "there is no wheel in $work/dist"

say "the bridge's tests"
cmake -S . -B "$work/build" -G Ninja -D CMAKE_BUILD_TYPE=Release -D CMAKE_TOOLCHAIN_FILE="$toolchain" \
  -D FLETBRIDGE_WERROR=ON -D FLETBRIDGE_TESTS=ON -D FLETBRIDGE_STATIC_PYTHON=OFF >"$work/configure.log" 2>&1 ||
  { tail -20 "$work/configure.log" >&2; fail "it cannot be configured"; }
cmake --build "$work/build" --target bridge_conformance dart_bridge >"$work/build.log" 2>&1 ||
  { tail -20 "$work/build.log" >&2; fail "it does not build"; }

say "an environment with Flet and the wheel"
site=$root/opt/app/lib/python3.11/site-packages
rm -rf "$root/opt/app"
build/venv/tools/bin/python -m pip install -q --disable-pip-version-check --target "$site" --only-binary=:all: --python-version 3.11 \
  --implementation cp --platform manylinux_2_36_aarch64 --platform manylinux_2_34_aarch64 --platform manylinux_2_28_aarch64 \
  --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 "flet==1.0.5" "$wheel"

cat >"$root/opt/app.py" <<'END'
import platform
import flet as ft

def main(page):
    text = ft.Text("0")

    def add(event):
        text.value = str(int(text.value) + 1)
        page.update()

    page.add(text, ft.Button("+", on_click=add), ft.Text(platform.machine()))

ft.run(main)
END
cat >"$root/opt/steps" <<'END'
expect text="aarch64"
click text="+"
repeat 5 click text="+"
expect text="6"
close
END
cat >"$root/opt/run" <<END
set -euo pipefail
cd /opt
export PYTHONPATH=/opt/app/lib/python3.11/site-packages
for stage in 1 2 3; do
  /usr/bin/python3 -m fletbridge run --stage \$stage --ui headless --steps steps --report report.json app.py
  /usr/bin/python3 -c "
import json
report = json.load(open('report.json'))
used, time, click = report['used'], report['timeline_ms'], report['latency_us']
assert used['stage'] == '\$stage' and report['exit']['code'] == 0, report
print('stage', used['stage'], used['transport'], 'first frame', time['first_frame'], 'ms, click', click['p50'], 'us, accelerators',
      *used['accelerators'])"
done
unset PYTHONPATH
$work/build/bin/bridge_conformance --gtest_brief=1 --gtest_filter='-*/Original*'  # which is of this machine's processor
END

# The kernel runs what is of that processor in the emulator, which it has opened already: it is found in any root.
mounted='' registered=''
leave() {
  [ -z "$registered" ] || echo -1 >/proc/sys/fs/binfmt_misc/qemu-aarch64
  [ -z "$mounted" ] || umount /proc/sys/fs/binfmt_misc
}
trap leave EXIT
if [ ! -e /proc/sys/fs/binfmt_misc/register ]; then
  mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  mounted=yes
fi
if [ ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]; then
  printf '%s' ':qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64-static:OCF' \
    >/proc/sys/fs/binfmt_misc/register
  registered=yes
fi
say "stages 1, 2 and 3, and the bridge's suite, emulated"
mkdir -p "$root$PWD"
unshare --mount --pid --ipc --fork --kill-child bash -euc '
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  mount --bind "$2" "$1$2"
  mount --bind "$3" "$1$2/build/venv/1.0.5/lib/python3.11/site-packages"
  exec chroot "$1" /usr/bin/env -i HOME=/root PATH=/usr/bin:/bin LANG=C.UTF-8 bash /opt/run
' aarch64 "$root" "$PWD" "$site"
say "all of it works"
