#!/bin/sh
# Kills the daemon and the database server again and again under load, on SQLite and PostgreSQL: ten
# times as often as the tests do. The last line tells how many scenarios passed. By hand, before a
# release. Use: soak.sh [TIMES]
cd "$(dirname "$0")/.." || exit 2
export SOAK="${1:-10}"
[ -f build-test/build.ninja ] ||
    meson setup build-test -Dtests=enabled -Dwerror=true >/dev/null || exit 1
ninja -C build-test brindle test/scenario/killing.so >/dev/null || exit 1
export BRINDLE="$PWD/build-test/brindle"
failed=0
echo "== SQLite"
python3 test/scenario/run.py KILL ENV-20C || failed=1
echo "== PostgreSQL"
python3 test/scenario/run.py --store pg KILL ENV-20C PG-01 PG-02 PG-03 || failed=1
exit $failed
