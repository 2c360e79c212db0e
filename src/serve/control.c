/* What the commands do; who listens and who asks are in files of their own. */
#include "serve/control.h"

#include "base/json.h"
#include "core/customer/outbox.h"
#include "core/due.h"
#include "core/environment/acting.h"
#include "core/environment/foreign.h"
#include "core/environment/fuse.h"
#include "core/environment/seal.h"
#include "core/erasure/erase.h"
#include "core/inbox.h"
#include "core/mirror/derived.h"
#include "core/mirror/drift.h"
#include "core/mirror/references.h"
#include "core/mirror/sync.h"
#include "serve/control_line.h"
#include "serve/operations.h"

#include <unistd.h>

enum {
    COMMAND_ARENA_BYTES = CONTROL_LINE_BYTES_MAX + (64 << 10),
    ANSWER_BYTES_MAX = CONTROL_LINE_BYTES_MAX,
    OP_BYTES_MAX = 16 << 10,
    WATCH_MS_FIRST =
        5, /* a single object is there in no time; longer work is looked at less often */
    WATCH_MS = 200,
    DELIVERY_STUCK_MS = 30 * 1000, /* no state was delivered for so long: the server is away */
    WATCH_UNCHANGED_MAX = 10,      /* then the same line once more: is anybody there? */
};

struct command {
    const struct control_host *host;
    struct env *env;
    str line;
    control_emit *emit;
    void *ctx;
    struct arena *arena;
};

static enum status nobody_listens(struct error *e)
{
    return fail(e, ST_RETRY, "nobody listens any more; what was asked for goes on");
}

static enum status tell(const struct command *c, const struct buf *line, struct error *e)
{
    if (line->failed)
        return fail(e, ST_LIMIT, "the answer is longer than a line may be (%d bytes)",
                    ANSWER_BYTES_MAX);
    return c->emit(c->ctx, buf_str(line)) ? ST_OK : nobody_listens(e);
}

/* ---- sync ---- */

static enum status sync_args(const struct command *c, str arg[SYNC_ARGS_MAX], size_t *n,
                             struct error *e)
{
    struct json_token list = json_member(c->line, S("args"));
    struct json_reader r;

    *n = 0;
    if (list.type == JSON_END || list.type == JSON_NULL)
        return ST_OK;
    if (list.type != JSON_ARRAY)
        return fail(e, ST_INVALID, "sync: \"args\" must be a list of types and ids");
    json_init(&r, list.text);
    json_next(&r);
    for (struct json_token t = json_next(&r); t.type != JSON_ARRAY_END; t = json_next(&r)) {
        if (t.type != JSON_STRING)
            return fail(e, ST_INVALID, "sync: \"args\" must hold strings alone");
        if (*n == SYNC_ARGS_MAX)
            return fail(e, ST_INVALID, "sync takes %d types and ids at once", SYNC_ARGS_MAX);
        arg[*n] = json_unescape(t, c->arena);
        if (!arg[*n].n)
            return fail(e, ST_INVALID, "sync: an empty argument");
        ++*n;
    }
    return ST_OK;
}

static enum status tell_sync(const struct command *c, const struct sync *s, struct error *e)
{
    BUF(line, ANSWER_BYTES_MAX);
    struct json_writer w = { .b = &line };

    jw_object(&w);
    jw_put_int(&w, "walks", (int64_t)s->n_walks);
    jw_put_int(&w, "objects", (int64_t)s->n_objects);
    jw_end(&w);
    return tell(c, &line, e);
}

/* What only this process knows comes last, and is no news by itself. */
static enum status tell_progress(const struct command *c, const struct buf *line, struct error *e)
{
    BUF(wider, ANSWER_BYTES_MAX);
    str object = buf_str(line);

    if (!c->host->progress)
        return tell(c, line, e);
    buf_append(&wider, str_sub(object, 0, object.n - 1));
    c->host->progress(c->host->ctx, &wider);
    buf_append(&wider, S("}"));
    return tell(c, &wider, e);
}

