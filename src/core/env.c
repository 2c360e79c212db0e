#include "core/env.h"

#include "base/buf.h"
#include "base/plant.h"
#include "core/erasure/erase.h"
#include "core/mirror/views.h"

#include <stdio.h>
#include <string.h>

enum {
    IDENTITY_PROOF_MS = 60 * 1000,
    VIEWS_BYTES_MAX = 4 << 20,
};

const struct env_settings env_defaults = {
    .lease_ms = 360 * 1000, /* longer than all attempts of api_get */
    .settle_ms = 100,
    .attempts_max = 500, /* with pauses up to ten minutes: more than three days of Stripe away */
    .backoff_ms = 1000,
    .backoff_ms_max = 10 * 60 * 1000,
    .confirm_ms = 2000,
    .parents_max = 100,
    .fuse_max = 20,
    .inbox_body_ms = 30LL * 86400 * 1000,
    .inbox_id_ms = 100LL * 86400 * 1000,
    .calls_ms = 30LL * 86400 * 1000,
    .history_ms = 90LL * 86400 * 1000,
};

void env_init(struct env *env, const char *name, struct world *world)
{
    assert(strlen(name) <= ENV_NAME_MAX);
    *env = (struct env){ .world = world, .set = env_defaults };
    snprintf(env->name, sizeof env->name, "%s", name);
    snprintf(env->user_key, sizeof env->user_key, "userId");
    snprintf(env->kv_prefix, sizeof env->kv_prefix, "stripe:%s:", name);
    env->gate = gate_new(world->sched);
    env->proven_at = INT64_MIN;
}

void env_free(struct env *env)
{
    if (env->world)
        gate_free(env->world->sched, env->gate);
    *env = (struct env){ 0 };
}

void env_ring(struct env *env)
{
    struct sched *s = env->world->sched;

    env = env_root(env);
    if (planted(PLANT_RING_MISSED))
        return;
    gate_lock(s, env->gate);
    env->rings++;
    gate_wake(s, env->gate);
    gate_unlock(s, env->gate);
}

void env_stop(struct env *env)
{
    struct sched *s = env->world->sched;

    env = env_root(env);
    gate_lock(s, env->gate);
    env->stopping = true;
    gate_wake(s, env->gate);
    gate_unlock(s, env->gate);
}

bool env_stopping(struct env *env)
{
    struct sched *s = env->world->sched;

    env = env_root(env);
    gate_lock(s, env->gate);
    bool stopping = env->stopping || env->stopped_why;
    gate_unlock(s, env->gate);
    return stopping;
}

void env_wait(struct env *env, uint64_t *rings, msec deadline)
{
    struct sched *s = env->world->sched;

    env = env_root(env);
    gate_lock(s, env->gate);
    while (env->rings == *rings && !env->stopping && clock_mono(env->world->clock) < deadline)
        gate_wait(s, env->gate, deadline);
    *rings = env->rings;
    gate_unlock(s, env->gate);
}

/* ---- identity --------------------------------------------------------------------------- */

struct recorded {
    struct identity id;
    char name[ENV_NAME_MAX + 1]; /* that made it */
    char views[64];
};

static void copy_text(char *to, size_t size, str s)
{
    snprintf(to, size, "%.*s", STR_ARG(s));
}

static enum status recorded_read(struct tx *tx, struct recorded *out, struct arena *a,
                                 struct error *e)
{
    struct rows r;
    enum status st = tx_run0(tx, STMT_ENVIRONMENT_GET, &r, a, e);

    if (st != ST_OK)
        return st;
    if (r.n_rows == 0)
        return ST_NONE;
    copy_text(out->name, sizeof out->name, row_str(&r, 0, 0));
    copy_text(out->id.account, sizeof out->id.account, row_str(&r, 0, 1));
    out->id.livemode = row_int(&r, 0, 2) != 0;
    copy_text(out->views, sizeof out->views, row_str(&r, 0, 4));
    return ST_OK;
}

const char *mode_name(bool livemode)
{
    return livemode ? "live" : "test";
}

bool identity_same(const struct identity *a, const struct identity *b)
{
    return strcmp(a->account, b->account) == 0 && a->livemode == b->livemode;
}

