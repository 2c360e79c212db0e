/* `brindle check leftovers`: ids of another environment in the application's own database. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/checks.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/wire.h"
#include "core/leftovers.h"

enum {
    SCAN_BYTES_MAX = 512 << 20,
    OUT_BYTES_MAX = 64 << 20,
    EXAMPLES_MAX = 5,
    DEPENDENTS_MAX = 32,
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
    return st == ST_OK && !l->undo ? app_tables_read(l->scan.db, &l->scan.tables, l->scan.a, e)
                                   : st;
}

/* Those that are configured and have a store; what cannot be read is said, and nothing is made of
 * it. */
static void open_others(struct looking *l)
{
    struct config *c = &l->cli->config;

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

    if (st == ST_NONE)
        return fail(
            e, ST_NONE,
            "Environment %s has no mirror yet, so nothing is known of it. Run `brindle sync` "
            "first.",
            l->conf->name);
    if (st == ST_OK)
        st = open_stripe(l, e);
    if (st != ST_OK)
        return st;
    l->scan.mirror = &l->mirror.env;
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
        say("%lld ids asked for at Stripe", (long long)s->asked);
    }
    return !cli_interrupted();
}

/* --- what is said -------------------------------------------------------------------------- */

static str column_name(const struct leftover_column *c, struct arena *a)
{
    return arena_printf(a, "%.*s.%.*s", STR_ARG(c->table->name), STR_ARG(c->column->name));
}

static void write_examples(const struct leftover_column *c, struct json_writer *w)
{
    size_t n = 0;

    jw_key(w, S("examples"));
    jw_array(w);
    for (size_t i = 0; i < c->n_left && n < EXAMPLES_MAX; i++, n++) {
        jw_object(w);
        jw_put_str(w, "id", c->left[i].id);
        jw_put_int(w, "rows", c->left[i].rows);
        jw_put_str(w, "is", str_of(leftover_kind_name(c->left[i].kind)));
        jw_put_str(w, "why", str_of(c->left[i].why));
        jw_end(w);
    }
    jw_end(w);
}

static enum status write_dependents(struct looking *l, const struct leftover_column *c,
                                    struct json_writer *w, struct error *e)
{
    struct leftover_dependent d[DEPENDENTS_MAX];
    size_t n = 0;
    enum status st = leftovers_dependents(&l->scan, c, true, d, COUNT(d), &n, e);

    jw_key(w, S("dependents"));
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_put_str(w, "table", d[i].link->from->table);
        jw_put_str(w, "column", d[i].link->from->name);
        jw_put_int(w, "rows", d[i].rows);
        jw_end(w);
    }
    jw_end(w);
    return st;
}

/* What no SQL can do about ids that begin so: of one, of several. */
static const struct note {
    const char *prefix, *one, *several;
} notes[] = {
    { "cus_",
      "customer has none here: your application must make one at Stripe when they come back, even "
      "if "
      "it looks them up by e-mail",
      "customers have none here: your application must make one at Stripe when they come back, "
      "even "
      "if it looks them up by e-mail" },
    { "sub_", "subscription goes on in the other environment until it is cancelled there",
      "subscriptions go on in the other environment until they are cancelled there" },
    { "pi_",
      "payment began elsewhere and is unpayable in this environment: its order needs a new one",
      "payments began elsewhere and are unpayable in this environment: their orders need new "
      "ones" },
    { "cs_", "checkout session cannot be completed here: begin it anew",
      "checkout sessions cannot be completed here: begin them anew" },
    { "price_", "price is not here: `brindle catalog promote` brings the catalogue",
      "prices are not here: `brindle catalog promote` brings the catalogue" },
    { "prod_", "product is not here: `brindle catalog promote` brings the catalogue",
      "products are not here: `brindle catalog promote` brings the catalogue" },
    { "acct_", "account must be connected anew, or its connection dropped in the application, too",
      "accounts must be connected anew, or their connections dropped in the application, too" },
};

static void write_notes(const struct leftover_column *c, struct json_writer *w, struct arena *a)
{
    jw_key(w, S("notes"));
    jw_array(w);
    for (size_t i = 0; i < COUNT(notes); i++) {
        int64_t n = 0;
        for (size_t k = 0; k < c->n_left; k++)
            n += str_starts(c->left[k].id, str_of(notes[i].prefix));
        if (n)
            jw_str(w, arena_printf(a, "%lld %s", (long long)n,
                                   n == 1 ? notes[i].one : notes[i].several));
    }
    jw_end(w);
}

