#!/bin/sh
# Looks for inputs that break the parsers: every fuzz target for SECONDS (default 60) with clang's
# libFuzzer and ASan, starting from its corpus. Use: fuzz.sh [SECONDS]
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ -f build-fuzz/build.ninja ] ||
    CC=clang meson setup build-fuzz -Dfuzz=true -Dtests=enabled -Db_sanitize=address,undefined \
        -Db_lundef=false >/dev/null
targets=$(ninja -C build-fuzz -t targets all | sed -n 's,^\(test/fuzz/fuzz_[a-z_]*\):.*,\1,p')
# shellcheck disable=SC2086 # several targets
ninja -C build-fuzz $targets >/dev/null
for target in $targets; do
    name=${target##*/fuzz_}
    found=build-fuzz/found/$name
    mkdir -p "$found"
    echo "== $name, $seconds s"
    "build-fuzz/$target" -max_total_time="$seconds" -print_final_stats=0 -verbosity=0 \
        -artifact_prefix="build-fuzz/$name-" "$found" "test/fuzz/corpus/$name"
done
echo "Nothing broke."
