/* `brindle check leftovers`: ids of another environment in the application's own database. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/checks.h"
#include "cli/keys.h"
#include "cli/leftovers_report.h"
#include "cli/output.h"
#include "cli/wire.h"
#include "core/leftovers/leftovers.h"

enum {
    SCAN_BYTES_MAX = 512 << 20,
    OUT_BYTES_MAX = 64 << 20,
    TELL_EVERY = 200, /* requests */
};

struct looking {
    struct cli *cli;
    struct env_config *conf;
    struct wire mirror, asked, other[LEFTOVER_ENVS_MAX];
    size_t n_others;
    struct leftover_scan scan;
    bool discover, sql, apply, undo, unknown, offline;
    int64_t told, asked_max;
    msec until; /* monotonic; 0: however long it takes */
};

static void close_all(struct looking *l)
{
    if (l->scan.db)
        l->scan.db->ops->close(l->scan.db);
    for (size_t i = 0; i < l->n_others; i++)
        wire_close(&l->other[i]);
    wire_close(&l->asked);
    wire_close(&l->mirror);
}

/* --- what is needed ------------------------------------------------------------------------ */

static enum status open_application(struct looking *l, struct error *e)
{
    str url = config_text(&l->conf->values, SET_APP_DATABASE);

    if (!url.n)
        return fail(e, ST_INVALID,
                    "Environment %s has no application_database: name your application's own "
                    "(sqlite:FILE or postgresql://…) in its section of the configuration, or in "
                    "BRINDLE_APPLICATION_DATABASE.",
                    l->conf->name);
    enum status st = wire_database(url, l->apply || l->undo, &l->scan.db, e);
    if (st == ST_OK && l->until)
        l->scan.db->statement_ms = l->until - clock_mono(wire_clock());
    return st == ST_OK && !l->undo ? app_tables_read(l->scan.db, &l->scan.tables, l->scan.a, e)
                                   : st;
}

/* Those that have a store, configured or not; what cannot be read is said, and nothing is made of
 * it. */
static void open_others(struct looking *l)
{
    struct config *c = &l->cli->config;
    struct error ignored = { 0 };

    (void)!config_find_all(c, &ignored);
    for (size_t i = 0; i < c->n_envs && l->n_others < LEFTOVER_ENVS_MAX; i++) {
        struct error why = { 0 };
        struct wire *w = &l->other[l->n_others];
        if (&c->env[i] == l->conf)
            continue;
        enum status st = wire_open(w, c, &c->env[i], WIRE_READ, &why);
        if (st == ST_OK) {
            l->scan.other[l->n_others++] = &w->env;
            continue;
        }
        wire_close(w);
        if (st != ST_NONE)
            say("The mirror of %s is left out: %s", c->env[i].name, why.text);
    }
}

/* The key is asked only when it is of this mirror's own account and mode. */
static enum status open_stripe(struct looking *l, struct error *e)
{
    struct identity id;

    if (l->offline)
        return ST_OK;
    enum status st = wire_open(&l->asked, &l->cli->config, l->conf, WIRE_ASK, e);
    if (st == ST_OK)
        st = wire_identity(&l->asked, &id, e);
    if (st != ST_OK)
        return st;
    if (!identity_same(&id, &l->mirror.env.identity))
        return fail(
            e, ST_REFUSED,
            "The key of environment %s reaches %s in %s mode, but its mirror is of %s in %s "
            "mode. Nothing was looked at. `brindle env check` says more.",
            l->conf->name, id.account, mode_name(id.livemode), l->mirror.env.identity.account,
            mode_name(l->mirror.env.identity.livemode));
    l->asked.env.identity = id;
    l->scan.stripe = &l->asked.env;
    return ST_OK;
}

static enum status open_environments(struct looking *l, struct error *e)
{
    enum status st = wire_open(&l->mirror, &l->cli->config, l->conf, WIRE_READ, e);

    if (st == ST_NONE) {
        error_clear(e);
        return fail(e, ST_NONE,
                    "Environment %s has no mirror yet, so nothing is known of it. `brindle env "
                    "switch %s` makes it, and so does `brindle sync --env %s`.",
                    l->conf->name, l->conf->name, l->conf->name);
    }
    if (st == ST_OK)
        st = open_stripe(l, e);
    if (st != ST_OK)
        return st;
    l->scan.mirror = &l->mirror.env;
    l->scan.everywhere = l->unknown;
    l->scan.connect = str_eqz(config_text(&l->conf->values, SET_CONNECT), "on");
    open_others(l);
    l->scan.n_others = l->n_others;
    return ST_OK;
}

