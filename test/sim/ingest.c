/* ingest.c - a webhook's way into a process: verified, queued, and answered behind the disk, as
 * serve/webhook.c and serve/engine.c do it. */
#include "life_parts.h"

#include "base/json.h"
#include "check.h"
#include "core/inbox.h"
#include "core/verify.h"
#include "fibre.h"
#include "trace.h"

#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES_MAX = 1 << 20 };

/* A delivery between the HTTP loop and the disk. */
struct item {
    struct event event;
    struct inbox_result result;
    struct arena arena;
    enum status status;
    bool done;
    struct gate *gate;
};

static size_t take_batch(struct node *n, struct item *batch[QUEUE_MAX])
{
    gate_lock(&sim_sched, n->queue);
    while (!n->n_items && !n->closed)
        gate_wait(&sim_sched, n->queue, NO_DEADLINE);
    size_t k = n->n_items;
    memcpy(batch, n->item, k * sizeof *batch);
    n->n_items = 0;
    gate_unlock(&sim_sched, n->queue);
    return k;
}

static enum status put(struct node *n, struct item *batch[QUEUE_MAX], size_t from, size_t k,
                       struct error *e)
{
    struct event event[QUEUE_MAX] = { 0 };
    struct inbox_result result[QUEUE_MAX];

    for (size_t i = 0; i < k; i++)
        event[i] = batch[from + i]->event;
    enum status st = inbox_put_many(&n->env, event, k, result, e);
    for (size_t i = 0; i < k; i++)
        batch[from + i]->status = st;
    return st;
}

static enum status put_batch(struct node *n, struct item *batch[QUEUE_MAX], size_t k,
                             struct error *e)
{
    enum status st = put(n, batch, 0, k, e);
    bool single = st != ST_OK && st != ST_RETRY && st != ST_BROKEN && st != ST_REFUSED && k > 1;

    for (size_t i = 0; single && i < k; i++) {
        struct error one = { 0 };
        st = put(n, batch, i, 1, &one);
        if (st == ST_RETRY || st == ST_BROKEN) {
            *e = one;
            return st;
        }
    }
    return st;
}

/* Once it is done, the item belongs to whoever waits for it. */
static void answer(struct item *item)
{
    struct gate *gate = item->gate;

    gate_lock(&sim_sched, gate);
    if (item->status == ST_OK)
        check_acknowledged(item->event.id);
    item->done = true;
    gate_wake(&sim_sched, gate);
    gate_unlock(&sim_sched, gate);
}

void ingest(void *arg)
{
    struct node *n = arg;
    struct item *batch[QUEUE_MAX];
    size_t k;

    while ((k = take_batch(n, batch)) > 0) {
        struct error e = { 0 };
        enum status st = put_batch(n, batch, k, &e);
        if (st != ST_OK)
            trace("%zu events are not stored: %s", k, e.text);
        if (st == ST_BROKEN)
            damaged(n, &e);
        for (size_t i = 0; i < k; i++)
            answer(batch[i]);
    }
    n->n_running--;
}

static enum status enqueue(struct node *n, struct item *item)
{
    gate_lock(&sim_sched, n->queue);
    bool taken = !n->closed && n->n_items < QUEUE_MAX;
    if (taken) {
        n->item[n->n_items++] = item;
        gate_wake(&sim_sched, n->queue);
    }
    gate_unlock(&sim_sched, n->queue);
    return taken ? ST_OK : ST_RETRY;
}

static bool is_ping(str body)
{
    ARENA(a, BODY_BYTES_MAX);

    return str_eqz(json_text(body, S("type"), &a), WEBHOOK_PING);
}

/* What serve/webhook.c does: verify, parse, queue, answer behind the disk. */
int node_receive(str body, str signature, struct gate *gate)
{
    struct node *n = node_here();
    struct error e = { 0 };
    size_t which = 0;

    if (!node_works() && !node_is_shut())
        return 0;
    unsigned life = n->life;
    msec now = clock_wall(&sim_clock);
    if (verify_signature(n->verifier, signature, body, now, &which) != VERIFY_OK)
        return 400;
    if (is_ping(body))
        return 200;
    if (!n->works)
        return 503;
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        abort();
    item->arena.max = BODY_BYTES_MAX;
    item->gate = gate;
    if (event_parse(body, &item->event, &item->arena, &e) != ST_OK)
        broke(PROMISE_SOUND, "an event of Stripe's cannot be read: %s", e.text);
    item->event.received_at = now;
    item->event.secret = which;
    if (enqueue(n, item) != ST_OK)
        return 503;
    gate_lock(&sim_sched, gate);
    while (!item->done && nodes[0] && nodes[0]->life == life)
        gate_wait(&sim_sched, gate, NO_DEADLINE);
    gate_unlock(&sim_sched, gate);
    if (!item->done) {
        mark(MARK_DELIVERY_CUT);
        return 0;
    }
    int status = item->status == ST_OK ? 200 : 503;
    arena_free(&item->arena);
    free(item);
    return status;
}
