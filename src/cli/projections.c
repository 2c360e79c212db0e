#include "cli/projections.h"

#include <stdio.h>

#include "base/json.h"
#include "cli/local.h"
#include "cli/output.h"

struct rebuilt {
    int64_t states, waiting; /* waiting: -1 when there is no server to deliver to */
    bool draws;
};

static bool on_line(void *ctx, str line)
{
    struct rebuilt *r = ctx;

    json_int(line, S("states"), &r->states);
    json_int(line, S("waiting"), &r->waiting);
    if (r->draws)
        fprintf(stderr, "\r%lld states made anew, %lld to be delivered\033[K", (long long)r->states,
                (long long)(r->waiting < 0 ? 0 : r->waiting));
    return true;
}

enum status projections_rebuild(struct cli *cli, struct env_config *conf, struct error *e)
{
    struct rebuilt r = { .waiting = -1, .draws = !cli->json && is_terminal(stderr) };

    enum status st = local_run(cli, conf, S("{\"op\":\"projections\"}"), on_line, &r, e);
    if (r.draws)
        fputs("\r\033[K", stderr);
    if (st != ST_OK)
        return st;
    bool delivered = r.waiting == 0;
    if (cli->json)
        printf("{\"states\":%lld,\"delivered\":%s}\n", (long long)r.states,
               delivered ? "true" : "false");
    else
        say("%s: %lld customers' states were made anew%s", conf->name, (long long)r.states,
            delivered ? " and are at the key-value server."
                      : "; no key-value server is configured (REDIS_URL).");
    return ST_OK;
}
