/* credit_notes.c - /v1/credit_notes: an open invoice owes less, of a paid one money goes back. */
#include "emulator/list.h"
#include "emulator/plain.h"
#include "emulator/rooms.h"

#include <string.h>

enum { NOTE_LINES_MAX = 250 };

static const struct field note_fields[] = {
    { "effective_at", F_INT, NULL, 0 },
    { "memo", F_TEXT_NULL, NULL, 0 },
    { "metadata", F_METADATA, NULL, 0 },
    { "reason", F_WORD, "duplicate fraudulent order_change product_unsatisfactory", 0 },
};

/* A note before anything is made: what it comes to, and its lines. */
struct note {
    struct record *invoice;
    json_t *doc, *lines;
    int64_t total, credit, refund, out_of_band;
    struct args refunds[16];
    size_t n_refunds;
    bool open;
};

/* --- lines --- */

/* The part of an invoice line that is credited. */
static bool invoice_line(const struct args *a, struct record *inv, json_t *line, int64_t *amount)
{
    struct call *c = a->c;
    str id = arg_str(a, "invoice_line_item");
    struct record *of = record_live(c->space, T_LINE_ITEM, id);
    int64_t quantity;

    if (!of || !is_str(record_doc(of), "invoice", inv->id))
        return refuse_missing(c, T_LINE_ITEM, id, arg_name(a, "invoice_line_item"));
    int64_t whole = get_int(of->doc, "amount"), many = get_int(of->doc, "quantity");
    *amount = whole;
    if (arg_int(a, "quantity", &quantity)) {
        if (quantity < 1 || quantity > many)
            return refuse(c, 400, NULL, arg_name(a, "quantity"),
                          "The quantity must be between 1 and that of the invoice line (%lld).",
                          (long long)many);
        *amount = whole * quantity / many;
        set_int(line, "quantity", quantity);
    }
    arg_int(a, "amount", amount);
    set_str(line, "invoice_line_item", id);
    set_str(line, "description", get_str(of->doc, "description"));
    return !c->refused;
}

static bool custom_line(const struct args *a, json_t *line, int64_t *amount)
{
    int64_t unit = 0, quantity = 1;

    if (!arg_given(a, "description"))
        return refuse_param_missing(a->c, arg_name(a, "description"));
    arg_int(a, "quantity", &quantity);
    if (!arg_int(a, "unit_amount", &unit) && !arg_int(a, "amount", &unit) && !a->c->refused)
        return refuse_param_missing(a->c, arg_name(a, "unit_amount"));
    *amount = unit * quantity;
    set_str(line, "description", arg_str(a, "description"));
    set_int(line, "quantity", quantity);
    set_int(line, "unit_amount", unit);
    set_str(line, "unit_amount_decimal", arena_printf(a->c->arena, "%lld", (long long)unit));
    return !a->c->refused;
}

static bool note_line(const struct args *a, struct note *n)
{
    struct call *c = a->c;
    json_t *line = record_shape(c->emu, c->space, T_CREDIT_NOTE_LINE_ITEM, NULL);
    int64_t amount = 0;
    str type;

    json_array_append_new(n->lines, line);
    if (!arg_word(a, "type", "custom_line_item invoice_line_item", &type))
        return c->refused ? false : (bool)refuse_param_missing(c, arg_name(a, "type"));
    set_str(line, "type", type);
    bool fine = str_eq(type, S("custom_line_item")) ? custom_line(a, line, &amount)
                                                    : invoice_line(a, n->invoice, line, &amount);
    set_int(line, "amount", amount);
    n->total += amount;
    return fine;
}

/* Without lines the amount is all there is: one line of the kind that Stripe makes of it. */
static bool note_lines(const struct args *a, struct note *n)
{
    struct call *c = a->c;
    struct args one[NOTE_LINES_MAX];
    size_t count = args_list(a, "lines", one, NOTE_LINES_MAX);
    int64_t amount, sum = 0;

    for (size_t i = 0; i < count && !c->refused; i++)
        note_line(&one[i], n);
    if (!arg_int(a, "amount", &amount) || c->refused)
        return !c->refused;
    sum = n->total;
    if (count && sum != amount)
        return refuse(c, 400, NULL, "amount",
                      "The amount (%lld) must equal the sum of the lines (%lld).",
                      (long long)amount, (long long)sum);
    if (!count) {
        json_t *line = record_shape(c->emu, c->space, T_CREDIT_NOTE_LINE_ITEM, NULL);
        set_strz(line, "type", "custom_line_item");
        set_int(line, "amount", amount);
        json_array_append_new(n->lines, line);
        n->total = amount;
    }
    return true;
}

