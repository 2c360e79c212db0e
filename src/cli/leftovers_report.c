#include "cli/leftovers_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/output.h"

enum {
    OUT_BYTES_MAX = 64 << 20,
    SENTENCE_MAX = 2048,
    EXAMPLES_MAX = 5,
    DEPENDENTS_MAX = 64,
    DEPENDENTS_SAID_MAX = 12,
};

static str column_name(const struct leftover_column *c, struct arena *a)
{
    return arena_printf(a, "%.*s.%.*s", STR_ARG(c->table->name), STR_ARG(c->column->name));
}

int64_t leftovers_foreign(const struct leftover_column *c, bool unknown)
{
    return c->ids[LEFTOVER_OTHER_MODE] + c->ids[LEFTOVER_OTHER_ACCOUNT] +
           (unknown ? c->ids[LEFTOVER_UNKNOWN] : 0);
}

int64_t leftovers_unknown(const struct leftover_column *c)
{
    return c->ids[LEFTOVER_UNKNOWN] + c->ids[LEFTOVER_UNASKED];
}

/* --- sentences ----------------------------------------------------------------------------- */

/* On stderr, no wider than the terminal; the lines behind the first stand under its text. */
static void say_wrapped(const char *bullet, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say_wrapped(const char *bullet, const char *fmt, ...)
{
    char text[SENTENCE_MAX];
    va_list ap;
    size_t width = terminal_width(stderr), at = strlen(bullet), under = at;
    bool first = true;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fputs(bullet, stderr);
    for (str rest = str_of(text), word; rest.n; first = false) {
        rest = str_cut(rest, ' ', &word);
        if (!first && at + 1 + word.n > width) {
            fprintf(stderr, "\n%*s", (int)under, "");
            at = under;
        } else if (!first) {
            fputc(' ', stderr);
            at++;
        }
        print_clean(stderr, word);
        at += word.n;
    }
    fputc('\n', stderr);
}

/* What no SQL can do about ids that begin so: of one, of several. */
static const struct note {
    const char *prefix, *one, *several;
} notes[] = {
    { "cus_",
      "customer has none here: your application must make one at Stripe when they come back, even "
      "if it looks them up by e-mail",
      "customers have none here: your application must make one at Stripe when they come back, "
      "even if it looks them up by e-mail" },
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
            n += leftover_is_foreign(c->left[k].kind, false) && /* of the others nobody knows */
                 str_starts(c->left[k].id, str_of(notes[i].prefix));
        if (n)
            jw_str(w, arena_printf(a, "%lld %s", (long long)n,
                                   n == 1 ? notes[i].one : notes[i].several));
    }
    jw_end(w);
}

/* --- a line of JSON a column --------------------------------------------------------------- */

static void write_examples(const struct leftover_column *c, struct json_writer *w)
{
    jw_key(w, S("examples"));
    jw_array(w);
    for (size_t i = 0; i < c->n_left && i < EXAMPLES_MAX; i++) {
        jw_object(w);
        jw_put_str(w, "id", c->left[i].id);
        jw_put_int(w, "rows", c->left[i].rows);
        jw_put_str(w, "is", str_of(leftover_kind_name(c->left[i].kind)));
        jw_put_str(w, "why", str_of(c->left[i].why));
        jw_end(w);
    }
    jw_end(w);
}

static void write_dependent(const struct leftover_dependent *d, struct json_writer *w,
                            struct arena *a)
{
    const struct app_link *last = d->path[d->depth - 1];
    str columns = S("");

    for (size_t i = 0; i < last->n; i++)
        columns = arena_printf(a, "%.*s%s%.*s", STR_ARG(columns), i ? ", " : "",
                               STR_ARG(last->here[i]->name));
    jw_object(w);
    jw_put_str(w, "table", last->from->name);
    jw_put_str(w, "column", columns);
    jw_put_int(w, "rows", d->rows);
    if (d->at_least)
        jw_put_bool(w, "at_least", true);
    if (d->depth > 1) {
        jw_key(w, S("through"));
        jw_array(w);
        for (size_t i = d->depth - 1; i > 0; i--)
            jw_str(w, d->path[i - 1]->from->name);
        jw_end(w);
    }
    jw_end(w);
}

