/* cmd_catalog.c - `brindle catalog export|plan|apply`: the whole catalogue as a file. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/file.h"
#include "cli/catalog.h"
#include "cli/local.h"
#include "cli/operation.h"
#include "cli/output.h"
#include "core/environment/seal.h"

enum {
    HEARD_BYTES_MAX = 1 << 20,
    DECISIONS_BYTES_MAX = 64 << 20,
    AGE_HOURS_DEFAULT = 24,
    HOUR_S = 3600,
};

struct catalog {
    struct cli *cli;
    struct env_config *conf;
    bool archived, prune, no_sync, dry_run;
    const char *owner, *out;
    int64_t min_age; /* hours; -1: not given */
    struct words words;
    struct identity identity;
    json_t *all, *file, *changes;
    json_t *origin; /* promote: the catalogue that is carried over */
    json_t *plan;   /* as it was read; NULL: the file was a catalogue */
};

static void catalog_free(struct catalog *c)
{
    json_decref(c->all);
    json_decref(c->file);
    json_decref(c->changes);
    json_decref(c->plan);
    json_decref(c->origin);
}

/* --- what Stripe has ----------------------------------------------------------------------- */

static bool on_line(void *ctx, str line)
{
    (void)ctx, (void)line;
    return !cli_interrupted();
}

static enum status read_mirror(struct cli *cli, struct env_config *conf, json_t **all,
                               struct identity *id, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    enum status st = reader_of(cli, conf, &w, e);

    if (st != ST_OK)
        return st;
    *id = w.env.identity;
    json_decref(*all);
    *all = NULL;
    return catalog_read(&w.env, all, e);
}

enum status catalog_fresh(struct cli *cli, struct env_config *conf, bool sync, json_t **all,
                          struct identity *id, struct error *e)
{
    static const char order[] =
        "{\"op\":\"sync\",\"args\":[\"products\",\"prices\"],\"again\":true}";
    enum status st = sync ? local_run(cli, conf, str_of(order), on_line, NULL, e) : ST_OK;

    return st == ST_OK ? read_mirror(cli, conf, all, id, e) : st;
}

static enum status read_fresh(struct catalog *c, struct error *e)
{
    return catalog_fresh(c->cli, c->conf, !c->no_sync, &c->all, &c->identity, e);
}

/* --- files --------------------------------------------------------------------------------- */

static enum status read_file(const char *path, json_t **out, struct error *e)
{
    json_error_t why;
    bool from_stdin = strcmp(path, "-") == 0;
    FILE *f = from_stdin ? stdin : fopen(path, "r");

    if (!f)
        return fail(e, ST_NONE, "%s: %s.", path, strerror(errno));
    *out = json_loadf(f, JSON_REJECT_DUPLICATES, &why);
    if (!from_stdin)
        fclose(f);
    if (!*out)
        return fail(e, ST_INVALID, "%s is no JSON: line %d, column %d: %s.", path, why.line,
                    why.column, why.text);
    return ST_OK;
}

/* A plan holds the catalogue that it was made of. */
static enum status read_wanted(struct catalog *c, const char *path, struct error *e)
{
    json_t *doc = NULL;
    enum status st = read_file(path, &doc, e);

    if (st != ST_OK)
        return st;
    if (json_object_get(doc, "changes")) {
        c->plan = doc;
        c->file = json_incref(json_object_get(doc, "catalog"));
    } else {
        c->file = doc;
    }
    return catalog_check(c->file, e);
}

static enum status write_json(const struct catalog *c, const json_t *doc, struct error *e)
{
    FILE *f = c->out ? fopen(c->out, "w") : stdout;

    if (!f)
        return fail(e, ST_REFUSED, "%s: %s.", c->out, strerror(errno));
    bool ok = json_dumpf(doc, f, JSON_INDENT(2) | JSON_REAL_PRECISION(CATALOG_PRECISION)) == 0;
    ok = fputc('\n', f) != EOF && ok;
    ok = (c->out ? fclose(f) : fflush(f)) == 0 && ok;
    return ok ? ST_OK
              : fail(e, ST_LIMIT, "%s could not be written: %s.",
                     c->out ? c->out : "The standard output", strerror(errno));
}

