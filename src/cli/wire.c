#include "cli/wire.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/clock_os.h"
#include "backend/curl_pool.h"
#include "backend/database_pg.h"
#include "backend/database_sqlite.h"
#include "backend/http_post.h"
#include "backend/kv_redis.h"
#include "backend/lock_file.h"
#include "backend/pg_facts.h"
#include "backend/rng_os.h"
#include "backend/sched_pthread.h"
#include "backend/store_pg.h"
#include "backend/store_sqlite.h"
#include "backend/stripe_http.h"
#include "backend/stripe_logged.h"
#include "backend/stripe_paced.h"
#include "catalog/saga.h"
#include "cli/command.h"
#include "cli/keys.h"
#include "cli/switch/finding.h"
#include "core/api.h"
#include "core/customer/user.h"
#include "core/due.h"
#include "core/environment/seal.h"
#include "core/mirror/parents.h"
#include "serve/exposition.h"

#define DAY_MS (86400LL * 1000)

struct clock *wire_clock(void)
{
    return clock_os();
}

struct rng *wire_rng(void)
{
    return rng_os();
}

bool wire_is_loopback(str url)
{
    struct curl_target target;
    struct error ignored = { 0 };
    char text[POST_URL_BYTES_MAX];

    if (url.n >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", STR_ARG(url));
    return curl_target_parse(text, &target, &ignored) == ST_OK && target.is_loopback;
}

/* --- Stripe -------------------------------------------------------------------------------- */

static enum status check_key(const struct env_config *conf, enum key_kind *kind, struct error *e)
{
    enum status st = keys_check(conf, e);

    if (st != ST_OK)
        return st;
    *kind = key_judge(&conf->secret_key, NULL);
    switch (*kind) {
    case KEY_NONE:
        if (conf->demo)
            return fail(e, ST_REFUSED,
                        "This store is the demo's, and the demo has ended: `brindle demo` starts "
                        "it again.");
        return fail(
            e, ST_REFUSED,
            "Environment %s has no key: set STRIPE_SECRET_KEY, or secret_key in [env %s] of "
            "brindle.conf.",
            conf->name, conf->name);
    case KEY_MALFORMED:
    case KEY_TEST:
    case KEY_LIVE: return ST_OK;
    }
    return ST_OK;
}

static enum status rate_of(const struct wire *w, enum key_kind kind, struct rate_options *out,
                           struct error *e)
{
    const struct values *v = &w->conf->values;
    int64_t set = config_number(v, SET_RATE_LIMIT);

    if (set == 0 && !wire_is_loopback(config_text(v, SET_API_BASE)))
        return fail(e, ST_INVALID,
                    "rate_limit = 0 of environment %s would ask Stripe without any limit; it is "
                    "taken for an api_base on this machine alone.",
                    w->conf->name);
    if (set > RATE_PER_SECOND_MAX)
        return fail(e, ST_INVALID, "rate_limit of environment %s must be at most %d.",
                    w->conf->name, RATE_PER_SECOND_MAX);
    unsigned usual = kind == KEY_LIVE ? WIRE_RATE_LIVE : WIRE_RATE_TEST;
    *out = (struct rate_options){
        .per_second = set < 0 ? usual : (unsigned)set,
        .endpoint_per_second = set < 0 ? WIRE_RATE_ENDPOINT : (unsigned)set,
        .in_flight_max = set == 0 ? (unsigned)config_number(v, SET_WORKERS) : 0,
    };
    return ST_OK;
}

/* Each decorator takes what it wraps; what is outermost is closed, and closes the rest. */
static enum status open_stripe(struct wire *w, struct error *e)
{
    struct world *world = &w->world;
    struct rate_options rate = { 0 };
    enum key_kind kind;
    struct stripe_http_options http = {
        .base_url = config_text(&w->conf->values, SET_API_BASE),
        .key = &w->conf->secret_key,
        .clock = world->clock,
    };

    enum status st = check_key(w->conf, &kind, e);
    if (st == ST_OK)
        st = rate_of(w, kind, &rate, e);
    if (st == ST_OK)
        st = stripe_http_open(&world->stripe, &http, e);
    if (st != ST_OK)
        return st;
    w->http = world->stripe;
    w->rate = rate.per_second;
    st = stripe_paced_open(&w->paced, world->stripe, world->clock, world->sched, world->rng, &rate,
                           e);
    if (st != ST_OK)
        return st;
    world->stripe = w->paced;
    if (w->mode != WIRE_WRITE)
        return ST_OK;
    st = stripe_logged_open(&w->logged, w->paced, world->clock, world->sched, e);
    if (st == ST_OK)
        world->stripe = w->logged;
    return st;
}

/* --- identity ------------------------------------------------------------------------------ */

/* A server that has no account (a mock on this machine) leaves it to the configuration. */
static enum status declared(struct wire *w, struct identity *out, struct error *e)
{
    const struct values *v = &w->conf->values;
    str account = config_text(v, SET_ACCOUNT);

    if (!wire_is_loopback(config_text(v, SET_API_BASE)))
        return fail(e, ST_REFUSED,
                    "%.*s answers 404 to /v1/account and /v1/balance, so that nobody knows whose "
                    "data environment %s would hold. Check api_base.",
                    STR_ARG(config_text(v, SET_API_BASE)), w->conf->name);
    if (!account.n)
        return fail(e, ST_REFUSED,
                    "%.*s has neither /v1/account nor /v1/balance: declare whose data it is with "
                    "BRINDLE_ACCOUNT=acct_… (account in [env %s]).",
                    STR_ARG(config_text(v, SET_API_BASE)), w->conf->name);
    *out = (struct identity){ .livemode = str_eqz(config_text(v, SET_LIVEMODE), "true") };
    memcpy(out->account, account.p, account.n);
    w->env.identity_declared = true;
    return ST_OK;
}

/* Keeps asking for a while when Stripe is away: never begins unproven. */
static enum status identify(struct wire *w, struct identity *out, struct error *e)
{
    struct clock *clock = w->world.clock;
    msec until = clock_mono(clock) +
                 (w->conf->try_once ? 0 : config_number(&w->conf->values, SET_START) * 1000);

    for (unsigned attempt = 1;; attempt++) {
        struct error why = { 0 };
        enum status st = env_identify(&w->world, w->env.declared, out, &why);
        if (st == ST_NONE)
            return declared(w, out, e);
        msec pause = api_pause(attempt, w->world.rng), now = clock_mono(clock);
        if (st == ST_RETRY && attempt == 1 && now + pause < until)
            fprintf(stderr,
                    "brindle: Stripe does not answer (%s); trying for %lld s more, ^C ends it\n",
                    why.text, (long long)(until - now) / 1000);
        if (st != ST_RETRY || now + pause >= until || (w->conf->switching && cli_interrupted())) {
            if (st != ST_OK)
                *e = why;
            if (st == ST_RETRY)
                error_prefix(e,
                             "Environment %s: identity not verified, so that nothing was begun: ",
                             w->conf->name);
            return st;
        }
        clock_sleep(clock, pause);
    }
}

static enum status prove(struct wire *w, struct identity *out, struct error *e)
{
    enum key_kind kind = key_judge(&w->conf->secret_key, NULL);
    struct sigaction before;
    const struct sigaction kill_us = { .sa_handler = SIG_DFL };

    sigaction(SIGINT, NULL, &before);
    if (before.sa_handler != SIG_IGN && !w->conf->switching)
        sigaction(SIGINT, &kill_us, NULL); /* nothing was written yet: ^C ends it at once */
    enum status st = identify(w, out, e);
    sigaction(SIGINT, &before, NULL);
    if (st != ST_OK)
        return st;
    if (out->livemode != (kind == KEY_LIVE))
        return fail(e, ST_REFUSED,
                    "The key of environment %s is a %s key by its prefix, but Stripe says that it "
                    "reaches %s in %s mode. Nothing was written. Check secret_key and api_base.",
                    w->conf->name, mode_name(kind == KEY_LIVE), out->account,
                    mode_name(out->livemode));
    return ST_OK;
}

/* Numbers for claims that outlive processes: a place each for those that use this data directory at
 * the same time, held by a lock. The claims of a place that nobody holds are a dead process's, and
 * void; those of other machines end by their leases. */
static enum status claim_place(struct wire *w, const char *path, int64_t owner, struct error *e)
{
    char place[DATA_PATH_MAX];
    struct error taken = { 0 };
    int lock;

    int n = snprintf(place, sizeof place, "%s-%d", path, (int)(owner % WIRE_PLACES));
    if (n < 0 || (size_t)n >= sizeof place || lock_file_take(place, &lock, &taken) != ST_OK)
        return ST_OK;
    int64_t mine = w->env.owner;
    w->env.owner = owner;
    enum status st = due_restart(&w->env, e);
    if (mine) {
        w->env.owner = mine;
        lock_file_release(lock);
    } else {
        w->place_lock = lock;
    }
    return st;
}

static enum status claim_places(struct wire *w, struct error *e)
{
    char file[ENV_NAME_MAX + 8], path[DATA_PATH_MAX];
    struct secret name = { .n = 0 };
    struct error ignored = { 0 };
    uint32_t number = 2166136261u; /* FNV-1a */
    enum status st = ST_OK;
    bool made;

    snprintf(file, sizeof file, "%s.node", w->conf->name);
    int n = snprintf(path, sizeof path, "%s/%s", w->data_dir, file);
    if (n < 0 || (size_t)n >= sizeof path || datadir_make(w->data_dir, &ignored) != ST_OK ||
        datadir_secret(w->data_dir, file, "", w->world.rng, &name, &made, &ignored) != ST_OK)
        return ST_OK;
    str letters = secret_reveal(&name);
    for (size_t i = 0; i < letters.n; i++)
        number = (number ^ (unsigned char)letters.p[i]) * 16777619u;
    secret_wipe(&name);
    int64_t first = ((int64_t)(number >> 2) + 1) * WIRE_PLACES;
    for (int64_t i = 0; st == ST_OK && i < WIRE_PLACES; i++)
        st = claim_place(w, path, first + i, e);
    return st;
}

/* ST_CONFLICT: another environment took over, or a switch is under way. Others: as
 * switch_from.
 */
static enum status refuse_sealed(struct wire *w, const struct config *c, const struct seal *seal,
                                 struct error *e)
{
    char from[ENV_NAME_MAX + 1];
    const char *name = w->conf->name;
    struct error why = { 0 };

    enum status st = switch_from(c, name, from, &why);
    if (!seal->sealed_for[0] && !seal->target[0] && !from[0]) {
        if (st != ST_OK)
            *e = why;
        return st;
    }
    w->sealed = true;
    if (seal->target[0] || from[0])
        return fail(e, ST_CONFLICT,
                    "A switch from environment %s to %s is under way, and until it is over neither "
                    "is worked for. Go on with `brindle env switch %s`, or back with `brindle env "
                    "switch %s`.",
                    from[0] ? from : name, from[0] ? name : seal->target,
                    from[0] ? name : seal->target, from[0] ? from : name);
    w->put_away = true;
    return fail(
        e, ST_CONFLICT,
        "Environment %s is sealed: %s took over. It can be read; nothing is written into it. "
        "`brindle env switch %s` opens it again.",
        name, seal->sealed_for, name);
}

/* Before Stripe is asked: whoever may not write hears of that, and not that Stripe is away. */
static enum status look_at_seal(struct wire *w, const struct config *c, struct error *e)
{
    CLEANUP(wire_close) struct wire reader = { 0 };
    struct error ignored = { 0 };
    struct seal seal = { 0 };

    if (wire_open(&reader, c, w->conf, WIRE_LOOK, &ignored) == ST_OK &&
        seal_read(&reader.env, &seal, &ignored) != ST_OK)
        seal = (struct seal){ 0 };
    return refuse_sealed(w, c, &seal, e);
}

/* And once more when the store is ours: now nobody else seals it. */
static enum status check_seal(struct wire *w, const struct config *c, struct error *e)
{
    struct seal seal = { 0 };

    if (w->conf->switching)
        return ST_OK;
    enum status st = seal_read(&w->env, &seal, e);
    if (st != ST_OK && st != ST_NONE)
        return st;
    return refuse_sealed(w, c, &seal, e);
}

static enum status adopt(struct wire *w, const struct config *c, const struct identity *id,
                         struct error *e)
{
    enum status st = check_seal(w, c, e);

    if (st != ST_OK)
        return st;
    st = env_adopt(&w->env, id, e);

    if (st == ST_CONFLICT)
        return ST_REFUSED; /* another's store: a matter of identity, not of who was first */
    if (st != ST_OK)
        return st;
    w->adopted = true;
    st = env_note_key(&w->env, &w->conf->secret_key, &w->key_changed, e);
    if (st == ST_OK)
        st = user_rekey(&w->env, e);
    if (st != ST_OK)
        return st;
    return w->on_pg ? claim_places(w, e) : due_restart(&w->env, e);
}

/* --- the whole ----------------------------------------------------------------------------- */

static bool reads(enum wire_mode mode)
{
    return mode == WIRE_READ || mode == WIRE_LOOK;
}

static enum status open_pg(struct wire *w, const struct config *c, struct error *e)
{
    char schema[SCHEMA_NAME_MAX + 1];
    str named = config_text(&w->conf->values, SET_SCHEMA);
    const struct store_pg_options o = {
        .url = c->pg_url,
        .schema = schema,
        .sched = w->world.sched,
        .clock = w->world.clock,
        .rng = w->world.rng,
        .read_only = reads(w->mode),
        .older = w->mode == WIRE_LOOK,
        .past_seal = w->conf->past_seal || w->mode == WIRE_FORGET || w->mode == WIRE_FILL,
    };

    if (named.n >= sizeof schema)
        return fail(e, ST_INVALID, "schema of environment %s is too long.", w->conf->name);
    if (named.n)
        snprintf(schema, sizeof schema, "%.*s", STR_ARG(named));
    else
        snprintf(schema, sizeof schema, "brindle_%s", w->conf->name);
    w->on_pg = true;
    return store_pg_open(&w->world.store, &o, e);
}

static_assert((int)WIRE_PG_CONNECTIONS == STORE_PG_WRITERS + STORE_PG_READERS, "as opened above");

enum status wire_pg_facts(const struct config *c, struct pg_facts *out, struct error *e)
{
    return c->pg_url ? pg_facts_read(c->pg_url, out, e) : ST_NONE;
}

enum status wire_kv_facts(const struct config *c, struct kv_facts *out, struct error *e)
{
    str url = config_text(&c->values, SET_REDIS);
    struct kv *kv = NULL;

    if (!url.n)
        return ST_NONE;
    enum status st = kv_redis_open(&kv, url, e);
    if (st != ST_OK)
        return st;
    st = kv_redis_facts(kv, out, e);
    kv->ops->close(kv);
    return st;
}

static enum status open_store(struct wire *w, const struct config *c, struct error *e)
{
    if (c->pg_url)
        return open_pg(w, c, e);
    enum status st = !reads(w->mode) ? datadir_make(c->data_dir, e) : ST_OK;
    struct store_sqlite_options o = {
        .path = w->store_path,
        .sched = w->world.sched,
        .clock = w->world.clock,
        .read_only = reads(w->mode),
        .older = w->mode == WIRE_LOOK,
    };

    if (st == ST_OK)
        st = store_sqlite_open(&w->world.store, &o, e);
    w->locked = st == ST_CONFLICT;
    return st;
}

/* How long things are kept. */
static void keep_as_configured(struct wire *w)
{
    const struct values *v = &w->conf->values;
    struct env_settings *set = &w->env.set;

    set->history_ms = config_number(v, SET_HISTORY_DAYS) * DAY_MS;
    set->inbox_body_ms = config_number(v, SET_INBOX_BODY_DAYS) * DAY_MS;
    set->inbox_id_ms = config_number(v, SET_INBOX_DAYS) * DAY_MS;
    set->calls_ms = config_number(v, SET_CALLS_DAYS) * DAY_MS;
}

/* A name that Stripe takes in metadata. */
static enum status take_user_key(struct wire *w, struct error *e)
{
    str key = config_text(&w->conf->values, SET_USER_KEY);

    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] == '[' || key.p[i] == ']' || (unsigned char)key.p[i] <= 0x20)
            return fail(e, ST_INVALID,
                        "user_metadata_key of environment %s holds a bracket or a blank.",
                        w->conf->name);
    if (!key.n || key.n > USER_KEY_MAX)
        return fail(e, ST_INVALID, "user_metadata_key of environment %s must have 1 to %d bytes.",
                    w->conf->name, USER_KEY_MAX);
    snprintf(w->env.user_key, sizeof w->env.user_key, "%.*s", STR_ARG(key));
    return ST_OK;
}

