#!/usr/bin/env bash
# Makes a release in dist/: tests everything, builds the wheel, the source archive and the Debian packages and tries
# each, writes the bill of materials and the checksums. On Debian 12, as root, with a network.
#
#   tools/release.sh [--no-test] [--no-try]       without the tests; without trying what was built
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf '\033[1m[release]\033[0m %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
test=yes try=()
for word in "$@"; do
  case $word in
    --no-test) test= ;;
    --no-try) try=(--no-try) ;;
    *) fail "unknown: $word; see the head of this file" ;;
  esac
done

version=$(sed -n 's/^project(fletbridge VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
grep -q "^## $version\b" <(grep '^## ' CHANGELOG.md | head -1) || fail "CHANGELOG.md does not begin with $version"
[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed"
if grep -q "^## $version, not released" CHANGELOG.md; then say "CHANGELOG.md calls $version not released yet"; fi

bash tools/setup.sh
[ -z "$test" ] || bash tools/test.sh
rm -rf dist
bash tools/wheel.sh "${try[@]}"
bash tools/deb.sh "${try[@]}"
python3 -B tools/sbom.py --build build/deb "dist/fletbridge-$version.cdx.json"
(cd dist && sha256sum -- * > SHA256SUMS && sha256sum --quiet -c SHA256SUMS)
say "fletbridge $version of $(git rev-parse --short HEAD):"
cat dist/SHA256SUMS >&2
