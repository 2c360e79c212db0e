#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/output.h"
#include "cli/switch/switching.h"

/* In the journal, in their order. "making": an endpoint is being made at Stripe; its secret is told
 * once. */
static const char *const journaled[] = {
    "begun", "drained", "sealed", "opened", "making", "checked"
};

static const char *outcome_name(enum outcome o)
{
    switch (o) {
    case DONE: return "ok";
    case WARNED: return "warning";
    case SKIPPED: return "skipped";
    case FAILED: return "failed";
    case PLANNED: return "planned";
    }
    return "?";
}

static void write_item(struct buf *b, const char *step, enum outcome o, const char *text)
{
    struct json_writer w = { .b = b };

    jw_object(&w);
    jw_put_str(&w, "step", str_of(step));
    jw_put_str(&w, "outcome", str_of(outcome_name(o)));
    jw_put_str(&w, "text", str_of(text));
    jw_end(&w);
}

void item(struct switching *s, const char *step, enum outcome o, const char *fmt, ...)
{
    static const enum color color[] = { COLOR_GOOD, COLOR_WARN, COLOR_DIM, COLOR_BAD, COLOR_DIM };
    char text[SWITCH_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_char(&s->notes, s->notes.n ? ',' : '[');
    write_item(&s->notes, step, o, text);
    if (s->cli->json) {
        BUF(line, SWITCH_TEXT_MAX * 8);
        write_item(&line, step, o, text);
        printf("%.*s\n", STR_ARG(buf_str(&line)));
    } else {
        printf("%s%-8s%s %-10s %s\n", color_on(stdout, color[o]), outcome_name(o),
               color_off(stdout), step, text);
    }
    fflush(stdout);
    bool here = s->o->until && o != FAILED && strcmp(s->o->until, step) == 0;
    s->stopped = s->stopped || here || cli_interrupted();
}

enum status failed(struct switching *s, const char *step, enum status st, const struct error *e)
{
    item(s, step, FAILED, "%s", e->text);
    return st;
}

static size_t rank(const char *step)
{
    size_t i = 0;

    while (i < COUNT(journaled) && strcmp(journaled[i], step) != 0)
        i++;
    return i < COUNT(journaled) ? i + 1 : 0;
}

bool step_is_done(const struct switching *s, const char *step)
{
    assert(rank(step));
    return rank(s->seal.step) >= rank(step);
}

enum status note(struct switching *s, const char *step, struct error *e)
{
    BUF(whole, SWITCH_NOTES_BYTES_MAX);

    if (!s->from)
        return ST_OK;
    buf_append(&whole, buf_str(&s->notes));
    buf_append(&whole, whole.n ? S("]") : S("[]"));
    if (!step_is_done(s, step))
        snprintf(s->seal.step, sizeof s->seal.step, "%s", step);
    return switch_step(&s->source.env, s->seal.step, whole.failed ? S("[]") : buf_str(&whole), e);
}