static const char *what_differs(const struct identity *a, const struct identity *b)
{
    if (strcmp(a->account, b->account) == 0)
        return "the mode differs";
    return a->livemode == b->livemode ? "the account differs" : "account and mode differ";
}

/* `made_by`: the environment that the store was made by, whatever it is called now. */
static enum status same_identity(const struct env *env, const char *made_by,
                                 const struct identity *mine, const struct identity *theirs,
                                 struct error *e)
{
    if (identity_same(mine, theirs) || planted(PLANT_WRONG_ACCOUNT))
        return ST_OK;
    return fail(e, ST_CONFLICT,
                "environment %s: its store is that of environment %s, %s in %s mode; the key "
                "reaches %s in %s mode: %s. Nothing was written. Go on with the store's own key; "
                "or with the environment that the key belongs to (`brindle env list`, --env NAME); "
                "or give the key a new environment: [env NAME] in brindle.conf, then `brindle sync "
                "--env NAME`",
                env->name, made_by, mine->account, mode_name(mine->livemode), theirs->account,
                mode_name(theirs->livemode), what_differs(mine, theirs));
}

static enum status read_record(struct env *env, struct recorded *out, struct error *e)
{
    ARENA(a, 64 << 10);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    return st == ST_OK ? recorded_read(&tx, out, &a, e) : st;
}

static void sql_text(struct buf *b, const char *text)
{
    buf_char(b, '\'');
    for (; *text; text++)
        buf_printf(b, *text == '\'' ? "''" : "%c", *text);
    buf_char(b, '\'');
}

/* One script, one transaction: the identity, the beginning of the sequence, and a constraint by
 * which the database itself refuses objects of the other mode. (A column of its own carries the
 * check on SQLite, which adds constraints in no other way; a trigger would cost half as much as the
 * insert.) */
static enum status claim_store(struct env *env, const struct identity *id, const char *sealed_for,
                               int64_t sequence, struct error *e)
{
    BUF(sql, 4096);
    struct store *store = env->world->store;
    msec now = clock_wall(env->world->clock);

    if (sequence < now * 1000)
        sequence = now * 1000;
    buf_append(&sql,
               S("insert into _environment (one, name, account, livemode, created_at, sealed_for) "
                 "values (1, "));
    sql_text(&sql, env->name);
    buf_append(&sql, S(", "));
    sql_text(&sql, id->account);
    buf_printf(&sql, ", %d, %lld, ", id->livemode, (long long)now);
    sql_text(&sql, sealed_for);
    buf_append(&sql, S(");\n"));
    if (strcmp(store->ops->dialect, "sqlite") == 0)
        buf_printf(&sql,
                   "insert into _sequence (one, value) values (1, %lld);\n"
                   "alter table objects add column one_mode integer "
                   "check (livemode is null or livemode = %d);\n",
                   (long long)sequence, id->livemode);
    else
        buf_printf(&sql,
                   "select setval('_sequence', %lld);\n"
                   "alter table objects add constraint one_mode "
                   "check (livemode is null or livemode = %d);\n",
                   (long long)sequence, id->livemode);
    buf_printf(&sql, "insert into _audit (at, what, detail) values (%lld, 'made', ",
               (long long)now);
    sql_text(&sql, id->account);
    buf_printf(&sql, " || ', %s mode');\n", mode_name(id->livemode));
    if (sql.failed)
        return fail(e, ST_LIMIT, "out of memory while the store is made %s's own", env->name);
    return store->ops->script(store, buf_str(&sql), e);
}

