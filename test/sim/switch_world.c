/* switch_world.c - what a switch needs of processes, files and sockets (core/environment/switch.h),
 * in the simulated world. */
#include "switching.h"

#include "life_parts.h"

#include "backend/lock_file.h"
#include "backend/stripe_logged.h"
#include "base/json.h"
#include "check.h"
#include "fibre.h"
#include "seed.h"
#include "stripe.h"
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARTS_MAX = 3, /* environments that are open at a time */
    FORM_MAX = 256,
    PATH_MS_MAX = 20,
    INTERRUPT_MS_MAX = 20000,
    CUT_OFF_MS_MAX = 3600000, /* what is cut off has ended by then, or never will */
    POST_ATTEMPTS = 4,        /* as cli/doctor/doctor_endpoints.c */
    ANSWER_MAX = 1 << 20,
    PING_MAX = 1024,
    OFTEN = 10,
    SECRET_MAX = 80,
    DOOR_MAX = 64,
};

struct sim_switch {
    struct switch_world world; /* first */
    struct node *process;
    struct node *part[PARTS_MAX];
    char door[DOOR_MAX];
    msec interrupted_at; /* the seed's time; 0: never */
};

/* The file with an endpoint's secret, by side; it outlives processes. */
static char kept[SIDES][SECRET_MAX];

static unsigned side_of(const char *env)
{
    unsigned i = 0;

    while (strcmp(side_at(i)->name, env) != 0)
        i++;
    return i;
}

static unsigned go_to(const char *env)
{
    unsigned here = fibre_side();

    fibre_go_to(side_of(env));
    return here;
}

/* Between any two calls a process may be killed. */
static void maybe_die(struct switch_world *w)
{
    struct sim_switch *s = (struct sim_switch *)w;

    if (!seed_chance_of(s->process->c->switch_deaths, 1000))
        return;
    mark(MARK_KILLED);
    tally->kills++;
    exit_because(s->process, "it is killed");
}

/* Where it hurts most. */
static void maybe_die_soon(struct switch_world *w)
{
    const struct sim_switch *s = (struct sim_switch *)w;

    for (unsigned i = 0; s->process->c->switch_deaths && i < OFTEN; i++)
        maybe_die(w);
}

static const char *world_name(struct switch_world *w, size_t i)
{
    (void)w;
    return i < sides() ? side_at((unsigned)i)->name : NULL;
}

/* There is one process at most beside the daemon. */
static enum status world_lock(struct switch_world *w, struct error *e)
{
    (void)w, (void)e;
    return ST_OK;
}

static void world_unlock(struct switch_world *w)
{
    (void)w;
}

static bool world_interrupted(struct switch_world *w)
{
    const struct sim_switch *s = (struct sim_switch *)w;

    return s->interrupted_at && fibre_now() >= s->interrupted_at;
}

/* ---- stores -----------------------------------------------------------------------------------
 */

static enum status world_look(struct switch_world *w, const char *env, struct seal *seal,
                              struct identity *id, struct error *e)
{
    unsigned here = go_to(env);
    struct seal now;
    struct identity own;

    (void)e;
    maybe_die(w);
    bool there = side_seal(&now, &own);
    fibre_go_to(here);
    if (!there)
        return ST_NONE;
    *seal = now;
    *id = own;
    return ST_OK;
}

static struct node **slot_of(struct sim_switch *s, const struct env *env)
{
    size_t i = 0;

    while (i < PARTS_MAX && (env ? !s->part[i] || &s->part[i]->env != env : s->part[i] != NULL))
        i++;
    assert(i < PARTS_MAX);
    return &s->part[i];
}

static void let_go(struct node *n)
{
    if (n->world.store)
        close_store(n);
    lock_file_release(n->lock);
    n->lock = -1;
    stripe_close(n->world.stripe);
}

/* As cli/switch/switch_stores.c and cli/wire.c. */
static enum status open_part(struct node *n, enum switch_mode mode, bool *locked, struct error *e)
{
    struct error why = { 0 };

