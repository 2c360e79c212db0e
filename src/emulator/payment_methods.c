/* payment_methods.c - making, attaching and listing them. */
#include "emulator/cards.h"
#include "emulator/list.h"
#include "emulator/shapes.h"

#include <string.h>

/* What a type of payment method shows of itself, and how it pays. */
static const struct method_type {
    const char *name, *shape;
    enum method_way way;
} types[] = {
    { "card", NULL, WAY_CARD },
    { "sepa_debit",
      "{'bank_code':null,'branch_code':null,'country':null,'fingerprint':null,"
      "'generated_from':{'charge':null,'setup_attempt':null},'last4':null}",
      WAY_DEBIT },
    { "us_bank_account",
      "{'account_holder_type':'individual','account_type':'checking','bank_name':'STRIPE TEST "
      "BANK','financial_connections_account':null,'fingerprint':null,'last4':null,"
      "'networks':{'preferred':'ach','supported':['ach']},'routing_number':'110000000',"
      "'status_details':null}",
      WAY_DEBIT },
    { "bacs_debit", "{'fingerprint':null,'last4':null,'sort_code':'108800'}", WAY_DEBIT },
    { "au_becs_debit", "{'bsb_number':'000000','fingerprint':null,'last4':null}", WAY_DEBIT },
    { "customer_balance", "{}", WAY_TRANSFER },
    { "link", "{'email':null}", WAY_CARD },
    { "alipay", "{}", WAY_REDIRECT },
    { "bancontact", "{}", WAY_REDIRECT },
    { "cashapp", "{'buyer_id':null,'cashtag':null}", WAY_REDIRECT },
    { "eps", "{'bank':null}", WAY_REDIRECT },
    { "ideal", "{'bank':null,'bic':null}", WAY_REDIRECT },
    { "klarna", "{'dob':null}", WAY_REDIRECT },
    { "p24", "{'bank':null}", WAY_REDIRECT },
    { "paypal", "{'country':null,'payer_email':null,'payer_id':null}", WAY_REDIRECT },
};

static const struct method_type *type_named(str name)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_eqz(name, types[i].name))
            return &types[i];
    return NULL;
}

enum method_way method_way(str type)
{
    const struct method_type *t = type_named(type);

    return t ? t->way : WAY_UNKNOWN;
}

