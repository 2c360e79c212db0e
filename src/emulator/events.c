/* events.c - every change makes an event: the object as it is then, and what it was before. */
#include "emulator/delivery.h"
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

enum { EVENT_DAYS = 30, EVENT_TYPES_MAX = 20 };

json_t *previous_attributes(const json_t *a, const json_t *b)
{
    json_t *diff = json_object();
    const char *key;
    json_t *was;

    json_object_foreach((json_t *)(uintptr_t)a, key, was)
    {
        json_t *is = json_object_get(b, key);
        if (is && json_equal(was, is))
            continue;
        if (json_is_object(was) && json_is_object(is))
            set_new(diff, key, previous_attributes(was, is));
        else
            set_new(diff, key, json_deep_copy(was));
    }
    /* What did not exist was null. [facts: 4.3] */
    json_object_foreach((json_t *)(uintptr_t)b, key, was) if (!json_object_get(a, key))
        set_null(diff, key);
    return diff;
}

static void emit_event(struct call *c, struct space *s, json_t *object, const char *type,
                       json_t *previous)
{
    struct emulator *e = c->emu;

    if (c->preview) {
        json_decref(object);
        json_decref(previous);
        return;
    }
    json_t *event = record_shape(e, s, T_EVENT, NULL);
    json_t *data = json_object();

    set_int(event, "created", wall_s(e)); /* not the test clock's */
    set_new(data, "object", object);
    if (previous)
        set_new(data, "previous_attributes", previous);
    set_new(event, "data", data);
    json_t *request = json_object_get(event, "request");
    if (!c->internal) {
        set_str(request, "id", c->request_id);
        set_str(request, "idempotency_key", c->idem_key.n ? c->idem_key : (str){ 0 });
    }
    if (s->platform) { /* of a connected account; the type stays the last member */
        json_object_del(event, "type");
        set_strz(event, "account", s->account);
    }
    set_strz(event, "type", type);
    struct record *made = record_add(e, s, T_EVENT, event);
    deliveries_add(e, made);
    record_rest(made);
}

void emit(struct call *c, struct record *r, const char *type)
{
    emit_event(c, r->space, json_deep_copy(record_doc(r)), type, NULL);
}

void emit_document(struct call *c, struct space *s, json_t *object, const char *type)
{
    emit_event(c, s, object, type, NULL);
}

json_t *change_begin(struct record *r)
{
    return json_deep_copy(record_doc(r));
}

void change_abort(struct record *r, json_t *before)
{
    json_decref(r->doc);
    r->doc = before;
    record_touch(r);
}

void change_end(struct call *c, struct record *r, json_t *before, const char *type)
{
    change_end_in(c, r->space, r, before, type);
}

void change_end_in(struct call *c, struct space *s, struct record *r, json_t *before,
                   const char *type)
{
    json_t *previous = previous_attributes(before, record_doc(r));

    json_decref(before);
    record_touch(r);
    if (!json_object_size(previous) || r->deleted) { /* nobody hears of what is gone */
        json_decref(previous);
        return;
    }
    emit_event(c, s, json_deep_copy(r->doc), type, previous);
}

/* --- /v1/events --- */

/* Its last member, so that a list of a million events parses none of them. */
str event_type(struct record *event)
{
    static const char member[] = "\"type\":\"";
    str text = record_text(event);
    size_t end = text.n - strlen("\"}"), at = end;

    assert(str_ends(text, S("\"}")));
    while (at && text.p[at - 1] != '"')
        at--;
    assert(at >= strlen(member) &&
           memcmp(text.p + at - strlen(member), member, strlen(member)) == 0);
    return str_sub(text, at, end);
}

bool event_type_matches(str pattern, str type)
{
    if (str_ends(pattern, S("*")))
        return str_starts(type, str_sub(pattern, 0, pattern.n - 1));
    return str_eq(pattern, type);
}

struct events_filter {
    str type[EVENT_TYPES_MAX];
    size_t n;
    bool delivery, delivered; /* asked for; what was asked */
};

static bool event_kept(struct call *c, struct record *r, const void *ctx)
{
    const struct events_filter *f = ctx;
    bool kept = f->n == 0;

    if (r->created < wall_s(c->emu) - (int64_t)EVENT_DAYS * 86400)
        return false;
    for (size_t i = 0; i < f->n && !kept; i++)
        kept = event_type_matches(f->type[i], event_type(r));
    if (kept && f->delivery) {
        kept = (get_int(record_doc(r), "pending_webhooks") == 0) == f->delivered;
        record_rest(r);
    }
    return kept;
}

json_t *events_list(struct call *c)
{
    struct args a = args_of(c);
    struct events_filter f = { 0 };

    if (json_object_size(json_object_get(c->params, "types")) > EVENT_TYPES_MAX)
        return refuse_value(c, NULL, "types",
                            "Invalid array: too many elements; types can have up to %d",
                            EVENT_TYPES_MAX);
    f.n = args_strings(&a, "types", f.type, EVENT_TYPES_MAX);
    if (f.n && arg_given(&a, "type"))
        return refuse(c, 400, "parameters_exclusive", "type",
                      "You may only specify one of these parameters: type, types.");
    if (arg_text(&a, "type", &f.type[0]))
        f.n = 1;
    f.delivery = arg_bool(&a, "delivery_success", &f.delivered);
    return answer_list(c, &(struct list_query){ .type = T_EVENT, .keep = event_kept, .ctx = &f });
}

/* Older than 30 days is gone. [facts: 4.5] */
json_t *events_get(struct call *c)
{
    struct record *r = path_record(c, T_EVENT);

    if (!r)
        return NULL;
    if (r->created < wall_s(c->emu) - (int64_t)EVENT_DAYS * 86400)
        return refuse_missing(c, T_EVENT, c->part[0], NULL);
    return answer_record(c, r);
}

/* As `stripe events resend` does it; a success does not stop the automatic attempts. */
json_t *events_retry(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_EVENT), *endpoint = NULL;
    str id;

    if (!r)
        return NULL;
    if (arg_text(&a, "webhook_endpoint", &id)) {
        endpoint = named_record(c, T_WEBHOOK_ENDPOINT, id, "webhook_endpoint");
        if (!endpoint)
            return NULL;
    }
    deliveries_again(c->emu, r, endpoint);
    return answer_record(c, r);
}