static enum status take_wrong_mode(struct wire *w, struct error *e)
{
    str policy = config_text(&w->conf->values, SET_WRONG_MODE);

    w->env.set.recreate_customer = str_eqz(policy, "recreate-customer");
    if (w->env.set.recreate_customer || str_eqz(policy, "refuse"))
        return ST_OK;
    return fail(e, ST_INVALID, "wrong_mode of environment %s is refuse or recreate-customer.",
                w->conf->name);
}

/* Where customers' states are delivered to. It connects when there is something to deliver. */
static enum status open_kv(struct wire *w, const struct config *c, struct error *e)
{
    str url = config_text(&c->values, SET_REDIS), prefix;

    prefix = config_text(&w->conf->values, SET_REDIS_PREFIX);
    if (prefix.n > KV_PREFIX_MAX)
        return fail(e, ST_INVALID, "redis_prefix of environment %s is longer than %d bytes.",
                    w->conf->name, KV_PREFIX_MAX);
    if (prefix.n)
        snprintf(w->env.kv_prefix, sizeof w->env.kv_prefix, "%.*s", STR_ARG(prefix));
    return url.n ? kv_redis_open(&w->world.kv, url, e) : ST_OK;
}

/* For the audit of operations: whose key it was, and nothing that opens anything. */
static void label_key(struct wire *w)
{
    char hint[32];
    str key = secret_reveal(&w->conf->secret_key);

    secret_hint(&w->conf->secret_key, hint);
    snprintf(w->env.key_label, sizeof w->env.key_label, "%.31s", hint);
    w->env.key_restricted = str_starts(str_trim(key), S("rk_"));
}

