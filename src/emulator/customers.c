#include "emulator/list.h"
#include "emulator/points.h"
#include "emulator/rooms.h"

#include <string.h>

static const struct field customer_fields[] = {
    { "address", F_ADDRESS, NULL, 0 },         { "balance", F_INT, NULL, 0 },
    { "business_name", F_TEXT_NULL, NULL, 0 }, { "description", F_TEXT_NULL, NULL, 0 },
    { "email", F_TEXT_NULL, NULL, 512 },       { "individual_name", F_TEXT_NULL, NULL, 0 },
    { "invoice_prefix", F_TEXT, NULL, 12 },    { "metadata", F_METADATA, NULL, 0 },
    { "name", F_TEXT_NULL, NULL, 0 },          { "next_invoice_sequence", F_INT, NULL, 0 },
    { "phone", F_TEXT_NULL, NULL, 0 },         { "preferred_locales", F_LIST, NULL, 0 },
    { "shipping", F_HASH, NULL, 0 },           { "tax_exempt", F_WORD, "none exempt reverse", 0 },
};

/* Those that a customer does not have are not sent. */
static bool customer_apply(const struct args *a, json_t *doc)
{
    static const char *const optional[] = { "business_name", "individual_name" };
    bool ok = fields_apply(a, doc, customer_fields, COUNT(customer_fields));

    for (size_t i = 0; i < COUNT(optional); i++)
        if (json_is_null(json_object_get(doc, optional[i])))
            json_object_del(doc, optional[i]);
    return ok;
}

enum { PREFIX_CHARS = 8, TAX_IDS_MAX = 5 };

/* What a request wants to be the payment method of this customer. */
struct methods {
    str attach;   /* payment_method or source */
    str standard; /* invoice_settings[default_payment_method]; "" clears it */
};

static bool methods_read(const struct args *a, struct methods *m)
{
    struct args settings;

    m->attach = arg_str(a, "payment_method");
    if (!m->attach.n)
        m->attach = arg_str(a, "source");
    if (args_sub(a, "invoice_settings", &settings))
        m->standard = arg_str(&settings, "default_payment_method");
    return !a->c->refused;
}

static struct record *method_attachable(struct call *c, str id)
{
    struct record *pm = payment_method_take(c, id, "payment_method");

    if (!pm)
        return NULL;
    struct outcome o = payment_method_attach_outcome(pm);
    if (!o.approved) {
        refuse_card(c, o.code, o.decline, o.message);
        return NULL;
    }
    return pm;
}

/* The default must be attached to the customer, or about to be: the same magic id in both places
 * is one payment method. */
static struct record *method_standard(struct call *c, struct record *customer,
                                      const struct methods *m, struct record *made)
{
    static const char param[] = "invoice_settings[default_payment_method]";

    if (made && (str_eq(m->standard, m->attach) || str_eqz(m->standard, made->id)))
        return made;
    struct record *pm = payment_method_take(c, m->standard, param);
    if (pm && !is_str(record_doc(pm), "customer", customer->id))
        return refuse(c, 400, "resource_missing", param,
                      "The customer does not have a payment method with the ID %.*s. The payment "
                      "method must be attached to the customer.",
                      STR_ARG(m->standard));
    return pm;
}

/* Everything is checked before anything is attached. */
static bool methods_apply(struct call *c, struct record *customer, const struct methods *m)
{
    json_t *settings = json_object_get(record_doc(customer), "invoice_settings");
    struct record *made = NULL, *standard = NULL;

    if (m->attach.n && !(made = method_attachable(c, m->attach)))
        return false;
    if (m->standard.n && !(standard = method_standard(c, customer, m, made)))
        return false;
    if (made)
        payment_method_attach(c, made, str_of(customer->id));
    if (standard)
        set_strz(settings, "default_payment_method", standard->id);
    else if (m->standard.p)
        set_null(settings, "default_payment_method");
    return true;
}

/* What is made with the customer and has a room of its own. */
struct extras {
    struct discount_order discount;
    struct args tax_id[TAX_IDS_MAX];
    size_t n_tax_ids;
};