/* --- amounts --- */

static bool refunds_named(const struct args *a, struct note *n)
{
    struct call *c = a->c;
    json_t *list = json_object_get(n->doc, "refunds");

    n->n_refunds = args_list(a, "refunds", n->refunds, COUNT(n->refunds));
    for (size_t i = 0; i < n->n_refunds && !c->refused; i++) {
        str id = arg_str(&n->refunds[i], "refund");
        struct record *r = named_record(c, T_REFUND, id, arg_name(&n->refunds[i], "refund"));
        int64_t amount = r ? get_int(record_doc(r), "amount") : 0;
        arg_int(&n->refunds[i], "amount_refunded", &amount);
        n->refund += amount;
        if (r)
            json_array_append_new(list, json_pack("{s:I,s:n,s:s,s:s}", "amount_refunded",
                                                  (json_int_t)amount, "payment_record_refund",
                                                  "refund", r->id, "type", "refund"));
    }
    return !c->refused;
}

static bool post_payment_ok(const struct args *a, struct note *n)
{
    const json_t *inv = record_doc(n->invoice);
    int64_t most = get_int(inv, "amount_paid") - get_int(inv, "post_payment_credit_notes_amount");
    int64_t sum = n->credit + n->refund + n->out_of_band;

    if (n->total > most)
        return refuse(a->c, 400, NULL, "amount",
                      "The credit note amount (%lld) is greater than the amount that can be "
                      "credited on the invoice (%lld).",
                      (long long)n->total, (long long)most);
    if (sum != n->total)
        return refuse(a->c, 400, NULL, NULL,
                      "The sum of credit amount, refund amount and out of band amount (%lld) must "
                      "equal the credit note amount (%lld).",
                      (long long)sum, (long long)n->total);
    return true;
}

static bool note_amounts(const struct args *a, struct note *n)
{
    struct call *c = a->c;

    arg_int(a, "credit_amount", &n->credit);
    arg_int(a, "refund_amount", &n->refund);
    arg_int(a, "out_of_band_amount", &n->out_of_band);
    if (c->refused || !refunds_named(a, n))
        return false;
    if (n->total < 1)
        return refuse(c, 400, NULL, "amount",
                      "You must give the lines or the amount of a credit note.");
    if (!n->open)
        return post_payment_ok(a, n);
    if (n->credit || n->refund || n->out_of_band)
        return refuse(c, 400, NULL, "refund_amount",
                      "You cannot refund or credit an invoice that has not been paid.");
    if (n->total > get_int(record_doc(n->invoice), "amount_remaining"))
        return refuse(c, 400, NULL, "amount",
                      "The credit note amount (%lld) is greater than the amount remaining on the "
                      "invoice (%lld).",
                      (long long)n->total, (long long)get_int(n->invoice->doc, "amount_remaining"));
    return true;
}

static void note_fill(struct call *c, struct note *n)
{
    static const char *const whole[] = { "amount", "subtotal", "subtotal_excluding_tax", "total",
                                         "total_excluding_tax" };
    json_t *doc = n->doc;
    const json_t *inv = record_doc(n->invoice);

    for (size_t i = 0; i < COUNT(whole); i++)
        set_int(doc, whole[i], n->total);
    set_str(doc, "currency", get_str(inv, "currency"));
    set_str(doc, "customer", get_str(inv, "customer"));
    set_strz(doc, "invoice", n->invoice->id);
    set_strz(doc, "type", n->open ? "pre_payment" : "post_payment");
    set_int(doc, n->open ? "pre_payment_amount" : "post_payment_amount", n->total);
    if (n->out_of_band)
        set_int(doc, "out_of_band_amount", n->out_of_band);
    if (!get_int(doc, "effective_at"))
        set_int(doc, "effective_at", now_s(c->emu));
    int64_t number = get_int(n->invoice->hidden, "credit_notes") + 1;
    set_str(doc, "number",
            arena_printf(c->arena, "%.*s-CN-%02lld", STR_ARG(get_str(inv, "number")),
                         (long long)number));
    set_str(doc, "pdf",
            arena_printf(c->arena, "https://pay.stripe.com/credit_notes/%s/%.*s/pdf",
                         c->space->account, STR_ARG(get_str(doc, "id"))));
    set_new(doc, "lines",
            json_pack("{s:s,s:O,s:b,s:o}", "object", "list", "data", n->lines, "has_more", 0, "url",
                      json_str(arena_printf(c->arena, "/v1/credit_notes/%.*s/lines",
                                            STR_ARG(get_str(doc, "id"))))));
}