static bool goes_on(void *ctx, const struct leftover_scan *s)
{
    struct looking *l = ctx;

    if (s->asked >= l->told + TELL_EVERY && is_terminal(stderr)) {
        l->told = s->asked;
        say("%lld requests to Stripe", (long long)s->asked);
    }
    return !cli_interrupted();
}

/* --- what is done -------------------------------------------------------------------------- */

static enum status print_sql(struct looking *l, struct error *e)
{
    BUF(out, OUT_BYTES_MAX);

    if (l->unknown)
        (void)leftovers_say_unasked(l->cli, &l->scan);
    leftovers_sql(&l->scan, l->unknown, &out);
    if (out.failed)
        return fail(e, ST_LIMIT, "The SQL is longer than %d bytes: mend column by column.",
                    OUT_BYTES_MAX);
    fwrite(out.p, 1, out.n, stdout);
    return ST_OK;
}

static enum status propose(struct looking *l, struct error *e)
{
    enum status st = leftovers_discover(&l->scan, e);

    if (st == ST_OK)
        leftovers_propose(l->cli, l->conf->name, &l->scan);
    return st;
}

static enum status apply(struct looking *l, struct error *e)
{
    struct leftover_mended m = { 0 };
    enum status st = ST_OK;
    int64_t n = 0, stay = leftovers_say_stay(l->cli, &l->scan, l->unknown);

    int64_t unasked = l->unknown ? leftovers_say_unasked(l->cli, &l->scan) : 0;
    bool more = false;
    for (size_t i = 0; i < l->scan.n_columns; i++) {
        n += leftovers_foreign(&l->scan.column[i], l->unknown);
        more = more || l->scan.column[i].more;
    }
    if (n == 0)
        say("%s: nothing that is proven to be of elsewhere.", l->conf->name);
    if (n > stay)
        st = confirm(l->cli, e, "Take %lld ids out of the application's database?",
                     (long long)(n - stay));
    if (st == ST_OK && n > stay)
        st = leftovers_apply(&l->scan, l->unknown, clock_wall(wire_clock()), &m, e);
    if (st == ST_OK && n > stay)
        leftovers_say_mended(l->cli, "Taken out, and kept in table brindle_leftovers", &m);
    if (st == ST_OK && more)
        say("There are more than fit at once: say it again.");
    if (st == ST_OK && (stay || unasked || more))
        cli_exit_with(EXIT_FOUND);
    return st;
}

static enum status undo(struct looking *l, struct error *e)
{
    struct leftover_mended m = { 0 };
    enum status st = leftovers_undo(l->scan.db, l->conf->name, &m, e);

    if (st == ST_OK)
        leftovers_say_mended(l->cli, "Put back", &m);
    return st;
}

static enum status report(struct looking *l, struct error *e)
{
    int64_t left = 0;
    enum status st = leftovers_report(l->cli, l->conf->name, &l->scan, &left, e);

    if (st == ST_OK && left)
        cli_exit_with(EXIT_FOUND);
    return st;
}

static enum status look(struct looking *l, struct error *e)
{
    str columns = config_text(&l->conf->values, SET_APP_COLUMNS);

    if (!columns.n)
        return fail(
            e, ST_INVALID,
            "Environment %s has no application_columns: `brindle check leftovers --discover` "
            "proposes some.",
            l->conf->name);
    if (l->unknown && l->offline && (l->apply || l->sql) &&
        str_eqz(config_text(&l->conf->values, SET_CONNECT), "on"))
        return fail(e, ST_REFUSED,
                    "Connect is on in environment %s, and without asking Stripe nobody knows which "
                    "ids are its connected accounts': leave --offline or --unknown away.",
                    l->conf->name);
    enum status st = leftovers_declare(&l->scan, columns, e);
    if (st == ST_OK)
        st = open_environments(l, e);
    if (st == ST_OK)
        st = leftovers_look(&l->scan, e);
    if (st != ST_OK)
        return st;
    leftovers_say_asked(l->cli, &l->scan);
    if (l->sql)
        return print_sql(l, e);
    return l->apply ? apply(l, e) : report(l, e);
}

static enum status run(struct looking *l, struct error *e)
{
    enum status st = cli_load(l->cli, e);

    if (st == ST_OK)
        st = config_env(&l->cli->config, l->cli->env_name, &l->conf, e);
    if (st == ST_OK)
        st = open_application(l, e);
    if (st != ST_OK)
        return st;
    if (l->discover)
        return propose(l, e);
    return l->undo ? undo(l, e) : look(l, e);
}

/* ---- for others --------------------------------------------------------------------------- */

static bool is_late(const struct looking *l)
{
    return l->until && clock_mono(wire_clock()) >= l->until;
}