static bool extras_read(const struct args *a, str customer, struct extras *x)
{
    if (!discounts_read(a, customer, &x->discount))
        return false;
    x->n_tax_ids = args_list(a, "tax_id_data", x->tax_id, TAX_IDS_MAX);
    for (size_t i = 0; i < x->n_tax_ids; i++)
        if (!arg_str(&x->tax_id[i], "type").n || !arg_str(&x->tax_id[i], "value").n)
            return refuse_param_missing(a->c, arg_name(&x->tax_id[i], "type"));
    return !a->c->refused;
}

static void extras_make(const struct args *a, struct record *customer, const struct extras *x)
{
    customer_discount_apply(a->c, customer, &x->discount);
    for (size_t i = 0; i < x->n_tax_ids; i++) {
        struct record *r = tax_id_make(&x->tax_id[i], str_of(customer->id));
        if (r)
            emit(a->c, r, "customer.tax_id.created");
    }
}

json_t *customers_create(struct call *c)
{
    struct args a = args_of(c);
    struct methods m = { 0 };
    struct extras extras;
    char prefix[ID_BYTES];

    if (!extras_read(&a, (str){ 0 }, &extras))
        return NULL;
    json_t *doc = record_shape(c->emu, c->space, T_CUSTOMER, NULL);

    make_id(c->emu, "", PREFIX_CHARS, prefix);
    for (char *p = prefix; *p; p++)
        *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
    set_strz(doc, "invoice_prefix", prefix);
    if (!customer_apply(&a, doc) || !methods_read(&a, &m)) {
        json_decref(doc);
        return NULL;
    }
    struct record *r = record_add(c->emu, c->space, T_CUSTOMER, doc);
    if (!methods_apply(c, r, &m)) {
        record_undo(c, r);
        return NULL;
    }
    record_touch(r);
    extras_make(&a, r, &extras);
    emit(c, r, "customer.created");
    return answer_record(c, r);
}

/* A deleted customer is 400 here. [facts: R-07, open] */
json_t *customers_update(struct call *c)
{
    struct args a = args_of(c);
    struct methods m = { 0 };
    struct record *r = record_any(c->space, T_CUSTOMER, c->part[0]);

    if (!r || r->deleted)
        return refuse_missing(c, T_CUSTOMER, c->part[0],
                              r && point_is(c->emu, POINT_DELETED_CUSTOMER, "400") ? "id" : NULL);
    struct discount_order discount;
    if (!discounts_read(&a, c->part[0], &discount))
        return NULL;
    json_t *before = change_begin(r);
    if (!customer_apply(&a, r->doc) || !methods_read(&a, &m) || !methods_apply(c, r, &m)) {
        change_abort(r, before);
        return NULL;
    }
    customer_discount_apply(c, r, &discount);
    change_end(c, r, before, "customer.updated");
    return answer_record(c, r);
}

/* Its subscriptions end at once; what was its payment method is nobody's. [facts: R-07, 10.1] */
void customer_remove(struct call *c, struct record *r)
{
    for (struct record *s = NULL; (s = owned_next(c->space, T_SUBSCRIPTION, str_of(r->id), s));)
        subscription_cancel(c, s, "cancellation_requested");
    record_delete(r);
    emit(c, r, "customer.deleted");
}

json_t *customers_delete(struct call *c)
{
    struct record *r = path_record(c, T_CUSTOMER);

    if (!r)
        return NULL;
    customer_remove(c, r);
    return answer_deleted(c, T_CUSTOMER, str_of(r->id));
}

/* One that was deleted is still there, by its id alone. [facts: R-07] */
json_t *customers_get(struct call *c)
{
    struct record *r = record_any(c->space, T_CUSTOMER, c->part[0]);

    if (r && r->deleted)
        return deleted_form(T_CUSTOMER, c->part[0]);
    return r ? answer_record(c, r) : refuse_missing(c, T_CUSTOMER, c->part[0], NULL);
}

static bool customer_kept(struct call *c, struct record *r, const void *ctx)
{
    const str *email = ctx;

    (void)c;
    return !email->n || str_eq(get_str(record_doc(r), "email"), *email);
}

json_t *customers_list(struct call *c)
{
    struct args a = args_of(c);
    str email = arg_str(&a, "email");

    return answer_list(
        c, &(struct list_query){ .type = T_CUSTOMER, .keep = customer_kept, .ctx = &email });
}
