#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/switch/switching.h"
#include "core/status.h"
#include "serve/control.h"
#include "serve/engine.h"

enum {
    HOLD_WAIT_MS = 10 * 1000, /* for a store, when ^C's word that the switch rests is to be kept */
    DRAIN_GRACE_MS = 10 * 1000,
    ORDER_MAX = 2048,
};

/* `*locked`: another process has the store. */
static enum status open_now(struct switching *s, struct wire *w, struct env_config *conf,
                            enum wire_mode mode, bool *locked, struct error *e)
{
    conf->switching = true;
    enum status st = wire_open(w, s->c, conf, mode, e);
    *locked = st == ST_CONFLICT && w->locked;
    if (st == ST_OK && mode == WIRE_FILL)
        st = env_recall(&w->env, e);
    if (st != ST_OK)
        wire_close(w);
    return st;
}

enum status open_waiting(struct switching *s, struct wire *w, struct env_config *conf,
                         enum wire_mode mode, struct error *e)
{
    struct clock *clock = wire_clock();
    bool was_interrupted = cli_interrupted(), locked;
    msec until = clock_mono(clock) + (was_interrupted ? HOLD_WAIT_MS : SWITCH_STORE_MS);

    for (;;) {
        struct error why = { 0 };
        enum status st = open_now(s, w, conf, mode, &locked, &why);
        if (!locked || clock_mono(clock) >= until || cli_interrupted() != was_interrupted) {
            if (st != ST_OK)
                *e = why;
            return st;
        }
        clock_sleep(clock, SWITCH_LOOK_MS);
    }
}

static bool ignore_line(void *ctx, str line)
{
    (void)ctx, (void)line;
    return true;
}

/* Who has the store writes the journal; ST_NONE: no daemon does. */
static enum status tell_daemon(struct switching *s, const struct switch_plan *plan, struct error *e)
{
    BUF(order, ORDER_MAX);
    struct json_writer w = { .b = &order };
    char path[DATA_PATH_MAX];

    if (s->c->pg_url)
        return ST_NONE;
    datadir_socket_path(s->c->data_dir, s->from->name, path);
    jw_object(&w);
    jw_put_str(&w, "op", S("switch"));
    jw_put_str(&w, "target", str_of(plan->target));
    jw_put_str(&w, "url", str_of(plan->url));
    jw_put_bool(&w, "held", plan->held);
    jw_put_bool(&w, "reseal", plan->reseal);
    jw_end(&w);
    assert(!order.failed);
    return control_send(path, buf_str(&order), ignore_line, NULL, e);
}

/* `*locked`: somebody has the store who does not listen. */
static enum status try_to_write(struct switching *s, const struct switch_plan *plan, bool *locked,
                                struct error *e)
{
    enum status st = tell_daemon(s, plan, e);

    *locked = false;
    if (st != ST_NONE) {
        s->daemon = true;
        return st;
    }
    error_clear(e);
    st = open_now(s, &s->source, s->from, WIRE_FILL, locked, e);
    if (st == ST_OK)
        st = switch_begin(&s->source.env, plan, e);
    wire_close(&s->source);
    return st;
}

/* A daemon that starts has the store before it listens. */
static enum status write_journal(struct switching *s, const struct switch_plan *plan,
                                 struct error *e)
{
    struct clock *clock = wire_clock();
    msec until = clock_mono(clock) + SWITCH_STORE_MS;
    bool locked;

    for (;;) {
        struct error why = { 0 };
        enum status st = try_to_write(s, plan, &locked, &why);
        if (!locked || clock_mono(clock) >= until || cli_interrupted()) {
            if (st != ST_OK)
                *e = why;
            return st;
        }
        clock_sleep(clock, SWITCH_LOOK_MS);
    }
}

static enum status begin(struct switching *s, struct error *e)
{
    const struct switch_plan plan = {
        .target = s->to->name,
        .url = s->o->url ? s->o->url : "",
        .held = s->o->until != NULL,
        .reseal = s->target_is_new || s->own.sealed_for[0],
    };

    return s->seal.target[0] ? ST_OK : write_journal(s, &plan, e);
}

