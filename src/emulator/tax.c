/* tax.c - /v1/tax_rates and tax ids, of customers and of the account itself. */
#include "emulator/list.h"
#include "emulator/plain.h"
#include "emulator/rooms.h"

#include <string.h>

/* --- rates --- */

static const struct field rate_fields[] = {
    { "active", F_BOOL, NULL, 0 },
    { "country", F_TEXT_NULL, NULL, 2 },
    { "description", F_TEXT_NULL, NULL, 0 },
    { "display_name", F_TEXT, NULL, 100 },
    { "inclusive", F_BOOL, NULL, 0 },
    { "jurisdiction", F_TEXT_NULL, NULL, 200 },
    { "metadata", F_METADATA, NULL, 0 },
    { "percentage", F_NUMBER, NULL, 0 },
    { "state", F_TEXT_NULL, NULL, 0 },
    { "tax_type", F_WORD,
      "amusement_tax communications_tax gst hst igst jct lease_tax pst qst retail_delivery_fee rst "
      "sales_tax service_tax vat",
      0 },
};

static bool rate_make(const struct args *a, json_t *doc, json_t *hidden)
{
    double percent = json_number_value(json_object_get(doc, "percentage"));

    (void)hidden;
    if (percent < 0 || percent > 100)
        return refuse(a->c, 400, NULL, "percentage",
                      "Invalid decimal: percentage must be between 0 and 100");
    set_new(doc, "effective_percentage", json_deep_copy(json_object_get(doc, "percentage")));
    return true;
}

const struct plain tax_rate_plain = {
    .type = T_TAX_RATE,
    .field = rate_fields,
    .n_fields = COUNT(rate_fields),
    .created = "tax_rate.created",
    .updated = "tax_rate.updated",
    .make = rate_make,
};

bool tax_rates_read(const struct args *a, const char *name, json_t *doc, const char *member)
{
    str id[ARGS_LIST_MAX];

    if (!arg_given(a, name))
        return true;
    size_t n = args_strings(a, name, id, ARGS_LIST_MAX);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        struct record *r = named_record(a->c, T_TAX_RATE, id[i], arg_name(a, name));
        if (r && !r->active)
            refuse(a->c, 400, NULL, arg_name(a, name),
                   "The tax rate %s is archived and cannot be used.", r->id);
        if (r)
            json_array_append_new(list, json_deep_copy(record_doc(r)));
    }
    set_new(doc, member, list);
    return !a->c->refused;
}

/* --- ids --- */

static const struct field id_fields[] = {
    { "type", F_TEXT, NULL, 0 },
    { "value", F_TEXT, NULL, 0 },
};

/* "gb_vat" is British; the Union's number says in its first letters of which country it is. */
static void country_set(json_t *doc)
{
    str from = is_str(doc, "type", "eu_vat") ? get_str(doc, "value") : get_str(doc, "type");
    char country[3] = { 0 };

    for (size_t i = 0; i < 2 && i < from.n; i++)
        country[i] = from.p[i] >= 'a' && from.p[i] <= 'z' ? (char)(from.p[i] - 32) : from.p[i];
    set_strz(doc, "country", country);
}

struct record *tax_id_make(const struct args *a, str customer)
{
    struct call *c = a->c;
    json_t *doc = record_shape(c->emu, c->space, T_TAX_ID, NULL);

    if (!arg_given(a, "type"))
        refuse_param_missing(c, arg_name(a, "type"));
    if (!arg_given(a, "value"))
        refuse_param_missing(c, arg_name(a, "value"));
    if (c->refused || !fields_apply(a, doc, id_fields, COUNT(id_fields))) {
        json_decref(doc);
        return NULL;
    }
    country_set(doc);
    json_t *owner =
        json_pack("{s:n,s:s}", "customer_account", "type", customer.n ? "customer" : "self");
    if (customer.n) {
        set_str(doc, "customer", customer);
        set_str(owner, "customer", customer);
    }
    set_new(doc, "owner", owner);
    set_new(doc, "verification",
            json_pack("{s:s,s:n,s:n}", "status",
                      is_str(doc, "type", "eu_vat") || is_str(doc, "type", "gb_vat")
                          ? "pending"
                          : "unavailable",
                      "verified_address", "verified_name"));
    return record_add(c->emu, c->space, T_TAX_ID, doc);
}

/* The customer in the path, or in owner[customer]; {NULL, 0}: the account itself. */
static bool owner_read(struct call *c, str *customer)
{
    struct args a = args_of(c), owner;

    *customer = c->part[0];
    if (!customer->n && args_sub(&a, "owner", &owner))
        *customer = arg_str(&owner, "customer");
    if (!customer->n || record_live(c->space, T_CUSTOMER, *customer))
        return !c->refused;
    refuse_missing(c, T_CUSTOMER, *customer, c->part[0].n ? NULL : "owner[customer]");
    return false;
}

json_t *tax_ids_create(struct call *c)
{
    struct args a = args_of(c);
    str customer;

    if (!owner_read(c, &customer))
        return NULL;
    struct record *r = tax_id_make(&a, customer);
    if (!r)
        return NULL;
    if (customer.n) /* of the account's own no event tells */
        emit(c, r, "customer.tax_id.created");
    return answer_record(c, r);
}

/* /v1/tax_ids/{} or /v1/customers/{}/tax_ids/{} */
static struct record *tax_id_path(struct call *c)
{
    bool nested = c->part[1].n;
    str id = nested ? c->part[1] : c->part[0];
    struct record *r = record_live(c->space, T_TAX_ID, id);

    if (r && (!nested || str_eq(get_str(record_doc(r), "customer"), c->part[0])))
        return r;
    return refuse_missing(c, T_TAX_ID, id, NULL);
}

json_t *tax_ids_get(struct call *c)
{
    struct record *r = tax_id_path(c);

    return r ? answer_record(c, r) : NULL;
}

json_t *tax_ids_delete(struct call *c)
{
    struct record *r = tax_id_path(c);

    if (!r)
        return NULL;
    record_delete(r);
    if (get_str(record_doc(r), "customer").n)
        emit(c, r, "customer.tax_id.deleted");
    return answer_deleted(c, T_TAX_ID, str_of(r->id));
}

static bool own_kept(struct call *c, struct record *r, const void *ctx)
{
    (void)c;
    (void)ctx;
    return !get_str(record_doc(r), "customer").p;
}

/* By default the account's own. [facts: F-05] */
json_t *tax_ids_list(struct call *c)
{
    struct list_query q = { .type = T_TAX_ID };

    if (!owner_read(c, &q.owner))
        return NULL;
    if (!q.owner.n)
        q.keep = own_kept;
    if (c->part[0].n)
        q.url = arena_printf(c->arena, "/v1/customers/%.*s/tax_ids", STR_ARG(c->part[0])).p;
    return answer_list(c, &q);
}