/* The views belong to the resource table that this program was built with. */
static enum status make_views(struct env *env, const char *made_by, struct error *e)
{
    ARENA(a, 4096);
    BUF(sql, VIEWS_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct store *store = env->world->store;
    char print[32];

    views_fingerprint(print);
    if (strcmp(print, made_by) == 0)
        return ST_OK;
    enum status st = views_sql(store->ops->dialect, &sql, e);
    if (st != ST_OK)
        return st;
    st = store->ops->script(store, buf_str(&sql), e);
    if (st != ST_OK)
        return st;
    st = tx_begin(&tx, store, TX_WRITE, e);
    if (st != ST_OK)
        return st;
    st = tx_run(&tx, STMT_ENVIRONMENT_VIEWS, NULL, &a, e, V_STR(str_of(print)));
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status adopt(struct env *env, const struct identity *id, const char *sealed_for,
                         int64_t sequence, struct error *e)
{
    struct recorded rec = { 0 };
    enum status st = read_record(env, &rec, e);

    if (st == ST_NONE) {
        st = claim_store(env, id, sealed_for, sequence, e);
        if (st == ST_CONFLICT) { /* another process was first, just now */
            error_clear(e);
            st = read_record(env, &rec, e);
        }
    }
    if (st == ST_OK && rec.id.account[0])
        st = same_identity(env, rec.name, &rec.id, id, e);
    if (st != ST_OK)
        return st;
    env->identity = *id;
    env->proven_at = clock_mono(env->world->clock);
    env->proven_key = id->key;
    st = make_views(env, rec.views, e);
    return st == ST_OK ? erase_look(env, e) : st;
}

enum status env_adopt(struct env *env, const struct identity *id, struct error *e)
{
    return adopt(env, id, "", 0, e);
}

enum status env_adopt_copy(struct env *env, const struct identity *id, const char *sealed_for,
                           int64_t last, struct error *e)
{
    return adopt(env, id, sealed_for, last, e);
}

enum status env_recall(struct env *env, struct error *e)
{
    struct recorded rec = { 0 };
    enum status st = read_record(env, &rec, e);

    if (st == ST_NONE)
        return fail(e, ST_NONE,
                    "environment %s has no mirror yet: run brindle sync or brindle serve",
                    env->name);
    if (st == ST_OK)
        env->identity = rec.id;
    return st;
}

static void stop_for(struct env *env, const char *why)
{
    struct sched *s = env->world->sched;

    env = env_root(env);
    gate_lock(s, env->gate);
    env->stopped_why = why;
    gate_wake(s, env->gate);
    gate_unlock(s, env->gate);
}

enum status env_prove_since(struct env *env, msec since, struct error *e)
{
    struct sched *s = env->world->sched;

    env = env_root(env);
    gate_lock(s, env->gate);
    msec proven_at = env->proven_at;
    gate_unlock(s, env->gate);
    return proven_at != INT64_MIN && proven_at >= since ? ST_OK : env_prove_now(env, e);
}

enum status env_prove_again(struct env *env, struct error *e)
{
    return env_prove_since(env, clock_mono(env->world->clock) - IDENTITY_PROOF_MS + 1, e);
}

enum status env_prove_now(struct env *env, struct error *e)
{
    struct sched *s = env->world->sched;
    struct identity now_is;

    env = env_root(env);
    if (env->identity_declared)
        return ST_OK;
    msec began = clock_mono(env->world->clock);
    enum status st = env_identify(env->world, env->declared, &now_is, e);
    if (st == ST_NONE)
        return fail(e, ST_RETRY,
                    "Stripe has no account for this key at the moment: try again later");
    if (st != ST_OK)
        return st;
    if (same_identity(env, env->name, &env->identity, &now_is, e) != ST_OK) {
        stop_for(env, "the key reaches another account or mode than this store's");
        return ST_REFUSED;
    }
    gate_lock(s, env->gate);
    env->proven_at = began;
    env->proven_key = now_is.key;
    gate_unlock(s, env->gate);
    return ST_OK;
}

static bool is_proven_of(struct env *root, uint64_t key)
{
    struct sched *s = root->world->sched;

    gate_lock(s, root->gate);
    bool same = root->proven_key == key;
    gate_unlock(s, root->gate);
    return same;
}

enum status env_believe(struct env *env, uint64_t key, struct error *e)
{
    env = env_root(env);
    bool is_nobodys =
        !env->identity.account[0]; /* who only asks (doctor): nothing to mix up with */
    if (env->identity_declared || is_nobodys || is_proven_of(env, key))
        return ST_OK;
    enum status st = env_prove_now(env, e);
    if (st == ST_REFUSED && !env_stopping(env)) /* this key is refused: the right one may return */
        return ST_RETRY;
    if (st != ST_OK || is_proven_of(env, key))
        return st;
    return fail(e, ST_RETRY,
                "environment %s: this answer was asked for with another key than the one that is "
                "known to be its own: it is not believed, and asked for again",
                env->name);
}
