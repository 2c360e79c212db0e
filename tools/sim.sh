#!/bin/sh
# Plays seeds in the simulator: sim.sh [SEEDS [FIRST]]. A failing seed is told as a story.
# With --planted instead: every bug that is there on purpose must be found.
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}
[ -f "$build/build.ninja" ] || meson setup "$build" >/dev/null
ninja -C "$build" test/sim/sim >/dev/null
sim=$build/test/sim/sim
jobs=$(nproc)
if [ "${1:-}" = --planted ]; then
    exec "$sim" --planted --jobs "$jobs"
fi
story=$(mktemp)
trap 'rm -f "$story"' EXIT
if "$sim" "${2:-1}" "${1:-1000}" --jobs "$jobs" --marks >"$story"; then
    cat "$story"
    exit 0
fi
cat "$story"
seed=$(sed -n 's/^to be told: sim \([0-9]*\) .*/\1/p' "$story")
[ -z "$seed" ] || "$sim" "$seed" 1 --trace | tail -n 120
exit 1
