#include "kv.h"

#include "base/plant.h"
#include "fibre.h"
#include "ids.h"
#include "seed.h"
#include "side.h"
#include "trace.h"
#include "world/tx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEYS_MAX = 256,
    KEY_BYTES_MAX = 128,
    LATE_MAX = 16,
    ANSWER_MS_MAX = 5000, /* as kv_redis.c waits for an answer */
    LATE_MS_MAX = 20000,
    ROUND_MS_MAX = 30000,
    AWAY_MS_MAX = 40000,
    LOOKS_MIN = 2, /* what the first look has found, the second one knows to be acted upon */
};

struct entry {
    char key[KEY_BYTES_MAX];
    char *value;
};

struct memory {
    struct entry entry[KEYS_MAX];
    size_t n;
};

/* What somebody sent and gave up waiting for. */
struct late {
    struct memory items;
    unsigned session;
    bool used;
};

static struct climate *climate;
static struct memory now, before; /* as it is; as it was when it was saved last */
static struct late late[LATE_MAX];
static unsigned session;      /* of the server: connections do not outlive it */
static unsigned looks[SIDES]; /* at our mark, since it lost something or somebody began anew */
static bool busy[SIDES];      /* each environment has a connection of its own */
static bool away, calm;

static enum status sim_put(struct kv *k, const struct kv_item *item, size_t n, struct error *e);
static enum status sim_get(struct kv *k, str key, str *value, struct arena *a, struct error *e);
static void sim_close(struct kv *k);
static const struct kv_ops ops = { "sim", sim_put, sim_get, sim_close };
static struct kv connection[SIDES] = { { &ops }, { &ops } };

static char *copy(str s)
{
    char *p = malloc(s.n + 1);

    if (!p)
        abort();
    memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static struct entry *find(struct memory *m, const char *key)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->entry[i].key, key) == 0)
            return &m->entry[i];
    return NULL;
}

static void set(struct memory *m, const char *key, const char *value)
{
    struct entry *e = find(m, key);

    if (!e) {
        assert(m->n < KEYS_MAX);
        e = &m->entry[m->n++];
        snprintf(e->key, sizeof e->key, "%s", key);
        e->value = NULL;
    }
    free(e->value);
    e->value = copy(str_of(value));
}

static void drop(struct memory *m, const char *key)
{
    struct entry *e = find(m, key);

    if (!e)
        return;
    free(e->value);
    *e = m->entry[--m->n];
}

static void forget(struct memory *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->entry[i].value);
    m->n = 0;
}

static void assign(struct memory *to, const struct memory *from)
{
    forget(to);
    for (size_t i = 0; i < from->n; i++)
        set(to, from->entry[i].key, from->entry[i].value);
}

/* -1: it says none. */
static long long revision_of(const char *value)
{
    const char *at = strstr(value, "\"revision\":");

    return at ? atoll(at + strlen("\"revision\":")) : -1;
}

/* ---- the server ------------------------------------------------------------------------------ */

/* The connected account that a key names behind its environment. */
static unsigned guest_in(str key)
{
    str account;

    (void)str_cut(key, ':', &account);
    return guest_of(account);
}

/* A key begins with its environment's name, and nothing under it is somebody else's. */
static void check_apart(const char *key, const char *value)
{
    char prefix[ENV_NAME_MAX + 16];

    snprintf(prefix, sizeof prefix, "stripe:%s:", side()->name);
    if (strncmp(key, prefix, strlen(prefix)) != 0)
        broke(PROMISE_APART, "%s puts %s, which is not below its name", side()->name, key);
    guest_is(guest_in(str_of(key + strlen(prefix))));
    if (ids_foreign(str_of(key)).n || ids_foreign(str_of(value)).n)
        broke(PROMISE_APART, "%s puts %s, with something of somebody else's in it", side()->name,
              key);
    guest_is(0);
}

static void apply(const char *key, const char *value)
{
    check_apart(key, value);
    const struct entry *e = find(&now, key);
    long long old = e ? revision_of(e->value) : -1, new = revision_of(value);

    if (old > new &&new >= 0 && !planted(PLANT_BLIND_PROJECTION)) {
        mark(MARK_KV_OVERTAKEN);
        return;
    }
    if (old > new &&new >= 0)
        broke(PROMISE_PROJECTED, "the key-value server goes back: %s had revision %lld, now %lld",
              key, old, new);
    if (value[0])
        set(&now, key, value);
    else
        drop(&now, key);
}

static void lose(const char *how)
{
    trace("the key-value server comes back %s", how);
    session++;
    memset(looks, 0, sizeof looks);
}

static void restart(void)
{
    away = true;
    trace("the key-value server is away");
    fibre_pause(seed_between(10, AWAY_MS_MAX));
    if (seed_chance(climate->kv_emptied)) {
        forget(&now);
        forget(&before);
        lose("empty");
        mark(MARK_KV_EMPTIED);
    } else if (seed_chance(climate->kv_rewound)) {
        assign(&now, &before);
        lose("as it was a while ago");
        mark(MARK_KV_REWOUND);
    } else {
        lose("as it went");
    }
    away = false;
}