enum status wire_open(struct wire *w, const struct config *c, const struct env_config *conf,
                      enum wire_mode mode, struct error *e)
{
    enum status st = ST_OK;

    *w = (struct wire){ .conf = conf, .mode = mode, .data_dir = c->data_dir };
    w->world = (struct world){
        .clock = clock_os(), .rng = rng_os(), .sched = sched_pthread(), .kv = kv_none()
    };
    if (!c->pg_url) {
        datadir_store_path(c->data_dir, conf->name, w->store_path);
        datadir_socket_path(c->data_dir, conf->name, w->socket_path);
    }
    /* A store is not made for an identity that is never proven; a file that is there is locked
     * first. */
    bool fresh = mode == WIRE_WRITE && (c->pg_url || access(w->store_path, F_OK) != 0);
    struct identity id = { .livemode = false };

    env_init(&w->env, conf->name, &w->world);
    keep_as_configured(w);
    w->env.work_op = saga_work;
    label_key(w);
    w->made = true;
    w->env.set.catch_up_ms = config_catch_up_seconds(conf) * 1000;
    w->env.set.check_ms = config_number(&conf->values, SET_CHECK) * 1000;
    w->env.set.parents_max = config_number(&conf->values, SET_PARENTS);
    if (w->env.set.parents_max > PARENTS_MAX_LIMIT)
        w->env.set.parents_max = PARENTS_MAX_LIMIT;
    w->env.set.relist_ms = config_number(&conf->values, SET_RELIST) * 1000;
    snprintf(w->env.declared, sizeof w->env.declared, "%.*s",
             STR_ARG(config_text(&conf->values, SET_ACCOUNT)));
    w->env.connect = str_eqz(config_text(&conf->values, SET_CONNECT), "on");
    w->env.set.fuse_max = config_number(&conf->values, SET_FUSE);
    if (conf->fault[0])
        return fail(e, ST_INVALID, "%s", conf->fault);
    if (mode == WIRE_WRITE || mode == WIRE_ASK)
        st = open_stripe(w, e);
    if (st == ST_OK)
        st = open_kv(w, c, e);
    if (st == ST_OK)
        st = take_user_key(w, e);
    if (st == ST_OK)
        st = take_wrong_mode(w, e);
    if (st == ST_OK && mode == WIRE_WRITE && !conf->switching)
        st = look_at_seal(w, c, e);
    if (st == ST_OK && fresh)
        st = prove(w, &id, e);
    if (st == ST_OK && mode != WIRE_ASK)
        st = open_store(w, c, e);
    if (st == ST_OK && mode == WIRE_WRITE && !fresh)
        st = prove(w, &id, e);
    if (st != ST_OK)
        return st;
    if (w->on_pg)
        w->env.set.lease_ms = WIRE_PG_LEASE_MS;
    switch (mode) {
    case WIRE_WRITE: return adopt(w, c, &id, e);
    case WIRE_READ:
    case WIRE_LOOK:
    case WIRE_FORGET: return env_recall(&w->env, e);
    case WIRE_FILL:
    case WIRE_ASK: return ST_OK;
    }
    return ST_OK;
}

