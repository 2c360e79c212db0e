#include "backend/stripe_logged.h"

#include <stdlib.h>
#include <string.h>

#include "world/tx.h"

/* One call. Texts end in a NUL, hold printable ASCII alone, and are cut where they are too long. */
struct call {
    msec at, duration;
    int http_status; /* 0: no answer arrived */
    enum stripe_method method;
    enum stripe_lane lane;
    char path[384];
    char account[64];
    char request_id[64];
    char idem_key[256];
    char cause[32];
    char limit_reason[32];
    char error[256];
};

enum { ROW_ARENA_BYTES_MAX = 64 << 10 }; /* for what one insert answers */

struct stripe_logged {
    struct stripe stripe;
    struct stripe *inner;
    struct clock *clock;
    struct sched *sched;
    struct gate *gate; /* guards what follows */
    struct stripe_logged_stats stats;
    uint64_t first, end; /* calls are numbered: the oldest in the ring, and the next to come */
    bool is_flushing;
    struct call ring[CALLS_KEPT_MAX];
    struct call batch[CALLS_FLUSH_ROWS]; /* the flusher's alone, while is_flushing */
};

static const char *method_name(enum stripe_method m)
{
    switch (m) {
    case STRIPE_GET: return "GET";
    case STRIPE_POST: return "POST";
    case STRIPE_DELETE: return "DELETE";
    }
    return "?";
}

/* What came over the network may be any bytes; a database takes text alone. */
static void copy_text(char *dst, size_t size, str s)
{
    size_t n = s.n < size ? s.n : size - 1;

    for (size_t i = 0; i < n; i++)
        dst[i] = (char)(s.p[i] >= ' ' && s.p[i] < 0x7f ? s.p[i] : '?');
    dst[n] = '\0';
}

static void note(struct call *c, const struct stripe_request *q, const struct stripe_response *r,
                 enum status st, const struct error *e)
{
    c->method = q->method;
    c->lane = q->lane;
    copy_text(c->path, sizeof c->path, q->path);
    copy_text(c->account, sizeof c->account, q->account);
    copy_text(c->idem_key, sizeof c->idem_key, q->idem_key);
    copy_text(c->cause, sizeof c->cause, q->cause);
    if (st != ST_OK) {
        copy_text(c->error, sizeof c->error, str_of(e->text));
        return;
    }
    c->http_status = r->http_status;
    copy_text(c->request_id, sizeof c->request_id, r->request_id);
    copy_text(c->limit_reason, sizeof c->limit_reason, r->limit_reason);
}

static void keep(struct stripe_logged *l, const struct call *c)
{
    gate_lock(l->sched, l->gate);
    if (l->end - l->first == CALLS_KEPT_MAX) {
        l->first++;
        l->stats.dropped++;
    }
    l->ring[l->end++ % CALLS_KEPT_MAX] = *c;
    l->stats.calls++;
    l->stats.answered += c->http_status != 0;
    gate_unlock(l->sched, l->gate);
}

static enum status logged_call(struct stripe *s, const struct stripe_request *q,
                               struct stripe_response *out, struct arena *a, struct error *e)
{
    struct stripe_logged *l = (struct stripe_logged *)s;
    struct call c = { .at = clock_wall(l->clock) };
    msec began = clock_mono(l->clock);

    assert(!tx_writing());
    enum status st = l->inner->ops->call(l->inner, q, out, a, e);
    c.duration = clock_mono(l->clock) - began;
    note(&c, q, out, st, e);
    keep(l, &c);
    return st;
}

static void logged_close(struct stripe *s)
{
    struct stripe_logged *l = (struct stripe_logged *)s;

    stripe_close(l->inner);
    gate_free(l->sched, l->gate);
    free(l);
}

static const struct stripe_ops logged_ops = { "logged", logged_call, logged_close };

