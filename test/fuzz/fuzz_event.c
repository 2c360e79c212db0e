/* fuzz_event.c - a webhook's body, as anybody could send it with a right signature.
 *
 * What event_parse says of id and type is what jansson says, and the plan asks for nothing without
 * a type and an id. */
#include <string.h>

#include "../jansson_apart.h"
#include "core/event.h"
#include "core/plan.h"
#include "fuzz.h"

enum { SCRATCH_BYTES = 64 << 20 };

static void compare(const json_t *theirs, const char *name, str ours)
{
    const json_t *v = json_object_get(theirs, name);

    must(v && json_typeof(v) == JANSSON_STRING, "what we read is a string");
    must(json_string_length(v) == ours.n && memcmp(json_string_value(v), ours.p, ours.n) == 0,
         "and the same one");
}

static void check_plan(const struct event *ev, struct arena *a)
{
    const struct identity id = { .account = "acct_1", .livemode = false };
    struct plan p = plan_for_event(ev, &id, PLAN_NO_CONNECT, a);

    must(plan_outcome_name(p.outcome) != NULL, "an outcome has a name");
    must((p.outcome == PLAN_DUE) == (p.n_keys > 0), "work has a key, and only work");
    must(p.outcome == PLAN_DUE || p.reason, "no work has a reason");
    for (size_t i = 0; i < p.n_keys; i++)
        must(p.key[i].type.n && p.key[i].id.n, "a key has a type and an id");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA(a, SCRATCH_BYTES);
    str body = { (const char *)data, size };
    struct error e = { 0 };
    struct event ev;

    if (event_parse(body, &ev, &a, &e) != ST_OK) {
        must(e.text[0], "a refusal has its words");
        return 0;
    }
    must(ev.id.n && ev.id.n <= EVENT_ID_MAX && ev.type.n && ev.type.n <= EVENT_TYPE_MAX,
         "an event has an id and a type");
    must(str_eq(ev.body, body), "the body is kept");
    json_t *theirs = json_loadb(body.p, body.n, JSON_ALLOW_NUL, NULL);
    if (theirs) { /* it refuses numbers that do not fit its types */
        compare(theirs, "id", ev.id);
        compare(theirs, "type", ev.type);
    }
    json_decref(theirs);
    check_plan(&ev, &a);
    return 0;
}
