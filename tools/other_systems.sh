#!/usr/bin/env bash
# Compiles the drop-in library's sources, file by file, for systems that this one is not: macOS on ARM and Windows.
# Nothing is linked or run. Not a part of CI: it takes Zig's C++ compiler from PyPI (90 MB) into a folder that goes again.
#
#   tools/other_systems.sh [macos] [windows]
#   ZIG="/path/to/zig" tools/other_systems.sh     another Zig
#
# The headers: Boost's and MessagePack's as they are here; CPython's are those of this machine's Python with a
# pyconfig.h that is written below, in which only what the stable ABI's declarations look at is said.
# It ends with 1 if a file that is named for a system does not compile there.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "${ZIG:-}" ]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install -q ziglang
  ZIG="$work/venv/bin/python -m ziglang"
fi

bridge="src/stage3/inbox.cc src/stage3/payload.cc src/stage3/bytes_object.cc src/stage3/asyncio_loop.cc
  src/stage3/delivery.cc src/stage3/dart_bridge_module.cc common/python/api.cc
  src/dart_bridge/dart_vm.cc src/dart_bridge/libpython.cc src/dart_bridge/app_interpreter.cc src/dart_bridge/exports.cc"
base="common/base/error.cc common/base/environment.cc"
macos="$bridge $base common/base/event_loop.cc common/base/log.cc common/base/own_file.cc common/base/user_folder.cc
  $(echo common/platform/posix/*.cc)"
# Windows has no folder in common/platform yet: that is what the library lacks there.
windows="$bridge $base"

mkdir "$work/boost" "$work/python"
ln -s /usr/include/boost "$work/boost/boost"
include=$(/usr/bin/python3 -c "import sysconfig; print(sysconfig.get_path('include'))")
for header in "$include"/*; do
  [ "$(basename "$header")" = pyconfig.h ] || ln -s "$header" "$work/python/"
done

pyconfig() {  # SIZEOF_LONG, SIZEOF_WCHAR_T and further lines
  printf '#define %s\n' 'HAVE_STDINT_H 1' 'SIZEOF_SHORT 2' 'SIZEOF_INT 4' "SIZEOF_LONG $1" 'SIZEOF_LONG_LONG 8' \
    'SIZEOF_VOID_P 8' 'SIZEOF_SIZE_T 8' 'SIZEOF_TIME_T 8' "SIZEOF_WCHAR_T $2" 'ALIGNOF_LONG 8' 'HAVE_STDARG_PROTOTYPES 1' "${@:3}"
}

failed=0
compile() {  # NAME TARGET FILES
  local name=$1 target=$2 file output
  echo "== $name ($target)"
  for file in $3; do
    # shellcheck disable=SC2086
    if output=$($ZIG c++ -std=c++20 -target "$target" -c "$file" -o "$work/object.o" -I . -I "$work/pyconfig_$name" \
        -isystem "$work/python" -isystem "$work/boost" -isystem build/deps/msgpack/usr/include \
        -DPy_LIMITED_API=0x030a0000 -DBOOST_ASIO_NO_DEPRECATED -DBOOST_ERROR_CODE_HEADER_ONLY -Wall 2>&1); then
      echo "compiled  $file"
    else
      echo "FAILED    $file"
      grep -m 3 'error:' <<<"$output" | sed 's/^/          /' || true
      failed=1
    fi
  done
}

for system in ${*:-macos windows}; do
  mkdir "$work/pyconfig_$system"
  case $system in
    macos)
      pyconfig 8 4 'HAVE_SYS_TYPES_H 1' 'HAVE_UNISTD_H 1' 'HAVE_SYS_STAT_H 1' >"$work/pyconfig_macos/pyconfig.h"
      compile macos aarch64-macos "$macos"
      ;;
    windows)
      pyconfig 4 2 'MS_WINDOWS 1' 'MS_WIN32 1' 'MS_WIN64 1' 'Py_ENABLE_SHARED 1' 'HAVE_SSIZE_T 1' >"$work/pyconfig_windows/pyconfig.h"
      echo 'typedef long long Py_ssize_t;' >>"$work/pyconfig_windows/pyconfig.h"
      compile windows x86_64-windows-gnu "$windows"
      ;;
    *)
      echo "no system \"$system\"; choose of: macos windows" >&2
      exit 2
      ;;
  esac
done
exit $failed
