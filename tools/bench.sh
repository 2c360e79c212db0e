#!/bin/sh
# Runs every program of bench/ in a release build. They print ratios of this machine and assert
# nothing. Use: bench.sh BUILD_DIRECTORY_WITH_BRINDLE
set -eu
cd "$(dirname "$0")/.."
[ -f build-bench/build.ninja ] ||
    meson setup build-bench --buildtype=release -Dtests=enabled >/dev/null
ninja -C build-bench >/dev/null
BRINDLE="$(pwd)/$1/brindle"
export BRINDLE
for program in build-bench/bench/* bench/*.sh; do
    [ -f "$program" ] && [ -x "$program" ] || continue
    echo "== ${program##*/}"
    "$program" || echo "   ended with $?"
done
