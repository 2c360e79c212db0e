/* portal.c - /v1/billing_portal: configurations, of which the first is the default, and sessions.
 */
#include "emulator/plain.h"
#include "emulator/rooms.h"

#include <string.h>

enum { SESSION_SECRET_CHARS = 40 };

static const struct field configuration_fields[] = {
    { "active", F_BOOL, NULL, 0 },
    { "business_profile", F_MERGE, NULL, 0 },
    { "default_return_url", F_TEXT_NULL, NULL, 0 },
    { "features", F_MERGE, NULL, 0 },
    { "login_page", F_MERGE, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "name", F_TEXT_NULL, NULL, 0 },
};

static bool configuration_make(const struct args *a, json_t *doc, json_t *hidden)
{
    const struct table *t = &a->c->space->table[T_BILLING_PORTAL_CONFIGURATION];

    (void)hidden;
    set_bool(doc, "is_default", t->n == 0);
    set_int(doc, "updated", now_s(a->c->emu));
    if (get_bool(json_object_get(doc, "login_page"), "enabled"))
        set_str(json_object_get(doc, "login_page"), "url",
                arena_printf(a->c->arena, "https://billing.stripe.com/p/login/%s",
                             a->c->space->account));
    return true;
}

static bool configuration_change(const struct args *a, struct record *r)
{
    if (!get_bool(r->doc, "active") && get_bool(r->doc, "is_default"))
        return refuse(a->c, 400, NULL, "active",
                      "You cannot deactivate the default configuration.");
    set_int(r->doc, "updated", now_s(a->c->emu));
    return true;
}

const struct plain configuration_plain = {
    .type = T_BILLING_PORTAL_CONFIGURATION,
    .field = configuration_fields,
    .n_fields = COUNT(configuration_fields),
    .created = "billing_portal.configuration.created",
    .updated = "billing_portal.configuration.updated",
    .make = configuration_make,
    .change = configuration_change,
};

static struct record *configuration_default(struct call *c)
{
    const struct table *t = &c->space->table[T_BILLING_PORTAL_CONFIGURATION];

    for (size_t i = 0; i < t->n; i++)
        if (!t->row[i]->deleted && get_bool(record_doc(t->row[i]), "is_default"))
            return t->row[i];
    /* Saved in the Dashboard once, as everybody has to. */
    json_t *doc = record_shape(c->emu, c->space, T_BILLING_PORTAL_CONFIGURATION, NULL);
    set_bool(doc, "is_default", true);
    set_int(doc, "updated", now_s(c->emu));
    struct record *r = record_add(c->emu, c->space, T_BILLING_PORTAL_CONFIGURATION, doc);
    emit(c, r, "billing_portal.configuration.created");
    return r;
}

/* With every kind of flow, all null but the one that was asked for. */
static json_t *flow_document(const json_t *asked)
{
    static const char *const kind[] = { "customer_update", "subscription_cancel",
                                        "subscription_pause", "subscription_update",
                                        "subscription_update_confirm" };
    json_t *v = args_document(asked), *after = json_object_get(v, "after_completion");

    for (size_t i = 0; i < COUNT(kind); i++)
        if (!json_object_get(v, kind[i]))
            set_null(v, kind[i]);
    json_t *cancel = json_object_get(v, "subscription_cancel");
    if (json_is_object(cancel) && !json_object_get(cancel, "retention"))
        set_null(cancel, "retention");
    if (!after)
        set_new(v, "after_completion", json_pack("{s:s}", "type", "portal_homepage"));
    after = json_object_get(v, "after_completion");
    if (!json_object_get(after, "hosted_confirmation"))
        set_null(after, "hosted_confirmation");
    if (!json_object_get(after, "redirect"))
        set_null(after, "redirect");
    return v;
}

json_t *portal_sessions_create(struct call *c)
{
    static const struct field fields[] = { { "customer", F_REF, NULL, T_CUSTOMER },
                                           { "locale", F_TEXT, NULL, 0 },
                                           { "on_behalf_of", F_TEXT, NULL, 0 },
                                           { "return_url", F_TEXT, NULL, 0 } };
    struct args a = args_of(c), flow;
    char secret[ID_BYTES];
    str id = arg_str(&a, "configuration");
    struct record *configuration = NULL;

    if (!arg_str(&a, "customer").n)
        return refuse_param_missing(c, "customer");
    if (id.n &&
        !(configuration = named_record(c, T_BILLING_PORTAL_CONFIGURATION, id, "configuration")))
        return NULL;
    json_t *doc = record_shape(c->emu, c->space, T_PORTAL_SESSION, NULL);
    if (!fields_apply(&a, doc, fields, COUNT(fields))) {
        json_decref(doc);
        return NULL;
    }
    if (!configuration)
        configuration = configuration_default(c);
    set_strz(doc, "configuration", configuration->id);
    if (!get_str(doc, "return_url").p)
        set_str(doc, "return_url", get_str(record_doc(configuration), "default_return_url"));
    if (args_sub(&a, "flow_data", &flow))
        set_new(doc, "flow", flow_document(flow.hash));
    make_id(c->emu, c->space->livemode ? "live_" : "test_", SESSION_SECRET_CHARS, secret);
    set_str(doc, "url", arena_printf(c->arena, "https://billing.stripe.com/p/session/%s", secret));
    struct record *r = record_add(c->emu, c->space, T_PORTAL_SESSION, doc);
    emit(c, r, "billing_portal.session.created");
    return answer_record(c, r);
}