enum status wire_hold(struct wire *w, struct error *e)
{
    struct error why = { 0 };
    int lock = 0;

    if (w->on_pg)
        return ST_OK;
    enum status st = lock_file_take(w->store_path, &lock, &why);
    if (st == ST_CONFLICT)
        return fail(e, ST_CONFLICT,
                    "A daemon or command writes the mirror of %s just now: stop it first.",
                    w->conf->name);
    if (st == ST_OK) /* where no such file can be made, nobody can write */
        w->place_lock = lock;
    return ST_OK;
}

enum status wire_identity(struct wire *w, struct identity *out, struct error *e)
{
    return prove(w, out, e);
}

enum status wire_database(str url, bool writable, struct database **out, struct error *e)
{
    char path[DATA_PATH_MAX];

    if (str_starts(url, S("postgresql://")) || str_starts(url, S("postgres://")))
        return database_pg_open(out, url.p, writable, e);
    if (!str_starts(url, S("sqlite:")) || url.n - 7 >= sizeof path || url.n == 7)
        return fail(e, ST_INVALID,
                    "application_database is sqlite:FILE or postgresql://…: the database of your "
                    "application, where leftovers are looked for.");
    snprintf(path, sizeof path, "%.*s", STR_ARG(str_sub(url, 7, url.n)));
    return database_sqlite_open(out, path, writable, e);
}

