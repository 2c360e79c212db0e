#include "emulator/limits.h"

#include "emulator/points.h"

#include <stdlib.h>
#include <string.h>

enum { IDEM_HOURS = 24, IDEM_BUCKETS_FIRST = 256, RATE_SLOTS = 128 };

struct idem_entry {
    struct idem_entry *next;  /* same bucket */
    struct idem_entry *newer; /* in the order in which they were made, which is that of expiry */
    char *key, *method, *path, *request_id, *body;
    size_t n_body;
    uint64_t params;
    msec at;
    msec busy_until; /* the first request's answer is still on its way until then, really */
    int status;
};

struct idem {
    struct idem_entry **bucket;
    size_t n_buckets, n; /* a power of two */
    struct idem_entry *oldest, *newest;
};

static void entry_free(struct idem_entry *x)
{
    free(x->key);
    free(x->method);
    free(x->path);
    free(x->request_id);
    free(x->body);
    free(x);
}

void idem_free(struct idem *i)
{
    if (!i)
        return;
    while (i->oldest) {
        struct idem_entry *x = i->oldest;
        i->oldest = x->newer;
        entry_free(x);
    }
    free(i->bucket);
    free(i);
}

static struct idem_entry **slot(struct idem *i, str key)
{
    struct idem_entry **at = &i->bucket[hash_str(key, 1) & (i->n_buckets - 1)];

    while (*at && !str_eqz(key, (*at)->key))
        at = &(*at)->next;
    return at;
}

static void drop_expired(struct idem *i, msec now)
{
    while (i->oldest && now - i->oldest->at >= (msec)IDEM_HOURS * 3600 * 1000) {
        struct idem_entry *x = i->oldest;
        *slot(i, str_of(x->key)) = x->next;
        i->oldest = x->newer;
        i->n--;
        entry_free(x);
    }
    if (!i->oldest)
        i->newest = NULL;
}

static void grow(struct idem *i)
{
    free(i->bucket);
    i->n_buckets = i->n_buckets ? i->n_buckets * 2 : IDEM_BUCKETS_FIRST;
    i->bucket = must_alloc(i->n_buckets * sizeof(*i->bucket));
    for (struct idem_entry *x = i->oldest; x; x = x->newer) {
        struct idem_entry **at = &i->bucket[hash_str(str_of(x->key), 1) & (i->n_buckets - 1)];
        x->next = *at;
        *at = x;
    }
}

/* The keys of the call's space, without those that are a day old. */
static struct idem *keys_of(struct call *c)
{
    if (!c->space->idem) {
        c->space->idem = must_alloc(sizeof(struct idem));
        grow(c->space->idem);
    }
    drop_expired(c->space->idem, c->emu->now);
    return c->space->idem;
}

/* The same whatever the order of the parameters. */
static uint64_t fingerprint(const struct call *c)
{
    char *text = json_dumps(c->params, JSON_COMPACT | JSON_SORT_KEYS);
    uint64_t h = hash_str(str_of(text), 2);

    free(text);
    return h;
}

static enum status refuse_key(struct call *c, int status, const char *code, const char *text)
{
    bool other = code && point_is(c->emu, POINT_IN_FLIGHT, "invalid_request_error");

    refuse_typed(c, status, other ? INVALID_REQUEST : "idempotency_error", code, NULL, "%s", text);
    c->validation = true; /* it says nothing about what the key got */
    return ST_REFUSED;
}

/* [facts: 4.6] */
static const char *in_use_text(struct call *c)
{
    return arena_printf(c->arena,
                        "There is currently another in-progress request using this Idempotent Key "
                        "(that probably means you submitted twice, and the other request is still "
                        "going through): %.*s. Please try again later.",
                        STR_ARG(c->idem_key))
        .p;
}

static const char *other_path_text(struct call *c, const struct idem_entry *x)
{
    return arena_printf(c->arena,
                        "Keys for idempotent requests can only be used for the same endpoint they "
                        "were first used for ('%.*s' vs '%s'). Try using a key other than '%.*s' "
                        "if you meant to execute a different request.",
                        STR_ARG(c->http->path), x->path, STR_ARG(c->idem_key))
        .p;
}

static const char *other_params_text(struct call *c)
{
    return arena_printf(c->arena,
                        "Keys for idempotent requests can only be used with the same parameters "
                        "they were first used with. Try using a key other than '%.*s' if you meant "
                        "to execute a different request.",
                        STR_ARG(c->idem_key))
        .p;
}

enum status idem_find(struct call *c, struct idem_answer *out)
{
    str key = c->idem_key;