/* The next statement has what is left of the time. */
static bool goes_on_for_a_while(void *ctx, const struct leftover_scan *s)
{
    const struct looking *l = ctx;

    if (l->until && s->db)
        s->db->statement_ms = l->until - clock_mono(wire_clock());
    return !cli_interrupted() && !is_late(l) && (l->offline || s->asked < l->asked_max);
}

static enum status count_all(struct looking *l, struct application_leftovers *out, struct error *e)
{
    enum status st = open_application(l, e);

    if (st == ST_OK)
        st = leftovers_declare(&l->scan, config_text(&l->conf->values, SET_APP_COLUMNS), e);
    if (st == ST_OK)
        st = open_environments(l, e);
    if (st == ST_OK)
        st = leftovers_look(&l->scan, e);
    out->whole = st == ST_OK;
    out->columns = l->scan.n_columns;
    out->looked = l->scan.n_looked;
    bool enough = is_late(l) || (!l->offline && l->scan.asked >= l->asked_max);
    if (st == ST_RETRY && enough && l->scan.n_columns) {
        error_clear(e);
        st = ST_OK;
    }
    for (size_t i = 0; i < l->scan.n_columns && st == ST_OK; i++) {
        out->elsewhere += leftovers_foreign(&l->scan.column[i], false);
        out->unknown += leftovers_unknown(&l->scan.column[i]);
    }
    return st;
}

static enum status with_application(struct cli *cli, struct env_config *conf, int64_t asked_max,
                                    msec ms_max, struct application_leftovers *out,
                                    struct buf *lines, size_t *n, struct error *e)
{
    ARENA(a, SCAN_BYTES_MAX);
    struct looking l = { .cli = cli,
                         .conf = conf,
                         .offline = asked_max == 0,
                         .asked_max = asked_max,
                         .until = ms_max ? clock_mono(wire_clock()) + ms_max : 0,
                         .scan = { .a = &a, .goes_on = goes_on_for_a_while } };

    *out = (struct application_leftovers){ .whole = true };
    if (!config_text(&conf->values, SET_APP_DATABASE).n ||
        !config_text(&conf->values, SET_APP_COLUMNS).n)
        return ST_NONE;
    l.scan.ctx = &l;
    bool once = conf->try_once;
    conf->try_once = once || ms_max; /* Stripe has just been there, or is not waited for */
    enum status st = count_all(&l, out, e);
    conf->try_once = once;
    for (size_t i = 0; lines && i < l.scan.n_columns && st == ST_OK; i++)
        *n += leftovers_in_short(&l.scan.column[i], lines);
    close_all(&l);
    return st;
}

enum status application_leftovers(struct cli *cli, struct env_config *conf, int64_t asked_max,
                                  msec ms_max, struct application_leftovers *out, struct error *e)
{
    return with_application(cli, conf, asked_max, ms_max, out, NULL, NULL, e);
}

enum status application_leftovers_write(struct cli *cli, struct env_config *conf, int64_t asked_max,
                                        struct buf *out, size_t *n, struct error *e)
{
    struct application_leftovers counts;
    enum status st = with_application(cli, conf, asked_max, 0, &counts, out, n, e);

    if (st == ST_RETRY && asked_max) {
        say("The application's ids are told apart by the mirrors alone: %s", e->text);
        error_clear(e);
        return application_leftovers_write(cli, conf, 0, out, n, e);
    }
    if (st == ST_OK && !counts.whole)
        say("Not every id of the application was looked at: `brindle check leftovers` does that.");
    return st;
}

enum status check_leftovers(struct cli *cli, struct error *e)
{
    ARENA(a, SCAN_BYTES_MAX);
    struct looking l = { .cli = cli, .scan = { .a = &a, .goes_on = goes_on } };
    const struct flag flag[] = { { "discover", FLAG_SWITCH, { .on = &l.discover } },
                                 { "sql", FLAG_SWITCH, { .on = &l.sql } },
                                 { "apply", FLAG_SWITCH, { .on = &l.apply } },
                                 { "undo", FLAG_SWITCH, { .on = &l.undo } },
                                 { "unknown", FLAG_SWITCH, { .on = &l.unknown } },
                                 { "offline", FLAG_SWITCH, { .on = &l.offline } } };
    struct words words = { 0 };
    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);

    if (st == ST_OK)
        st = words_check(cli, &words, 1, 1, e);
    if (st == ST_OK && l.discover + l.sql + l.apply + l.undo > 1)
        st = fail(e, ST_INVALID, "One of --discover, --sql, --apply and --undo at a time.");
    if (st != ST_OK)
        return st;
    l.scan.ctx = &l;
    cli_catch_signals(NULL, NULL);
    st = run(&l, e);
    close_all(&l);
    return st;
}
