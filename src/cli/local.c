#include "cli/local.h"

#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/output.h"
#include "core/environment/acting.h"
#include "serve/engine.h"

enum {
    ORDER_BYTES_MAX = CONTROL_LINE_BYTES_MAX,
    /* How long the lock is left to the daemon that asked for it. When it has not taken it by then,
     * it has died at its start, and we go on ourselves. */
    HANDOVER_SHY_MS = 3000,
    /* Until it listens: it proves its identity first. */
    HANDOVER_WAIT_MS = IDENTIFY_MS_USUAL + LOCK_WAIT_MS,
    LOCK_LOOK_MS = 100,
};

/* Whatever is read from here on is the connected account's: its environment takes the place of the
 * platform's, which stands behind it. */
static enum status read_as(struct wire *w, str account, struct error *e)
{
    struct env *env;
    enum account_state state;
    enum status st = acting_open(&w->acting, &w->env, account, &env, &state, e);

    if (st != ST_OK || env == &w->env)
        return st;
    if (account_is_lost(state))
        say("brindle: connected account %s is %s: what is here of it is as it was then.",
            env->identity.account, account_state_name(state));
    w->platform = w->env;
    acting_init(&w->acting, &w->platform, account);
    w->env = w->acting.env;
    return ST_OK;
}

/* The order, with the connected account that it is for. */
static str order_as(const struct cli *cli, str line, struct buf *out)
{
    if (!cli->account)
        return line;
    assert(line.n > 1 && line.p[0] == '{');
    buf_append(out, S("{\"account\":"));
    json_quote(out, str_of(cli->account));
    buf_char(out, ',');
    buf_append(out, str_sub(line, 1, line.n));
    return buf_str(out);
}

enum status reader_of(const struct cli *cli, const struct env_config *conf, struct wire *w,
                      struct error *e)
{
    enum status st = wire_open(w, &cli->config, conf, WIRE_READ, e);

    if (st == ST_NONE && conf->found) { /* on PostgreSQL a name alone is believed until here */
        error_clear(e);
        return config_no_env(&cli->config, conf->name, e);
    }
    return st == ST_OK && cli->account ? read_as(w, str_of(cli->account), e) : st;
}

enum status reader_open(struct cli *cli, struct wire *w, struct error *e)
{
    struct env_config *conf = NULL;
    enum status st = cli_load(cli, e);

    if (st == ST_OK)
        st = config_env(&cli->config, cli->env_name, &conf, e);
    return st == ST_OK ? reader_of(cli, conf, w, e) : st;
}

static bool ignore_line(void *ctx, str line)
{
    (void)ctx, (void)line;
    return true;
}

bool local_is_served(const struct config *c, const char *env)
{
    char path[DATA_PATH_MAX];
    struct error ignored = { 0 };

    if (c->pg_url) /* whoever works on it needs no lock, and says nothing to us */
        return true;
    datadir_socket_path(c->data_dir, env, path);
    return control_send(path, S("{\"op\":\"ping\"}"), ignore_line, NULL, &ignored) == ST_OK;
}

/* --- in this process ----------------------------------------------------------------------- */

struct local {
    struct wire wire;
    control_emit *emit;
    void *ctx;
    struct engine *engine; /* while the command runs here */
    bool heard;            /* somebody answered */
    bool handed_over;      /* a daemon wants the store: set on a control thread */
    bool forgetting;       /* the store is sealed, and there is no Stripe: no worker works */
    int64_t since; /* when what is watched was asked for; 0: it was not, as far as we know */
};

static bool is_handed_over(const struct local *l)
{
    return __atomic_load_n(&l->handed_over, __ATOMIC_ACQUIRE);
}

/* An end that the hand-over has made is none for whoever listens: the daemon goes on. */
static bool is_false_end(const struct local *l, str line)
{
    ARENA(a, 4096);

    return is_handed_over(l) && json_bool(line, S("end")) == JSON_TRUE &&
           str_eqz(json_text(line, S("status"), &a), status_name(ST_RETRY));
}

static bool relay(void *ctx, str line)
{
    struct local *l = ctx;

    l->heard = true;
    if (l->engine && !l->forgetting)
        engine_release(l->engine);
    json_int(line, S("since"), &l->since);
    return (is_false_end(l, line) || l->emit(l->ctx, line)) && !cli_interrupted();
}

static void own_progress(void *ctx, struct buf *out)
{
    struct local *l = ctx;

    wire_progress(&l->wire, out);
}

static void on_handover(void *ctx)
{
    struct local *l = ctx;

    __atomic_store_n(&l->handed_over, true, __ATOMIC_RELEASE);
    env_stop(&l->wire.env);
}

/* Recovery is a restart; from a full disk, too. */
static void on_broken(void *ctx, const struct error *e)
{
    bool again = e->status == ST_LIMIT || e->restart, sealed = e->status == ST_REFUSED;
    str line[] = { again || sealed ? S("brindle: ") : S("brindle: damaged: "), str_of(e->text),
                   again ? S("; nothing is damaged: run the same once more, it goes on\n")
                         : S("\n") };

    (void)ctx;
    for (size_t i = 0; i < COUNT(line); i++)
        (void)!write(STDERR_FILENO, line[i].p, line[i].n);
    _exit(again ? EXIT_FAILED : sealed ? EXIT_CONFLICT : EXIT_DAMAGED);
}

