#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/local.h"
#include "cli/switch/finding.h"
#include "cli/switch/switcher.h"
#include "serve/control.h"
#include "serve/engine.h"

enum { ORDER_MAX = 2048 };

const char *switcher_name(struct switch_world *w, size_t i)
{
    const struct config *c = switcher_of(w)->c;

    return i < c->n_envs ? c->env[i].name : NULL;
}

/* The names are those that were told. */
struct env_config *switcher_config(struct switcher *s, const char *env)
{
    size_t i = 0;

    while (i < s->c->n_envs && strcmp(s->c->env[i].name, env) != 0)
        i++;
    assert(i < s->c->n_envs);
    return &s->c->env[i];
}

struct wire *switcher_wire(struct switcher *s, const struct env *env)
{
    size_t i = 0;

    while (i < SWITCHER_OPEN_MAX && &s->wire[i].env != env)
        i++;
    assert(i < SWITCHER_OPEN_MAX && s->is_open[i]);
    return &s->wire[i];
}

enum status switcher_lock(struct switch_world *w, struct error *e)
{
    struct switcher *s = switcher_of(w);
    enum status st = switch_may_be_first(s->c, s->to, e);

    return st == ST_OK ? wire_switch_lock(s->c, &s->lock, e) : st;
}

void switcher_unlock(struct switch_world *w)
{
    wire_switch_unlock(switcher_of(w)->lock);
}

/* ---- stores -----------------------------------------------------------------------------------
 */

enum status switcher_look(struct switch_world *w, const char *env, struct seal *seal,
                          struct identity *id, struct error *e)
{
    CLEANUP(wire_close) struct wire wire = { 0 };
    struct switcher *s = switcher_of(w);
    const struct env_config conf = switch_store_of(s->c, str_of(env));
    enum status st = wire_open(&wire, s->c, &conf, WIRE_LOOK, e);

    if (st == ST_OK)
        st = seal_read(&wire.env, seal, e);
    if (st == ST_OK)
        *id = wire.env.identity;
    return st;
}

static enum wire_mode wire_mode_of(enum switch_mode mode)
{
    switch (mode) {
    case SWITCH_TO_NOTE: return WIRE_FILL;
    case SWITCH_TO_DRAIN:
    case SWITCH_TO_OPEN: return WIRE_WRITE;
    case SWITCH_TO_READ: return WIRE_READ;
    case SWITCH_TO_ASK: return WIRE_ASK;
    }
    return WIRE_READ;
}

enum status switcher_open(struct switch_world *w, const char *env, enum switch_mode mode,
                          bool *locked, struct env **out, struct error *e)
{
    struct switcher *s = switcher_of(w);
    struct env_config *conf = switcher_config(s, env);
    size_t i = 0;

    while (i < SWITCHER_OPEN_MAX && s->is_open[i])
        i++;
    assert(i < SWITCHER_OPEN_MAX);
    struct wire *wire = &s->wire[i];
    conf->switching = true;
    conf->past_seal = mode == SWITCH_TO_OPEN; /* what is opened again may be sealed until then */
    conf->try_once = mode == SWITCH_TO_DRAIN;
    enum status st = wire_open(wire, s->c, conf, wire_mode_of(mode), e);
    *locked = st == ST_CONFLICT && wire->locked;
    if (st == ST_OK && mode == SWITCH_TO_NOTE)
        st = env_recall(&wire->env, e);
    if (st != ST_OK) {
        wire_close(wire);
        return st;
    }
    s->is_open[i] = true;
    *out = &wire->env;
    return ST_OK;
}

void switcher_close(struct switch_world *w, struct env *env)
{
    struct switcher *s = switcher_of(w);
    struct wire *wire = switcher_wire(s, env);

    wire_close(wire);
    s->is_open[wire - s->wire] = false;
}

/* ---- the daemon -------------------------------------------------------------------------------
 */

static bool ignore_line(void *ctx, str line)
{
    (void)ctx, (void)line;
    return true;
}

enum status switcher_tell_daemon(struct switch_world *w, const char *env,
                                 const struct switch_plan *plan, struct error *e)
{
    BUF(order, ORDER_MAX);
    struct json_writer j = { .b = &order };
    struct switcher *s = switcher_of(w);
    char path[DATA_PATH_MAX];

    if (s->c->pg_url)
        return ST_NONE;
    datadir_socket_path(s->c->data_dir, env, path);
    jw_object(&j);
    jw_put_str(&j, "op", S("switch"));
    jw_put_str(&j, "target", str_of(plan->target));
    jw_put_str(&j, "url", str_of(plan->url));
    jw_put_bool(&j, "held", plan->held);
    jw_put_bool(&j, "reseal", plan->reseal);
    jw_end(&j);
    assert(!order.failed);
    return control_send(path, buf_str(&order), ignore_line, NULL, e);
}

enum switch_served switcher_served(struct switch_world *w, const char *env)
{
    struct switcher *s = switcher_of(w);

    if (s->c->pg_url)
        return SWITCH_SERVED_UNSEEN;
    return local_is_served(s->c, env) ? SWITCH_SERVED : SWITCH_SERVED_NOT;
}

/* ---- work -------------------------------------------------------------------------------------
 */

enum status switcher_start_work(struct switch_world *w, struct env *env, struct error *e)
{
    static const struct log quiet = { .fd = 2, .least = LOG_ERROR };
    struct switcher *s = switcher_of(w);
    struct wire *wire = switcher_wire(s, env);
    const struct engine_options o = {
        .env = env,
        .log = &quiet,
        .workers = (unsigned)config_number(&wire->conf->values, SET_WORKERS),
        .every_second = wire_every_second,
        .abandon = wire_abandon,
        .ctx = wire,
    };

    return engine_start(&s->engine, &o, e);
}

void switcher_stop_work(struct switch_world *w, struct env *env, msec grace)
{
    struct switcher *s = switcher_of(w);

    env_stop(env);
    engine_stop(s->engine, grace);
    s->engine = NULL;
}

void switcher_settle(struct switch_world *w, struct env *env)
{
    wire_every_second(switcher_wire(switcher_of(w), env)); /* the audit of calls */
}