/* The same number has the same one everywhere. */
static void set_fingerprint(json_t *details, str number)
{
    char fingerprint[17] = { 0 };
    uint64_t h = hash_str(number, 3);

    for (int i = 0; i < 16; i++)
        fingerprint[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUV"[rng_next(&h) % 32];
    set_strz(details, "fingerprint", fingerprint);
}

static str last_four(str number)
{
    return str_sub(number, number.n > 4 ? number.n - 4 : 0, number.n);
}

static json_t *card_details(const struct card_kind *k)
{
    json_t *card = shape_parse(shape_card);
    str brand = str_of(k->brand), number = str_of(k->number);

    set_str(card, "brand", brand);
    set_strz(card, "country", k->country);
    set_str(card, "display_brand", brand);
    if (strstr(k->name, "debit") || strstr(k->name, "prepaid"))
        set_strz(card, "funding", strstr(k->name, "debit") ? "debit" : "prepaid");
    set_str(card, "last4", last_four(number));
    set_fingerprint(card, number);
    json_array_set_new(get_path(card, "networks.available"), 0, json_str(brand));
    return card;
}

/* `id` NULL: a new one. */
static struct record *method_make(struct call *c, const struct card_kind *k, const char *id)
{
    json_t *doc = record_shape(c->emu, c->space, T_PAYMENT_METHOD, id);

    set_new(doc, "card", card_details(k));
    struct record *r = record_add(c->emu, c->space, T_PAYMENT_METHOD, doc);
    record_hide(r, "kind", json_string(k->name));
    return r;
}

static struct record *bank_make(struct call *c, const struct method_type *t, const struct args *a)
{
    json_t *doc = record_shape(c->emu, c->space, T_PAYMENT_METHOD, NULL);
    json_t *details = shape_parse(t->shape);
    struct args sub;
    str number = { 0 };

    if (args_sub(a, t->name, &sub)) {
        static const char *const holder[] = { "account_holder_type", "account_type",
                                              "routing_number" };
        number = arg_str(&sub, arg_given(&sub, "iban") ? "iban" : "account_number");
        if (arg_given(&sub, "iban"))
            set_str(details, "country", str_sub(number, 0, number.n < 2 ? number.n : 2));
        for (size_t i = 0; i < COUNT(holder); i++)
            if (arg_given(&sub, holder[i]) && json_object_get(details, holder[i]))
                set_str(details, holder[i], arg_str(&sub, holder[i]));
    }
    if (t->way == WAY_DEBIT) {
        set_str(details, "last4", last_four(number));
        set_fingerprint(details, number);
    }
    json_object_del(doc, "card");
    set_strz(doc, "type", t->name);
    set_new(doc, t->name, details);
    struct record *r = record_add(c->emu, c->space, T_PAYMENT_METHOD, doc);
    record_hide(r, "number", json_str(number));
    return r;
}

struct record *payment_method_card(struct call *c, str kind, const char *id)
{
    const struct card_kind *k = card_by_id(kind);

    return k ? method_make(c, k, id) : NULL;
}

/* A card whose fate is not played here is refused: as an ordinary one it would pass a test that it
 * should fail. */
static void *refuse_magic(struct call *c, str id, const char *param)
{
    return refuse(
        c, 400, "resource_missing", param,
        "The emulator does not implement the test payment method '%.*s'; pm_card_visa and "
        "the cards that are declined or need authentication are there.",
        STR_ARG(id));
}

struct record *payment_method_take(struct call *c, str id, const char *param)
{
    struct record *r = record_live(c->space, T_PAYMENT_METHOD, id);
    const struct card_kind *k = card_by_id(id);

    if (r)
        return r;
    if ((r = token_used(c, id, param)) || c->refused)
        return r;
    if (!k && (str_starts(id, S("pm_card_")) || str_starts(id, S("tok_"))))
        return refuse_magic(c, id, param);
    return k ? method_make(c, k, NULL) : refuse_missing(c, T_PAYMENT_METHOD, id, param);
}

static const struct field billing_fields[] = {
    { "address", F_ADDRESS, NULL, 0 },  { "email", F_TEXT_NULL, NULL, 0 },
    { "name", F_TEXT_NULL, NULL, 0 },   { "phone", F_TEXT_NULL, NULL, 0 },
    { "tax_id", F_TEXT_NULL, NULL, 0 },
};

static const struct field method_fields[] = {
    { "allow_redisplay", F_WORD, "always limited unspecified", 0 },
    { "metadata", F_METADATA, NULL, 0 },
};

static bool method_apply(const struct args *a, json_t *doc)
{
    struct args sub;
    int64_t n;

    if (!fields_apply(a, doc, method_fields, COUNT(method_fields)))
        return false;
    if (args_sub(a, "billing_details", &sub))
        fields_apply(&sub, json_object_get(doc, "billing_details"), billing_fields,
                     COUNT(billing_fields));
    if (json_is_object(json_object_get(doc, "card")) && args_sub(a, "card", &sub)) {
        json_t *card = json_object_get(doc, "card");
        if (arg_int(&sub, "exp_month", &n))
            set_int(card, "exp_month", n);
        if (arg_int(&sub, "exp_year", &n))
            set_int(card, "exp_year", n);
    }
    return !a->c->refused;
}

/* The card that a hash card means: by token, by number, or an ordinary one. */
static const struct card_kind *card_named(const struct args *data)
{
    struct args card;

    if (!args_sub(data, "card", &card))
        return card_by_number(S(""));
    str token = arg_str(&card, "token"), number = arg_str(&card, "number");
    struct record *t = token.n ? record_live(data->c->space, T_TOKEN, token) : NULL;
    if (t)
        token = get_str(t->hidden, "kind");
    const struct card_kind *k = token.n ? card_by_id(token) : card_by_number(number);
    return k ? k : refuse_magic(data->c, token, arg_name(&card, "token"));
}

struct record *payment_method_from(const struct args *data)
{
    struct call *c = data->c;
    str type = S("card");

    arg_text(data, "type", &type);
    const struct method_type *t = type_named(type);
    if (!t)
        return refuse(c, 400, NULL, arg_name(data, "type"),
                      "The emulator does not know payment methods of type %.*s.", STR_ARG(type));
    const struct card_kind *k = t->shape ? NULL : card_named(data);
    if (c->refused)
        return NULL;
    struct record *r = k ? method_make(c, k, NULL) : bank_make(c, t, data);
    if (method_apply(data, r->doc))
        return r;
    record_undo(c, r);
    return NULL;
}

void payment_method_attach(struct call *c, struct record *pm, str customer)
{
    if (str_eq(get_str(record_doc(pm), "customer"), customer))
        return;
    set_str(pm->doc, "customer", customer);
    record_touch(pm);
    emit(c, pm, "payment_method.attached");
}

/* --- handlers --- */

json_t *payment_methods_create(struct call *c)
{
    struct args a = args_of(c);

    if (!arg_given(&a, "type"))
        return refuse_param_missing(c, "type");
    struct record *r = payment_method_from(&a);
    if (!r)
        return NULL;
    record_touch(r);
    return answer_record(c, r);
}

/* A magic id can be looked at: it is a payment method of its own each time. */
json_t *payment_methods_get(struct call *c)
{
    struct record *r = record_live(c->space, T_PAYMENT_METHOD, c->part[0]);
    const struct card_kind *k = card_by_id(c->part[0]);

    if (!r && k) {
        uint64_t rng = c->emu->rng, seq = c->emu->seq; /* a GET leaves no trace */
        r = method_make(c, k, NULL);
        json_t *doc = json_deep_copy(r->doc);
        record_undo(c, r);
        c->emu->rng = rng;
        c->emu->seq = seq;
        return doc;
    }
    return r ? answer_record(c, r) : refuse_missing(c, T_PAYMENT_METHOD, c->part[0], NULL);
}

json_t *payment_methods_update(struct call *c)
{
    struct args a = args_of(c);
    struct record *r = path_record(c, T_PAYMENT_METHOD);

    if (!r)
        return NULL;
    json_t *before = change_begin(r);
    if (!method_apply(&a, r->doc)) {
        change_abort(r, before);
        return NULL;
    }
    change_end(c, r, before, "payment_method.updated");
    return answer_record(c, r);
}

json_t *payment_methods_attach(struct call *c)
{
    struct args a = args_of(c);
    str customer = arg_str(&a, "customer");
    struct record *owner = named_record(c, T_CUSTOMER, customer, "customer");
    struct record *pm = owner ? payment_method_take(c, c->part[0], NULL) : NULL;

    if (!pm)
        return NULL;
    str has = get_str(record_doc(pm), "customer");
    if (has.n && !str_eq(has, customer))
        return refuse(c, 400, NULL, NULL,
                      "The payment method you provided has already been attached to a customer.");
    struct outcome o = payment_method_attach_outcome(pm);
    if (!o.approved) {
        refuse_card(c, o.code, o.decline, o.message);
        return NULL;
    }
    payment_method_attach(c, pm, customer);
    return answer_record(c, pm);
}

/* For ever. */
json_t *payment_methods_detach(struct call *c)
{
    struct record *pm = path_record(c, T_PAYMENT_METHOD);

    if (!pm)
        return NULL;
    if (!get_str(record_doc(pm), "customer").p)
        return refuse(c, 400, NULL, NULL,
                      "The payment method you provided is not attached to a customer so detachment "
                      "is impossible.");
    struct record *owner = record_live(c->space, T_CUSTOMER, get_str(pm->doc, "customer"));
    json_t *settings = owner ? json_object_get(record_doc(owner), "invoice_settings") : NULL;
    if (settings && is_str(settings, "default_payment_method", pm->id)) {
        json_t *before = change_begin(owner);
        set_null(json_object_get(owner->doc, "invoice_settings"), "default_payment_method");
        change_end(c, owner, before, "customer.updated");
    }
    json_t *before = change_begin(pm);
    set_null(pm->doc, "customer");
    change_end(c, pm, before, "payment_method.detached");
    return answer_record(c, pm);
}

static bool method_kept(struct call *c, struct record *r, const void *ctx)
{
    struct args a = args_of(c);
    str type = arg_str(&a, "type");

    (void)ctx;
    return !type.n || str_eq(get_str(record_doc(r), "type"), type);
}

json_t *payment_methods_list(struct call *c)
{
    struct args a = args_of(c);
    struct list_query q = { .type = T_PAYMENT_METHOD, .keep = method_kept };

    if (arg_text(&a, "customer", &q.owner) && !named_record(c, T_CUSTOMER, q.owner, "customer"))
        return NULL;
    return answer_list(c, &q);
}

json_t *customers_payment_methods(struct call *c)
{
    struct record *r = path_record(c, T_CUSTOMER);

    if (!r)
        return NULL;
    str url = arena_printf(c->arena, "/v1/customers/%s/payment_methods", r->id);
    return answer_list(c, &(struct list_query){ .type = T_PAYMENT_METHOD,
                                                .owner = str_of(r->id),
                                                .url = url.p,
                                                .keep = method_kept });
}

json_t *customers_payment_method(struct call *c)
{
    struct record *r = path_record(c, T_CUSTOMER);
    struct record *pm = r ? record_live(c->space, T_PAYMENT_METHOD, c->part[1]) : NULL;

    if (!r)
        return NULL;
    if (!pm || !is_str(record_doc(pm), "customer", r->id))
        return refuse_missing(c, T_PAYMENT_METHOD, c->part[1], NULL);
    return answer_record(c, pm);
}
