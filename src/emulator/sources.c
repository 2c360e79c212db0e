/* sources.c - the older way to pay: tokens, and the cards and bank accounts of a customer. A card
 * is a payment method of the same id, too, and is charged as such. */
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <string.h>

/* A card's brand, as sources write it. */
static const char *brand_of(str brand)
{
    static const char *const name[][2] = {
        { "visa", "Visa" },         { "mastercard", "MasterCard" }, { "amex", "American Express" },
        { "jcb", "JCB" },           { "diners", "Diners Club" },    { "discover", "Discover" },
        { "unionpay", "UnionPay" },
    };

    for (size_t i = 0; i < COUNT(name); i++)
        if (str_eqz(brand, name[i][0]))
            return name[i][1];
    return "Unknown";
}

/* The card as a source of its own, out of the payment method that it is. */
static json_t *card_from(struct call *c, struct record *pm)
{
    static const char *const same[] = { "country",     "exp_month", "exp_year",
                                        "fingerprint", "funding",   "last4" };
    json_t *doc = record_shape(c->emu, c->space, T_CARD, pm->id);
    const json_t *card = json_object_get(record_doc(pm), "card");

    for (size_t i = 0; i < COUNT(same); i++)
        set_new(doc, same[i], json_deep_copy(json_object_get(card, same[i])));
    set_strz(doc, "brand", brand_of(get_str(card, "brand")));
    return doc;
}

/* --- tokens --- */

/* tok_visa and its like are always there; these are made. */
json_t *tokens_create(struct call *c)
{
    struct args a = args_of(c), card;
    char id[ID_BYTES];

    if (!args_sub(&a, "card", &card))
        return refuse(c, 400, NULL, NULL,
                      "The emulator makes tokens of cards alone: send a hash card.");
    struct record *pm = payment_method_from(&a);
    if (!pm)
        return NULL;
    json_t *doc = record_shape(c->emu, c->space, T_TOKEN, NULL);
    json_t *shown = card_from(c, pm);
    make_id(c->emu, "card_", ID_RANDOM, id);
    set_strz(shown, "id", id);
    set_new(doc, "card", shown);
    struct record *r = record_add(c->emu, c->space, T_TOKEN, doc);
    record_hide(r, "kind",
                json_str(arena_printf(c->arena, "tok_%.*s", STR_ARG(get_str(pm->hidden, "kind")))));
    record_undo(c, pm);
    return answer_record(c, r);
}

struct record *token_used(struct call *c, str id, const char *param)
{
    struct record *t = record_live(c->space, T_TOKEN, id);

    if (!t)
        return NULL;
    if (get_bool(record_doc(t), "used"))
        return refuse(c, 400, "token_already_used", param,
                      "You cannot use a Stripe token more than once: %s.", t->id);
    set_bool(t->doc, "used", true);
    record_touch(t);
    return payment_method_card(c, get_str(t->hidden, "kind"), NULL);
}

/* --- sources of a customer --- */

struct record *source_find(struct space *s, str id)
{
    struct record *r = record_live(s, T_CARD, id);

    return r ? r : record_live(s, T_BANK_ACCOUNT, id);
}

static struct record *card_make(struct call *c, struct record *customer, str token)
{
    struct record *made = record_live(c->space, T_TOKEN, token);
    char id[ID_BYTES];

    if (made) { /* it is used up, and its kind is what counts */
        struct record *pm = token_used(c, token, "source");
        if (!pm)
            return NULL;
        record_undo(c, pm);
        token = get_str(made->hidden, "kind");
    }
    make_id(c->emu, "card_", ID_RANDOM, id);
    struct record *pm = payment_method_card(c, token, id);
    if (!pm)
        return refuse(c, 400, "resource_missing", "source", "No such token: '%.*s'",
                      STR_ARG(token));
    struct outcome o = payment_method_attach_outcome(pm);
    if (!o.approved) {
        record_undo(c, pm);
        refuse_card(c, o.code, o.decline, o.message);
        return NULL;
    }
    json_t *doc = card_from(c, pm);
    set_strz(doc, "customer", customer->id);
    set_strz(record_doc(pm), "customer", customer->id);
    record_touch(pm);
    return record_add(c->emu, c->space, T_CARD, doc);
}

static struct record *bank_make(struct call *c, struct record *customer, str token)
{
    json_t *doc = record_shape(c->emu, c->space, T_BANK_ACCOUNT, NULL);

    set_strz(doc, "account_holder_type", "individual");
    set_strz(doc, "bank_name", "STRIPE TEST BANK");
    set_strz(doc, "customer", customer->id);
    set_strz(doc, "routing_number", "110000000");
    set_strz(doc, "status", str_eq(token, S("btok_us_verified")) ? "verified" : "new");
    return record_add(c->emu, c->space, T_BANK_ACCOUNT, doc);
}

