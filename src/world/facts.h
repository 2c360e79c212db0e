/* facts.h - what a server behind a seam says of itself, for those who look for what is wrong. */
#pragma once

#include "base/base.h"

struct pg_facts {
    int version; /* 150003; also when the server is too old to be used */
    bool fsync, full_page_writes, synchronous_commit;
    bool read_only;             /* a standby, or its transactions are read-only unless asked for */
    int64_t connections;        /* that this role may have to this database */
    const char *connections_by; /* what limits them: "max_connections", or a sentence's part */
};

struct kv_facts {
    char version[32];                /* "7.0.15" */
    char role[16];                   /* "master", "slave" */
    char eviction[32];               /* what it does when its memory is full: "noeviction" */
    int64_t memory_used, memory_max; /* bytes; 0: no maximum */
    bool lasting;                    /* it writes what it has to a disk, or does not tell */
};