/* One line whenever there is news, and now and then without, to notice that nobody listens. The
 * loop ends with the work, the listener or the environment. */
static enum status watch_sync(const struct command *c, const struct sync *s, struct error *e)
{
    BUF(line, ANSWER_BYTES_MAX);
    BUF(told, ANSWER_BYTES_MAX);
    struct sync_progress p = { 0 };
    unsigned unchanged = 0;
    msec pause = WATCH_MS_FIRST;

    while (!env_stopping(c->env)) {
        buf_clear(&line);
        enum status st = sync_progress(c->env, s, &p, &line, e);
        if (st != ST_OK)
            return st;
        if (!str_eq(buf_str(&line), buf_str(&told)) || ++unchanged >= WATCH_UNCHANGED_MAX) {
            st = tell_progress(c, &line, e);
            if (st != ST_OK)
                return st;
            buf_clear(&told);
            buf_append(&told, buf_str(&line));
            unchanged = 0;
        }
        if (p.done)
            return ST_OK;
        clock_sleep(c->env->world->clock, pause);
        pause = pause * 2 < WATCH_MS ? pause * 2 : WATCH_MS;
    }
    return fail(e, ST_RETRY, "%s is stopping; the sync goes on at its next start", c->env->name);
}

/* Asked for before, of another process that has given the store up: watched from here on. */
static bool was_asked(const struct command *c, struct sync *s)
{
    *s = (struct sync){ .n_walks = 1 };
    return json_int(c->line, S("since"), &s->since) && s->since > 0;
}

static enum status do_sync(const struct command *c, struct error *e)
{
    str arg[SYNC_ARGS_MAX];
    size_t n = 0;
    struct sync s = { 0 };
    bool again = json_bool(c->line, S("again")) == JSON_TRUE;

    enum status st = sync_args(c, arg, &n, e);
    if (st == ST_OK)
        st = was_asked(c, &s) ? sync_recall(c->env, arg, n, s.since, &s, e)
                              : sync_start(c->env, arg, n, again, LANE_BACKFILL, &s, e);
    if (st != ST_OK)
        return st;
    if (json_bool(c->line, S("watch")) == JSON_FALSE)
        return tell_sync(c, &s, e);
    return watch_sync(c, &s, e);
}

/* ---- repairs ---- */

static enum status do_repair_refs(const struct command *c, struct error *e)
{
    struct sync s;
    int64_t n;
    enum status st = ST_OK;

    if (!was_asked(c, &s)) {
        s.since = clock_wall(c->env->world->clock);
        st = references_repair(c->env, &n, e);
    }
    return st == ST_OK ? watch_sync(c, &s, e) : st;
}

/* The types that are named; none: all. */
struct drift_types {
    const struct resource *r[SYNC_ARGS_MAX];
    size_t n;
};

static enum status drift_types(const struct command *c, struct drift_types *out, struct error *e)
{
    str arg[SYNC_ARGS_MAX];
    enum status st = sync_args(c, arg, &out->n, e);

    for (size_t i = 0; i < out->n && st == ST_OK; i++) {
        out->r[i] = resource_by_name(arg[i]);
        if (!out->r[i] || !drift_checks(c->env, out->r[i]))
            return fail(e, ST_INVALID, "\"%.*s\" is no type whose list is walked by itself",
                        STR_ARG(arg[i]));
    }
    return st;
}

static enum status want_drift(const struct command *c, const struct drift_types *t,
                              const struct drift_order *o, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < t->n && st == ST_OK; i++)
        st = drift_want(c->env, t->r[i], o, e);
    for (size_t i = 0; i < resource_count && st == ST_OK && t->n == 0; i++)
        if (drift_checks(c->env, &resource_table[i]))
            st = drift_want(c->env, &resource_table[i], o, e);
    return st;
}