/* A line of JSON a column; the table for people is made of the same. */
static enum status write_column(struct looking *l, const struct leftover_column *c, struct buf *out,
                                struct error *e)
{
    ARENA(a, 1 << 20);
    struct json_writer w = { .b = out };
    int64_t ids = 0, rows = 0;

    for (int k = 0; k < LEFTOVER_KINDS; k++) {
        ids += c->ids[k];
        rows += c->rows[k];
    }
    jw_object(&w);
    jw_put_str(&w, "env", str_of(l->conf->name));
    jw_put_str(&w, "column", column_name(c, &a));
    jw_put_int(&w, "ids", ids);
    jw_put_int(&w, "rows", rows);
    for (int k = 0; k < LEFTOVER_KINDS; k++)
        jw_put_int(&w, leftover_kind_name((enum leftover_kind)k), c->ids[k]);
    write_examples(c, &w);
    write_notes(c, &w, &a);
    enum status st = write_dependents(l, c, &w, e);
    jw_end(&w);
    buf_char(out, '\n');
    return st;
}

static void add_column(struct table *t, str line)
{
    static const char *const number[] = { "ids",        "here",          "deleted",
                                          "other_mode", "other_account", "unknown" };
    str cell[7] = { json_text(line, S("column"), t->arena) };

    for (size_t i = 0; i < COUNT(number); i++)
        cell[i + 1] = json_member(line, str_of(number[i])).text;
    table_row(t, cell);
}

static int64_t foreign_of(const struct leftover_column *c, bool unknown)
{
    return c->ids[LEFTOVER_OTHER_MODE] + c->ids[LEFTOVER_OTHER_ACCOUNT] +
           (unknown ? c->ids[LEFTOVER_UNKNOWN] : 0);
}

static void say_about(str line, struct arena *a)
{
    struct json_reader r;
    struct json_token t;
    str column = json_text(line, S("column"), a);

    json_init(&r, json_member(line, S("dependents")).text);
    (void)json_next(&r);
    while ((t = json_value(&r)).type == JSON_OBJECT)
        say("%.*s: %.*s rows of %.*s refer to its rows by %.*s.", STR_ARG(column),
            STR_ARG(json_member(t.text, S("rows")).text), STR_ARG(json_text(t.text, S("table"), a)),
            STR_ARG(json_text(t.text, S("column"), a)));
    json_init(&r, json_member(line, S("notes")).text);
    (void)json_next(&r);
    while ((t = json_value(&r)).type == JSON_STRING)
        say("%.*s: no SQL cures that %.*s.", STR_ARG(column), STR_ARG(json_unescape(t, a)));
}

static void say_all(str lines)
{
    ARENA(a, 1 << 20);

    while (lines.n) {
        str line;
        lines = str_cut(lines, '\n', &line);
        if (line.n)
            say_about(line, &a);
    }
}

static void say_next(int64_t proven, int64_t unknown)
{
    if (proven)
        say("`brindle check leftovers --sql` prints what mends the %lld that are proven to be of "
            "elsewhere; --apply does it and keeps the old values, --undo puts them back.",
            (long long)proven);
    if (unknown)
        say("%lld are unknown: Stripe answers a plain 404 here, as it does for what lived in "
            "another "
            "account or sandbox. --unknown counts them in.",
            (long long)unknown);
}

static enum status report(struct looking *l, struct error *e)
{
    ARENA(a, OUT_BYTES_MAX);
    BUF(out, OUT_BYTES_MAX);
    struct table t = {
        .arena = &a,
        .head = { "COLUMN", "IDS", "HERE", "DELETED", "OTHER MODE", "OTHER ACCOUNT", "UNKNOWN" },
        .right = { [1] = true, [2] = true, [3] = true, [4] = true, [5] = true, [6] = true },
        .n_columns = 7
    };
    int64_t proven = 0, unknown = 0;
    enum status st = ST_OK;

    for (size_t i = 0; i < l->scan.n_columns && st == ST_OK; i++) {
        const struct leftover_column *c = &l->scan.column[i];
        st = write_column(l, c, &out, e);
        proven += foreign_of(c, false);
        unknown += c->ids[LEFTOVER_UNKNOWN];
    }
    if (st != ST_OK)
        return st;
    print_lines(l->cli, buf_str(&out), &t, add_column);
    if (!l->cli->json) {
        say_all(buf_str(&out));
        say_next(proven, unknown);
    }
    if (proven + unknown)
        cli_exit_with(EXIT_FOUND);
    return ST_OK;
}

static enum status print_sql(struct looking *l, struct error *e)
{
    BUF(out, OUT_BYTES_MAX);

