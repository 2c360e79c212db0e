/* destinations.c - /v2/core/event_destinations: endpoints that get snapshot or thin events. They
 * are asked for in JSON, and told about what is not always shown only when it is included. */
#include "emulator/delivery.h"
#include "emulator/event_names.h"
#include "emulator/list.h"
#include "emulator/rooms.h"
#include "emulator/shapes.h"
#include "emulator/thin.h"

#include <stdio.h>
#include <string.h>

enum { SECRET_CHARS = 32, PAGE_V2 = 20, PAGE_V2_MAX = 100 };

/* --- pages as /v2 has them --- */

#define PAGE_PREFIX "page_"

bool page_v2_read(struct call *c, struct page_v2 *p)
{
    struct args a = args_of(c);
    int64_t limit = PAGE_V2, before = 0;
    str page = arg_str(&a, "page");

    arg_int(&a, "limit", &limit);
    if (page.n && (!str_starts(page, S(PAGE_PREFIX)) ||
                   !str_to_int(str_sub(page, strlen(PAGE_PREFIX), page.n), &before) || before < 1))
        refuse_value(c, NULL, "page", "The page token is invalid.");
    *p = (struct page_v2){ .limit = limit < 1             ? 1
                                    : limit > PAGE_V2_MAX ? PAGE_V2_MAX
                                                          : (size_t)limit,
                           .before = (uint64_t)before };
    return !c->refused;
}

json_t *page_v2_answer(struct call *c, json_t *data, uint64_t last)
{
    json_t *v = json_object();

    set_new(v, "data", data);
    set_null(v, "next_page_url");
    set_null(v, "previous_page_url");
    if (last) {
        str url = arena_printf(c->arena, "%.*s?page=" PAGE_PREFIX "%llu", STR_ARG(c->http->path),
                               (unsigned long long)last);
        set_str(v, "next_page_url", url);
    }
    return v;
}

/* --- what an answer shows --- */

static bool included(struct call *c, const char *name)
{
    struct args a = args_of(c);
    str wanted[ARGS_LIST_MAX];
    size_t n = args_strings(&a, "include", wanted, ARGS_LIST_MAX);

    for (size_t i = 0; i < n; i++)
        if (str_eqz(wanted[i], name))
            return true;
    return false;
}

static json_t *shown(struct call *c, struct record *r)
{
    json_t *doc = json_deep_copy(record_doc(r));
    json_t *webhook = json_object_get(doc, "webhook_endpoint");

    if (included(c, "webhook_endpoint.signing_secret"))
        set_str(webhook, "signing_secret", get_str(r->hidden, "secret"));
    if (included(c, "webhook_endpoint.url"))
        set_str(webhook, "url", get_str(r->hidden, "url"));
    return doc;
}

/* --- making and changing --- */

static const struct field destination_fields[] = {
    { "name", F_TEXT, NULL, 0 },
    { "description", F_TEXT_NULL, NULL, 0 },
    { "enabled_events", F_LIST, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
};

static bool types_ok(const struct args *a, const json_t *doc)
{
    bool thin = is_str(doc, "event_payload", "thin");
    size_t i;
    json_t *v;

    json_array_foreach(json_object_get(doc, "enabled_events"), i, v)
    {
        str type = { json_string_value(v), json_string_length(v) };
        if (str_eq(type, S("*")) || (thin ? thin_type_known(type) : event_type_known(type)))
            continue;
        refuse_value(a->c, NULL, "enabled_events",
                     "Invalid enabled_events: '%.*s' is not the type of a %s event.", STR_ARG(type),
                     thin ? "thin" : "snapshot");
    }
    if (!json_array_size(json_object_get(doc, "enabled_events")))
        refuse_value(a->c, NULL, "enabled_events",
                     "Invalid array: enabled_events must not be empty");
    return !a->c->refused;
}

/* The address, from webhook_endpoint[url]; {NULL, 0} when it is not said. */
static str url_of(const struct args *a)
{
    struct args webhook;
    str url = { 0 };

    if (args_sub(a, "webhook_endpoint", &webhook) && arg_text(&webhook, "url", &url) &&
        !str_starts(url, S("http://")) && !str_starts(url, S("https://")))
        refuse_value(a->c, "url_invalid", "webhook_endpoint.url",
                     "Invalid URL: An explicit scheme (such as https) must be provided.");
    return url;
}

static void set_now(struct call *c, json_t *doc, const char *name)
{
    char time[ISO_BYTES];

    iso_time(wall_s(c->emu), time);
    set_strz(doc, name, time);
}

static bool destination_read(const struct args *a, json_t *doc)
{
    str payload, version = arg_str(a, "snapshot_api_version"), type;

    if (!arg_word(a, "event_payload", "snapshot thin", &payload) ||
        !arg_word(a, "type", "webhook_endpoint", &type))
        return false;
    set_str(doc, "event_payload", payload);
    if (version.n && !api_version_known(version))
        refuse_value(a->c, NULL, "snapshot_api_version", "Invalid API version: %.*s",
                     STR_ARG(version));
    if (version.n)
        set_str(doc, "snapshot_api_version", version);
    return fields_apply(a, doc, destination_fields, COUNT(destination_fields)) && types_ok(a, doc);
}

json_t *destinations_create(struct call *c)
{
    struct args a = args_of(c);
    char secret[ID_BYTES];
    str url = url_of(&a);
    json_t *doc = record_shape(c->emu, c->space, T_V2_CORE_EVENT_DESTINATION, NULL);

    set_now(c, doc, "created");
    set_now(c, doc, "updated");
    if (!url.n)
        refuse_param_missing(c, "webhook_endpoint.url");
    if (c->refused || !destination_read(&a, doc)) {
        json_decref(doc);
        return NULL;
    }
    make_id(c->emu, "whsec_", SECRET_CHARS, secret);
    struct record *r = record_add(c->emu, c->space, T_V2_CORE_EVENT_DESTINATION, doc);
    record_hide(r, "secret", json_string(secret));
    record_hide(r, "url", json_str(url));
    return shown(c, r);
}

json_t *destinations_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_V2_CORE_EVENT_DESTINATION);

    if (!r)
        return NULL;
    str url = url_of(&a);
    json_t *before = change_begin(r);
    if (c->refused || !fields_apply(&a, r->doc, destination_fields, COUNT(destination_fields)) ||
        !types_ok(&a, r->doc)) {
        change_abort(r, before);
        return NULL;
    }
    json_decref(before);
    set_now(c, r->doc, "updated");
    if (url.n)
        record_hide(r, "url", json_str(url));
    record_touch(r);
    return shown(c, r);
}