/* --- the plan ------------------------------------------------------------------------------ */

static enum status prune_of(const struct catalog *c, struct catalog_prune *p, struct error *e)
{
    int64_t hours = c->min_age < 0 ? AGE_HOURS_DEFAULT : c->min_age;

    *p = (struct catalog_prune){ .on = c->prune };
    if (!c->prune)
        return ST_OK;
    if (c->owner)
        p->owner_value = str_cut(str_of(c->owner), '=', &p->owner_key);
    if (!p->owner_key.n || !p->owner_value.n)
        return fail(e, ST_INVALID,
                    "--prune needs --owner NAME=VALUE: the metadata that what is yours to archive "
                    "carries. Nothing else is touched.");
    p->created_before = clock_wall(wire_clock()) / 1000 - hours * HOUR_S;
    return ST_OK;
}

static enum status compare(struct catalog *c, struct error *e)
{
    struct catalog_prune p;
    enum status st = prune_of(c, &p, e);

    json_decref(c->changes);
    c->changes = NULL;
    return st == ST_OK ? catalog_compare(c->file, c->all, &p, c->origin, &c->changes, e) : st;
}

static enum status make_plan(const struct catalog *c, json_t **out, struct error *e)
{
    char hash[CATALOG_HASH_MAX], state[CATALOG_HASH_MAX];
    json_t *plan = json_pack("{s:i, s:s, s:s, s:b, s:O, s:O}", "version", CATALOG_VERSION, "env",
                             c->conf->name, "account", c->identity.account, "livemode",
                             c->identity.livemode, "changes", c->changes, "catalog", c->file);

    if (!plan)
        return fail(e, ST_LIMIT, "out of memory for the plan");
    enum status st = catalog_hash(c->all, state, e);
    if (st == ST_OK)
        json_object_set_new(plan, "state", json_string(state));
    if (st == ST_OK && c->prune) {
        json_object_set_new(plan, "owner", json_string(c->owner));
        json_object_set_new(plan, "min_age",
                            json_integer(c->min_age < 0 ? AGE_HOURS_DEFAULT : c->min_age));
    }
    if (st == ST_OK)
        st = catalog_hash(plan, hash, e);
    if (st == ST_OK)
        json_object_set_new(plan, "hash", json_string(hash));
    if (st != ST_OK) {
        json_decref(plan);
        return st;
    }
    *out = plan;
    return ST_OK;
}

/* Somebody edited it: then nobody has looked at what it does. */
static enum status check_plan(struct catalog *c, struct error *e)
{
    char hash[CATALOG_HASH_MAX];
    json_t *copy = json_deep_copy(c->plan);
    const char *said = json_string_value(json_object_get(c->plan, "hash"));
    const char *account = json_string_value(json_object_get(c->plan, "account"));
    bool livemode = json_is_true(json_object_get(c->plan, "livemode"));

    json_object_del(copy, "hash");
    enum status st = catalog_hash(copy, hash, e);
    json_decref(copy);
    if (st != ST_OK)
        return st;
    if (!said || strcmp(said, hash) != 0)
        return fail(e, ST_INVALID, "The plan was edited after it was made. Make it anew.");
    if (!account || strcmp(account, c->identity.account) != 0 || livemode != c->identity.livemode)
        return fail(e, ST_REFUSED,
                    "The plan was made for %s in %s mode, but environment %s is %s in %s mode. "
                    "Nothing was sent.",
                    account ? account : "nobody", mode_name(livemode), c->conf->name,
                    c->identity.account, mode_name(c->identity.livemode));
    c->owner = json_string_value(json_object_get(c->plan, "owner"));
    c->prune = c->owner != NULL;
    c->min_age = json_integer_value(json_object_get(c->plan, "min_age"));
    return ST_OK;
}

