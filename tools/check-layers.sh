#!/bin/sh
# Who may include whom, and which calls a layer must not make. Every include of ours names its
# layer: "core/inbox.h". Use: check-layers.sh [SOURCE_DIR]; prints each breach, exits 1 on any.
cd "${1:-$(dirname "$0")/../src}" || exit 2
breaches=$(
    grep -rno --include='*.[ch]' --include='*.def' '#include "[a-z]*/' . | awk -F'[/:"]' '
    BEGIN {
        may["base"]     = "base"
        may["world"]    = "base world"
        may["net"]      = "base world net"
        may["core"]     = "base world core"
        may["catalog"]  = "base world core catalog"
        may["emulator"] = "base world net emulator"
        may["backend"]  = "base world backend"
        may["serve"]    = "base world net core catalog serve"
        may["cli"]      = "base world backend core net catalog emulator serve cli"
    }
    { if (index(" " may[$2] " ", " " $(NF-1) " ") == 0) print $0 ": " $2 " may not include " $(NF-1) }'
    # Implementations are named in one place of cli alone.
    grep -rn --include='*.[ch]' '#include "backend/' cli | grep -v '^cli/wire\.c:' |
        sed 's/$/: only cli\/wire.c names backends/'
    # The layers that the simulator runs reach the outside through seams alone.
    grep -rnwE --include='*.[ch]' \
        'pthread_[a-z_]+|time|gettimeofday|clock_gettime|getenv|sleep|usleep|nanosleep|rand|random|socket|fopen|open|printf|fprintf' \
        core catalog 2>/dev/null | grep -E '\b(pthread_[a-z_]+|time|gettimeofday|clock_gettime|getenv|sleep|usleep|nanosleep|rand|random|socket|fopen|open|printf|fprintf) *\(' |
        grep -vE '^[^:]+:[0-9]+: *(/?\*|//)' | sed 's/$/: a call that this layer must not make/'
    grep -rnE --include='*.[ch]' '\b(strcpy|strcat|sprintf|gets|strtok|atoi|alloca|system|popen|goto)\b *\(?' . |
        grep -vE '^[^:]+:[0-9]+: *(/?\*|//)' | grep -E '\b(strcpy|strcat|sprintf|gets|strtok|atoi|alloca|system|popen) *\(|\bgoto [a-z]' |
        sed 's/$/: a call that no layer makes/'
)
[ -z "$breaches" ] && exit 0
printf '%s\n' "$breaches"
exit 1