static enum status write_dependents(struct leftover_scan *s, const struct leftover_column *c,
                                    struct json_writer *w, struct arena *a, struct error *e)
{
    struct leftover_dependent d[DEPENDENTS_MAX];
    size_t n = 0;
    enum status st = leftovers_dependents(s, c, true, d, COUNT(d), &n, e);

    jw_key(w, S("dependents"));
    jw_array(w);
    for (size_t i = 0; i < n; i++)
        write_dependent(&d[i], w, a);
    jw_end(w);
    return st;
}

static enum status write_column(const char *env, struct leftover_scan *s,
                                const struct leftover_column *c, struct buf *out, struct error *e)
{
    ARENA(a, 1 << 20);
    struct json_writer w = { .b = out };
    int64_t ids = 0, rows = 0;

    for (int k = 0; k < LEFTOVER_KINDS; k++) {
        ids += c->ids[k];
        rows += c->rows[k];
    }
    jw_object(&w);
    jw_put_str(&w, "env", str_of(env));
    jw_put_str(&w, "column", column_name(c, &a));
    jw_put_int(&w, "ids", ids);
    jw_put_int(&w, "rows", rows);
    for (int k = 0; k < LEFTOVER_KINDS; k++)
        jw_put_int(&w, leftover_kind_name((enum leftover_kind)k), c->ids[k]);
    jw_put_int(&w, "foreign", leftovers_foreign(c, false));
    write_examples(c, &w);
    write_notes(c, &w, &a);
    if (c->more)
        jw_put_bool(&w, "more", true);
    if (c->n_left && *leftovers_why_not(c))
        jw_put_str(&w, "by_hand", str_of(leftovers_why_not(c)));
    enum status st = write_dependents(s, c, &w, &a, e);
    jw_end(&w);
    buf_char(out, '\n');
    return st;
}

size_t leftovers_in_short(const struct leftover_column *c, struct buf *out)
{
    ARENA(a, 64 << 10);
    struct json_writer w = { .b = out };
    int64_t ids = 0;

    if (leftovers_foreign(c, false) + leftovers_unknown(c) == 0)
        return 0;
    for (int k = 0; k < LEFTOVER_KINDS; k++)
        ids += c->ids[k];
    jw_object(&w);
    jw_put_str(&w, "what", S("application"));
    jw_put_str(&w, "column", column_name(c, &a));
    jw_put_int(&w, "ids", ids);
    jw_put_int(&w, "unknown", leftovers_unknown(c));
    jw_put_int(&w, "elsewhere", leftovers_foreign(c, false));
    jw_put_str(&w, "see", S("brindle check leftovers"));
    jw_end(&w);
    buf_char(out, '\n');
    return 1;
}

/* --- the same for people ------------------------------------------------------------------- */

static str sum(str line, const char *one, const char *other, struct arena *a)
{
    int64_t x = 0, y = 0;

    (void)!json_int(line, str_of(one), &x);
    (void)!json_int(line, str_of(other), &y);
    return arena_printf(a, "%lld", (long long)(x + y));
}

static void add_column(struct table *t, str line)
{
    static const char *const number[] = { "ids", "here", "deleted", "foreign" };
    str cell[COUNT(number) + 2] = { json_text(line, S("column"), t->arena) };

    for (size_t i = 0; i < COUNT(number); i++)
        cell[i + 1] = json_member(line, str_of(number[i])).text;
    cell[COUNT(number) + 1] = sum(line, "unknown", "unasked", t->arena);
    table_row(t, cell);
}

/* How many of a kind, and whose the first one is. */
static void say_kind(const struct leftover_column *c, enum leftover_kind k, const char *one,
                     const char *several)
{
    for (size_t i = 0; i < c->n_left; i++) {
        const struct leftover *l = &c->left[i];
        if (l->kind != k)
            continue;
        say_wrapped("  ", "%lld %s%s%.*s%s%s%s", (long long)c->ids[k],
                    c->ids[k] == 1 ? one : several, c->ids[k] == 1 ? ": " : ", such as ",
                    STR_ARG(l->id), *l->why ? ": " : "", l->why,
                    str_ends(str_of(l->why), S(".")) ? "" : ".");
        return;
    }
}