static void weather(void *arg)
{
    (void)arg;
    while (!calm) {
        fibre_pause(seed_between(100, ROUND_MS_MAX));
        if (seed_chance(30))
            assign(&before, &now);
        if (!calm && seed_chance(climate->kv_restarts))
            restart();
    }
}

/* ---- a connection ---------------------------------------------------------------------------- */

static enum status is_away(struct error *e)
{
    return fail(e, ST_RETRY, "the key-value server is away");
}

static void begin_call(const struct kv *k)
{
    if (tx_writing())
        broke(PROMISE_SOUND, "the key-value server was asked inside a write transaction");
    if (k != &connection[fibre_side()])
        broke(PROMISE_APART, "%s uses the other's key-value connection", side()->name);
    if (busy[fibre_side()])
        broke(PROMISE_SOUND, "two use the connection to the key-value server at once");
    busy[fibre_side()] = true;
    fibre_pause(seed_between(0, 20));
}

static void arrive_late(void *arg)
{
    struct late *l = arg;

    fibre_pause(seed_between(1, LATE_MS_MAX));
    if (l->session == session && !away) {
        trace("what was given up reaches the key-value server");
        mark(MARK_KV_LATE);
        for (size_t i = 0; i < l->items.n; i++)
            apply(l->items.entry[i].key, l->items.entry[i].value);
    }
    forget(&l->items);
    l->used = false;
}

static void send_late(const struct kv_item *item, size_t n)
{
    for (size_t i = 0; i < LATE_MAX; i++) {
        if (late[i].used)
            continue;
        late[i].used = true;
        late[i].session = session;
        for (size_t k = 0; k < n; k++)
            set(&late[i].items, item[k].key.p, item[k].value.n ? item[k].value.p : "");
        fibre_spawn(OUTSIDE, "kv", arrive_late, &late[i]);
        return;
    }
}

static enum status put_now(const struct kv_item *item, size_t n, struct error *e)
{
    bool torn = seed_chance(climate->kv_torn);
    size_t arrived = torn ? (size_t)seed_between(0, (int64_t)n) : n;

    for (size_t i = 0; i < arrived; i++)
        apply(item[i].key.p, item[i].value.n ? item[i].value.p : "");
    unsigned was = session;
    fibre_pause(seed_between(0, 20));
    if (torn || was != session || seed_chance(climate->kv_lost_after)) {
        mark(MARK_KV_UNANSWERED);
        return fail(e, ST_RETRY, "the key-value server's answer was lost");
    }
    return away ? is_away(e) : ST_OK;
}

static enum status put(const struct kv_item *item, size_t n, struct error *e)
{
    if (away)
        return is_away(e);
    if (seed_chance(climate->kv_lost_before))
        return fail(e, ST_RETRY, "the connection to the key-value server was reset");
    if (!seed_chance(climate->kv_late))
        return put_now(item, n, e);
    send_late(item, n);
    fibre_pause(seed_between(1, ANSWER_MS_MAX));
    return fail(e, ST_RETRY, "the key-value server has not answered in time");
}

static enum status sim_put(struct kv *k, const struct kv_item *item, size_t n, struct error *e)
{
    begin_call(k);
    enum status st = put(item, n, e);
    busy[fibre_side()] = false;
    trace("puts %zu values: %s", n, st == ST_OK ? "taken" : e->text);
    return st;
}

static enum status sim_get(struct kv *k, str key, str *value, struct arena *a, struct error *e)
{
    begin_call(k);
    bool lost = away || seed_chance(climate->kv_lost_before);
    const char *found = kv_server_value(key.p);
    busy[fibre_side()] = false;
    if (lost)
        return is_away(e);
    looks[fibre_side()]++;
    if (!found)
        return ST_NONE;
    *value = arena_copy(a, str_of(found));
    return ST_OK;
}

static void sim_close(struct kv *k)
{
    (void)k;
}

struct kv *kv_server_connect(void)
{
    busy[fibre_side()] = false;
    return &connection[fibre_side()];
}

void kv_server_hang_up(void)
{
    memset(busy, 0, sizeof busy);
    memset(looks, 0, sizeof looks);
}

void kv_server_calm(void)
{
    calm = true;
}

bool kv_server_is_known(void)
{
    return !away && looks[fibre_side()] >= LOOKS_MIN;
}

size_t kv_server_count(void)
{
    return now.n;
}

const char *kv_server_key(size_t i)
{
    return now.entry[i].key;
}

const char *kv_server_value(const char *key)
{
    const struct entry *e = find(&now, key);

    return e ? e->value : NULL;
}

void kv_server_open(struct climate *c)
{
    climate = c;
    calm = away = false;
    if (c->kv)
        fibre_spawn(OUTSIDE, "kv server", weather, NULL);
}
