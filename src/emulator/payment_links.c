/* payment_links.c - a page that anybody may open: each time it makes a checkout session. */
#include "emulator/auth.h"
#include "emulator/checkout.h"
#include "emulator/list.h"

#include <string.h>

enum { URL_CHARS = 16 };

static const struct field link_fields[] = {
    { "active", F_BOOL, NULL, 0 },
    { "after_completion", F_MERGE, NULL, 0 },
    { "allow_promotion_codes", F_BOOL, NULL, 0 },
    { "application_fee_amount", F_INT_NULL, NULL, 0 },
    { "application_fee_percent", F_NUMBER, NULL, 0 },
    { "automatic_tax", F_MERGE, NULL, 0 },
    { "billing_address_collection", F_WORD, "auto required", 0 },
    { "consent_collection", F_HASH, NULL, 0 },
    { "custom_fields", F_HASH, NULL, 0 },
    { "custom_text", F_MERGE, NULL, 0 },
    { "customer_creation", F_WORD, "always if_required", 0 },
    { "inactive_message", F_TEXT_NULL, NULL, 500 },
    { "invoice_creation", F_HASH, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "on_behalf_of", F_TEXT, NULL, 0 },
    { "payment_intent_data", F_HASH, NULL, 0 },
    { "payment_method_collection", F_WORD, "always if_required", 0 },
    { "payment_method_types", F_LIST, NULL, 0 },
    { "phone_number_collection", F_MERGE, NULL, 0 },
    { "restrictions", F_HASH, NULL, 0 },
    { "shipping_address_collection", F_HASH, NULL, 0 },
    { "submit_type", F_WORD, "auto book donate pay subscribe", 0 },
    { "subscription_data", F_HASH, NULL, 0 },
    { "tax_id_collection", F_MERGE, NULL, 0 },
    { "transfer_data", F_HASH, NULL, 0 },
};

json_t *links_create(struct call *c)
{
    struct args a = args_of(c);
    struct lines *lines = arena_alloc(c->arena, sizeof *lines);
    json_t *doc = record_shape(c->emu, c->space, T_PAYMENT_LINK, NULL);
    char secret[ID_BYTES];

    if (!lines || !fields_apply(&a, doc, link_fields, COUNT(link_fields)) ||
        !lines_read(&a, "link", lines)) {
        json_decref(doc);
        return NULL;
    }
    make_id(c->emu, c->space->livemode ? "" : "test_", URL_CHARS, secret);
    set_str(doc, "currency", lines->currency);
    if (get_str(doc, "payment_method_collection").n == 0 || !lines->recurring)
        set_strz(doc, "payment_method_collection", lines->recurring ? "always" : "if_required");
    set_str(doc, "url", arena_printf(c->arena, "https://buy.stripe.com/%s", secret));
    struct record *r = record_add(c->emu, c->space, T_PAYMENT_LINK, doc);
    if (lines_keep(c, r, lines) < 0) {
        record_undo(c, r);
        return NULL;
    }
    record_hide(r, "params", json_deep_copy(c->params));
    record_hide(r, "recurring", json_boolean(lines->recurring));
    record_touch(r);
    emit(c, r, "payment_link.created");
    return answer_record(c, r);
}

json_t *links_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_PAYMENT_LINK);

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (!fields_apply(&a, r->doc, link_fields, COUNT(link_fields))) {
        change_abort(r, before);
        return NULL;
    }
    change_end(c, r, before, "payment_link.updated");
    return answer_record(c, r);
}

/* What sells an archived product sells nothing any more. [facts: R-30] */
void links_follow(struct call *c, struct record *product)
{
    const struct table *t = &c->space->table[T_PAYMENT_LINK];

    for (size_t i = 0; i < t->n; i++) {
        struct record *link = t->row[i], *item = NULL;
        bool sells = false;
        if (!get_bool(record_doc(link), "active"))
            continue;
        while ((item = owned_next(c->space, T_ITEM, str_of(link->id), item)))
            sells |= is_str(json_object_get(record_doc(item), "price"), "product", product->id);
        if (!sells)
            continue;
        json_t *before = change_begin(link);
        set_bool(link->doc, "active", false);
        change_end(c, link, before, "payment_link.updated");
    }
}

/* --- somebody opens it --- */

/* The parameters of a session that does what the link says. */
static json_t *session_params(struct call *c, struct record *link)
{
    static const char *const same[] = { "allow_promotion_codes",
                                        "billing_address_collection",
                                        "customer_creation",
                                        "metadata",
                                        "payment_intent_data",
                                        "payment_method_collection",
                                        "payment_method_types",
                                        "phone_number_collection",
                                        "submit_type",
                                        "subscription_data",
                                        "shipping_address_collection" };
    const json_t *from = json_object_get(link->hidden, "params");
    json_t *p = json_object();
    size_t n = 0;

    for (size_t i = 0; i < COUNT(same); i++)
        if (json_object_get(from, same[i]))
            set_new(p, same[i], json_deep_copy(json_object_get(from, same[i])));
    for (struct record *r = NULL; (r = owned_next(c->space, T_ITEM, str_of(link->id), r)); n++) {
        param_put(p, arena_printf(c->arena, "line_items.%zu.price", n).p,
                  get_str(json_object_get(record_doc(r), "price"), "id"));
        param_put(p, arena_printf(c->arena, "line_items.%zu.quantity", n).p,
                  arena_printf(c->arena, "%lld", (long long)get_int(r->doc, "quantity")));
    }
    param_put(p, "mode", get_bool(link->hidden, "recurring") ? S("subscription") : S("payment"));
    return p;
}

/* POST /_emulator/payment_links/{id}/open: the session that a visitor would see. */
json_t *links_open(struct call *c)
{
    c->space = auth_admin(c);
    struct record *link = c->space ? path_record(c, T_PAYMENT_LINK) : NULL;

    if (!c->space && !c->refused)
        return refuse(c, 400, NULL, NULL,
                      "Say whose link you mean: send an API key in the Authorization header.");
    if (!link)
        return NULL;
    if (!get_bool(record_doc(link), "active"))
        return refuse(c, 400, "payment_link_inactive", NULL, "This payment link is not active.");
    json_t *params = session_params(c, link);
    struct record *cs = session_make(&(struct args){ c, params, "" }, link);
    json_decref(params);
    return cs ? answer_record(c, cs) : NULL;
}
