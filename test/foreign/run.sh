#!/bin/sh
# Programs that nobody here wrote, against ours: Stripe's SDK and command line, and a stateful mock
# of Stripe, all from npm as the lock file pins them. All that is said stays on this machine, but
# for npm's own download.
#
#     run.sh [FILE]…          only these, e.g. sdk.test.mjs
#     BRINDLE=…/brindle       the program that is tested (default: build/brindle)
#
# Ends with a line "N passed, N failed".
set -u
cd "$(dirname "$0")" || exit 2
NODE_MAJOR_MIN=20 # what the SDK asks for

# npm ci in FOLDER, unless what is there is what its lock file says.
install() {
    mark=$1/node_modules/.installed
    cmp -s "$1/package-lock.json" "$mark" && return 0
    (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2 || return 1
    cp "$1/package-lock.json" "$mark"
}

give_up() {
    echo "$1" >&2
    echo "0 passed, 1 failed"
    exit 1
}

# The node that is here, or a newer one from npm.
node=$(command -v node) || give_up "node is not there: install nodejs and npm"
if [ "$("$node" -p 'process.versions.node.split(".")[0]')" -lt $NODE_MAJOR_MIN ]; then
    machine=$("$node" -p 'process.platform + "-" + process.arch')
    install newer-node || give_up "npm could not fetch a newer node"
    node=$PWD/newer-node/node_modules/node-$machine/bin/node
    [ -x "$node" ] || give_up "npm has no node for $machine"
fi
install . || give_up "npm could not fetch the foreign programs"

said=$(mktemp)
trap 'rm -f "$said"' EXIT
[ $# -gt 0 ] || set -- *.test.mjs
"$node" --test --test-reporter=tap "$@" >"$said" 2>&1
code=$?
count() { # NAME: the number in the summary "# NAME N", 0 without one
    number=$(sed -n "s/^# $1 \([0-9]*\)$/\1/p" "$said" | tail -1)
    echo "${number:-0}"
}
passed=$(count pass) failed=$(($(count fail) + $(count cancelled)))
skipped=$(count skipped)
sed -n 's/^ *\(not ok\|ok\) [0-9]* - /\1 /p' "$said"
if [ $code != 0 ]; then
    [ "$failed" -gt 0 ] || failed=1
    cat "$said"
fi
[ "$skipped" = 0 ] || echo "$skipped skipped, see above"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
