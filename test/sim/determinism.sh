#!/bin/sh
# One seed is one story, whoever compiled it and whatever watches it: the hashes of a few seeds'
# traces are the same for the first program twice, and for all others.
# Use: determinism.sh SEEDS SIM…
set -eu
seeds=$1 first=$2
shift
hashes=$(mktemp -d)
trap 'rm -rf "$hashes"' EXIT
passed=0 failed=0
"$first" 1 "$seeds" --hash --jobs 1 | grep '^seed' | sort >"$hashes/first"
[ "$(wc -l <"$hashes/first")" -eq "$seeds" ]
for sim in "$@"; do
    "$sim" 1 "$seeds" --hash --jobs 2 | grep '^seed' | sort >"$hashes/other"
    if cmp -s "$hashes/first" "$hashes/other"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$sim tells other stories than $first:"
        diff "$hashes/first" "$hashes/other" | head -6 || true
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