    if (mode == SWITCH_TO_ASK) {
        init_env(n);
        return ST_OK;
    }
    *locked = lock_file_take(lock_path(), &n->lock, &why) != ST_OK;
    if (*locked)
        return fail(e, ST_CONFLICT, "somebody else has the store");
    check_new_life();
    enum status st = open_store(n, e);
    if (st != ST_OK)
        return st;
    init_env(n);
    return mode == SWITCH_TO_NOTE ? env_recall(&n->env, e) : identify_and_adopt(n, e);
}

static enum status world_open(struct switch_world *w, const char *env, enum switch_mode mode,
                              bool *locked, struct env **out, struct error *e)
{
    struct sim_switch *s = (struct sim_switch *)w;
    struct node **slot = slot_of(s, NULL);

    assert(mode != SWITCH_TO_READ); /* for the dry run alone */
    maybe_die(w);
    unsigned here = go_to(env);
    struct node *n = new_part(ROLE_COMMAND, s->process->life);
    n->switching = true;
    n->tries_once = mode == SWITCH_TO_DRAIN;
    n->world.stripe = open_stripe(n);
    if (mode != SWITCH_TO_ASK)
        s->process->part[fibre_side()] = n;
    *locked = false;
    enum status st = open_part(n, mode, locked, e);
    if (st == ST_BROKEN)
        damaged(n, e);
    if (st == ST_OK) {
        *slot = n;
        *out = &n->env;
    } else {
        let_go(n);
    }
    fibre_go_to(here);
    return st;
}

/* From outside it is to end, and what it asked has ended, too. */
static void end_work(struct node *n, msec grace)
{
    msec until = clock_mono(&sim_clock) + grace;

    stop(n);
    while (n->n_running && clock_mono(&sim_clock) < until)
        fibre_pause(50);
    if (n->n_running)
        sim_stripe_abandon(n->life);
    until = clock_mono(&sim_clock) + CUT_OFF_MS_MAX;
    while (n->n_running && clock_mono(&sim_clock) < until)
        fibre_pause(50);
    if (n->n_running)
        broke(PROMISE_REST, "a switch's workers do not come to an end");
}

static void world_close(struct switch_world *w, struct env *env)
{
    struct sim_switch *s = (struct sim_switch *)w;
    struct node **slot = slot_of(s, env), *n = *slot;
    unsigned here = go_to(env->name);
    struct error ignored = { 0 };

    if (n->n_running)
        end_work(n, 0);
    if (n->world.store)
        (void)!stripe_logged_flush(n->logged, n->world.store, &ignored);
    let_go(n);
    *slot = NULL;
    fibre_go_to(here);
    maybe_die(w);
}

/* ---- the daemon -------------------------------------------------------------------------------
 */

/* The journal is written by whoever has the store. */
struct order_to_daemon {
    struct node *daemon;
    struct switch_plan plan;
    struct error error;
    bool ended;
    enum status st;
};

static void begin_there(void *arg)
{
    struct order_to_daemon *o = arg;

    o->st = switch_begin(&o->daemon->env, &o->plan, &o->error);
    if (o->st == ST_BROKEN)
        damaged(o->daemon, &o->error);
    o->ended = true;
    o->daemon->n_running--;
}

static enum status ask_daemon(const struct switch_plan *plan, struct error *e)
{
    struct node *daemon = node_here();

    if (!node_works())
        return ST_NONE;
    struct order_to_daemon *o = calloc(1, sizeof *o); /* outlives whoever dies first */
    char *url = strdup(plan->url);
    if (!o || !url)
        abort();
    *o = (struct order_to_daemon){ .daemon = daemon, .plan = *plan };
    o->plan.url = url;
    unsigned life = daemon->life;
    daemon->n_running++;
    fibre_spawn(life, "switch", begin_there, o);
    while (!o->ended && node_here() && node_here()->life == life)
        clock_sleep(&sim_clock, SWITCH_LOOK_MS);
    if (!o->ended)
        return fail(e, ST_RETRY, "the daemon has ended before it answered");
    *e = o->error;
    return o->st;
}

static enum status world_tell_daemon(struct switch_world *w, const char *env,
                                     const struct switch_plan *plan, struct error *e)
{
    maybe_die(w);
    unsigned here = go_to(env);
    enum status st = ask_daemon(plan, e);
    fibre_go_to(here);
    maybe_die(w);
    return st;
}

static enum switch_served world_served(struct switch_world *w, const char *env)
{
    unsigned here = go_to(env);
    bool works = node_works();