static void say_dependent(str d, struct arena *a)
{
    struct json_reader r;
    struct json_token t;
    str through = S("");
    int64_t rows = 0;

    (void)!json_int(d, S("rows"), &rows);
    json_init(&r, json_member(d, S("through")).text);
    (void)json_next(&r);
    while ((t = json_value(&r)).type == JSON_STRING)
        through = arena_printf(a, "%.*s%s%.*s", STR_ARG(through), through.n ? " and " : "",
                               STR_ARG(json_unescape(t, a)));
    say_wrapped("  ", "%s%lld row%s of %.*s refer%s to %s%.*s%s by %.*s.",
                json_bool(d, S("at_least")) == JSON_TRUE ? "at least " : "", (long long)rows,
                rows == 1 ? "" : "s", STR_ARG(json_text(d, S("table"), a)), rows == 1 ? "s" : "",
                through.n ? "them through " : "its rows", STR_ARG(through), through.n ? "," : "",
                STR_ARG(json_text(d, S("column"), a)));
}

static void say_about(const struct leftover_column *c, str line)
{
    ARENA(a, 1 << 20);
    struct json_reader r;
    struct json_token t;
    size_t n = 0;

    fputc('\n', stderr);
    say_wrapped("", "%.*s%s", STR_ARG(column_name(c, &a)), c->inside ? ", inside documents" : "");
    say_kind(c, LEFTOVER_OTHER_MODE, "is of the other mode", "are of the other mode");
    say_kind(c, LEFTOVER_OTHER_ACCOUNT, "is of another account", "are of other accounts");
    say_kind(c, LEFTOVER_UNKNOWN, "is unknown", "are unknown");
    say_kind(c, LEFTOVER_UNASKED, "could not be asked for", "could not be asked for");
    json_init(&r, json_member(line, S("dependents")).text);
    (void)json_next(&r);
    while ((t = json_value(&r)).type == JSON_OBJECT && n++ < DEPENDENTS_SAID_MAX)
        say_dependent(t.text, &a);
    if (n > DEPENDENTS_SAID_MAX)
        say("  and more: --json has all of them.");
    json_init(&r, json_member(line, S("notes")).text);
    (void)json_next(&r);
    while ((t = json_value(&r)).type == JSON_STRING)
        say_wrapped("  ", "No SQL cures this: %.*s.", STR_ARG(json_unescape(t, &a)));
    if (c->more)
        say_wrapped("  ", "More than %d at once: mend, and look again.", LEFTOVER_KEPT_MAX);
    if (*leftovers_why_not(c))
        say_wrapped("  ", "--apply passes it over: %s.", leftovers_why_not(c));
}

static void say_next(const struct leftover_scan *s, int64_t mendable, int64_t unknown,
                     const char *env)
{
    if (mendable + unknown)
        fputc('\n', stderr);
    if (mendable)
        say_wrapped("",
                    "%lld can be mended: `brindle check leftovers --env %s --sql` prints how, "
                    "--apply does it and keeps the old values, --undo puts them back.",
                    (long long)mendable, env);
    if (!unknown)
        return;
    const char *why = "no mirror has them, and Stripe was not asked";
    if (s->stripe)
        why = "Stripe answers a plain 404, as it does for what lived in another account or sandbox";
    say_wrapped("", "%lld %s unknown: %s. --unknown %scounts them in.", (long long)unknown,
                unknown == 1 ? "is" : "are", why,
                s->connect && s->stripe && !s->everywhere
                    ? "asks as each connected account, too, and what none of them has either it "
                    : "");
}