static void note_free(struct note *n)
{
    json_decref(n->doc);
    json_decref(n->lines);
}

/* Everything is checked here; false when refused. */
static bool note_read(const struct args *a, struct note *n)
{
    struct call *c = a->c;
    str id = arg_str(a, "invoice");

    *n = (struct note){ .invoice = named_record(c, T_INVOICE, id, "invoice") };
    if (!n->invoice)
        return false;
    n->open = is_str(record_doc(n->invoice), "status", "open");
    if (!n->open && !is_str(n->invoice->doc, "status", "paid"))
        return refuse(c, 400, NULL, "invoice",
                      "Credit notes can only be created for open or paid invoices; this one is "
                      "%.*s.",
                      STR_ARG(get_str(n->invoice->doc, "status")));
    n->doc = record_shape(c->emu, c->space, T_CREDIT_NOTE, NULL);
    n->lines = json_array();
    if (!fields_apply(a, n->doc, note_fields, COUNT(note_fields)) || !note_lines(a, n) ||
        !note_amounts(a, n))
        return false;
    note_fill(c, n);
    return true;
}

/* --- what it does --- */

static void give_credit(struct call *c, struct note *n)
{
    struct record *customer = record_live(c->space, T_CUSTOMER, get_str(n->doc, "customer"));

    if (!n->credit || !customer)
        return;
    struct record *r =
        customer_balance_add(c, customer,
                             &(struct balance_order){ .amount = -n->credit,
                                                      .type = "credit_note",
                                                      .currency = get_str(n->doc, "currency"),
                                                      .invoice = str_of(n->invoice->id),
                                                      .credit_note = get_str(n->doc, "id") });
    set_strz(n->doc, "customer_balance_transaction", r->id);
}

/* Of the charge that paid the invoice; false when there is none, or too little of it is left. */
static bool refund_ok(struct call *c, const struct note *n, struct record **charge)
{
    struct record *pi = invoice_intent(n->invoice);
    int64_t wanted = n->n_refunds ? 0 : n->refund;

    *charge = pi ? record_live(c->space, T_CHARGE, get_str(record_doc(pi), "latest_charge")) : NULL;
    if (!wanted)
        return true;
    if (!*charge || get_int(record_doc(*charge), "amount_captured") -
                            get_int((*charge)->doc, "amount_refunded") <
                        wanted)
        return refuse(c, 400, NULL, "refund_amount",
                      "The refund amount (%lld) is more than what the invoice's charge can give "
                      "back.",
                      (long long)wanted);
    return true;
}

static void give_back(struct call *c, struct note *n, struct record *charge)
{
    if (n->n_refunds || !n->refund)
        return;
    struct record *r =
        refund_make(c, charge, record_shape(c->emu, c->space, T_REFUND, NULL), n->refund);
    json_array_append_new(json_object_get(n->doc, "refunds"),
                          json_pack("{s:I,s:n,s:s,s:s}", "amount_refunded", (json_int_t)n->refund,
                                    "payment_record_refund", "refund", r->id, "type", "refund"));
    refund_tell(c, charge, r);
}