    if (!key.n || !c->space || !str_eq(c->http->method, S("POST")))
        return ST_NONE; /* the addresses below /_emulator know no keys */
    if (key.n > IDEM_KEY_BYTES_MAX)
        return refuse_key(c, 400, NULL, "Idempotency keys can be at most 255 characters long.");
    const struct idem_entry *x = *slot(keys_of(c), key);
    if (!x)
        return ST_NONE;
    if (x->busy_until > clock_wall(c->emu->options.clock))
        return refuse_key(c, 409, "idempotency_key_in_use", in_use_text(c));
    if (!str_eqz(c->http->path, x->path))
        return refuse_key(c, 400, NULL, other_path_text(c, x));
    if (x->params != fingerprint(c))
        return refuse_key(c, 400, NULL, other_params_text(c));
    *out = (struct idem_answer){ x->status, { x->body, x->n_body }, str_of(x->request_id) };
    return ST_OK;
}

void idem_keep(struct call *c, int status, str body)
{
    if (!c->idem_key.n || c->idem_key.n > IDEM_KEY_BYTES_MAX || !c->space ||
        !str_eq(c->http->method, S("POST")))
        return;
    struct idem *i = keys_of(c);
    if (*slot(i, c->idem_key))
        return;
    if (++i->n > i->n_buckets)
        grow(i);
    struct idem_entry **at = slot(i, c->idem_key);
    struct idem_entry *x = must_alloc(sizeof(*x));
    *x = (struct idem_entry){ .key = must_copy(c->idem_key),
                              .method = must_copy(c->http->method),
                              .path = must_copy(c->http->path),
                              .request_id = must_copy(c->request_id),
                              .body = must_copy(body),
                              .n_body = body.n,
                              .params = fingerprint(c),
                              .at = c->emu->now,
                              .status = status };
    *at = x;
    if (i->newest)
        i->newest->newer = x;
    else
        i->oldest = x;
    i->newest = x;
}

/* --- what is still being answered --- */

void busy_take(struct call *c, msec span)
{
    struct space *s = c->space;
    msec until = clock_wall(c->emu->options.clock) + span;
    struct idem_entry *x = c->idem_key.n && s->idem ? *slot(s->idem, c->idem_key) : NULL;

    if (x)
        x->busy_until = until;
    if (!c->part[0].n || str_eq(c->http->method, S("GET")))
        return;
    struct lock *l = &s->lock[s->n_locks++ % LOCKS_MAX];
    l->object = hash_str(c->part[0], 3);
    l->until = until;
}

bool busy_refuses(struct call *c)
{
    msec now = clock_wall(c->emu->options.clock);

    if (!c->part[0].n || str_eq(c->http->method, S("GET")))
        return false;
    for (size_t i = 0; i < LOCKS_MAX; i++) {
        const struct lock *l = &c->space->lock[i];
        if (l->until <= now || l->object != hash_str(c->part[0], 3))
            continue;
        refuse_locked(c);
        return true;
    }
    return false;
}

void refuse_locked(struct call *c)
{
    refuse(c, 429, "lock_timeout", NULL,
           "This object cannot be accessed right now because another API request or Stripe "
           "process is currently accessing it. If you see this error intermittently, retry the "
           "request. If you see this error frequently and are making multiple concurrent "
           "requests to a single object, make your requests serially or at a lower rate.");
}

void refuse_in_use(struct call *c)
{
    refuse_key(c, 409, "idempotency_key_in_use", in_use_text(c));
}

/* --- rates: requests in the current second --- */

struct rate {
    int64_t second;
    unsigned all, of[RATE_SLOTS];
};

void rate_free(struct rate *r)
{
    free(r);
}

bool rate_allows(struct call *c, str *reason)
{
    const struct emulator_options *o = &c->emu->options;

    if ((!o->rate_global && !o->rate_endpoint) || c->emu->replaying) /* it was carried out then */
        return true;
    if (!c->space->rate)
        c->space->rate = must_alloc(sizeof(struct rate));
    struct rate *r = c->space->rate;
    if (r->second != wall_s(c->emu))
        *r = (struct rate){ .second = wall_s(c->emu) };
    uint64_t which = hash_str(str_of(c->route ? c->route->pattern : ""), 0) ^ c->http->method.n;
    unsigned *mine = &r->of[which % RATE_SLOTS];
    *reason = (str){ 0 };
    if (o->rate_global && r->all >= o->rate_global)
        *reason = S("global-rate");
    else if (o->rate_endpoint && *mine >= o->rate_endpoint)
        *reason = S("endpoint-rate");
    if (reason->n) {
        refuse(c, 429, "rate_limit", NULL,
               "Request rate limit exceeded. Learn more about rate limits here "
               "https://stripe.com/docs/rate-limits.");
        return false;
    }
    r->all++;
    (*mine)++;
    return true;
}