static void say_all(const struct leftover_scan *s, str lines, const char *env)
{
    int64_t mendable = 0, unknown = 0;

    for (size_t i = 0; i < s->n_columns; i++) {
        const struct leftover_column *c = &s->column[i];
        str line;
        lines = str_cut(lines, '\n', &line);
        if (c->n_left)
            say_about(c, line);
        mendable += *leftovers_why_not(c) ? 0 : leftovers_foreign(c, false);
        unknown += c->ids[LEFTOVER_UNKNOWN];
    }
    say_next(s, mendable, unknown, env);
}

static void say_virtual(const struct leftover_scan *s)
{
    if (s->tables.virtual.n)
        say_wrapped("", "Virtual tables are not looked at: %.*s.", STR_ARG(s->tables.virtual));
}

enum status leftovers_report(struct cli *cli, const char *env, struct leftover_scan *s,
                             int64_t *left, struct error *e)
{
    ARENA(a, OUT_BYTES_MAX);
    BUF(out, OUT_BYTES_MAX);
    struct table t = { .arena = &a,
                       .head = { "COLUMN", "IDS", "HERE", "DELETED", "FOREIGN", "UNKNOWN" },
                       .right = { [1] = true, [2] = true, [3] = true, [4] = true, [5] = true },
                       .n_columns = 6 };
    enum status st = ST_OK;

    *left = 0;
    for (size_t i = 0; i < s->n_columns && st == ST_OK; i++) {
        st = write_column(env, s, &s->column[i], &out, e);
        *left += leftovers_foreign(&s->column[i], false) + leftovers_unknown(&s->column[i]);
    }
    if (st != ST_OK)
        return st;
    (void)print_lines(cli, buf_str(&out), &t, add_column);
    fflush(stdout);
    if (!cli->json && *left)
        say_all(s, buf_str(&out), env);
    else if (!cli->json)
        say("%s: no id of elsewhere in the application's database.", env);
    say_virtual(s);
    return ST_OK;
}

/* --- what is proposed ---------------------------------------------------------------------- */

static void propose_as_json(const char *env, const struct leftover_scan *s)
{
    for (size_t i = 0; i < s->n_columns; i++) {
        ARENA(a, 64 << 10);
        BUF(out, 64 << 10);
        struct json_writer w = { .b = &out };
        const struct leftover_column *c = &s->column[i];
        jw_object(&w);
        jw_put_str(&w, "env", str_of(env));
        jw_put_str(&w, "column", column_name(c, &a));
        jw_put_str(&w, "declare", leftovers_name(c, &a));
        jw_put_bool(&w, "inside", c->inside);
        jw_put_bool(&w, "may_be_null", c->column->nullable);
        jw_end(&w);
        printf("%.*s\n", STR_ARG(buf_str(&out)));
    }
}

static void propose_as_lines(const struct leftover_scan *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_columns; i++) {
        ARENA(a, 64 << 10);
        str name = leftovers_name(&s->column[i], &a);
        if (name.p)
            printf("%s%.*s\n", n++ ? "    " : "application_columns = ", STR_ARG(name));
    }
    fflush(stdout);
    if (s->n_columns == 0)
        say("No column looks as if it held Stripe's ids.");
    else
        say_wrapped("",
                    "Proposed by a sample of each column; nothing was changed. These lines go "
                    "into the environment's section of brindle.conf as they are; leave out what "
                    "is none, and write =delete behind a column whose rows are to go as a "
                    "whole.");
    if (n < s->n_columns)
        say("%zu could not be written down: their names hold line breaks.", s->n_columns - n);
}

void leftovers_propose(struct cli *cli, const char *env, const struct leftover_scan *s)
{
    if (cli->json)
        propose_as_json(env, s);
    else
        propose_as_lines(s);
    say_virtual(s);
    if (s->n_unread)
        say_wrapped("",
                    "%zu column%s may not be read by the user in application_database, and %s "
                    "left out.",
                    s->n_unread, s->n_unread == 1 ? "" : "s", s->n_unread == 1 ? "was" : "were");
}

/* --- what was mended ----------------------------------------------------------------------- */