/* `sign` is -1 when the note is voided. */
static void invoice_follows(struct call *c, struct record *inv, int64_t amount, bool open, int sign)
{
    json_t *before = change_begin(inv);
    const char *kind =
        open ? "pre_payment_credit_notes_amount" : "post_payment_credit_notes_amount";

    set_int(inv->doc, kind, get_int(inv->doc, kind) + sign * amount);
    if (open) {
        set_int(inv->doc, "amount_due", get_int(inv->doc, "amount_due") - sign * amount);
        set_int(inv->doc, "amount_remaining",
                get_int(inv->doc, "amount_remaining") - sign * amount);
    }
    bool paid = open && sign > 0 && get_int(inv->doc, "amount_remaining") <= 0;
    change_end(c, inv, before, "invoice.updated");
    struct record *pi = open ? invoice_intent(inv) : NULL;
    if (pi && !paid) {
        set_int(record_doc(pi), "amount", get_int(inv->doc, "amount_remaining"));
        record_touch(pi);
    }
    if (paid) {
        if (pi)
            intent_cancel(c, pi, "void_invoice");
        invoice_settle(c, inv, true);
        set_int(inv->doc, "amount_paid_off_stripe", 0);
        record_touch(inv);
    }
}

static void lines_keep(struct call *c, struct note *n)
{
    size_t i;
    json_t *line;

    json_array_foreach(n->lines, i, line)
    {
        struct record *r =
            record_add(c->emu, c->space, T_CREDIT_NOTE_LINE_ITEM, json_deep_copy(line));
        record_hide(r, "credit_note", json_deep_copy(json_object_get(n->doc, "id")));
    }
}

json_t *credit_notes_create(struct call *c)
{
    struct args a = args_of(c);
    struct note n;
    struct record *charge;

    if (!note_read(&a, &n) || !refund_ok(c, &n, &charge)) {
        note_free(&n);
        return NULL;
    }
    give_credit(c, &n);
    give_back(c, &n, charge);
    lines_keep(c, &n);
    record_hide(n.invoice, "credit_notes",
                json_integer(get_int(n.invoice->hidden, "credit_notes") + 1));
    struct record *r = record_add(c->emu, c->space, T_CREDIT_NOTE, json_incref(n.doc));
    invoice_follows(c, n.invoice, n.total, n.open, 1);
    emit(c, r, "credit_note.created");
    note_free(&n);
    return answer_record(c, r);
}

/* A look draws no numbers: no journal would have them. */
static json_t *previewed(struct call *c)
{
    struct args a = args_of(c);
    struct note n;
    uint64_t rng = c->emu->rng;
    json_t *doc = note_read(&a, &n) ? json_incref(n.doc) : NULL;

    c->emu->rng = rng;
    note_free(&n);
    return doc;
}

json_t *credit_notes_preview(struct call *c)
{
    return previewed(c);
}

json_t *credit_notes_preview_lines(struct call *c)
{
    json_t *doc = previewed(c);
    json_t *lines = doc ? json_incref(json_object_get(doc, "lines")) : NULL;

    json_decref(doc);
    return lines;
}

json_t *credit_notes_void(struct call *c)
{
    struct record *r = path_record(c, T_CREDIT_NOTE);
    struct record *inv =
        r ? record_live(c->space, T_INVOICE, get_str(record_doc(r), "invoice")) : NULL;

    if (!r)
        return NULL;
    if (!inv || !is_str(r->doc, "status", "issued") || !is_str(r->doc, "type", "pre_payment") ||
        !is_str(record_doc(inv), "status", "open"))
        return refuse(c, 400, NULL, NULL,
                      "You can only void an issued credit note of an open invoice.");
    json_t *before = change_begin(r);
    set_strz(r->doc, "status", "void");
    set_int(r->doc, "voided_at", now_s(c->emu));
    invoice_follows(c, inv, get_int(r->doc, "amount"), true, -1);
    change_end(c, r, before, "credit_note.voided");
    return answer_record(c, r);
}

static bool line_kept(struct call *c, struct record *r, const void *ctx)
{
    (void)c;
    return str_eqz(get_str(r->hidden, "credit_note"), ctx);
}

json_t *credit_notes_lines(struct call *c)
{
    struct record *r = path_record(c, T_CREDIT_NOTE);

    if (!r)
        return NULL;
    return answer_list(c,
                       &(struct list_query){
                           .type = T_CREDIT_NOTE_LINE_ITEM,
                           .keep = line_kept,
                           .ctx = r->id,
                           .url = arena_printf(c->arena, "/v1/credit_notes/%s/lines", r->id).p });
}

const struct plain credit_note_plain = {
    .type = T_CREDIT_NOTE,
    .field = note_fields,
    .n_fields = COUNT(note_fields),
    .updated = "credit_note.updated",
};