static bool is_planned(const json_t *plan, const json_t *change)
{
    const json_t *p;
    size_t i;

    json_array_foreach(json_object_get(plan, "changes"), i, p)
        if (json_equal(p, change))
            return true;
    return false;
}

/* What is still to be done must be part of what was planned: else the world has moved. */
static enum status check_moved(const struct catalog *c, struct error *e)
{
    const json_t *change;
    size_t i;

    if (!c->plan)
        return ST_OK;
    json_array_foreach(c->changes, i, change)
        if (!is_planned(c->plan, change))
            return fail(e, ST_CONFLICT,
                        "Since the plan was made the catalogue has moved: \"%s\" was not in it. "
                        "Nothing was sent. Make a new plan.",
                        json_string_value(json_object_get(change, "says")));
    return ST_OK;
}

/* --- the commands -------------------------------------------------------------------------- */

static enum status open_all(struct catalog *c, struct error *e)
{
    enum status st = cli_load(c->cli, e);

    if (st == ST_OK)
        st = config_env(&c->cli->config, c->cli->env_name, &c->conf, e);
    if (st != ST_OK)
        return st;
    cli_catch_signals(NULL, NULL);
    return read_fresh(c, e);
}

static void say_lost_of(const char *what, const json_t *doc)
{
    const json_t *member;
    size_t i;

    json_array_foreach(json_object_get(doc, CATALOG_LOST), i, member)
        say("%s %s: \"%s\" is not in the file, which this version cannot describe.", what,
            json_string_value(json_object_get(doc, "id")), json_string_value(member));
}

/* A file that lacks something says so. */
static void say_lost(const json_t *all, bool archived)
{
    const json_t *p, *price;
    size_t i, k;

    json_array_foreach(json_object_get(all, "products"), i, p) {
        if (!archived && json_is_false(json_object_get(p, "active")))
            continue;
        say_lost_of("Product", p);
        json_array_foreach(json_object_get(p, "prices"), k, price)
            if (archived || !json_is_false(json_object_get(price, "active")))
                say_lost_of("Price", price);
    }
}

static enum status run_export(struct catalog *c, struct error *e)
{
    enum status st = words_check(c->cli, &c->words, 1, 1, e);

    if (st == ST_OK)
        st = open_all(c, e);
    if (st != ST_OK)
        return st;
    say_lost(c->all, c->archived);
    json_t *doc = catalog_export(c->all, c->archived);
    st = doc ? write_json(c, doc, e) : fail(e, ST_LIMIT, "out of memory for the catalogue");
    json_decref(doc);
    return st;
}

static void say_changes(const json_t *changes)
{
    const json_t *change;
    size_t i;

    json_array_foreach(changes, i, change)
        say("  %zu. %s", i + 1, json_string_value(json_object_get(change, "says")));
    if (json_array_size(changes) == 0)
        say("Nothing to do: the catalogue is as the file has it.");
}

static enum status run_plan(struct catalog *c, struct error *e)
{
    json_t *plan = NULL;
    enum status st = words_check(c->cli, &c->words, 2, 2, e);

    if (st == ST_OK)
        st = read_wanted(c, c->words.word[1], e);
    if (st == ST_OK)
        st = open_all(c, e);
    if (st == ST_OK)
        st = compare(c, e);
    if (st == ST_OK)
        st = make_plan(c, &plan, e);
    if (st != ST_OK)
        return st;
    if (!c->cli->json)
        say_changes(c->changes);
    if (c->cli->json || c->out || !is_terminal(stdout))
        st = write_json(c, plan, e);
    json_decref(plan);
    if (json_array_size(c->changes))
        cli_exit_with(EXIT_FOUND);
    return st;
}

/* The last line of an operation that was heard; the line that ends the talk is none. */
static bool on_operation(void *ctx, str line)
{
    struct buf *last = ctx;

    if (str_starts(line, S("{\"id\":"))) {
        buf_clear(last);
        buf_append(last, line);
    }
    return true;
}