enum status wire_switch_lock(const struct config *c, int *lock, struct error *e)
{
    char path[DATA_PATH_MAX];
    enum status st = datadir_make(c->data_dir, e);

    if (st != ST_OK)
        return st;
    datadir_switch_path(c->data_dir, "", path);
    return lock_file_take(path, lock, e);
}

void wire_switch_unlock(int lock)
{
    lock_file_release(lock);
}

void wire_close(struct wire *w)
{
    if (w->adopted) /* into another's store nothing is written, not even the audit */
        wire_every_second(w);
    if (w->made)
        env_free(&w->env);
    if (w->world.stripe)
        stripe_close(w->world.stripe);
    if (w->world.kv)
        w->world.kv->ops->close(w->world.kv);
    if (w->world.store)
        w->world.store->ops->close(w->world.store);
    if (w->place_lock > 0)
        lock_file_release(w->place_lock);
    *w = (struct wire){ 0 };
}

void wire_every_second(void *wire)
{
    struct wire *w = wire;
    struct error kept_for_later = { 0 };

    if (stripe_logged_flush(w->logged, w->world.store, &kept_for_later) != ST_OK)
        return; /* the calls stay in memory; the store's own trouble is told by whoever meets it */
}

bool wire_rate_limited(void *wire)
{
    struct wire *w = wire;
    struct rate_stats stats;

    stripe_paced_stats(w->paced, &stats);
    return stats.limited && clock_mono(w->world.clock) - stats.limited_at < (msec)WIRE_LIMITED_MS;
}

