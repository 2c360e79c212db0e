#!/bin/sh
# Makes a release build and measures it with bench/run.py, which prints ratios of this machine and
# asserts nothing. Use: bench.sh [FLAG]… (flags of run.py: --only ingest, --seconds 5, …)
set -eu
cd "$(dirname "$0")/.."
case ${1-} in -*) ;; *) [ $# = 0 ] || shift ;; esac # a build directory of another kind
[ -f build-bench/build.ninja ] ||
    meson setup build-bench --buildtype=release -Dtests=enabled >/dev/null
ninja -C build-bench brindle bench/bench_http_alone bench/bench_hmac_alone \
    bench/bench_commit_alone bench/bench_pg_alone bench/bench_walk_alone bench/bench_list_server bench/bench_load bench/bench_kv_alone >/dev/null
python3 bench/run.py build-bench "$@"
[ $# != 0 ] || { echo; python3 bench/pg.py build-bench 2>/dev/null; }
