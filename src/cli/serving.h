/* serving.h - the daemon with its environments, as `serve` and `demo` run it. */
#pragma once

#include "base/log.h"
#include "cli/command.h"
#include "cli/wire.h"
#include "net/http.h"
#include "serve/daemon.h"

struct serving {
    struct cli *cli; /* configuration loaded */
    str listen;
    struct log log;
    struct secret token;
    bool token_made;
    struct wire wire[CONFIG_ENVS_MAX];
    struct daemon_env env[CONFIG_ENVS_MAX];
    size_t n;
};

/* Makes the data directory, reads or makes the token. `cli` is set. */
enum status serving_begin(struct serving *s, struct error *e) MUST_USE;
/* wire[n] was opened for writing: the daemon will serve it. */
void serving_add(struct serving *s);
/* daemon_run. */
enum status serving_run(struct serving *s, void (*ready)(void *ctx, unsigned port), void *ctx,
                        struct error *e) MUST_USE;
void serving_close(struct serving *s);
