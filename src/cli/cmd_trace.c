#include <stdio.h>

#include "base/json.h"
#include "cli/local.h"
#include "cli/output.h"
#include "cli/when.h"
#include "core/trace.h"

static void write_step(struct json_writer *w, const struct trace_step *s)
{
    jw_object(w);
    jw_put_int(w, "at", s->at);
    jw_put_str(w, "what", str_of(s->what));
    jw_put_str(w, "event", s->event);
    jw_put_int(w, "http_status", s->http_status);
    jw_put_int(w, "duration_ms", s->duration_ms);
    jw_put_str(w, "request_id", s->request_id);
    jw_put_int(w, "revision", s->revision);
    jw_put_str(w, "text", s->text);
    jw_end(w);
}

static enum status print_json(const struct trace *t, struct error *e)
{
    BUF(out, TRACE_BYTES_MAX);
    struct json_writer w = { .b = &out };

    jw_object(&w);
    jw_put_str(&w, "event", t->event);
    jw_put_str(&w, "event_type", t->event_type);
    jw_put_str(&w, "type", t->type);
    jw_put_str(&w, "id", t->id);
    jw_key(&w, S("steps"));
    jw_array(&w);
    for (size_t i = 0; i < t->n_steps; i++)
        write_step(&w, &t->step[i]);
    jw_end(&w);
    jw_end(&w);
    if (out.failed)
        return fail(e, ST_LIMIT, "the story is too long to be told");
    printf("%.*s\n", STR_ARG(buf_str(&out)));
    return ST_OK;
}

static void print_span(msec span)
{
    char text[32];

    duration_text(span, text);
    printf("  +%-8s", text);
}

/* Times of the first step and of what comes more than a minute later are told whole. */
static void print_text(const struct trace *t)
{
    enum { NEW_TIME_MS = 60 * 1000 };
    char when[WHEN_TEXT_MAX];
    msec last = 0;

    print_clean(stdout, t->event.n ? t->event : t->type);
    printf(" ");
    print_clean(stdout, t->event.n ? t->event_type : t->id);
    if (t->event.n && t->id.n)
        printf(", about %.*s %.*s", STR_ARG(t->type), STR_ARG(t->id));
    printf("\n");
    for (size_t i = 0; i < t->n_steps; i++) {
        const struct trace_step *s = &t->step[i];
        bool is_now = i + 1 == t->n_steps;
        if (!is_now && (i == 0 || s->at - last > NEW_TIME_MS)) {
            when_text(s->at, when);
            printf("%s\n", when);
            last = s->at;
        }
        if (is_now)
            printf("  %-9s", "now");
        else
            print_span(s->at - last);
        printf("  %-8s  ", s->what);
        print_clean(stdout, s->text);
        if (s->event.n && !str_eq(s->event, t->event))
            printf(" (%.*s)", STR_ARG(s->event));
        if (s->request_id.n)
            printf(" (%.*s)", STR_ARG(s->request_id));
        printf("\n");
    }
}

enum status cmd_trace(struct cli *cli, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    ARENA(a, TRACE_BYTES_MAX);
    const char *type = NULL;
    const struct flag flag[] = { { "type", FLAG_TEXT, { .text = &type } } };
    struct words words = { 0 };
    struct trace t;

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 1, 1, e);
    if (st == ST_OK)
        st = reader_open(cli, &w, e);
    if (st != ST_OK)
        return st;
    const struct resource *r = type ? resource_by_name(str_of(type)) : NULL;
    str id = str_of(words.word[0]), of = r ? str_of(r->type) : str_of(type);
    st = str_starts(id, S("evt_")) && !type ? trace_event(&w.env, id, &t, &a, e)
                                            : trace_object(&w.env, of, id, &t, &a, e);
    if (st != ST_OK)
        return st;
    if (cli->json)
        return print_json(&t, e);
    print_text(&t);
    return ST_OK;
}