/* A person's word is for the types that he named, and for no others. */
static enum status mend_fuse(const struct command *c, const struct drift_types *t, struct error *e)
{
    int64_t revived;
    enum status st = t->n ? ST_OK : fuse_mend(c->env, &revived, e);

    for (size_t i = 0; i < t->n && st == ST_OK; i++)
        st = fuse_mend_type(c->env, str_of(t->r[i]->type), &revived, e);
    return st;
}

static enum status do_drift(const struct command *c, struct error *e)
{
    struct sync s;
    struct drift_types t = { 0 };
    const struct drift_order o = { .repair = json_bool(c->line, S("repair")) == JSON_TRUE,
                                   .permitted = json_bool(c->line, S("yes")) == JSON_TRUE };

    if (was_asked(c, &s))
        return watch_sync(c, &s, e);
    s.since = clock_wall(c->env->world->clock);
    enum status st = drift_types(c, &t, e);
    if (st == ST_OK && o.repair && o.permitted)
        st = mend_fuse(c, &t, e);
    if (st == ST_OK)
        st = want_drift(c, &t, &o, e);
    return st == ST_OK ? watch_sync(c, &s, e) : st;
}

/* ---- projections ---- */

struct rebuilding {
    const struct command *c;
    struct error *e;
    msec told_at;
};

static enum status tell_states(const struct command *c, const char *what, int64_t n,
                               struct error *e)
{
    BUF(line, ANSWER_BYTES_MAX);
    struct json_writer w = { .b = &line };

    jw_object(&w);
    jw_put_int(&w, what, n);
    jw_end(&w);
    return tell(c, &line, e);
}

static bool on_states(void *ctx, int64_t states)
{
    struct rebuilding *r = ctx;
    msec now = clock_mono(r->c->env->world->clock);

    if (now - r->told_at < WATCH_MS)
        return true;
    r->told_at = now;
    return tell_states(r->c, "states", states, r->e) == ST_OK;
}

/* The engine delivers; here is only looked at. */
static enum status await_delivery(const struct command *c, struct error *e)
{
    struct clock *clock = c->env->world->clock;
    int64_t n = -1, before = -1;
    msec moved_at = clock_mono(clock);

    while (n && !env_stopping(c->env)) {
        enum status st = outbox_waiting(c->env, &n, e);
        if (st == ST_OK && n != before)
            st = tell_states(c, "waiting", n, e);
        if (st != ST_OK)
            return st;
        if (n != before)
            moved_at = clock_mono(clock);
        before = n;
        if (clock_mono(clock) - moved_at > DELIVERY_STUCK_MS)
            return fail(e, ST_RETRY,
                        "the key-value server has taken none of %lld states for %d s; they go out "
                        "when it is back and the daemon runs",
                        (long long)n, DELIVERY_STUCK_MS / 1000);
        if (n)
            clock_sleep(clock, WATCH_MS_FIRST * 10);
    }
    return n ? fail(e, ST_RETRY, "%s is stopping; what waits goes out at its next start",
                    c->env->name)
             : ST_OK;
}

static enum status do_projections(const struct command *c, struct error *e)
{
    struct rebuilding r = { c, e, 0 };
    int64_t states = 0;
    enum status st = outbox_rebuild(c->env, on_states, &r, &states, e);

    if (st == ST_OK)
        st = tell_states(c, "states", states, e);
    return st == ST_OK && outbox_has_server(c->env) ? await_delivery(c, e) : st;
}

/* ---- the small ones ---- */

static enum status do_replay(const struct command *c, struct error *e)
{
    str event = json_text(c->line, S("event"), c->arena);

    if (!event.n)
        return fail(e, ST_INVALID, "replay: which event? \"event\" must be its id");
    return inbox_replay(c->env, event, e);
}