static enum status order_of(const json_t *change, struct buf *out, struct error *e)
{
    char actor[64];
    str by = operation_actor(actor);
    json_t *order = json_pack("{s:s, s:O, s:s%, s:b, s:O}", "op", "catalog", "kind",
                              json_object_get(change, "kind"), "actor", by.p, by.n, "dry_run", 0,
                              "input", json_object_get(change, "input"));
    char *text = order ? json_dumps(order, CATALOG_DUMP) : NULL;

    json_decref(order);
    if (!text)
        return fail(e, ST_LIMIT, "out of memory for an operation");
    buf_append(out, str_of(text));
    free(text);
    return out->failed ? fail(e, ST_LIMIT, "\"%s\" asks for too much in one operation.",
                              json_string_value(json_object_get(change, "says")))
                       : ST_OK;
}

static const char *text(const json_t *doc, const char *name)
{
    const char *t = json_string_value(json_object_get(doc, name));

    return t ? t : "";
}

static void say_end(const json_t *change, const json_t *doc, bool done)
{
    const json_t *refusal = json_object_get(doc, "refusal");

    say("  %s  %s (%s)", done ? "done" : "NOT ", text(change, "says"), text(doc, "id"));
    if (done)
        return;
    say("     %s: %s", text(refusal, "reason"), text(refusal, "message"));
    if (*text(refusal, "next"))
        say("     next: %s", text(refusal, "next"));
}

/* One change, as the operation that it is. `*code`: how it ended. */
static enum status carry_out(struct cli *cli, struct env_config *conf, const json_t *change,
                             enum exit_code *code, struct error *e)
{
    BUF(order, OPERATION_ORDER_BYTES_MAX);
    BUF(last, HEARD_BYTES_MAX);
    enum status st = order_of(change, &order, e);

    if (st == ST_OK)
        st = local_run(cli, conf, buf_str(&order), on_operation, &last, e);
    if (st != ST_OK)
        return st;
    *code = last.n ? operation_code(buf_str(&last), false) : EXIT_AWAY;
    if (cli->json) {
        printf("%.*s\n", STR_ARG(buf_str(&last)));
        return ST_OK;
    }
    json_t *doc = last.n ? json_loadb(last.p, last.n, 0, NULL) : NULL;
    say_end(change, doc, *code == EXIT_DONE);
    json_decref(doc);
    return ST_OK;
}

enum status catalog_carry_out(struct cli *cli, struct env_config *conf, const json_t *changes,
                              struct error *e)
{
    enum exit_code code = EXIT_DONE;
    enum status st = ST_OK;
    const json_t *change;
    size_t i, n = json_array_size(changes);

    json_array_foreach(changes, i, change) {
        if (cli_interrupted())
            return fail(e, ST_RETRY, "Stopped with %zu of %zu done; apply it again to go on.", i,
                        n);
        st = carry_out(cli, conf, change, &code, e);
        if (st != ST_OK || code != EXIT_DONE)
            break;
    }
    if (st != ST_OK)
        return st;
    if (code != EXIT_DONE && !cli->json)
        say("%zu of %zu done. What is done stays, each whole; apply it again when that is mended.",
            i, n);
    cli_exit_with(code);
    return ST_OK;
}

static enum status run_apply(struct catalog *c, struct error *e)
{
    enum status st = words_check(c->cli, &c->words, 2, 2, e);

    if (st == ST_OK)
        st = read_wanted(c, c->words.word[1], e);
    if (st == ST_OK)
        st = open_all(c, e);
    if (st == ST_OK && c->plan)
        st = check_plan(c, e);
    if (st == ST_OK)
        st = compare(c, e);
    if (st == ST_OK)
        st = check_moved(c, e);
    if (st != ST_OK)
        return st;
    if (!c->cli->json)
        say_changes(c->changes);
    size_t n = json_array_size(c->changes);
    if (n == 0)
        return ST_OK;
    st = confirm(c->cli, e, "Make these %zu changes at Stripe (%s, %s mode)?", n,
                 c->identity.account, mode_name(c->identity.livemode));
    return st == ST_OK ? catalog_carry_out(c->cli, c->conf, c->changes, e) : st;
}