enum status stripe_logged_open(struct stripe **out, struct stripe *inner, struct clock *clock,
                               struct sched *sched, struct error *e)
{
    struct stripe_logged *l = calloc(1, sizeof *l);
    if (!l)
        return fail(e, ST_LIMIT, "out of memory for the audit of calls to Stripe");
    l->stripe.ops = &logged_ops;
    l->inner = inner;
    l->clock = clock;
    l->sched = sched;
    l->gate = gate_new(sched);
    *out = &l->stripe;
    return ST_OK;
}

/* ---- to the database --------------------------------------------------------------------- */

static struct value text_or_null(const char *text)
{
    return text[0] ? V_STR(str_of(text)) : V_NULL;
}

static enum status write_one(struct tx *tx, const struct call *c, struct error *e)
{
    ARENA(arena, ROW_ARENA_BYTES_MAX);

    return tx_run(tx, STMT_CALL_ADD, NULL, &arena, e, V_INT(c->at),
                  V_STR(str_of(method_name(c->method))), V_STR(str_of(c->path)),
                  text_or_null(c->account), c->http_status ? V_INT(c->http_status) : V_NULL,
                  text_or_null(c->request_id), text_or_null(c->idem_key), V_INT(c->duration),
                  V_INT(c->lane), V_STR(str_of(c->cause)), text_or_null(c->limit_reason),
                  text_or_null(c->error));
}

static enum status write_batch(const struct call *batch, size_t n, struct store *store,
                               struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };

    enum status st = tx_begin(&tx, store, TX_WRITE, e);
    for (size_t i = 0; st == ST_OK && i < n; i++)
        st = write_one(&tx, &batch[i], e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* Copies the oldest calls before `end`, so that none is held locked while the database works. */
static size_t copy_batch(struct stripe_logged *l, uint64_t end, uint64_t *first)
{
    size_t n = 0;

    gate_lock(l->sched, l->gate);
    *first = l->first;
    while (n < CALLS_FLUSH_ROWS && *first + n < end) {
        l->batch[n] = l->ring[(*first + n) % CALLS_KEPT_MAX];
        n++;
    }
    gate_unlock(l->sched, l->gate);
    return n;
}

/* Those that were written go. Some may have been dropped meanwhile, but not before they were saved:
 * they no longer count as dropped. */
static void forget(struct stripe_logged *l, uint64_t first, size_t n)
{
    gate_lock(l->sched, l->gate);
    if (l->first < first + n) {
        l->stats.dropped -= l->first - first;
        l->first = first + n;
    } else {
        l->stats.dropped -= n;
    }
    gate_unlock(l->sched, l->gate);
}

static uint64_t flush_begin(struct stripe_logged *l)
{
    gate_lock(l->sched, l->gate);
    while (l->is_flushing)
        gate_wait(l->sched, l->gate, NO_DEADLINE);
    l->is_flushing = true;
    uint64_t end = l->end;
    gate_unlock(l->sched, l->gate);
    return end;
}

static void flush_end(struct stripe_logged *l)
{
    gate_lock(l->sched, l->gate);
    l->is_flushing = false;
    gate_wake(l->sched, l->gate);
    gate_unlock(l->sched, l->gate);
}

enum status stripe_logged_flush(struct stripe *logged, struct store *store, struct error *e)
{
    struct stripe_logged *l = (struct stripe_logged *)logged;
    enum status st = ST_OK;
    uint64_t first;

    assert(logged->ops == &logged_ops);
    assert(!tx_writing());
    uint64_t end = flush_begin(l); /* what comes later is the next flush's */
    for (size_t n = copy_batch(l, end, &first); st == ST_OK && n; n = copy_batch(l, end, &first)) {
        st = write_batch(l->batch, n, store, e);
        if (st == ST_OK)
            forget(l, first, n);
    }
    flush_end(l);
    return st;
}

void stripe_logged_stats(struct stripe *logged, struct stripe_logged_stats *out)
{
    struct stripe_logged *l = (struct stripe_logged *)logged;

    assert(logged->ops == &logged_ops);
    gate_lock(l->sched, l->gate);
    *out = l->stats;
    out->waiting = l->end - l->first;
    gate_unlock(l->sched, l->gate);
}
