#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/local.h"
#include "cli/output.h"
#include "core/due.h"
#include "core/inbox.h"
#include "core/plan.h"

enum {
    INBOX_OUT_BYTES_MAX = 64 << 20,
    INBOX_SHOWN = 20,
    INBOX_PAGE_MAX = 1000,
};

/* --- list ---------------------------------------------------------------------------------- */

static str ago(struct arena *a, msec at)
{
    char text[32];

    duration_text(clock_wall(wire_clock()) - at, text);
    return arena_printf(a, "%s ago", text);
}

static void add_row(struct table *t, str line)
{
    int64_t received = 0, deliveries = 0;
    struct arena *a = t->arena;

    json_int(line, S("received_at"), &received);
    json_int(line, S("deliveries"), &deliveries);
    str reason = json_text(line, S("reason"), a);
    str outcome = json_text(line, S("outcome"), a);
    const str cell[] = {
        json_text(line, S("id"), a),
        json_text(line, S("type"), a),
        json_text(line, S("object"), a),
        ago(a, received),
        arena_printf(a, "%lld", (long long)deliveries),
        json_text(line, S("state"), a),
        reason.n ? arena_printf(a, "%.*s: %.*s", STR_ARG(outcome), STR_ARG(reason)) : outcome,
    };
    table_row(t, cell);
}

static void print_events(const struct cli *cli, str lines)
{
    ARENA(a, INBOX_OUT_BYTES_MAX);
    struct table t = {
        .arena = &a,
        .head = { "EVENT", "TYPE", "OBJECT", "RECEIVED", "TIMES", "STATE", "OUTCOME" },
        .right = { [4] = true },
        .n_columns = 7,
    };

    if (!print_lines(cli, lines, &t, add_row))
        say("Nothing.");
}

static enum status check_outcome(str outcome, struct error *e)
{
    static const enum plan_outcome known[] = { PLAN_DUE, PLAN_UNKNOWN, PLAN_UNFETCHABLE,
                                               PLAN_QUARANTINED, PLAN_ERASED };

    if (!outcome.n)
        return ST_OK;
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eqz(outcome, plan_outcome_name(known[i])))
            return ST_OK;
    return fail(
        e, ST_INVALID,
        "--outcome is one of due, unknown, unfetchable, quarantined and erased, not \"%.*s\".",
        STR_ARG(outcome));
}

static enum status inbox_cmd_list(struct cli *cli, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    BUF(out, INBOX_OUT_BYTES_MAX);
    const char *outcome = "", *type = "";
    int64_t limit = INBOX_SHOWN;
    const struct flag flag[] = { { "outcome", FLAG_TEXT, { .text = &outcome } },
                                 { "type", FLAG_TEXT, { .text = &type } },
                                 { "limit", FLAG_NUMBER, { .number = &limit } } };
    struct words words = { 0 };

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 1, 1, e);
    if (st == ST_OK && (limit < 1 || limit > INBOX_PAGE_MAX))
        st = fail(e, ST_INVALID, "--limit must be 1 to %d.", INBOX_PAGE_MAX);
    if (st == ST_OK)
        st = check_outcome(str_of(outcome), e);
    if (st == ST_OK)
        st = reader_open(cli, &w, e);
    if (st != ST_OK)
        return st;
    struct inbox_filter f = { .outcome = str_of(outcome),
                              .type = str_of(type),
                              .limit = (size_t)limit };
    st = inbox_list(&w.env, &f, &out, e);
    if (st == ST_OK)
        print_events(cli, buf_str(&out));
    return st;
}

static enum status inbox_cmd_show(struct cli *cli, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    BUF(out, INBOX_OUT_BYTES_MAX);
    struct words words = { 0 };

    enum status st = flags_read(cli, NULL, 0, &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 2, 2, e);
    if (st == ST_OK)
        st = reader_open(cli, &w, e);
    if (st != ST_OK)
        return st;
    st = inbox_show(&w.env, str_of(words.word[1]), &out, e);
    if (st == ST_NONE)
        return fail(e, ST_NONE, "The inbox of %s has no event %s.", w.env.name, words.word[1]);
    if (st == ST_OK)
        printf("%.*s\n", STR_ARG(str_trim(buf_str(&out))));
    return st;
}

/* --- what changes something ---------------------------------------------------------------- */

struct ending {
    const struct cli *cli;
    int64_t revived;
    bool ended;
};

