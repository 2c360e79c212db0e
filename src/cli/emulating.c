#include "cli/emulating.h"

/* Webhooks come first, so that a replay of the journal meets the same endpoints as its first run.
 */
static enum status prepare(struct emulator *emulator, const struct emulating_options *o,
                           struct error *e)
{
    enum status st = ST_OK;

    if (o->webhook_url)
        st = emulator_add_webhook(emulator, str_of(o->webhook_url),
                                  secret_reveal(o->webhook_secret), e);
    if (st == ST_OK && o->dir)
        st = emulator_journal(emulator, str_of(o->dir), e);
    for (size_t i = 0; o->points && i < o->points->n && st == ST_OK; i++)
        st = emulator_assume(emulator, str_of(o->points->item[i]), e);
    for (size_t i = 0; o->faults && i < o->faults->n && st == ST_OK; i++)
        st = emulator_add_fault(emulator, str_of(o->faults->item[i]), e);
    return st;
}

enum status emulating_open(struct emulating *g, const struct emulating_options *o, struct error *e)
{
    const struct emulator_options options = { .seed = o->seed,
                                              .clock = wire_clock(),
                                              .rate_global = o->rate,
                                              .rate_endpoint = o->rate_endpoint,
                                              .retry_ms = o->retry_ms };
    struct emulator_server_options server = { .listen = str_of(o->listen), .sender = &g->sender };

    g->emulator = emulator_new(&options);
    enum status st = prepare(g->emulator, o, e);
    if (st == ST_OK)
        st = wire_sender_open(&g->sender, e);
    return st == ST_OK ? emulator_server_open(&g->server, g->emulator, &server, e) : st;
}

void emulating_close(struct emulating *g)
{
    emulator_server_close(g->server);
    emulator_free(g->emulator);
    wire_sender_close(&g->sender);
    *g = (struct emulating){ 0 };
}
