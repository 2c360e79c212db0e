#include "core/event.h"

#include "base/json.h"

/* What is read of a body, in one pass. */
enum field {
    F_ID,
    F_TYPE,
    F_OBJECT,
    F_API_VERSION,
    F_ACCOUNT,
    F_LIVEMODE,
    F_CREATED,
    F_DATA_OBJECT,
    F_DATA_OBJECT_TYPE,
    F_DATA_OBJECT_ID,
    F_RELATED_TYPE,
    F_RELATED_ID,
    F_COUNT,
};

static const str path[F_COUNT] = {
    [F_ID] = { "id", 2 },
    [F_TYPE] = { "type", 4 },
    [F_OBJECT] = { "object", 6 },
    [F_API_VERSION] = { "api_version", 11 },
    [F_ACCOUNT] = { "account", 7 },
    [F_LIVEMODE] = { "livemode", 8 },
    [F_CREATED] = { "created", 7 },
    [F_DATA_OBJECT] = { "data.object", 11 },
    [F_DATA_OBJECT_TYPE] = { "data.object.object", 18 },
    [F_DATA_OBJECT_ID] = { "data.object.id", 14 },
    [F_RELATED_TYPE] = { "related_object.type", 19 },
    [F_RELATED_ID] = { "related_object.id", 17 },
};

/* The decoded string of a token; {NULL, 0} for any other kind. */
static str text_of(struct json_token t, struct arena *a)
{
    return t.type == JSON_STRING ? json_unescape(t, a) : (str){ 0 };
}

static int mode_of(struct json_token t)
{
    return t.type == JSON_TRUE ? 1 : t.type == JSON_FALSE ? 0 : -1;
}

static enum status check_name(str name, const char *member, size_t max, struct error *e)
{
    if (name.n && name.n <= max)
        return ST_OK;
    return fail(e, ST_INVALID, "the body has no string \"%s\" of 1 to %zu bytes", member, max);
}

enum status event_parse(str body, struct event *out, struct arena *a, struct error *e)
{
    struct json_token t[F_COUNT];

    if (!json_paths(body, path, F_COUNT, t))
        return fail(e, ST_INVALID, "the body is not a JSON object, or nested too deeply");
    struct event ev = { .id = text_of(t[F_ID], a),
                        .type = text_of(t[F_TYPE], a),
                        .api_version = text_of(t[F_API_VERSION], a),
                        .account = text_of(t[F_ACCOUNT], a),
                        .livemode = mode_of(t[F_LIVEMODE]),
                        .thin = str_eq(text_of(t[F_OBJECT], a), S("v2.core.event")),
                        .body = body };
    if (t[F_CREATED].type != JSON_NUMBER || !str_to_int(t[F_CREATED].text, &ev.created))
        ev.created = 0; /* a thin event has a text there; nothing rests on it */
    enum status st = check_name(ev.id, "id", EVENT_ID_MAX, e);
    if (st == ST_OK)
        st = check_name(ev.type, "type", EVENT_TYPE_MAX, e);
    if (st != ST_OK)
        return st;
    if (ev.thin) {
        ev.object_type = text_of(t[F_RELATED_TYPE], a);
        ev.object_id = text_of(t[F_RELATED_ID], a);
    } else if (t[F_DATA_OBJECT].type == JSON_OBJECT) {
        ev.object = t[F_DATA_OBJECT].text;
        ev.object_type = text_of(t[F_DATA_OBJECT_TYPE], a);
        ev.object_id = text_of(t[F_DATA_OBJECT_ID], a);
    }
    *out = ev;
    return ST_OK;
}