/* --- from one environment to another -------------------------------------------------------- */

static enum status open_env(struct catalog *c, const char *name, struct error *e)
{
    enum status st = config_env(&c->cli->config, name, &c->conf, e);

    return st == ST_OK ? read_fresh(c, e) : st;
}

/* Who took over from it, if it was switched away from; "" else. */
static void read_sealed(const struct catalog *c, bool *whole, char by[ENV_NAME_MAX + 1])
{
    CLEANUP(wire_close) struct wire w = { 0 };
    struct error ignored = { 0 };
    struct seal seal = { 0 };

    by[0] = '\0';
    if (wire_open(&w, &c->cli->config, c->conf, WIRE_LOOK, &ignored) != ST_OK ||
        seal_read(&w.env, &seal, &ignored) != ST_OK || seal.target[0])
        return;
    if (catalog_is_whole(&w.env, whole, &ignored) == ST_OK)
        snprintf(by, ENV_NAME_MAX + 1, "%s", seal.sealed_for);
}

/* Into what was switched away from nothing is written: its mirror is taken as it is, once it had
 * the whole. */
static enum status open_origin(struct catalog *c, const char *name, struct error *e)
{
    char by[ENV_NAME_MAX + 1];
    bool whole = false;
    enum status st = config_env(&c->cli->config, name, &c->conf, e);

    if (st != ST_OK)
        return st;
    read_sealed(c, &whole, by);
    if (!by[0] || c->no_sync)
        return read_fresh(c, e);
    if (!whole)
        return fail(e, ST_CONFLICT,
                    "Environment %s is sealed, for %s took over, and its lists of products and "
                    "prices were never walked to their end. `brindle env switch %s` opens it "
                    "again; promote before you switch.",
                    c->conf->name, by, c->conf->name);
    say("%s is sealed: its catalogue is taken as it was when %s took over.", c->conf->name, by);
    return read_mirror(c->cli, c->conf, &c->all, &c->identity, e);
}

/* What is on sale there, as a file; prices keep their ids, for that is what some are known by. */
static enum status carry(struct catalog *c, struct error *e)
{
    struct identity from;
    enum status st = cli_load(c->cli, e);

    cli_catch_signals(NULL, NULL);
    if (st == ST_OK)
        st = open_origin(c, c->words.word[1], e);
    if (st != ST_OK)
        return st;
    from = c->identity;
    c->origin = json_incref(c->all);
    c->file = catalog_export(c->all, false);
    if (!c->file)
        return fail(e, ST_LIMIT, "out of memory for the catalogue");
    st = open_env(c, c->words.word[2], e);
    if (st == ST_OK && identity_same(&from, &c->identity))
        st = fail(e, ST_INVALID, "%s and %s are the same account in the same mode.",
                  c->words.word[1], c->words.word[2]);
    return st;
}

static enum status print_map(struct catalog *c, struct error *e)
{
    enum status st = read_mirror(c->cli, c->conf, &c->all, &c->identity, e);

    if (st != ST_OK)
        return st;
    json_t *map = catalog_map(c->origin, c->all);
    st = map ? write_json(c, map, e) : fail(e, ST_LIMIT, "out of memory for the map of ids");
    json_decref(map);
    return st;
}

static void add_decision(struct table *t, str line)
{
    static const char *const name[] = { "what", "decision", "name", "id", "there" };
    str cell[COUNT(name)];
    json_t *one = json_loadb(line.p, line.n, 0, NULL);

    for (size_t i = 0; i < COUNT(name); i++)
        cell[i] = str_of(text(one, name[i]));
    table_row(t, cell);
    json_decref(one);
}

/* What becomes of each product and price: a line of JSON each, or a table. */
static enum status print_decisions(const struct catalog *c, struct error *e)
{
    ARENA(a, DECISIONS_BYTES_MAX);
    BUF(out, DECISIONS_BYTES_MAX);
    struct table t = { .arena = &a,
                       .head = { "WHAT", "DECISION", "NAME", "ID", "ID THERE" },
                       .n_columns = 5 };
    json_t *all = catalog_decisions(c->origin, c->all, c->changes), *one;
    size_t i;

