#include "cli/operation.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "catalog/refusal.h"
#include "cli/output.h"
#include "cli/when.h"

enum { DOC_BYTES_MAX = 1 << 20 };

str operation_actor(char out[64])
{
    const struct passwd *who = getpwuid(getuid());

    snprintf(out, 64, "cli:%.50s", who ? who->pw_name : "?");
    return str_of(out);
}

static str text(str doc, const char *name, struct arena *a)
{
    return json_text(doc, str_of(name), a);
}

enum exit_code operation_code(str doc, bool aborting)
{
    ARENA(a, DOC_BYTES_MAX);
    str state = text(doc, "state", &a), reason = text(doc, "reason", &a);

    if (str_eqz(state, "done") && aborting)
        return EXIT_CONFLICT;
    if (str_eqz(state, "done") || str_eqz(state, "planned"))
        return EXIT_DONE;
    if (str_eqz(reason, "aborted") && aborting)
        return EXIT_DONE;
    if (str_eqz(state, "stuck") && str_eqz(reason, "partial"))
        return EXIT_FOUND;
    if (str_eqz(state, "undone") || str_eqz(state, "refused") || str_eqz(state, "stuck"))
        return exit_code_for(refusal_status(reason));
    return EXIT_AWAY;
}

/* ---- for people ----------------------------------------------------------------------------- */

typedef void each_element(str element, void *ctx, struct arena *a);

static void for_each(str doc, const char *list, each_element *f, void *ctx, struct arena *a)
{
    struct json_token t = json_member(doc, str_of(list));
    struct json_reader r;

    if (t.type != JSON_ARRAY)
        return;
    json_init(&r, t.text);
    json_next(&r);
    for (t = json_value(&r); t.type == JSON_OBJECT || t.type == JSON_STRING; t = json_value(&r))
        f(t.type == JSON_STRING ? json_unescape(t, a) : t.text, ctx, a);
}

static void print_line(FILE *file, const char *before, str line)
{
    fputs(before, file);
    print_clean(file, line);
    fputc('\n', file);
}

static void print_note(str note, void *ctx, struct arena *a)
{
    (void)ctx, (void)a;
    print_line(stderr, "  note: ", note);
}

static void print_difference(str difference, void *ctx, struct arena *a)
{
    str mend = text(difference, "mend", a);

    (void)ctx;
    print_line(stderr, "  left: ", text(difference, "is", a));
    if (mend.n)
        print_line(stderr, "        mended by: ", mend);
}

static void print_request(str request, void *ctx, struct arena *a)
{
    struct json_token params = json_member(request, S("params"));
    struct json_reader r;

    (void)ctx;
    print_clean(stdout, text(request, "method", a));
    print_line(stdout, " ", text(request, "path", a));
    json_init(&r, params.text);
    json_next(&r);
    for (struct json_token key = json_next(&r); key.type == JSON_KEY; key = json_next(&r)) {
        fputs("    ", stdout);
        print_clean(stdout, json_unescape(key, a));
        print_line(stdout, "=", json_unescape(json_value(&r), a));
    }
}

static void print_row(str row, void *ctx, struct arena *a)
{
    int64_t step = 0, attempt = 0, status = 0, ms = 0;
    int64_t began = 0;
    str error = text(row, "error", a), key = text(row, "idempotency_key", a);
    char when[WHEN_TEXT_MAX];

    (void)ctx;
    json_int(row, S("step"), &step);
    json_int(row, S("attempt"), &attempt);
    json_int(row, S("status"), &status);
    json_int(row, S("duration_ms"), &ms);
    json_int(row, S("began_at"), &began);
    when_text(began, when);
    printf("  %s  %3lld.%lld %-8.*s ", when, (long long)step, (long long)attempt,
           STR_ARG(text(row, "state", a)));
    print_clean(stdout, text(row, "method", a));
    print_line(stdout, " ", text(row, "path", a));
    if (status)
        printf("        %lld in %lld ms, ", (long long)status, (long long)ms);
    if (status)
        print_line(stdout, "", text(row, "request_id", a));
    if (key.n)
        print_line(stdout, "        key ", key);
    if (error.n)
        print_line(stdout, "        ", error);
}

static void print_refusal(str doc, struct arena *a)
{
    struct json_token refusal = json_member(doc, S("refusal"));

    if (refusal.type != JSON_OBJECT)
        return;
    str next = text(refusal.text, "next", a), id = text(refusal.text, "request_id", a);
    fprintf(stderr, "%.*s: ", STR_ARG(text(refusal.text, "reason", a)));
    print_line(stderr, "", text(refusal.text, "message", a));
    if (id.n)
        print_line(stderr, "  request: ", id);
    if (next.n)
        print_line(stderr, "  next: ", next);
}