/* A switch away from here: the daemon sees it, and ends its work for this environment. */
static enum status do_switch(const struct command *c, struct error *e)
{
    str target = json_text(c->line, S("target"), c->arena);
    str url = json_text(c->line, S("url"), c->arena);

    if (!target.n || target.n > ENV_NAME_MAX)
        return fail(e, ST_INVALID, "switch: where to? \"target\" must be an environment's name");
    if (url.n > SWITCH_URL_MAX)
        return fail(e, ST_INVALID, "switch: \"url\" is longer than %d bytes", SWITCH_URL_MAX);
    const struct switch_plan plan = {
        .target = arena_copy(c->arena, target).p,
        .url = arena_copy(c->arena, url).p,
        .held = json_bool(c->line, S("held")) == JSON_TRUE,
        .reseal = json_bool(c->line, S("reseal")) == JSON_TRUE,
    };
    return switch_begin(c->env, &plan, e);
}

static enum status do_purge(const struct command *c, struct error *e)
{
    BUF(line, ANSWER_BYTES_MAX);
    struct json_writer w = { .b = &line };
    struct purge p;
    int64_t percent = PURGE_PERCENT_USUAL;

    (void)!json_int(c->line, S("percent"), &percent);
    enum status st = purge_run(c->env, percent, &p, e);
    if (st != ST_OK)
        return st;
    jw_object(&w);
    jw_put_int(&w, "objects", p.objects);
    jw_put_int(&w, "events", p.events);
    jw_end(&w);
    return tell(c, &line, e);
}

static enum status do_revive(const struct command *c, struct error *e)
{
    BUF(line, ANSWER_BYTES_MAX);
    struct json_writer w = { .b = &line };
    int64_t n = 0;

    enum status st = due_revive(c->env, json_text(c->line, S("id"), c->arena), &n, e);
    if (st != ST_OK)
        return st;
    jw_object(&w);
    jw_put_int(&w, "revived", n);
    jw_end(&w);
    return tell(c, &line, e);
}

static void key_counts(struct json_writer *w, const struct erasure *x)
{
    jw_put_int(w, "objects", (int64_t)x->n);
    jw_put_int(w, "events", x->events);
    jw_put_int(w, "versions", x->versions);
}

static enum status do_derived(const struct command *c, struct error *e)
{
    BUF(line, ANSWER_BYTES_MAX);
    struct json_writer w = { .b = &line };
    struct derived_counts n;
    enum status st = derived_check(c->env, json_bool(c->line, S("repair")) == JSON_TRUE, &n, e);

    if (st != ST_OK)
        return st;
    jw_object(&w);
    jw_put_int(&w, "objects", n.objects);
    jw_put_int(&w, "references", n.references);
    jw_put_int(&w, "states", n.states);
    jw_put_int(&w, "users", n.users);
    jw_end(&w);
    return tell(c, &line, e);
}

static enum status do_erase(const struct command *c, struct error *e)
{
    ARENA(a, ERASE_BYTES_MAX);
    BUF(line, ANSWER_BYTES_MAX);
    struct json_writer w = { .b = &line };
    str id = json_text(c->line, S("id"), c->arena);
    struct erasure x;
    enum status st = ST_OK;

    if (!id.n)
        return fail(e, ST_INVALID, "erase: whom? \"id\" must be a customer's");
    if (json_bool(c->line, S("server_gone")) == JSON_TRUE)
        st = erase_server_gone(c->env, e);
    if (st == ST_OK)
        st = erase_run(c->env, id, &x, &a, e);
    if (st != ST_OK)
        return st;
    jw_object(&w);
    jw_put_str(&w, "erased", id);
    key_counts(&w, &x);
    jw_end(&w);
    return tell(c, &line, e);
}

static enum status do_ping(const struct command *c, struct error *e)
{
    BUF(line, ANSWER_BYTES_MAX);
    struct json_writer w = { .b = &line };