int64_t leftovers_say_stay(struct cli *cli, const struct leftover_scan *s, bool unknown)
{
    int64_t all = 0;

    for (size_t i = 0; i < s->n_columns; i++) {
        ARENA(a, 64 << 10);
        const struct leftover_column *c = &s->column[i];
        int64_t n = *leftovers_why_not(c) ? leftovers_foreign(c, unknown) : 0;
        if (n && !cli->json)
            say_wrapped("", "%.*s: %lld id%s stay%s: %s.", STR_ARG(column_name(c, &a)),
                        (long long)n, n == 1 ? "" : "s", n == 1 ? "s" : "", leftovers_why_not(c));
        all += n;
    }
    return all;
}

void leftovers_say_asked(const struct cli *cli, const struct leftover_scan *s)
{
    char named[64] = "", in_turn[96] = "", lost[96] = "";

    if (cli->json || !s->connect || !s->stripe)
        return;
    if (s->ids_named)
        snprintf(named, sizeof named, ", %lld as the account that its row names",
                 (long long)s->ids_named);
    if (s->ids_in_turn)
        snprintf(in_turn, sizeof in_turn, ", %lld as each of %s%zu connected account%s",
                 (long long)s->ids_in_turn, s->accounts.more ? "the first " : "", s->accounts.n,
                 s->accounts.n == 1 ? "" : "s");
    if (s->ids_in_turn && s->accounts.unreachable)
        snprintf(lost, sizeof lost, " The key has no access to %lld more; nobody asked as those.",
                 (long long)s->accounts.unreachable);
    if (s->ids_asked == 0)
        say_wrapped("", "Stripe was asked for no id: the mirrors have them all.");
    else
        say_wrapped("", "Stripe was asked for %lld id%s as the platform%s%s.%s",
                    (long long)s->ids_asked, s->ids_asked == 1 ? "" : "s", named, in_turn, lost);
}

int64_t leftovers_say_unasked(const struct cli *cli, const struct leftover_scan *s)
{
    int64_t all = 0;

    for (size_t i = 0; i < s->n_columns; i++) {
        ARENA(a, 64 << 10);
        const struct leftover_column *c = &s->column[i];
        int64_t n = c->ids[LEFTOVER_UNASKED];
        all += n;
        if (!n || cli->json)
            continue;
        say_wrapped("", "%.*s: %lld id%s stay%s:", STR_ARG(column_name(c, &a)), (long long)n,
                    n == 1 ? "" : "s", n == 1 ? "s" : "");
        say_kind(c, LEFTOVER_UNASKED, "could not be asked for", "could not be asked for");
    }
    return all;
}

void leftovers_say_mended(const struct cli *cli, const char *what, const struct leftover_mended *m)
{
    BUF(out, 4096);
    struct json_writer w = { .b = &out };

    if (!cli->json) {
        say_wrapped("", "%s: %lld value%s and %lld row%s (run %lld).", what, (long long)m->emptied,
                    m->emptied == 1 ? "" : "s", (long long)m->removed, m->removed == 1 ? "" : "s",
                    (long long)m->run);
        if (m->changed_since)
            say_wrapped("",
                        "%lld %s: something else stands there now, or the row, the column or the "
                        "table is gone. What was taken out is still in brindle_leftovers, with "
                        "outcome changed_since.",
                        (long long)m->changed_since,
                        m->changed_since == 1 ? "stays as it is" : "stay as they are");
        if (m->refused)
            say_wrapped("",
                        "%lld %s refused, and %s in brindle_leftovers to be put back: mend what is "
                        "in the way, and say --undo again, or give them an outcome there to let "
                        "them be. %s",
                        (long long)m->refused, m->refused == 1 ? "was" : "were",
                        m->refused == 1 ? "waits" : "wait", m->why);
        return;
    }
    jw_object(&w);
    jw_put_int(&w, "run", m->run);
    jw_put_int(&w, "values", m->emptied);
    jw_put_int(&w, "rows", m->removed);
    jw_put_int(&w, "changed_since", m->changed_since);
    jw_put_int(&w, "refused", m->refused);
    if (m->refused)
        jw_put_str(&w, "why", str_of(m->why));
    jw_end(&w);
    printf("%.*s\n", STR_ARG(buf_str(&out)));
}
