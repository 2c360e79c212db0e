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
    F_SNAPSHOT,
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
    [F_SNAPSHOT] = { "snapshot_event", 14 },
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

/* "2022-02-15T00:27:45.330Z"; 0 for anything else. Days since 1970 by the civil calendar. */
static int64_t seconds_of(str s)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    int64_t part[6] = { 0 };
    size_t at = 0;

    if (s.n < sizeof form - 1)
        return 0;
    for (size_t i = 0; i < sizeof form - 1; i++) {
        if (form[i] != 'd' && form[i] != s.p[i])
            return 0;
        if (form[i] != 'd') {
            at++;
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
        part[at] = part[at] * 10 + (s.p[i] - '0');
    }
    int64_t y = part[0] - (part[1] <= 2), m = (part[1] + 9) % 12;
    int64_t era = y / 400, of_era = y - era * 400;
    int64_t day = (153 * m + 2) / 5 + part[2] - 1;
    int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day - 719468;
    return ((days * 24 + part[3]) * 60 + part[4]) * 60 + part[5];
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
        ev.created = seconds_of(text_of(t[F_CREATED], a));
    enum status st = check_name(ev.id, "id", EVENT_ID_MAX, e);
    if (st == ST_OK)
        st = check_name(ev.type, "type", EVENT_TYPE_MAX, e);
    if (st == ST_OK && ev.account.n)
        st = check_name(ev.account, "account", EVENT_NAME_MAX, e);
    if (st != ST_OK)
        return st;
    if (ev.thin) {
        ev.object_type = text_of(t[F_RELATED_TYPE], a);
        ev.object_id = text_of(t[F_RELATED_ID], a);
        ev.twin = text_of(t[F_SNAPSHOT], a);
        if (ev.twin.n > EVENT_ID_MAX)
            return fail(e, ST_INVALID, "the snapshot event's id is longer than %d bytes",
                        EVENT_ID_MAX);
    } else if (t[F_DATA_OBJECT].type == JSON_OBJECT) {
        ev.object = t[F_DATA_OBJECT].text;
        ev.object_type = text_of(t[F_DATA_OBJECT_TYPE], a);
        ev.object_id = text_of(t[F_DATA_OBJECT_ID], a);
    }
    if (ev.api_version.n > EVENT_NAME_MAX)
        ev.api_version = (str){ 0 };
    ev.too_long = ev.object_type.n > EVENT_NAME_MAX || ev.object_id.n > EVENT_NAME_MAX;
    if (ev.too_long) /* Stripe has none so long; the store keeps it in keys */
        ev.object_type = ev.object_id = (str){ 0 };
    *out = ev;
    return ST_OK;
}