    jw_object(&w);
    jw_put_str(&w, "name", str_of(c->env->name));
    jw_put_str(&w, "account", str_of(c->env->identity.account));
    jw_put_bool(&w, "livemode", c->env->identity.livemode);
    jw_put_int(&w, "pid", getpid());
    jw_put_str(&w, "version", S(BRINDLE_VERSION));
    jw_put_bool(&w, "daemon", c->host->on_handover == NULL); /* a command would give it up */
    jw_end(&w);
    return tell(c, &line, e);
}

static enum status do_catalog(const struct command *c, struct error *e)
{
    return operation_order(c->env, c->line, c->emit, c->ctx, e);
}

static enum status do_op_resume(const struct command *c, struct error *e)
{
    return operation_resume(c->env, c->line, c->emit, c->ctx, e);
}

static enum status do_op_abort(const struct command *c, struct error *e)
{
    return operation_abort(c->env, c->line, c->emit, c->ctx, e);
}

static enum status do_handover(const struct command *c, struct error *e)
{
    return fail(e, ST_REFUSED, "%s is served by a daemon, which does not hand over: stop it first",
                c->env->name);
}

/* ---- dispatch ---- */

static const struct op {
    const char *name;
    enum status (*run)(const struct command *c, struct error *e);
} op_table[] = {
    { "sync", do_sync },           { "repair_refs", do_repair_refs }, { "drift", do_drift },
    { "derived", do_derived },     { "replay", do_replay },           { "revive", do_revive },
    { "erase", do_erase },         { "projections", do_projections }, { "catalog", do_catalog },
    { "op_resume", do_op_resume }, { "op_abort", do_op_abort },       { "ping", do_ping },
    { "purge", do_purge },         { "switch", do_switch },           { "handover", do_handover },
};

static const struct op *find_op(str line)
{
    ARENA(a, OP_BYTES_MAX);

    if (!json_valid(line))
        return NULL;
    str name = json_text(line, S("op"), &a);
    for (size_t i = 0; i < COUNT(op_table); i++)
        if (str_eqz(name, op_table[i].name))
            return &op_table[i];
    return NULL;
}

const char *control_op(str line)
{
    const struct op *op = find_op(line);
    return op ? op->name : NULL;
}

static enum status dispatch(const struct command *c, struct error *e)
{
    const struct op *op = find_op(c->line);

    if (op)
        return op->run(c, e);
    if (!json_valid(c->line))
        return fail(e, ST_INVALID, "a command must be a JSON object on one line");
    BUF(names, OP_BYTES_MAX);
    for (size_t i = 0; i < COUNT(op_table); i++)
        buf_printf(&names, "%s%s", i ? ", " : "", op_table[i].name);
    return fail(e, ST_INVALID, "no such op; there are %.*s", STR_ARG(buf_str(&names)));
}

static void tell_end(const struct command *c, enum status st, const struct error *e)
{
    BUF(line, CONTROL_END_BYTES_MAX);

    control_end_line(&line, st, e->text);
    c->emit(c->ctx, buf_str(&line)); /* if nobody hears it, nobody asks either */
}

/* "account": the command is about a connected account that is known. */
static enum status act_as(struct command *c, struct acting *act, struct error *e)
{
    enum account_state ignored;
    str account = json_valid(c->line) ? json_text(c->line, S("account"), c->arena) : S("");
    enum status st = acting_open(act, c->env, account, &c->env, &ignored, e);

    return st == ST_NONE ? ST_INVALID : st;
}

enum status control_run(const struct control_host *host, str line, control_emit *emit, void *ctx,
                        struct error *e)
{
    ARENA(arena, COMMAND_ARENA_BYTES);
    struct command c = { host, host->env, line, emit, ctx, &arena };
    struct acting act;
    enum status st = act_as(&c, &act, e);

    if (st == ST_OK)
        st = dispatch(&c, e);

    tell_end(&c, st, e);
    return st;
}
