/* serving.h - the daemon with its environments, as `serve` and `demo` run it. */
#pragma once

#include <stdatomic.h>

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
    char closed_text[CONFIG_ENVS_MAX][ERROR_TEXT_MAX];
    size_t n, n_usable; /* environments; of those, open or at least readable for good */
    struct reopening *reopening;
    atomic_uint port;             /* that is listened at; 0: not yet */
    enum anew anew;               /* how the daemon has ended */
    char refused[ERROR_TEXT_MAX]; /* why what is configured now cannot be used; "": not refused */
};

/* Makes the data directory, reads or makes the token. `cli` is set. */
enum status serving_begin(struct serving *s, struct error *e) MUST_USE;
/* Is it among those that this daemon is to serve? */
bool serving_is_chosen(const struct cli *cli, const struct env_config *conf);
/* ST_INVALID: it has no webhook secret and does not read the list of events either, so that it
 * would hear of nothing. */
enum status serving_hears(const struct env_config *conf, struct error *e) MUST_USE;
/* wire[n] was opened for writing: the daemon will serve it. */
void serving_add(struct serving *s);
/* This environment could not be opened, or may not be: it is closed, and read as far as it can be.
 */
void serving_add_closed(struct serving *s, const struct env_config *conf, enum closed why,
                        const char *text);
/* daemon_run. */
enum status serving_run(struct serving *s, void (*ready)(void *ctx, unsigned port), void *ctx,
                        struct error *e) MUST_USE;
/* Closes what was added. */
void serving_forget(struct serving *s);
void serving_close(struct serving *s);
