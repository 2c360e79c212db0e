#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "catalog/saga.h"
#include "cli/local.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "core/environment/seal.h"
#include "core/mirror/hidden.h"
#include "core/status.h"

enum { STATUS_BYTES_MAX = 16 << 20, LISTS_NAMED_MAX = 128, OPERATIONS_SHOWN = 20 };

struct shown {
    const struct cli *cli;
    const struct env_config *conf;
    bool types, accounts, served, several;
    struct seal seal; /* of `conf`: is it worked for? */
};

static void line(const char *label, enum color c, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void line(const char *label, enum color c, const char *fmt, ...)
{
    va_list ap;

    printf("  %-11s %s", label, color_on(stdout, c));
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("%s\n", color_off(stdout));
}

static const char *ago(msec span, char text[48])
{
    char plain[32];

    if (span < 0) {
        snprintf(text, 48, "never");
    } else {
        duration_text(span, plain);
        snprintf(text, 48, "%s ago", plain);
    }
    return text;
}

/* For programs: does a daemon run? On PostgreSQL nobody can tell. */
static const char *daemon_word(const struct shown *s)
{
    return s->cli->config.pg_url ? "null" : s->served ? "true" : "false";
}

static void print_work(const struct shown *s, const struct mirror_status *m)
{
    char due[32], retrying[32], dead[32], oldest[32], since[48];
    const char *env = s->several ? " --env " : "", *name = s->several ? s->conf->name : "";

    count_text(m->due, due);
    count_text(m->due_retrying, retrying);
    count_text(m->dead, dead);
    duration_text(m->oldest_due_ms, oldest);
    if (m->due == 0)
        line("backlog", COLOR_GOOD, "nothing is due");
    else
        line("backlog", m->due_retrying ? COLOR_WARN : COLOR_PLAIN,
             "%s due, the oldest for %s; %s failed and will be tried again", due, oldest, retrying);
    if (m->due && !s->served)
        line("", COLOR_WARN, "nobody works on it: run `%s`", config_start_command(s->conf));
    if (m->dead)
        line("dead", COLOR_BAD,
             "%s given up: `brindle inbox dead%s%s` lists them, with --revive it tries again", dead,
             env, name);
    if (m->fuse_blown_at)
        line("fuse", COLOR_BAD,
             "blown %s: %lld objects answer 404 and no event said so; look, then say `brindle "
             "check drift --repair --yes%s%s`",
             ago(clock_wall(wire_clock()) - m->fuse_blown_at, since), (long long)m->fuse_held, env,
             name);
    if (m->several_live)
        line("twice", COLOR_WARN,
             "%lld customers have more than one live subscription: `brindle check duplicates%s%s`",
             (long long)m->several_live, env, name);
    if (m->last_error[0])
        line("last error", COLOR_WARN, "%s", m->last_error);
}

static void print_states(const struct mirror_status *m)
{
    char due[32], oldest[32];

    if (m->states_due < 0)
        return;
    count_text(m->states_due, due);
    duration_text(m->states_due_ms, oldest);
    if (m->states_due == 0)
        line("redis", COLOR_GOOD, "has every customer's state");
    else
        line("redis", COLOR_WARN, "%s states wait for it, the oldest for %s", due, oldest);
}

static void print_inbox(const struct shown *s, const struct mirror_status *m)
{
    char events[32], deliveries[32];

    count_text(m->events, events);
    count_text(m->deliveries, deliveries);
    line("inbox", COLOR_PLAIN,
         "%s events in %s deliveries; %lld of unknown types, %lld that cannot "
         "be fetched",
         events, deliveries, (long long)m->events_unknown, (long long)m->events_unfetchable);
    if (m->events_quarantined || m->events_conflicting)
        line("", COLOR_WARN,
             "%lld quarantined, %lld conflicting: `brindle inbox list --outcome quarantined%s%s`",
             (long long)m->events_quarantined, (long long)m->events_conflicting,
             s->several ? " --env " : "", s->several ? s->conf->name : "");
}

/* --- how complete -------------------------------------------------------------------------- */

/* Types that are skipped because the key may not list them. */
static size_t find_forbidden(str json, str view[LISTS_NAMED_MAX], struct arena *a)
{
    struct json_reader r;
    size_t n = 0;

    json_init(&r, json_member(json, S("types")).text);
    if (json_next(&r).type != JSON_ARRAY)
        return 0;
    for (struct json_token v = json_value(&r); v.type == JSON_OBJECT; v = json_value(&r)) {
        char why[PROGRESS_REASON_MAX];
        snprintf(why, sizeof why, "%.*s", STR_ARG(json_text(v.text, S("reason"), a)));
        if (n < LISTS_NAMED_MAX && str_eqz(json_text(v.text, S("walk"), a), "skipped") &&
            progress_reason_forbids(why))
            view[n++] = json_text(v.text, S("view"), a);
    }
    return n;
}

/* What Stripe lists under each of many objects alone comes when it is named. */
static void print_unlisted(str json)
{
    ARENA(a, STATUS_BYTES_MAX);
    struct json_reader r;
    char names[LISTS_NAMED_MAX * 40] = "";
    size_t n = 0, listed = 0;

    json_init(&r, json_member(json, S("types")).text);
    if (json_next(&r).type != JSON_ARRAY)
        return;
    for (struct json_token v = json_value(&r); v.type == JSON_OBJECT; v = json_value(&r))
        if (n < sizeof names && str_eqz(json_text(v.text, S("state"), &a), "unlisted")) {
            n += (size_t)snprintf(names + n, sizeof names - n, " %.*s",
                                  STR_ARG(json_text(v.text, S("view"), &a)));
            listed++;
        }
    if (listed)
        line("", COLOR_WARN, "not listed, a request for each parent: `brindle sync%s`", names);
}

/* What is there although complete lists do not show it: prices made inline, for the most part. */
static void print_hidden(str json)
{
    struct json_reader r;
    int64_t all = 0, n;
    char text[32];

    json_init(&r, json_member(json, S("types")).text);
    if (json_next(&r).type != JSON_ARRAY)
        return;
    for (struct json_token v = json_value(&r); v.type == JSON_OBJECT; v = json_value(&r))
        if (json_int(v.text, S("hidden"), &n))
            all += n;
    count_text(all, text);
    if (all)
        line("", COLOR_PLAIN, "%s object%s shown by no list, asked for once in %d days", text,
             all == 1 ? " is" : "s are", HIDDEN_REST_DAYS);
}

static void print_lists(const struct mirror_status *m, str json)
{
    ARENA(a, STATUS_BYTES_MAX);
    str forbidden[LISTS_NAMED_MAX];
    char names[LISTS_NAMED_MAX * 40] = "", absent[64] = "";
    bool rest = m->types_complete + m->types_skipped < m->types_known;

    if (m->types_skipped)
        snprintf(absent, sizeof absent, "; %lld %s not there for this account or key",
                 (long long)m->types_skipped, m->types_skipped == 1 ? "is" : "are");
    line("complete", rest ? COLOR_WARN : COLOR_GOOD, "%lld of %lld lists%s%s",
         (long long)m->types_complete, (long long)m->types_known, absent,
         rest ? "; `brindle sync` walks the rest" : "");
    size_t n_forbidden = find_forbidden(json, forbidden, &a);
    for (size_t i = 0, n = 0; i < n_forbidden && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, " %.*s", STR_ARG(forbidden[i]));
    if (n_forbidden)
        line("", COLOR_WARN, "not permitted:%s", names);
    print_unlisted(json);
    print_hidden(json);
}

static void print_events(const struct shown *s, const struct mirror_status *m)
{
    msec now = clock_wall(wire_clock());
    int64_t every = config_catch_up_seconds(s->conf);
    char read[48], until[48], from[48];

    if (m->events_error[0])
        line("events", COLOR_WARN, "not read: %s", m->events_error);
    else if (!m->events_read_at)
        line("events", every ? COLOR_WARN : COLOR_PLAIN, "%s",
             every ? "not read yet: the daemon does, or `brindle sync`"
                   : "never read (catch_up_seconds = 0): webhooks alone tell what changed");
    else
        line("events", COLOR_GOOD, "read %s; complete up to %s", ago(now - m->events_read_at, read),
             ago(now - m->complete_up_to, until));
    if (m->events_gap_to)
        line("", COLOR_WARN,
             "a gap from %s was longer than Stripe keeps events: all lists were walked anew",
             ago(now - m->events_gap_from, from));
}

static void print_reads(str json)
{
    char month[32], granted[32];
    int64_t n = 0;

    (void)!json_int(json, S("reads_monthly"), &n);
    count_text(n, month);
    count_text(READS_GRANTED, granted);
    line(
        "reads", COLOR_PLAIN,
        "about %s GETs a month when nothing happens (Stripe grants 500 a transaction, %s at least)",
        month, granted);
}

static void print_connected(const struct mirror_status *m)
{
    char walked[32];
    int64_t rest = m->accounts - m->accounts_lost - m->accounts_walking - m->accounts_unwalked;

    if (!m->accounts)
        return;
    count_text(rest > 0 ? rest : 0, walked);
    line("connected", m->accounts_lost ? COLOR_WARN : COLOR_GOOD,
         "%lld account%s: %s walked, %lld being walked, %lld to come, %lld out of reach%s",
         (long long)m->accounts, m->accounts == 1 ? "" : "s", walked,
         (long long)m->accounts_walking, (long long)m->accounts_unwalked,
         (long long)m->accounts_lost, m->accounts_lost ? "; `brindle status --accounts`" : "");
}

/* Who works for it, or why nobody does. */
static void print_daemon(const struct shown *s)
{
    const char *name = s->conf->name, *target = s->seal.target;

    if (target[0])
        line("daemon", COLOR_BAD,
             "nobody works for it: a switch to %s is under way; `brindle env switch %s` goes on, "
             "`brindle env switch %s` goes back",
             target, target, name);
    else if (s->seal.sealed_for[0])
        line(
            "daemon", COLOR_WARN,
            "nobody works for it: sealed, for %s took over; `brindle env switch %s` opens it again",
            s->seal.sealed_for, name);
    else if (s->cli->config.pg_url) /* it needs no lock, and may be on any machine */
        line("daemon", COLOR_PLAIN, "not known: on PostgreSQL it may run anywhere");
    else if (s->served)
        line("daemon", COLOR_GOOD, "runs");
    else
        line("daemon", COLOR_WARN, "does not run: `%s` starts it", config_start_command(s->conf));
}

static void print_numbers(const struct shown *s, const struct env *env,
                          const struct mirror_status *m, str json)
{
    char objects[32], event[48], fetch[48];

    count_text(m->objects, objects);
    printf("%s%s%s  %s, %s mode%s%s\n", color_on(stdout, COLOR_BOLD), env->name, color_off(stdout),
           env->identity.account, env->identity.livemode ? "live" : "test",
           env->root ? "; connected to " : "", env->root ? env->root->identity.account : "");
    print_daemon(s);
    line("objects", COLOR_PLAIN, "%s, %lld of them deleted", objects, (long long)m->tombstones);
    line("freshness", COLOR_PLAIN, "last event %s, last fetch %s", ago(m->last_event_ago_ms, event),
         ago(m->last_fetch_ago_ms, fetch));
    print_events(s, m);
    print_lists(m, json);
    if (!s->seal.sealed_for[0])
        print_reads(json);
    print_connected(m);
    print_work(s, m);
    print_states(m);
    print_inbox(s, m);
}

static void print_types(str json)
{
    ARENA(a, STATUS_BYTES_MAX);
    struct table t = { .arena = &a,
                       .head = { "TYPE", "OBJECTS", "DELETED", "STATE", "SEEN WHOLE", "FRESH", "" },
                       .right = { [1] = true, [2] = true },
                       .n_columns = 7 };
    struct json_reader r;
    msec now = clock_wall(wire_clock());

    json_init(&r, json_member(json, S("types")).text);
    if (json_next(&r).type != JSON_ARRAY)
        return;
    for (struct json_token v = json_value(&r); v.type == JSON_OBJECT; v = json_value(&r)) {
        int64_t objects = 0, deleted = 0, complete_at = 0, fresh_at = 0;
        char n[32], d[32], when[48] = "", fresh[48] = "";
        if (json_int(v.text, S("fresh_at"), &fresh_at) && fresh_at)
            ago(now - fresh_at, fresh);
        json_int(v.text, S("objects"), &objects);
        json_int(v.text, S("tombstones"), &deleted);
        if (json_int(v.text, S("complete_at"), &complete_at) && complete_at)
            ago(now - complete_at, when);
        count_text(objects, n);
        count_text(deleted, d);
        str view = json_text(v.text, S("view"), &a);
        const str cell[] = { view.n ? view : json_text(v.text, S("type"), &a),
                             str_of(n),
                             str_of(d),
                             json_text(v.text, S("state"), &a),
                             str_of(when),
                             str_of(fresh),
                             json_text(v.text, S("reason"), &a) };
        table_row(&t, cell);
    }
    table_print(&t, stdout);
}

static void print_accounts(str json)
{
    ARENA(a, STATUS_BYTES_MAX);
    struct table t = { .arena = &a,
                       .head = { "ACCOUNT", "STATE", "LISTS", "WALKING", "DUE", "EVENTS READ", "" },
                       .right = { [2] = true, [3] = true, [4] = true },
                       .n_columns = 7 };
    struct json_reader r;
    msec now = clock_wall(wire_clock());

    json_init(&r, json_member(json, S("accounts")).text);
    if (json_next(&r).type != JSON_ARRAY)
        return;
    for (struct json_token v = json_value(&r); v.type == JSON_OBJECT; v = json_value(&r)) {
        static const char *const name[] = { "types_complete", "lists_walking", "due" };
        int64_t n = 0, read_at = 0;
        char number[COUNT(name)][32], read[48] = "never";
        for (size_t i = 0; i < COUNT(name); i++) {
            json_int(v.text, str_of(name[i]), &n);
            count_text(n, number[i]);
        }
        if (json_int(v.text, S("events_read_at"), &read_at) && read_at)
            ago(now - read_at, read);
        const str cell[] = { json_text(v.text, S("account"), &a),
                             json_text(v.text, S("state"), &a),
                             str_of(number[0]),
                             str_of(number[1]),
                             str_of(number[2]),
                             str_of(read),
                             json_text(v.text, S("reason"), &a) };
        table_row(&t, cell);
    }
    table_print(&t, stdout);
}

/* Changes of the catalogue that are under way, or stuck. */
static void print_operations(str lines)
{
    ARENA(a, STATUS_BYTES_MAX);

    for (str one; lines.n;) {
        lines = str_cut(lines, '\n', &one);
        bool stuck = str_eqz(json_text(one, S("state"), &a), "stuck");
        str at = json_text(one, S("at"), &a);
        if (one.n)
            line("operation", stuck ? COLOR_BAD : COLOR_WARN,
                 "%.*s %.*s: %.*s (`brindle op show %.*s`)", STR_ARG(json_text(one, S("kind"), &a)),
                 STR_ARG(json_text(one, S("product"), &a)), STR_ARG(at),
                 STR_ARG(json_text(one, S("id"), &a)));
    }
}

static void print_operations_json(str lines)
{
    const char *between = "";

    printf("\"operations\":[");
    for (str one; lines.n;) {
        lines = str_cut(lines, '\n', &one);
        if (one.n)
            printf("%s%.*s", between, STR_ARG(one));
        between = ",";
    }
    printf("],");
}

static enum status show_open(const struct shown *s, struct env *env, struct error *e)
{
    BUF(json, STATUS_BYTES_MAX);
    BUF(operations, STATUS_BYTES_MAX);
    struct mirror_status m;
    enum status st = status_json(env, &json, e);

    if (st == ST_OK)
        st = op_list_write(env, OPERATIONS_SHOWN, true, &operations, e);
    if (st != ST_OK)
        return st;
    if (s->cli->json) {
        str rest = str_trim(buf_str(&json));
        printf("{\"daemon\":%s,", daemon_word(s));
        print_operations_json(buf_str(&operations));
        printf("%.*s\n", STR_ARG(str_sub(rest, 1, rest.n)));
        return ST_OK;
    }
    st = status_read(env, &m, e);
    if (st != ST_OK)
        return st;
    print_numbers(s, env, &m, buf_str(&json));
    print_operations(buf_str(&operations));
    if (s->accounts)
        print_accounts(buf_str(&json));
    if (s->types)
        print_types(buf_str(&json));
    return ST_OK;
}

static void show_missing(const struct shown *s)
{
    if (s->cli->json)
        printf("{\"daemon\":%s,\"environment\":\"%s\",\"account\":null}\n", daemon_word(s),
               s->conf->name);
    else
        printf("%s%s%s  has no mirror yet: `brindle sync` or `brindle serve` makes it\n",
               color_on(stdout, COLOR_BOLD), s->conf->name, color_off(stdout));
}

static enum status show_env(struct shown *s, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    s->served = local_is_served(&s->cli->config, s->conf->name);
    enum status st = reader_of(s->cli, s->conf, &w, e);
    if (st == ST_NONE) {
        error_clear(e);
        show_missing(s);
        return ST_OK;
    }
    s->seal = (struct seal){ 0 };
    if (st == ST_OK)
        st = seal_read(&w.env, &s->seal, e);
    return st == ST_OK ? show_open(s, &w.env, e) : st;
}

/* One that cannot be shown hides no other. */
static enum status show_each(struct shown *s, const struct env_config *only, struct error *e)
{
    const struct config *c = &s->cli->config;
    enum status first = ST_OK;

    for (size_t i = 0; i < c->n_envs; i++) {
        struct error why = { 0 };
        if (only && only != &c->env[i])
            continue;
        s->conf = &c->env[i];
        enum status st = show_env(s, &why);
        if (st == ST_OK || first != ST_OK)
            continue;
        first = st;
        *e = why;
    }
    return first;
}

enum status cmd_status(struct cli *cli, struct error *e)
{
    struct config *c = &cli->config;
    struct shown s = { .cli = cli };
    const struct flag flag[] = { { "types", FLAG_SWITCH, { .on = &s.types } },
                                 { "accounts", FLAG_SWITCH, { .on = &s.accounts } } };
    struct words words = { 0 };
    struct env_config *only = NULL;

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 0, 0, e);
    if (st == ST_OK)
        st = cli_load(cli, e);
    if (st == ST_OK)
        st = config_find_stores(c, cli->env_name, e);
    if (st == ST_OK && (cli->env_name || c->n_envs == 0))
        st = config_env(c, cli->env_name, &only, e);
    s.several = c->n_envs > 1;
    return st == ST_OK ? show_each(&s, only, e) : st;
}