/* An abort is decided before a worker takes the operation forward: the workers wait until the
 * command has said its first word. */
static bool is_decided_first(str line)
{
    ARENA(a, ORDER_BYTES_MAX);

    return str_eqz(json_text(line, S("op"), &a), "op_abort");
}

/* The command with an engine round it, while this process has the lock. */
static enum status run_here(struct local *l, str line, struct error *e)
{
    static const struct log quiet = { .fd = STDERR_FILENO, .least = LOG_ERROR };
    struct control_server *control = NULL;
    struct engine_options o = {
        .env = &l->wire.env,
        .held = l->forgetting || is_decided_first(line),
        .log = &quiet,
        .workers = (unsigned)config_number(&l->wire.conf->values, SET_WORKERS),
        .every_second = l->forgetting ? NULL : wire_every_second,
        .abandon = l->forgetting ? NULL : wire_abandon,
        .ctx = &l->wire,
        .on_broken = on_broken,
    };

    const struct control_host host = { .env = &l->wire.env,
                                       .log = &quiet,
                                       .progress = l->forgetting ? NULL : own_progress,
                                       .on_handover = on_handover,
                                       .ctx = l };

    enum status st = engine_start(&l->engine, &o, e);
    if (st != ST_OK)
        return st;
    if (!l->wire.on_pg)
        st = control_listen(&control, l->wire.socket_path, &host, e);
    if (st == ST_OK)
        st = control_run(&host, line, relay, l, e);
    env_stop(&l->wire.env);
    control_close(control);
    engine_stop(l->engine, ENGINE_GRACE_MS);
    l->engine = NULL;
    return st;
}

static bool is_to_forget(str line)
{
    ARENA(a, ORDER_BYTES_MAX);

    return str_eqz(json_text(line, S("op"), &a), "erase");
}

/* A person is forgotten in what was put away, too: for that neither key nor Stripe is needed. */
static enum status open_here(struct cli *cli, struct local *l, const struct env_config *conf,
                             str line, struct error *e)
{
    enum status st = wire_open(&l->wire, &cli->config, conf, WIRE_WRITE, e);

    l->forgetting = st == ST_CONFLICT && l->wire.put_away && is_to_forget(line);
    if (!l->forgetting)
        return st;
    wire_close(&l->wire);
    error_clear(e);
    return wire_open(&l->wire, &cli->config, conf, WIRE_FORGET, e);
}

static enum status try_here(struct cli *cli, struct local *l, struct env_config *conf, str line,
                            bool *locked, struct error *e)
{
    enum status st = open_here(cli, l, conf, line, e);

    *locked = st == ST_CONFLICT && l->wire.locked;
    if (st == ST_OK)
        st = run_here(l, line, e);
    wire_close(&l->wire);
    return st;
}

/* --- there or here ------------------------------------------------------------------------- */

/* What has been asked for is not asked for anew, which would begin it anew, but watched. */
static str order_of(const struct local *l, str line, struct buf *out)
{
    if (!l->since)
        return line;
    buf_clear(out);
    buf_append(out, str_sub(line, 0, line.n - 1));
    buf_printf(out, ",\"since\":%lld}", (long long)l->since);
    return out->failed ? line : buf_str(out);
}

/* One attempt at the daemon, and, when nobody listens and it is our turn, here. */
static enum status try_once(struct cli *cli, struct local *l, struct env_config *conf, str line,
                            const char *socket_path, bool ours, bool *locked, struct error *e)
{
    BUF(order, ORDER_BYTES_MAX);
    enum status st = cli->config.pg_url
                         ? ST_NONE
                         : control_send(socket_path, order_of(l, line, &order), relay, l, e);

    *locked = st == ST_NONE && !l->heard && !ours;
    if (st != ST_NONE || l->heard || !ours)
        return st;
    error_clear(e);
    return try_here(cli, l, conf, order_of(l, line, &order), locked, e);
}

enum status local_run(struct cli *cli, struct env_config *conf, str line, control_emit *emit,
                      void *ctx, struct error *e)
{
    struct clock *clock = wire_clock();
    struct local l = { .emit = emit, .ctx = ctx };
    BUF(order, ORDER_BYTES_MAX);
    char socket_path[DATA_PATH_MAX];
    msec until = clock_mono(clock) + LOCK_WAIT_MS, ours_from = 0;

    enum status mine =
        config_refuse_demo(&cli->config, conf, e); /* its daemon would listen to us */
    if (mine != ST_OK)
        return mine;
    datadir_socket_path(cli->config.data_dir, conf->name, socket_path);
    line = order_as(cli, line, &order);
    for (;;) {
        struct error why = { 0 };
        bool locked = false;
        l.handed_over = l.heard = false;
        enum status st = try_once(cli, &l, conf, line, socket_path, clock_mono(clock) >= ours_from,
                                  &locked, &why);
        if (l.handed_over && st == ST_RETRY) {
            ours_from = clock_mono(clock) + HANDOVER_SHY_MS;
            until = clock_mono(clock) + HANDOVER_WAIT_MS;
            locked = true;
        }
        if (!locked || cli_interrupted() || clock_mono(clock) >= until) {
            if (st != ST_OK)
                *e = why;
            return cli_interrupted() && st == ST_OK ? ST_RETRY : st;
        }
        clock_sleep(clock, LOCK_LOOK_MS);
    }
}
