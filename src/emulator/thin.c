#include "emulator/thin.h"

#include "emulator/delivery.h"
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define THIN_ID "evt_test_"
#define SNAPSHOT_ID "evt_"

enum { THIN_TYPES_MAX = 20 };

void iso_time(int64_t seconds, char out[ISO_BYTES])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(out, ISO_BYTES, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
}

str thin_type(struct record *event, struct arena *a)
{
    str type = event_type(event);

    return event->type == T_EVENT ? arena_printf(a, "v1.%.*s", STR_ARG(type)) : arena_copy(a, type);
}

/* {"id", "type", "url"}, or null when the object has no id (a preview). */
static json_t *related(const json_t *object)
{
    str id = get_str(object, "id"), name = get_str(object, "object");
    enum type t = type_by_name(name);
    char url[ID_BYTES * 2];

    if (!id.n)
        return json_null();
    int n =
        snprintf(url, sizeof url, "%s/%.*s", t == T_NONE ? "/v1" : type_info[t].url, STR_ARG(id));
    if (n >= (int)sizeof url)
        url[0] = 0;
    return json_pack("{s:s%,s:s%,s:s}", "id", id.p, id.n, "type", name.p, name.n, "url", url);
}

static json_t *reason_of(const json_t *request)
{
    str id = get_str(request, "id");

    if (!id.n)
        return json_null();
    json_t *v = json_object();
    set_strz(v, "type", "request");
    set_new(v, "request", json_deep_copy(request));
    return v;
}

json_t *thin_document(struct record *event)
{
    char created[ISO_BYTES], id[ID_BYTES], type[128];
    json_t *doc = record_doc(event);

    if (event->type != T_EVENT)
        return json_deep_copy(doc);
    iso_time(get_int(doc, "created"), created);
    snprintf(id, sizeof id, THIN_ID "%s", event->id + strlen(SNAPSHOT_ID));
    snprintf(type, sizeof type, "v1.%.*s", STR_ARG(get_str(doc, "type")));
    json_t *thin = json_pack("{s:s,s:s,s:n,s:s,s:b}", "id", id, "object", "v2.core.event",
                             "context", "created", created, "livemode", get_bool(doc, "livemode"));
    set_new(thin, "reason", reason_of(json_object_get(doc, "request")));
    set_new(thin, "related_object", related(get_path(doc, "data.object")));
    set_strz(thin, "snapshot_event", event->id);
    set_strz(thin, "type", type);
    record_rest(event);
    return thin;
}

/* --- /v2/core/events --- */

/* A thin event's record: its own, or that of the snapshot event beside it. */
json_t *thin_events_get(struct call *c)
{
    struct record *r = record_live(c->space, T_V2_CORE_EVENT, c->part[0]);

    if (!r && str_starts(c->part[0], S(THIN_ID))) {
        str rest = str_sub(c->part[0], strlen(THIN_ID), c->part[0].n);
        r = record_live(c->space, T_EVENT,
                        arena_printf(c->arena, SNAPSHOT_ID "%.*s", STR_ARG(rest)));
    }
    return r ? thin_document(r) : refuse_missing(c, T_V2_CORE_EVENT, c->part[0], NULL);
}

static bool thin_kept(struct call *c, struct record *r, str object, const str *type, size_t n)
{
    json_t *doc = record_doc(r);
    str about = get_str(r->type == T_EVENT ? get_path(doc, "data.object")
                                           : json_object_get(doc, "related_object"),
                        "id");
    bool kept = (!object.n || str_eq(about, object)) && n == 0;

    for (size_t i = 0; i < n && !kept && (!object.n || str_eq(about, object)); i++)
        kept = event_type_matches(type[i], thin_type(r, c->arena));
    if (r->type == T_EVENT)
        record_rest(r);
    return kept;
}

/* The next older one of both tables. */
static struct record *older(const struct table *a, size_t *i, const struct table *b, size_t *k)
{
    if (*i && (!*k || a->row[*i - 1]->seq > b->row[*k - 1]->seq))
        return a->row[--*i];
    return *k ? b->row[--*k] : NULL;
}

json_t *thin_events_list(struct call *c)
{
    struct args a = args_of(c);
    const struct table *one = &c->space->table[T_EVENT], *two = &c->space->table[T_V2_CORE_EVENT];
    str object = arg_str(&a, "object_id"), type[THIN_TYPES_MAX];
    size_t n = args_strings(&a, "types", type, THIN_TYPES_MAX);
    struct page_v2 p;
    json_t *data = json_array();

    if (!page_v2_read(c, &p)) {
        json_decref(data);
        return NULL;
    }
    size_t i = p.before ? table_find(one, p.before) : one->n;
    size_t k = p.before ? table_find(two, p.before) : two->n;
    uint64_t last = 0;
    bool more = false;
    for (struct record *r; (r = older(one, &i, two, &k)) && !more;) {
        if (r->deleted || !thin_kept(c, r, object, type, n))
            continue;
        more = json_array_size(data) == p.limit;
        if (more)
            break;
        json_array_append_new(data, thin_document(r));
        last = r->seq;
    }
    return page_v2_answer(c, data, more ? last : 0);
}