static bool on_line(void *ctx, str line)
{
    struct ending *end = ctx;

    end->ended = json_bool(line, S("end")) == JSON_TRUE;
    if (end->cli->json && json_member(line, S("error")).type == JSON_END)
        printf("%.*s\n", STR_ARG(line)); /* an error is said once, on stderr */
    json_int(line, S("revived"), &end->revived);
    return true;
}

static enum status order(struct cli *cli, const char *op, const char *name, const char *value,
                         struct ending *end, struct error *e)
{
    BUF(line, 4096);
    struct json_writer w = { .b = &line };
    struct env_config *conf = NULL;

    end->cli = cli;
    jw_object(&w);
    jw_put_str(&w, "op", str_of(op));
    jw_key(&w, str_of(name));
    jw_str(&w, str_of(value));
    jw_end(&w);
    if (line.failed)
        return fail(e, ST_INVALID, "\"%.40s…\" is too long for an id.", value);
    enum status st = cli_load(cli, e);
    if (st == ST_OK)
        st = config_env(&cli->config, cli->env_name, &conf, e);
    if (st == ST_OK)
        st = local_run(cli, conf, buf_str(&line), on_line, end, e);
    return st;
}

static enum status inbox_cmd_replay(struct cli *cli, struct error *e)
{
    struct words words = { 0 };
    struct ending end = { 0 };

    enum status st = flags_read(cli, NULL, 0, &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 2, 2, e);
    if (st == ST_OK)
        st = order(cli, "replay", "event", words.word[1], &end, e);
    if (st == ST_REFUSED && end.ended) {
        struct error why = *e; /* it is no matter of keys: there is nothing to fetch for it */
        error_clear(e);
        return fail(e, ST_NONE, "%s", why.text);
    }
    if (st == ST_OK && !cli->json)
        say("What %s speaks of is due once more; `brindle inbox show %s` tells when it is done.",
            words.word[1], words.word[1]);
    return st;
}

struct dead_list {
    const char *only; /* NULL: all */
    size_t n;
};

static void print_dead(void *ctx, str page)
{
    struct dead_list *d = ctx;
    ARENA(a, INBOX_OUT_BYTES_MAX);

    for (str line; page.n;) {
        page = str_cut(page, '\n', &line);
        if (!line.n || (d->only && !str_eqz(json_text(line, S("id"), &a), d->only)))
            continue;
        printf("%.*s\n", STR_ARG(line));
        d->n++;
    }
}

static enum status list_dead(struct cli *cli, const struct words *words, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    BUF(out, INBOX_OUT_BYTES_MAX);
    struct dead_list d = { .only = words->n_words > 1 ? words->word[1] : NULL };
    const struct pages pages = { print_dead, &d };

    enum status st = reader_open(cli, &w, e);
    if (st == ST_OK)
        st = due_list_dead(&w.env, &out, &pages, e);
    if (st != ST_OK)
        return st;
    if (d.n == 0 && !cli->json)
        say("No work is dead.");
    else if (is_terminal(stdout) && !cli->json)
        say("`brindle inbox dead --revive` brings it back.");
    return ST_OK;
}

static enum status inbox_cmd_dead(struct cli *cli, struct error *e)
{
    bool revive = false;
    const struct flag flag[] = { { "revive", FLAG_SWITCH, { .on = &revive } } };
    struct words words = { 0 };
    struct ending end = { 0 };

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 1, 2, e);
    if (st != ST_OK)
        return st;
    if (!revive)
        return list_dead(cli, &words, e);
    st = order(cli, "revive", "id", words.n_words > 1 ? words.word[1] : "", &end, e);
    if (st == ST_OK && !cli->json)
        say("%lld brought back to life.", (long long)end.revived);
    return st;
}

enum status cmd_inbox(struct cli *cli, struct error *e)
{
    static const struct {
        const char *name;
        enum status (*run)(struct cli *, struct error *);
    } sub[] = { { "list", inbox_cmd_list },
                { "show", inbox_cmd_show },
                { "replay", inbox_cmd_replay },
                { "dead", inbox_cmd_dead } };
    const char *name = cli->argc > 1 ? cli->argv[1] : "list";

    if (cli->argc == 1)
        return fail(e, ST_INVALID,
                    "Say `brindle inbox list`, `show EVENT`, `replay EVENT` or "
                    "`dead`.");
    for (size_t i = 0; i < COUNT(sub); i++)
        if (strcmp(sub[i].name, name) == 0)
            return sub[i].run(cli, e);
    return fail(e, ST_INVALID, "`brindle inbox` knows list, show, replay and dead, not \"%s\".",
                name);
}