void wire_abandon(void *wire)
{
    struct wire *w = wire;

    stripe_paced_abandon(w->paced);
    stripe_http_abandon(w->http);
}

void wire_progress(void *wire, struct buf *out)
{
    struct wire *w = wire;
    struct rate_stats stats;

    stripe_paced_stats(w->paced, &stats);
    buf_printf(out, ",\"requests\":%llu,\"limited\":%llu,\"rate_milli\":%lld",
               (unsigned long long)stats.requests, (unsigned long long)stats.limited,
               (long long)stats.rate_milli);
}

void wire_metrics(void *wire, struct buf *out)
{
    struct wire *w = wire;
    struct rate_stats rate;
    struct stripe_logged_stats calls;
    unsigned waiting = 0;

    stripe_paced_stats(w->paced, &rate);
    stripe_logged_stats(w->logged, &calls);
    for (size_t i = 0; i < LANE_COUNT; i++)
        waiting += rate.waiting[i];
    const struct {
        const char *name, *type, *help;
        double value;
    } metric[] = {
        { "requests_total", "counter", "Requests to Stripe", (double)rate.requests },
        { "limited_total", "counter", "Answers 429 for a rate", (double)rate.limited },
        { "locked_total", "counter", "Answers 429 for a locked object", (double)rate.locked },
        { "in_flight", "gauge", "Requests under way", rate.in_flight },
        { "waiting", "gauge", "Requests that wait for the rate", waiting },
        { "rate", "gauge", "Requests a second permitted now; 0: unlimited",
          (double)rate.rate_milli / 1000 },
        { "calls_unlogged_total", "counter", "Calls the audit lost", (double)calls.dropped },
    };
    for (size_t i = 0; i < COUNT(metric); i++) {
        char name[64];
        snprintf(name, sizeof name, "brindle_stripe_%s", metric[i].name);
        expose_family(out, name, metric[i].type, metric[i].help);
        buf_printf(out, "%s{", name);
        expose_labels(out, &w->env);
        buf_printf(out, "} %.15g\n", metric[i].value);
    }
}

/* --- the emulator's deliveries ------------------------------------------------------------- */

static enum status send_webhook(void *ctx, str url, const struct emulator_header *header,
                                size_t n_headers, str body, msec timeout, int *http_status,
                                struct error *e)
{
    struct post_header copy[POST_HEADERS_MAX];

    if (n_headers > COUNT(copy))
        return fail(e, ST_LIMIT, "A delivery has more than %d headers.", POST_HEADERS_MAX);
    for (size_t i = 0; i < n_headers; i++)
        copy[i] = (struct post_header){ header[i].name, header[i].value };
    return http_poster_send(ctx, url, copy, n_headers, body, timeout, http_status, e);
}

enum status wire_sender_open(struct emulator_sender *out, struct error *e)
{
    struct http_poster *poster;
    enum status st = http_poster_open(&poster, e);

    if (st == ST_OK)
        *out = (struct emulator_sender){ .send = send_webhook, .ctx = poster };
    return st;
}

void wire_sender_close(struct emulator_sender *s)
{
    http_poster_close(s->ctx);
    *s = (struct emulator_sender){ 0 };
}
