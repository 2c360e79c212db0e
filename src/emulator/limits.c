#include "emulator/limits.h"

#include <stdlib.h>
#include <string.h>

enum { IDEM_HOURS = 24, IDEM_BUCKETS = 4096, RATE_SLOTS = 128 };

struct idem_entry {
    struct idem_entry *next;
    char *key, *method, *path, *request_id, *body;
    size_t n_body;
    uint64_t params;
    msec at;
    int status;
};

struct idem {
    struct idem_entry *bucket[IDEM_BUCKETS];
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
    for (size_t b = 0; b < IDEM_BUCKETS; b++) {
        while (i->bucket[b]) {
            struct idem_entry *x = i->bucket[b];
            i->bucket[b] = x->next;
            entry_free(x);
        }
    }
    free(i);
}

/* Where the key stands or would stand; what has expired on the way is dropped. */
static struct idem_entry **slot(struct call *c, str key)
{
    if (!c->space->idem)
        c->space->idem = must_alloc(sizeof(struct idem));
    struct idem_entry **at = &c->space->idem->bucket[hash_str(key, 1) % IDEM_BUCKETS];
    while (*at) {
        struct idem_entry *x = *at;
        if (c->emu->now - x->at >= (msec)IDEM_HOURS * 3600 * 1000) {
            *at = x->next;
            entry_free(x);
        } else if (str_eqz(key, x->key)) {
            break;
        } else {
            at = &x->next;
        }
    }
    return at;
}

/* The same whatever the order of the parameters. */
static uint64_t fingerprint(const struct call *c)
{
    char *text = json_dumps(c->params, JSON_COMPACT | JSON_SORT_KEYS);
    uint64_t h = hash_str(str_of(text), 2);

    free(text);
    return h;
}

enum status idem_find(struct call *c, struct idem_answer *out)
{
    struct idem_entry *x;

    if (!c->idem_key.n || !str_eq(c->http->method, S("POST")))
        return ST_NONE;
    if (c->idem_key.n > IDEM_KEY_BYTES_MAX) {
        refuse_typed(c, 400, "idempotency_error", NULL, NULL,
                     "Idempotency keys can be at most 255 characters long.");
        return ST_REFUSED;
    }
    x = *slot(c, c->idem_key);
    if (!x)
        return ST_NONE;
    if (!str_eqz(c->http->path, x->path)) {
        refuse_typed(c, 400, "idempotency_error", NULL, NULL,
                     "Keys for idempotent requests can only be used for the same endpoint they "
                     "were first used for ('%.*s' vs '%s'). Try using a key other than '%.*s' if "
                     "you meant to execute a different request.",
                     STR_ARG(c->http->path), x->path, STR_ARG(c->idem_key));
        return ST_REFUSED;
    }
    if (x->params != fingerprint(c)) {
        refuse_typed(c, 400, "idempotency_error", NULL, NULL,
                     "Keys for idempotent requests can only be used with the same parameters they "
                     "were first used with. Try using a key other than '%.*s' if you meant to "
                     "execute a different request.",
                     STR_ARG(c->idem_key));
        return ST_REFUSED;
    }
    *out = (struct idem_answer){ x->status, { x->body, x->n_body }, str_of(x->request_id) };
    return ST_OK;
}

void idem_keep(struct call *c, int status, str body)
{
    if (!c->idem_key.n || c->idem_key.n > IDEM_KEY_BYTES_MAX || !str_eq(c->http->method, S("POST")))
        return;
    struct idem_entry **at = slot(c, c->idem_key);
    if (*at)
        return;
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

    if (!o->rate_global && !o->rate_endpoint)
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