static json_t *destination_switch(struct call *c, bool on)
{
    struct record *r = path_record(c, T_V2_CORE_EVENT_DESTINATION);

    if (!r)
        return NULL;
    set_strz(record_doc(r), "status", on ? "enabled" : "disabled");
    set_now(c, r->doc, "updated");
    if (on)
        set_null(r->doc, "status_details");
    else
        set_new(r->doc, "status_details", json_pack("{s:{s:s}}", "disabled", "reason", "user"));
    record_touch(r);
    return shown(c, r);
}

json_t *destinations_disable(struct call *c)
{
    return destination_switch(c, false);
}

json_t *destinations_enable(struct call *c)
{
    return destination_switch(c, true);
}

/* An event of its own, to this destination alone. */
json_t *destinations_ping(struct call *c)
{
    struct record *r = path_record(c, T_V2_CORE_EVENT_DESTINATION);
    char id[ID_BYTES];

    if (!r)
        return NULL;
    make_id(c->emu, "evt_test_", ID_RANDOM, id);
    json_t *doc = record_shape(c->emu, c->space, T_V2_CORE_EVENT, id);
    set_now(c, doc, "created");
    set_new(doc, "related_object",
            json_pack("{s:s,s:s,s:s++}", "id", r->id, "type", "v2.core.event_destination", "url",
                      type_info[r->type].url, "/", r->id));
    set_strz(doc, "type", "v2.core.event_destination.ping");
    struct record *event = record_add(c->emu, c->space, T_V2_CORE_EVENT, doc);
    deliveries_again(c->emu, event, r);
    return thin_document(event);
}

json_t *destinations_delete(struct call *c)
{
    struct record *r = path_record(c, T_V2_CORE_EVENT_DESTINATION);

    if (!r)
        return NULL;
    record_delete(r);
    return json_pack("{s:s,s:s}", "id", r->id, "object", type_info[r->type].name);
}

json_t *destinations_get(struct call *c)
{
    struct record *r = path_record(c, T_V2_CORE_EVENT_DESTINATION);

    return r ? shown(c, r) : NULL;
}

json_t *destinations_list(struct call *c)
{
    const struct table *t = &c->space->table[T_V2_CORE_EVENT_DESTINATION];
    struct page_v2 p;
    uint64_t last = 0;
    json_t *data = json_array();

    if (!page_v2_read(c, &p)) {
        json_decref(data);
        return NULL;
    }
    bool more = false;
    for (size_t i = p.before ? table_find(t, p.before) : t->n; i-- > 0 && !more;) {
        if (t->row[i]->deleted)
            continue;
        more = json_array_size(data) == p.limit;
        if (more)
            break;
        json_array_append_new(data, shown(c, t->row[i]));
        last = t->row[i]->seq;
    }
    return page_v2_answer(c, data, more ? last : 0);
}
