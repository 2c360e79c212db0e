#include "core/event.h"

#include "base/json.h"

static bool is_object(struct json_token t)
{
    return t.type == JSON_OBJECT;
}

/* The string of a token that json_value gave; {NULL, 0} for any other kind. */
static str text_of(struct json_token t, struct arena *a)
{
    return t.type == JSON_STRING ? json_unescape(t, a) : (str){ 0 };
}

static void take_member(struct event *ev, str name, struct json_token value, struct arena *a,
                        str *data, str *related)
{
    if (str_eq(name, S("id")))
        ev->id = text_of(value, a);
    else if (str_eq(name, S("type")))
        ev->type = text_of(value, a);
    else if (str_eq(name, S("object")))
        ev->thin = str_eq(text_of(value, a), S("v2.core.event"));
    else if (str_eq(name, S("api_version")))
        ev->api_version = text_of(value, a);
    else if (str_eq(name, S("account")))
        ev->account = text_of(value, a);
    else if (str_eq(name, S("livemode")))
        ev->livemode = value.type == JSON_TRUE ? 1 : value.type == JSON_FALSE ? 0 : -1;
    else if (str_eq(name, S("created")) && value.type == JSON_NUMBER)
        ev->created = str_to_int(value.text, &ev->created) ? ev->created : 0;
    else if (str_eq(name, S("data")) && is_object(value))
        *data = value.text;
    else if (str_eq(name, S("related_object")) && is_object(value))
        *related = value.text;
}

static void take_object(struct event *ev, str data, str related, struct arena *a)
{
    struct json_token object = data.n ? json_member(data, S("object")) : (struct json_token){ 0 };

    if (ev->thin) {
        ev->object_type = related.n ? json_text(related, S("type"), a) : (str){ 0 };
        ev->object_id = related.n ? json_text(related, S("id"), a) : (str){ 0 };
    } else if (is_object(object)) {
        ev->object = object.text;
        ev->object_type = json_text(object.text, S("object"), a);
        ev->object_id = json_text(object.text, S("id"), a);
    }
}

enum status event_parse(str body, struct event *out, struct arena *a, struct error *e)
{
    struct event ev = { .livemode = -1, .body = body };
    struct json_reader r;
    struct json_token t, value;
    str data = { 0 }, related = { 0 };

    json_init(&r, body);
    t = json_next(&r);
    if (t.type == JSON_BAD)
        return fail(e, ST_INVALID, "the body is not JSON");
    if (t.type != JSON_OBJECT)
        return fail(e, ST_INVALID, "the body is JSON but not an object");
    for (t = json_next(&r); t.type == JSON_KEY; t = json_next(&r)) {
        value = json_value(&r);
        if (value.type == JSON_BAD)
            return fail(e, ST_INVALID, "the body is not JSON, or nested too deeply");
        take_member(&ev, t.text, value, a, &data, &related);
    }
    if (t.type != JSON_OBJECT_END || json_next(&r).type != JSON_END)
        return fail(e, ST_INVALID, "the body is not JSON, or something stands behind it");
    if (ev.id.n == 0 || ev.id.n > EVENT_ID_MAX)
        return fail(e, ST_INVALID, "the body has no string \"id\" of 1 to %d bytes", EVENT_ID_MAX);
    if (ev.type.n == 0 || ev.type.n > EVENT_TYPE_MAX)
        return fail(e, ST_INVALID, "the body has no string \"type\" of 1 to %d bytes",
                    EVENT_TYPE_MAX);
    take_object(&ev, data, related, a);
    *out = ev;
    return ST_OK;
}