/* The first one becomes the customer's default. */
json_t *sources_create(struct call *c)
{
    struct args a = args_of(c);
    struct record *customer = path_record(c, T_CUSTOMER);
    str token;

    if (!customer)
        return NULL;
    if (!arg_text(&a, "source", &token))
        return c->refused ? NULL : refuse_param_missing(c, "source");
    struct record *r = str_starts(token, S("btok_")) ? bank_make(c, customer, token)
                                                     : card_make(c, customer, token);
    if (!r)
        return NULL;
    if (!metadata_apply(&a, r->doc)) {
        record_undo(c, r);
        return NULL;
    }
    record_touch(r);
    emit(c, r, "customer.source.created");
    if (!get_str(record_doc(customer), "default_source").p) {
        json_t *before = change_begin(customer);
        set_strz(customer->doc, "default_source", r->id);
        change_end(c, customer, before, "customer.updated");
    }
    return answer_record(c, r);
}

/* The source in the path, of the customer in the path. */
static struct record *source_in_path(struct call *c)
{
    struct record *customer = path_record(c, T_CUSTOMER);
    struct record *r = customer ? source_find(c->space, c->part[1]) : NULL;

    if (!customer)
        return NULL;
    if (!r || !is_str(record_doc(r), "customer", customer->id))
        return refuse(c, 404, "resource_missing", "id", "No such source: '%.*s'",
                      STR_ARG(c->part[1]));
    return r;
}

json_t *sources_get(struct call *c)
{
    struct record *r = source_in_path(c);

    return r ? answer_record(c, r) : NULL;
}

static const struct field source_fields[] = {
    { "account_holder_name", F_TEXT_NULL, NULL, 0 },
    { "account_holder_type", F_WORD, "individual company", 0 },
    { "address_city", F_TEXT_NULL, NULL, 0 },
    { "address_country", F_TEXT_NULL, NULL, 0 },
    { "address_line1", F_TEXT_NULL, NULL, 0 },
    { "address_line2", F_TEXT_NULL, NULL, 0 },
    { "address_state", F_TEXT_NULL, NULL, 0 },
    { "address_zip", F_TEXT_NULL, NULL, 0 },
    { "exp_month", F_INT, NULL, 0 },
    { "exp_year", F_INT, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "name", F_TEXT_NULL, NULL, 0 },
};

json_t *sources_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = source_in_path(c);

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (!fields_apply(&a, r->doc, source_fields, COUNT(source_fields))) {
        change_abort(r, before);
        return NULL;
    }
    change_end(c, r, before, "customer.source.updated");
    return answer_record(c, r);
}

/* The newest of what is left becomes the default. */
json_t *sources_delete(struct call *c)
{
    struct record *r = source_in_path(c), *left = NULL, *next;

    if (!r)
        return NULL;
    struct record *customer = path_record(c, T_CUSTOMER);
    struct record *pm = record_live(c->space, T_PAYMENT_METHOD, str_of(r->id));
    record_delete(r);
    if (pm)
        record_delete(pm);
    emit(c, r, "customer.source.deleted");
    str id = str_of(customer->id);
    for (next = NULL; (next = owned_next(c->space, T_CARD, id, next));)
        left = next;
    if (is_str(record_doc(customer), "default_source", r->id)) {
        json_t *before = change_begin(customer);
        set_strz(customer->doc, "default_source", left ? left->id : NULL);
        change_end(c, customer, before, "customer.updated");
    }
    return answer_deleted(c, r->type, str_of(r->id));
}

json_t *sources_list(struct call *c)
{
    struct args a = args_of(c);
    struct record *customer = path_record(c, T_CUSTOMER);
    bool banks = str_eq(arg_str(&a, "object"), S("bank_account"));

    if (!customer)
        return NULL;
    str url = arena_printf(c->arena, "/v1/customers/%s/sources", customer->id);
    return answer_list(c, &(struct list_query){ .type = banks ? T_BANK_ACCOUNT : T_CARD,
                                                .owner = str_of(customer->id),
                                                .url = url.p });
}

json_t *sources_embedded(struct call *c, struct record *customer, const char *url)
{
    json_t *list = list_embedded(c->space, T_CARD, str_of(customer->id), url);
    json_t *banks = list_embedded(c->space, T_BANK_ACCOUNT, str_of(customer->id), url);

    json_array_extend(json_object_get(list, "data"), json_object_get(banks, "data"));
    json_decref(banks);
    return list;
}