    (void)w;
    fibre_go_to(here);
    return works ? SWITCH_SERVED : SWITCH_SERVED_NOT;
}

/* ---- work -------------------------------------------------------------------------------------
 */

static enum status world_start_work(struct switch_world *w, struct env *env, struct error *e)
{
    unsigned here = go_to(env->name);

    (void)e;
    spawn_workers(*slot_of((struct sim_switch *)w, env));
    fibre_go_to(here);
    return ST_OK;
}

static void world_stop_work(struct switch_world *w, struct env *env, msec grace)
{
    unsigned here = go_to(env->name);

    end_work(*slot_of((struct sim_switch *)w, env), grace);
    fibre_go_to(here);
    maybe_die(w);
}

static void world_settle(struct switch_world *w, struct env *env)
{
    struct node *n = *slot_of((struct sim_switch *)w, env);
    struct error ignored = { 0 };
    unsigned here = go_to(env->name);

    (void)!stripe_logged_flush(n->logged, n->world.store, &ignored);
    fibre_go_to(here);
}

/* ---- the endpoint -----------------------------------------------------------------------------
 */

static enum status world_confirm(struct switch_world *w, const char *url, struct error *e)
{
    (void)w, (void)url, (void)e;
    return ST_OK;
}

/* Does the list of the account's endpoints show this address? ST_RETRY: nobody knows. */
static enum status list_shows(struct node *n, const char *url, bool *shows, struct error *e)
{
    ARENA(a, ANSWER_MAX);
    struct stripe_response p;
    struct json_reader r;
    const struct stripe_request q = { .method = STRIPE_GET,
                                      .path = S("/v1/webhook_endpoints"),
                                      .query = S("limit=100"),
                                      .lane = LANE_USER,
                                      .cause = S("switch") };
    enum status st = stripe_call(n->world.stripe, &q, &p, &a, e);

    if (st != ST_OK || p.http_status != 200 || !json_valid(p.body))
        return ST_RETRY;
    *shows = false;
    json_init(&r, json_member(p.body, S("data")).text);
    (void)json_next(&r);
    for (struct json_token t; (t = json_value(&r)).type == JSON_OBJECT;)
        *shows |= str_eqz(json_text(t.text, S("url"), &a), url);
    return ST_OK;
}

/* The secret is told once, behind the effect; it is kept some time later. */
static bool make(struct switch_world *w, struct node *n, const struct switch_endpoint *wish)
{
    char form[FORM_MAX];

    snprintf(form, sizeof form, "url=%s&enabled_events[0]=*", wish->url);
    for (unsigned attempt = 1; attempt <= POST_ATTEMPTS; attempt++) {
        ARENA(a, ANSWER_MAX);
        struct stripe_response p;
        struct error ignored = { 0 };
        const struct stripe_request q = { .method = STRIPE_POST,
                                          .path = S("/v1/webhook_endpoints"),
                                          .form = str_of(form),
                                          .idem_key = str_of(wish->key),
                                          .lane = LANE_USER,
                                          .cause = S("switch") };
        maybe_die(w);
        enum status st = stripe_call(n->world.stripe, &q, &p, &a, &ignored);
        maybe_die_soon(w);
        if (st == ST_OK && p.http_status == 200 && json_valid(p.body)) {
            str secret = json_text(p.body, S("secret"), &a);
            fibre_pause(seed_between(1, PATH_MS_MAX));
            snprintf(kept[fibre_side()], SECRET_MAX, "%.*s", STR_ARG(secret));
            if (wish->again)
                mark(MARK_SECRET_AGAIN);
            return secret.n > 0;
        }
        clock_sleep(&sim_clock, seed_between(100, 1000));
    }
    return false;
}

/* As cli/doctor/doctor_endpoints.c: made if the list does not show it, and once more if its secret
 * may be lost. */
static bool see_to_endpoint(struct switch_world *w, struct node *n,
                            const struct switch_endpoint *wish)
{
    struct error ignored = { 0 };
    bool shows = false;

    if (!wish->mend)
        return false; /* that of the world's beginning leads elsewhere */
    if (list_shows(n, wish->url, &shows, &ignored) != ST_OK)
        return false;
    if ((!shows || wish->again) && wish->key && !make(w, n, wish))
        return false;
    if (wish->key)
        stripe_check_endpoint(wish->key, kept[fibre_side()]);
    return shows || wish->key;
}

