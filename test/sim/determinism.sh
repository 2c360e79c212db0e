#!/bin/sh
# One seed is one story, whoever compiled it: the hashes of a few seeds' traces are the same twice
# under this build, under the other compiler, and under AddressSanitizer.
# Use: determinism.sh SIM SOURCE_DIR SEEDS. BRINDLE_SIM_BUILDS: a folder to keep the builds in.
set -eu
sim=$1 source=$2 seeds=$3
builds=${BRINDLE_SIM_BUILDS:-$(mktemp -d)}
[ -n "${BRINDLE_SIM_BUILDS:-}" ] || trap 'rm -rf "$builds"' EXIT
"$sim" 1 "$seeds" --hash --jobs 2 | grep '^seed' | sort >"$builds/here"
"$sim" 1 "$seeds" --hash --jobs 1 | grep '^seed' | sort >"$builds/again"
cmp "$builds/here" "$builds/again" || { echo "the same program tells two stories"; exit 1; }
compare() { # NAME COMPILER MESON_OPTION…
    name=$1 compiler=$2
    shift 2
    command -v "$compiler" >/dev/null || { echo "$compiler is not here: not compared"; return 0; }
    [ -f "$builds/$name/build.ninja" ] || CC=$compiler meson setup "$builds/$name" "$source" "$@" >/dev/null
    ninja -C "$builds/$name" test/sim/sim >/dev/null
    "$builds/$name/test/sim/sim" 1 "$seeds" --hash --jobs 2 | grep '^seed' | sort >"$builds/$name.hashes"
    cmp "$builds/here" "$builds/$name.hashes" || { echo "$name tells another story"; exit 1; }
    echo "$name: $seeds seeds, the same stories"
}
compare gcc gcc
compare clang clang
compare asan gcc -Db_sanitize=address,undefined -Db_lundef=false
