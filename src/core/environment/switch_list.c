#include "core/environment/switching.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

/* In the journal, in their order. "making": an endpoint is being made at Stripe; its secret is told
 * once. */
static const char *const journaled[] = {
    "begun", "drained", "sealed", "opened", "making", "checked"
};

const char *switch_outcome_name(enum switch_outcome o)
{
    switch (o) {
    case SWITCH_DONE: return "ok";
    case SWITCH_WARNED: return "warning";
    case SWITCH_SKIPPED: return "skipped";
    case SWITCH_FAILED: return "failed";
    case SWITCH_PLANNED: return "planned";
    }
    return "?";
}

void switch_item_write(struct buf *b, const struct switch_item *item)
{
    struct json_writer w = { .b = b };

    jw_object(&w);
    jw_put_str(&w, "step", str_of(item->step));
    jw_put_str(&w, "outcome", str_of(switch_outcome_name(item->outcome)));
    jw_put_str(&w, "text", str_of(item->text));
    jw_end(&w);
}

void switch_tell(struct switching *s, const char *step, enum switch_outcome o, const char *fmt, ...)
{
    char text[SWITCH_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const struct switch_item item = { step, o, text };
    buf_char(&s->notes, s->notes.n ? ',' : '[');
    switch_item_write(&s->notes, &item);
    s->w->ops->tell(s->w, &item);
    bool here = s->o->until && o != SWITCH_FAILED && strcmp(s->o->until, step) == 0;
    s->stopped = s->stopped || here || switch_interrupted(s);
}

enum status switch_failed(struct switching *s, const char *step, enum status st,
                          const struct error *e)
{
    switch_tell(s, step, SWITCH_FAILED, "%s", e->text);
    return st;
}

static size_t rank(const char *step)
{
    size_t i = 0;

    while (i < COUNT(journaled) && strcmp(journaled[i], step) != 0)
        i++;
    return i < COUNT(journaled) ? i + 1 : 0;
}

bool switch_step_is_done(const struct switching *s, const char *step)
{
    assert(rank(step));
    return rank(s->seal.step) >= rank(step);
}

enum status switch_note(struct switching *s, const char *step, struct error *e)
{
    BUF(whole, SWITCH_NOTES_BYTES_MAX);

    if (!s->from)
        return ST_OK;
    buf_append(&whole, buf_str(&s->notes));
    buf_append(&whole, whole.n ? S("]") : S("[]"));
    if (!switch_step_is_done(s, step))
        snprintf(s->seal.step, sizeof s->seal.step, "%s", step);
    return switch_step(s->source, s->seal.step, whole.failed ? S("[]") : buf_str(&whole), e);
}