static void print_line_part(str part)
{
    print_clean(stdout, part);
    fputs("  ", stdout);
}

void operation_print(str doc, bool whole)
{
    ARENA(a, 4 * DOC_BYTES_MAX);

    printf("%.*s  %.*s  ", STR_ARG(text(doc, "id", &a)), STR_ARG(text(doc, "kind", &a)));
    if (text(doc, "product", &a).n)
        print_line_part(text(doc, "product", &a));
    print_clean(stdout, text(doc, "at", &a));
    print_line(stdout, text(doc, "reason", &a).n ? ": " : "", text(doc, "reason", &a));
    if (!whole)
        return;
    print_line(stdout, "asked by ", text(doc, "actor", &a));
    if (text(doc, "note", &a).n && !json_member(doc, S("refusal")).text.n)
        print_line(stdout, "note: ", text(doc, "note", &a));
    fputs("requests\n", stdout);
    for_each(doc, "requests", print_request, NULL, &a);
    fputs("journal\n", stdout);
    for_each(doc, "journal", print_row, NULL, &a);
    print_refusal(doc, &a);
    for_each(doc, "differences", print_difference, NULL, &a);
}

/* ---- how it goes ---------------------------------------------------------------------------- */

/* While it goes well, no more than the step. */
static str progress_of(str doc, struct arena *a)
{
    str at = text(doc, "at", a), step;
    int64_t waits = 0;

    json_int(doc, S("waits"), &waits);
    str_cut(at, ':', &step);
    return waits ? at : step;
}

static bool on_line(void *ctx, str line)
{
    struct operation_answer *w = ctx;
    ARENA(a, 4 * DOC_BYTES_MAX);

    if (json_bool(line, S("end")) == JSON_TRUE)
        return true;
    bool first = w->last.n == 0;
    str before = first ? S("") : arena_copy(&a, progress_of(buf_str(&w->last), &a));
    str now = progress_of(line, &a);
    buf_clear(&w->last);
    buf_append(&w->last, line);
    if (w->cli->json)
        return true;
    if (first)
        print_line(stderr, "operation ", text(line, "id", &a));
    if (!json_member(line, S("ended_at")).text.n && !str_eq(before, now))
        print_line(stderr, "  ", now);
    return true;
}

static void print_made(str id, void *ctx, struct arena *a)
{
    (void)ctx, (void)a;
    print_line(stdout, "", id);
}

/* What is so now: of a request that reads, nothing is. */
static void print_is(str request, void *ctx, struct arena *a)
{
    (void)ctx;
    if (!str_eqz(text(request, "method", a), "GET"))
        print_line(stderr, "  ", text(request, "is", a));
}

static void print_end(const struct operation_answer *w, struct arena *a)
{
    str doc = buf_str(&w->last), state = text(doc, "state", a);

    for_each(doc, "notes", print_note, NULL, a);
    if (w->dry_run && str_eqz(state, "planned")) {
        for_each(doc, "requests", print_request, NULL, a);
        say("Nothing was sent.");
        return;
    }
    if (str_eqz(state, "done")) {
        for_each(doc, "requests", print_is, NULL, a);
        for_each(doc, "made", print_made, NULL, a);
    }
    print_refusal(doc, a);
    for_each(doc, "differences", print_difference, NULL, a);
    if (w->aborting && str_eqz(state, "done"))
        say("Too late to undo: its last request was on its way. It is done.");
    else if (str_eqz(state, "undone"))
        say("undone: what was made is archived, the rest is as it was");
    else
        say("%.*s", STR_ARG(state));
}

enum status operation_send(struct cli *cli, str order, struct operation_answer *answer,
                           struct error *e)
{
    ARENA(a, 4 * DOC_BYTES_MAX);
    struct env_config *conf = NULL;

    answer->cli = cli;
    answer->last = (struct buf){ .max = DOC_BYTES_MAX };
    enum status st = cli_load(cli, e);
    if (st == ST_OK)
        st = config_env(&cli->config, cli->env_name, &conf, e);
    if (st == ST_OK) {
        cli_catch_signals(NULL, NULL);
        st = local_run(cli, conf, order, on_line, answer, e);
    }
    if (answer->last.n && cli->json)
        printf("%.*s\n", STR_ARG(buf_str(&answer->last)));
    if (st == ST_OK && answer->last.n) {
        if (!cli->json)
            print_end(answer, &a);
        cli_exit_with(operation_code(buf_str(&answer->last), answer->aborting));
    }
    buf_free(&answer->last);
    return st;
}