static int64_t still_due(struct switching *s)
{
    struct mirror_status m = { 0 };
    struct error ignored = { 0 };

    return status_read(&s->source.env, &m, &ignored) == ST_OK ? m.due : -1;
}

static void work_off(struct switching *s)
{
    static const struct log quiet = { .fd = 2, .least = LOG_ERROR };
    struct clock *clock = wire_clock();
    struct engine *engine = NULL;
    struct error ignored = { 0 };
    msec until = clock_mono(clock) + s->o->drain_seconds * 1000;
    const struct engine_options o = {
        .env = &s->source.env,
        .log = &quiet,
        .workers = (unsigned)config_number(&s->from->values, SET_WORKERS),
        .every_second = wire_every_second,
        .abandon = wire_abandon,
        .ctx = &s->source,
    };

    if (engine_start(&engine, &o, &ignored) != ST_OK)
        return;
    while (still_due(s) > 0 && clock_mono(clock) < until && !cli_interrupted())
        clock_sleep(clock, SWITCH_LOOK_MS);
    env_stop(&s->source.env);
    engine_stop(engine, DRAIN_GRACE_MS);
}

/* With its own key, if that is still there and right. Otherwise what is due stays due: it goes on
 * if the environment is ever opened again. */
static enum status drain(struct switching *s, struct error *e)
{
    struct error why = { 0 };
    enum status st = ST_REFUSED;

    s->from->try_once = true;
    if (strcmp(s->seal.sealed_for, s->to->name) != 0 && s->o->drain_seconds > 0)
        st = open_waiting(s, &s->source, s->from, WIRE_WRITE, &why);
    if (st != ST_OK) {
        st = open_waiting(s, &s->source, s->from, WIRE_FILL, e);
        if (st == ST_OK && still_due(s) == 0)
            item(s, "drained", DONE, "nothing was due in %s", s->from->name);
        else if (st == ST_OK)
            item(s, "drained", SKIPPED, "what is due in %s stays so (%lld)%s%s", s->from->name,
                 (long long)still_due(s), why.text[0] ? ": " : "", why.text);
        return st;
    }
    int64_t before = still_due(s);
    if (before > 0)
        work_off(s);
    int64_t left = still_due(s);
    if (before == 0)
        item(s, "drained", DONE, "nothing was due in %s", s->from->name);
    else
        item(s, "drained", left ? WARNED : DONE, "%lld thing%s due in %s, %lld %s left",
             (long long)before, before == 1 ? " was" : "s were", s->from->name, (long long)left,
             left == 1 ? "is" : "are");
    wire_every_second(&s->source); /* the audit of these calls, as long as it may be written */
    return ST_OK;
}

enum status leave(struct switching *s, struct error *e)
{
    enum status st = begin(s, e);

    if (st == ST_OK)
        st = seal_of(s, s->from, &s->seal, e);
    if (st != ST_OK)
        return failed(s, "begun", st, e);
    item(s, "begun", DONE, "neither %s nor %s is worked for until this is over", s->from->name,
         s->to->name);
    if (s->stopped)
        return ST_OK;
    st = drain(s, e);
    if (st != ST_OK)
        return failed(s, "drained", st, e);
    if (s->stopped)
        return note(s, "drained", e);
    st = note(s, "sealed", e);
    if (st != ST_OK)
        return failed(s, "sealed", st, e);
    item(s, "sealed", DONE, "%s is read from now on, never written", s->from->name);
    return ST_OK;
}

void plan_drain(struct switching *s)
{
    struct error ignored = { 0 };
    int64_t due =
        wire_open(&s->source, s->c, s->from, WIRE_READ, &ignored) == ST_OK ? still_due(s) : -1;
    wire_close(&s->source);
    if (due < 0)
        item(s, "drained", PLANNED, "what is due in %s would be worked off", s->from->name);
    else if (due == 0)
        item(s, "drained", PLANNED, "nothing is due in %s", s->from->name);
    else
        item(s, "drained", PLANNED, "%lld thing%s due in %s, and would be worked off",
             (long long)due, due == 1 ? " is" : "s are", s->from->name);
}