    json_array_foreach(all, i, one) {
        char *line = json_dumps(one, JSON_COMPACT);
        buf_append(&out, str_of(line));
        buf_char(&out, '\n');
        free(line);
    }
    json_decref(all);
    if (out.failed)
        return fail(e, ST_LIMIT, "The catalogue is too large to be shown.");
    (void)print_lines(c->cli, buf_str(&out), &t, add_decision);
    return fflush(stdout) == 0 ? ST_OK : fail(e, ST_LIMIT, "The output: %s.", strerror(errno));
}

static void say_decisions(const struct catalog *c)
{
    static const char *const name[] = { "create", "update", "adopt", "skip" };
    size_t n[COUNT(name)] = { 0 }, i;
    json_t *all = catalog_decisions(c->origin, c->all, c->changes), *one;

    json_array_foreach(all, i, one)
        for (size_t k = 0; k < COUNT(name); k++)
            n[k] += strcmp(text(one, "decision"), name[k]) == 0;
    json_decref(all);
    say("%zu to create, %zu to update, %zu there and the same, %zu archived and passed over.", n[0],
        n[1], n[2], n[3]);
}

static enum status run_promote(struct catalog *c, struct error *e)
{
    if (c->cli->account)
        return fail(e, ST_INVALID,
                    "`brindle catalog promote` carries over what is the environments' own: it has "
                    "no --account.");
    enum status st = words_check(c->cli, &c->words, 3, 3, e);

    if (st == ST_OK && c->cli->env_name)
        st = fail(e, ST_INVALID,
                  "`brindle catalog promote FROM TO` names both; --env goes with "
                  "neither.");
    if (st == ST_OK)
        st = carry(c, e);
    if (st == ST_OK)
        st = compare(c, e);
    if (st != ST_OK)
        return st;
    if (!c->cli->json) {
        say_changes(c->changes);
        say_decisions(c);
    }
    size_t n = json_array_size(c->changes);
    if (c->dry_run) {
        if (n)
            cli_exit_with(EXIT_FOUND);
        return print_decisions(c, e);
    }
    if (n)
        st = confirm(c->cli, e, "Make these %zu changes in %s (%s, %s mode)?", n, c->conf->name,
                     c->identity.account, mode_name(c->identity.livemode));
    if (st == ST_OK && n)
        st = catalog_carry_out(c->cli, c->conf, c->changes, e);
    return st == ST_OK ? print_map(c, e) : st;
}

enum status cmd_catalog(struct cli *cli, struct error *e)
{
    static const struct {
        const char *name;
        enum status (*run)(struct catalog *c, struct error *e);
    } sub[] = { { "export", run_export },
                { "plan", run_plan },
                { "apply", run_apply },
                { "promote", run_promote } };
    struct catalog c = { .cli = cli, .min_age = -1 };
    const struct flag flag[] = { { "archived", FLAG_SWITCH, { .on = &c.archived } },
                                 { "prune", FLAG_SWITCH, { .on = &c.prune } },
                                 { "owner", FLAG_TEXT, { .text = &c.owner } },
                                 { "min-age", FLAG_NUMBER, { .number = &c.min_age } },
                                 { "out", FLAG_TEXT, { .text = &c.out } },
                                 { "dry-run", FLAG_SWITCH, { .on = &c.dry_run } },
                                 { "no-sync", FLAG_SWITCH, { .on = &c.no_sync } } };
    enum status st = flags_read(cli, flag, COUNT(flag), &c.words, e);
    const char *what = c.words.n_words ? c.words.word[0] : "";

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < COUNT(sub); i++) {
        if (strcmp(sub[i].name, what) != 0)
            continue;
        st = sub[i].run(&c, e);
        catalog_free(&c);
        return st;
    }
    return fail(e, ST_INVALID,
                "`brindle catalog` knows export, plan, apply and promote, not \"%.40s\"; see "
                "`brindle catalog "
                "--help`.",
                what);
}