    leftovers_sql(&l->scan, l->unknown, &out);
    if (out.failed)
        return fail(e, ST_LIMIT, "The SQL is longer than %d bytes: mend column by column.",
                    OUT_BYTES_MAX);
    fwrite(out.p, 1, out.n, stdout);
    return ST_OK;
}

static void print_mended(const struct looking *l, const char *what, const struct leftover_mended *m,
                         int64_t changed_since)
{
    BUF(out, 4096);
    struct json_writer w = { .b = &out };

    if (!l->cli->json) {
        say("%s: %lld values and %lld rows (run %lld).", what, (long long)m->emptied,
            (long long)m->removed, (long long)m->run);
        if (changed_since)
            say("%lld were changed since, or their table is gone, and stay as they are.",
                (long long)changed_since);
        return;
    }
    jw_object(&w);
    jw_put_int(&w, "run", m->run);
    jw_put_int(&w, "values", m->emptied);
    jw_put_int(&w, "rows", m->removed);
    jw_put_int(&w, "changed_since", changed_since);
    jw_end(&w);
    printf("%.*s\n", STR_ARG(buf_str(&out)));
}

/* --- the command --------------------------------------------------------------------------- */

static enum status propose(struct looking *l, struct error *e)
{
    ARENA(a, 1 << 20);
    enum status st = leftovers_discover(&l->scan, e);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < l->scan.n_columns; i++)
        printf("%.*s\n", STR_ARG(column_name(&l->scan.column[i], &a)));
    if (l->scan.n_columns)
        say("Proposed by a sample of each column; nothing was changed. Put what is right into "
            "application_columns, commas between, or into a file, and write "
            "application_columns = file:PATH.");
    else
        say("No column looks as if it held Stripe's ids.");
    return ST_OK;
}

static enum status apply(struct looking *l, struct error *e)
{
    struct leftover_mended m = { 0 };
    int64_t n = 0;

    for (size_t i = 0; i < l->scan.n_columns; i++)
        n += foreign_of(&l->scan.column[i], l->unknown);
    if (n == 0) {
        say("%s: nothing that is proven to be of elsewhere.", l->conf->name);
        return ST_OK;
    }
    enum status st =
        confirm(l->cli, e, "Take %lld ids out of the application's database?", (long long)n);
    if (st == ST_OK)
        st = leftovers_apply(&l->scan, l->unknown, clock_wall(wire_clock()), &m, e);
    if (st == ST_OK)
        print_mended(l, "Taken out, and kept in table brindle_leftovers", &m, 0);
    return st;
}

static enum status undo(struct looking *l, struct error *e)
{
    struct leftover_mended m = { 0 };
    int64_t changed_since = 0;
    enum status st = leftovers_undo(l->scan.db, &m, &changed_since, e);

    if (st == ST_OK)
        print_mended(l, "Put back", &m, changed_since);
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
    enum status st = leftovers_declare(&l->scan, columns, e);
    if (st == ST_OK)
        st = open_environments(l, e);
    if (st == ST_OK)
        st = leftovers_look(&l->scan, e);
    if (st != ST_OK)
        return st;
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

static bool goes_on_for_a_while(void *ctx, const struct leftover_scan *s)
{
    const struct looking *l = ctx;

    return !cli_interrupted() && (l->offline || s->asked < l->asked_max);
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
    if (st == ST_RETRY && !l->offline && l->scan.asked >= l->asked_max) {
        error_clear(e);
        st = ST_OK;
    }
    for (size_t i = 0; i < l->scan.n_columns && st == ST_OK; i++) {
        out->elsewhere += foreign_of(&l->scan.column[i], false);
        out->unknown += l->scan.column[i].ids[LEFTOVER_UNKNOWN];
    }
    return st;
}

enum status application_leftovers(struct cli *cli, struct env_config *conf, int64_t asked_max,
                                  struct application_leftovers *out, struct error *e)
{
    ARENA(a, SCAN_BYTES_MAX);
    struct looking l = { .cli = cli,
                         .conf = conf,
                         .offline = asked_max == 0,
                         .asked_max = asked_max,
                         .scan = { .a = &a, .goes_on = goes_on_for_a_while } };

    *out = (struct application_leftovers){ .whole = true };
    if (!config_text(&conf->values, SET_APP_DATABASE).n ||
        !config_text(&conf->values, SET_APP_COLUMNS).n)
        return ST_NONE;
    l.scan.ctx = &l;
    enum status st = count_all(&l, out, e);
    close_all(&l);
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
