#!/bin/sh
# Every test there is, in four builds: gcc, gcc with ASan and UBSan, gcc with TSan (what uses
# threads), clang (must compile without a warning). The last line tells how many passed.
# Use: test.sh [gcc|asan|tsan|clang|stories|scenario|postgres|foreign]…; without an argument, all: then
# what mostly waits (scenarios) is played beside what mostly compiles.
cd "$(dirname "$0")/.." || exit 2
root=$(pwd)
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
parts=$*
# The program, and what the scenarios put in between it and its libc.
played="brindle test/scenario/failing_sync.so test/scenario/killing.so test/scenario/strange_disk.so"
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1

note() { # PART PASSED FAILED
    echo "$2 $3" >"$results/$1"
    echo "== $1: $2 passed, $3 failed"
}

setup() { # DIRECTORY OPTION…: makes a build directory, or keeps the one that is there
    directory=$1
    shift
    [ -f "$directory/build.ninja" ] || meson setup "$directory" "$@" >"$results/log" 2>&1 ||
        { cat "$results/log"; return 1; }
    ninja -C "$directory" build.ninja >/dev/null # a directory that was there knows of new tests, too
}

compile() { # DIRECTORY TARGET…
    ninja -C "$@" >"$results/log" 2>&1 || { tail -60 "$results/log"; return 1; }
}

unit() { # PART DIRECTORY TEST…: runs the tests and counts their cases
    part=$1 directory=$2
    shift 2
    meson test -C "$directory" --no-rebuild --print-errorlogs -t 4 "$@" >"$results/log" 2>&1 ||
        sed -n '/^Ok:/q;p' "$results/log"
    # shellcheck disable=SC2046 # two numbers
    note "$part" $(python3 tools/tally.py "$directory/meson-logs/testlog.json")
}

# The tests whose sources run threads, as "NAME PROGRAM", by what Meson knows of them; but for those
# that try every fault in turn: there threads are not the question, and TSan would take minutes.
threaded() { # DIRECTORY
    meson introspect --tests "$1" | python3 -c '
import glob, json, re, sys
calls = re.compile(r"pthread|_server_run|emulator_serve|engine_start|control_listen|daemon_run")
for test in json.load(sys.stdin):
    found = re.search(r"test/(\w+)/(test_\w+)$", test["cmd"][0])
    if not found or found.group(2).endswith("_faults"):
        continue
    layer, name = found.groups()
    names = [name, name.replace("test_" + layer + "_", "test_")]
    sources = [f"test/{layer}/{n}.c" for n in names]
    if any(calls.search(open(s).read()) for s in sources if glob.glob(s)):
        print(test["name"], f"test/{layer}/{name}")'
}

program() { # PART COMMAND…: a program whose last line is "N passed, N failed"
    part=$1
    shift
    "$@" >"$results/log" 2>&1
    code=$?
    passed=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1/p' "$results/log" | tail -1)
    failed=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\2/p' "$results/log" | tail -1)
    if [ -z "$passed" ] || { [ "$code" != 0 ] && [ "$failed" = 0 ]; }; then
        failed=$((${failed:-0} + 1))
    fi
    [ "$failed" = 0 ] || cat "$results/log"
    note "$part" "${passed:-0}" "$failed"
}

run() {
    case $1 in
    gcc)
        setup build-test -Dtests=enabled -Dwerror=true && compile build-test &&
            unit gcc build-test
        ;;
    asan)
        setup build-test-asan -Dtests=enabled -Db_sanitize=address,undefined -Db_lundef=false &&
            compile build-test-asan && unit asan build-test-asan
        ;;
    tsan)
        setup build-test-tsan -Dtests=enabled -Db_sanitize=thread -Db_lundef=false || return
        # shellcheck disable=SC2046 # lists of names
        compile build-test-tsan $(threaded build-test-tsan | cut -d' ' -f2) &&
            unit tsan build-test-tsan $(threaded build-test-tsan | cut -d' ' -f1)
        ;;
    clang)
        CC=clang setup build-test-clang -Dtests=enabled -Dwerror=true &&
            compile build-test-clang && note clang 1 0
        ;;
    stories) # the simulator is the same under both compilers and under ASan
        setup build-test -Dtests=enabled -Dwerror=true && compile build-test test/sim/sim &&
            setup build-test-asan -Dtests=enabled -Db_sanitize=address,undefined -Db_lundef=false &&
            compile build-test-asan test/sim/sim &&
            CC=clang setup build-test-clang -Dtests=enabled -Dwerror=true &&
            compile build-test-clang test/sim/sim &&
            program stories sh test/sim/determinism.sh 12 build-test/test/sim/sim \
                build-test-clang/test/sim/sim build-test-asan/test/sim/sim
        ;;
    scenario)
        [ -f test/scenario/run.py ] || { note scenario 0 0; return; }
        setup build-test -Dtests=enabled -Dwerror=true && compile build-test $played &&
            BRINDLE="$root/build-test/brindle" program scenario python3 test/scenario/run.py
        ;;
    postgres) # the scenarios once more, on a server of their own
        setup build-test -Dtests=enabled -Dwerror=true && compile build-test $played &&
            BRINDLE="$root/build-test/brindle" program postgres python3 test/scenario/run.py --store pg
        ;;
    foreign)
        [ -f test/foreign/run.sh ] || { note foreign 0 0; return; }
        setup build-test -Dtests=enabled -Dwerror=true && compile build-test brindle &&
            BRINDLE="$root/build-test/brindle" program foreign sh test/foreign/run.sh
        ;;
    *)
        echo "test.sh: there is no part $1" >&2
        exit 2
        ;;
    esac
}

# The last line of what was said, "N passed, N failed", as two numbers; 0 1 without one.
counts() {
    sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$1" | tail -1 | grep . || echo "0 1"
}

sum() { # FILE…: the last line of all of them together
    passed=0 failed=0
    for file in "$@"; do
        read -r p f <"$file"
        passed=$((passed + p)) failed=$((failed + f))
    done
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

say_all_but_sum() {
    sed '/^[0-9]* passed, [0-9]* failed$/d' "$1"
}

if [ -z "$parts" ]; then
    self=tools/test.sh
    $self gcc >"$results/said1" 2>&1
    say_all_but_sum "$results/said1"
    $self scenario postgres foreign >"$results/said3" 2>&1 &
    nice -n 5 $self asan tsan clang stories >"$results/said2" 2>&1
    say_all_but_sum "$results/said2"
    wait
    say_all_but_sum "$results/said3"
    for lane in 1 2 3; do counts "$results/said$lane" >"$results/lane$lane"; done
    sum "$results/lane1" "$results/lane2" "$results/lane3"
    exit
fi

for part in $parts; do
    started=$(date +%s)
    run "$part" || true
    [ -f "$results/$part" ] || note "$part" 0 1 # it did not even build
    echo "   ($(($(date +%s) - started)) s)"
done
# shellcheck disable=SC2086 # names of files
(cd "$results" && sum $parts)