static void world_endpoint(struct switch_world *w, struct env *env,
                           const struct switch_endpoint *wish, bool *right)
{
    unsigned here = go_to(env->name);

    maybe_die(w);
    *right = see_to_endpoint(w, *slot_of((struct sim_switch *)w, env), wish);
    fibre_go_to(here);
    maybe_die(w);
}

/* ---- the daemon's door ------------------------------------------------------------------------
 */

static size_t world_n_secrets(struct switch_world *w, const char *env)
{
    (void)w, (void)env;
    return 1;
}

static const char *world_door(struct switch_world *w, const char *env, struct error *e)
{
    struct sim_switch *s = (struct sim_switch *)w;

    (void)e;
    snprintf(s->door, sizeof s->door, "http://node/webhooks/%s", env);
    return s->door;
}

static enum status world_ping(struct switch_world *w, const char *env, size_t which, int *http,
                              struct error *e)
{
    BUF(body, PING_MAX);
    char signature[VERIFY_SIGNATURE_MAX];
    struct secret secret = { .n = 0 };
    unsigned here = go_to(env);

    (void)e, (void)which;
    maybe_die(w);
    if (!secret_set(&secret, str_of(side()->secret)))
        abort();
    verify_ping(&secret, env, clock_wall(&sim_clock), &body, signature);
    struct gate *gate = gate_new(&sim_sched);
    *http = node_receive(buf_str(&body), str_of(signature), gate);
    gate_free(&sim_sched, gate);
    if (*http == 200)
        mark(MARK_PINGED);
    if (*http != 0 && *http != 200)
        broke(PROMISE_APART, "%s does not take what its own secret signed: %d", env, *http);
    fibre_go_to(here);
    return ST_OK;
}

/* There is no application here. */
static bool world_application(struct switch_world *w, const char *env, struct buf *text)
{
    (void)w, (void)env, (void)text;
    return false;
}

/* ---- what is told -----------------------------------------------------------------------------
 */

static void world_tell(struct switch_world *w, const struct switch_item *item)
{
    trace("switch: %s %s: %s", item->step, switch_outcome_name(item->outcome), item->text);
    if (strcmp(item->step, "sealed") == 0 && item->outcome == SWITCH_DONE)
        mark(MARK_SEALED);
    if (strcmp(item->step, "resumed") == 0 && item->outcome != SWITCH_FAILED)
        mark(strstr(item->text, "taken back") ? MARK_SWITCH_BACK : MARK_SWITCHED);
    maybe_die(w);
}

static void world_say(struct switch_world *w, const char *remark)
{
    (void)w;
    trace("switch: %s", remark);
}

static void world_rests(struct switch_world *w, const char *from, const char *to, bool by_itself)
{
    (void)w;
    trace("switch: it is not over, from %s to %s%s", from, to,
          by_itself ? "; a daemon goes on" : "");
}

static const struct switch_world_ops ops = {
    .name = world_name,
    .lock = world_lock,
    .unlock = world_unlock,
    .interrupted = world_interrupted,
    .look = world_look,
    .open_env = world_open,
    .close_env = world_close,
    .tell_daemon = world_tell_daemon,
    .served = world_served,
    .start_work = world_start_work,
    .stop_work = world_stop_work,
    .settle = world_settle,
    .confirm = world_confirm,
    .endpoint = world_endpoint,
    .n_secrets = world_n_secrets,
    .door = world_door,
    .ping = world_ping,
    .application = world_application,
    .tell = world_tell,
    .say = world_say,
    .rests = world_rests,
};

struct sim_switch *switch_world_new(struct node *process)
{
    struct sim_switch *s = calloc(1, sizeof *s);

    if (!s)
        abort();
    *s = (struct sim_switch){ .world = { &ops, &sim_clock }, .process = process };
    if (process->c->switch_deaths && !process->parent && seed_chance(15))
        s->interrupted_at = fibre_now() + seed_between(0, INTERRUPT_MS_MAX);
    return s;
}

struct switch_world *switch_world_of(struct sim_switch *s)
{
    return &s->world;
}
