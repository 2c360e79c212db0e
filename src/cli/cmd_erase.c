#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/local.h"
#include "cli/output.h"
#include "core/erasure/erase.h"

enum { TYPES_MAX = 256, SHOWN_MAX = 20, REPORT_BYTES_MAX = 4 << 20, ANSWER_MAX = 300 };

struct tally {
    str type[TYPES_MAX];
    int64_t n[TYPES_MAX];
    size_t n_types;
};

static void count_types(const struct erasure *x, struct tally *t)
{
    for (size_t i = 0; i < x->n; i++) {
        size_t at = 0;
        while (at < t->n_types && !str_eq(t->type[at], x->key[i].type))
            at++;
        if (at == TYPES_MAX)
            continue;
        t->type[at] = x->key[i].type;
        t->n[at]++;
        t->n_types += at == t->n_types;
    }
}

static void print_plan(const struct erasure *x)
{
    struct tally t = { 0 };
    char count[32];

    if (x->begun)
        say("An erasure of %.*s was interrupted, and this one ends it.", STR_ARG(x->id));
    else if (!x->known)
        say("The mirror does not have %.*s, or it was erased before: its id is blocked all the "
            "same.",
            STR_ARG(x->id));
    count_types(x, &t);
    for (size_t i = 0; i < t.n_types; i++) {
        count_text(t.n[i], count);
        say("  %8s  %.*s", count, STR_ARG(t.type[i]));
    }
    if (x->n_mentions)
        say("Not taken, though they name it or have its e-mail address (another customer of the "
            "same person is erased on its own):");
    for (size_t i = 0; i < x->n_mentions && i < SHOWN_MAX; i++)
        say("            %.*s %.*s", STR_ARG(x->mention[i].type), STR_ARG(x->mention[i].id));
    if (x->n_mentions > SHOWN_MAX)
        say("            and %zu more", x->n_mentions - SHOWN_MAX);
}

static void write_plan(const struct erasure *x, struct json_writer *w)
{
    struct tally t = { 0 };

    count_types(x, &t);
    jw_key(w, S("types"));
    jw_object(w);
    for (size_t i = 0; i < t.n_types; i++) {
        jw_key(w, t.type[i]);
        jw_int(w, t.n[i]);
    }
    jw_end(w);
    jw_key(w, S("not_taken"));
    jw_array(w);
    for (size_t i = 0; i < x->n_mentions; i++) {
        jw_object(w);
        jw_put_str(w, "type", x->mention[i].type);
        jw_put_str(w, "id", x->mention[i].id);
        jw_end(w);
    }
    jw_end(w);
}

/* --- asking -------------------------------------------------------------------------------- */

static enum status look(struct cli *cli, const char *id, struct erasure *x, struct arena *a,
                        struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    enum status st = reader_open(cli, &w, e);

    return st == ST_OK ? erase_plan(&w.env, str_of(id), x, a, e) : st;
}

static enum status ask(const struct cli *cli, const char *id, struct error *e)
{
    char answer[ANSWER_MAX] = "";

    if (cli->yes)
        return ST_OK;
    if (!is_terminal(stdin) || !is_terminal(stderr))
        return fail(e, ST_INVALID,
                    "Erasing cannot be undone: say --yes (or look first with --dry-run).");
    fprintf(stderr, "This cannot be undone. Type %s to erase it: ", id);
    if (!fgets(answer, sizeof answer, stdin) || !str_eqz(str_trim(str_of(answer)), id))
        return fail(e, ST_NONE, "Nothing was erased.");
    return ST_OK;
}

/* --- doing --------------------------------------------------------------------------------- */

struct done {
    int64_t objects, events, versions;
};

static bool on_line(void *ctx, str line)
{
    struct done *d = ctx;

    json_int(line, S("objects"), &d->objects);
    json_int(line, S("events"), &d->events);
    json_int(line, S("versions"), &d->versions);
    return true;
}

static enum status order(struct cli *cli, const char *id, bool server_gone, struct done *d,
                         struct error *e)
{
    BUF(line, 4096);
    struct json_writer w = { .b = &line };
    struct env_config *conf = NULL;

    jw_object(&w);
    jw_put_str(&w, "op", S("erase"));
    jw_put_str(&w, "id", str_of(id));
    jw_put_bool(&w, "server_gone", server_gone);
    jw_end(&w);
    enum status st = config_env(&cli->config, cli->env_name, &conf, e);
    return st == ST_OK ? local_run(cli, conf, buf_str(&line), on_line, d, e) : st;
}

static void print_report(const struct cli *cli, const struct erasure *x, const struct done *d)
{
    BUF(out, REPORT_BYTES_MAX);
    struct json_writer w = { .b = &out };

    if (!cli->json) {
        if (d)
            say("%.*s is forgotten: %lld objects, the bodies of %lld events, %lld former versions. "
                "Its ids are blocked. Backups and Stripe itself still know it.",
                STR_ARG(x->id), (long long)d->objects, (long long)d->events,
                (long long)d->versions);
        return;
    }
    jw_object(&w);
    jw_put_str(&w, "customer", x->id);
    jw_put_bool(&w, "erased", d != NULL);
    write_plan(x, &w);
    if (d) {
        jw_put_int(&w, "objects", d->objects);
        jw_put_int(&w, "events", d->events);
        jw_put_int(&w, "versions", d->versions);
    }
    jw_end(&w);
    printf("%.*s\n", STR_ARG(buf_str(&out)));
}

enum status cmd_erase(struct cli *cli, struct error *e)
{
    ARENA(a, ERASE_BYTES_MAX);
    bool dry_run = false, server_gone = false;
    const struct flag flag[] = { { "dry-run", FLAG_SWITCH, { .on = &dry_run } },
                                 { "server-gone", FLAG_SWITCH, { .on = &server_gone } } };
    struct words words = { 0 };
    struct erasure x;
    struct done d = { 0 };

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 1, 1, e);
    if (st != ST_OK)
        return st;
    const char *id = words.word[0];
    if (!str_starts(str_of(id), S("cus_")))
        return fail(e, ST_INVALID, "%.60s is no customer's id: those begin with cus_.", id);
    st = look(cli, id, &x, &a, e);
    if (st != ST_OK)
        return st;
    if (!cli->json)
        print_plan(&x);
    if (!dry_run)
        st = ask(cli, id, e);
    if (st == ST_OK && !dry_run)
        st = order(cli, id, server_gone, &d, e);
    if (st == ST_OK)
        print_report(cli, &x, dry_run ? NULL : &d);
    return st;
}
