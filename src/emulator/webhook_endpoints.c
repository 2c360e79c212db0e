#include "emulator/event_names.h"
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

enum { SECRET_CHARS = 32 };

static const struct field webhook_fields[] = {
    { "url", F_TEXT, NULL, 0 },
    { "description", F_TEXT_NULL, NULL, 0 },
    { "enabled_events", F_LIST, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
};

static bool types_ok(const struct args *a, const json_t *doc)
{
    size_t i;
    json_t *v;

    json_array_foreach(json_object_get(doc, "enabled_events"), i, v)
    {
        str type = { json_string_value(v), json_string_length(v) };
        if (!str_eq(type, S("*")) && !event_type_known(type))
            refuse_value(a->c, NULL, arena_printf(a->c->arena, "enabled_events[%zu]", i).p,
                         "Invalid enabled_events[%zu]: %.*s is not the type of an event", i,
                         STR_ARG(type));
    }
    return !a->c->refused;
}

static bool webhook_apply(const struct args *a, json_t *doc)
{
    if (!fields_apply(a, doc, webhook_fields, COUNT(webhook_fields)))
        return false;
    str url = get_str(doc, "url");
    if (!str_starts(url, S("http://")) && !str_starts(url, S("https://"))) {
        refuse(a->c, 400, "url_invalid", "url",
               "Invalid URL: An explicit scheme (such as https) "
               "must be provided.");
        return false;
    }
    if (!json_array_size(json_object_get(doc, "enabled_events"))) {
        refuse(a->c, 400, NULL, "enabled_events",
               "Invalid array: enabled_events must not be empty");
        return false;
    }
    return types_ok(a, doc);
}

/* The secret is told once, here. [facts: 4.8] */
json_t *webhooks_create(struct call *c)
{
    struct args a = args_of(c);
    char secret[ID_BYTES];
    json_t *doc = record_shape(c->emu, c->space, T_WEBHOOK_ENDPOINT, NULL);

    bool connect = false; /* for what happens in connected accounts, and nothing else */
    arg_bool(&a, "connect", &connect);
    if (!webhook_apply(&a, doc)) {
        json_decref(doc);
        return NULL;
    }
    str version = arg_str(&a, "api_version");
    if (version.n && !api_version_known(version)) {
        json_decref(doc);
        return refuse_value(c, NULL, "api_version", "Invalid API version: %.*s", STR_ARG(version));
    }
    if (version.n)
        set_str(doc, "api_version", version);
    make_id(c->emu, "whsec_", SECRET_CHARS, secret);
    if (connect)
        set_strz(doc, "application", "ca_emulator");
    struct record *r = record_add(c->emu, c->space, T_WEBHOOK_ENDPOINT, doc);
    record_hide(r, "connect", json_boolean(connect));
    record_hide(r, "secret", json_string(secret));
    json_t *answer = json_deep_copy(doc);
    set_strz(answer, "secret", secret);
    return answer;
}

json_t *webhooks_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_WEBHOOK_ENDPOINT);
    bool disabled = false;

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (arg_bool(&a, "disabled", &disabled))
        set_strz(r->doc, "status", disabled ? "disabled" : "enabled");
    if (c->refused || !webhook_apply(&a, r->doc)) {
        change_abort(r, before);
        return NULL;
    }
    json_decref(before);
    if (!disabled && r->hidden) /* it is given time anew */
        json_object_del(r->hidden, "failing_since");
    record_touch(r);
    return answer_record(c, r);
}

json_t *webhooks_delete(struct call *c)
{
    struct record *r = path_record(c, T_WEBHOOK_ENDPOINT);

    if (!r)
        return NULL;
    record_delete(r);
    return answer_deleted(c, T_WEBHOOK_ENDPOINT, str_of(r->id));
}

json_t *webhooks_get(struct call *c)
{
    struct record *r = path_record(c, T_WEBHOOK_ENDPOINT);

    return r ? answer_record(c, r) : NULL;
}

json_t *webhooks_list(struct call *c)
{
    return answer_list(c, &(struct list_query){ .type = T_WEBHOOK_ENDPOINT });
}
