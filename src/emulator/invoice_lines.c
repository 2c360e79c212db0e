/* invoice_lines.c - lines of a draft, several at once. Behind each that can be changed stands an
 * invoice item; what a subscription bills stays. */
#include "emulator/list.h"
#include "emulator/rooms.h"

enum { LINES_AT_ONCE = 250 };

static struct record *draft_path(struct call *c)
{
    struct record *inv = path_record(c, T_INVOICE);

    if (inv && !is_str(record_doc(inv), "status", "draft"))
        return refuse(c, 400, "invoice_not_editable", NULL,
                      "Finalized invoices can't be updated in this way");
    return inv;
}

/* The line of this invoice, and the item behind it. */
static struct record *line_named(struct call *c, struct record *inv, str id, const char *param,
                                 struct record **item)
{
    struct record *line = record_live(c->space, T_LINE_ITEM, id);

    if (!line || !is_str(record_doc(line), "invoice", inv->id))
        return refuse_missing(c, T_LINE_ITEM, id, param);
    str of = get_str(get_path(line->doc, "parent.invoice_item_details"), "invoice_item");
    if (!of.p)
        of = get_str(get_path(line->doc, "parent.subscription_item_details"), "invoice_item");
    *item = of.p ? record_live(c->space, T_INVOICEITEM, of) : NULL;
    if (!*item)
        return refuse(c, 400, NULL, param,
                      "The line %s is made by a subscription and cannot be changed.", line->id);
    return line;
}

static json_t *draft_done(struct call *c, struct record *inv, json_t *before)
{
    struct args a = args_of(c), metadata;

    if (args_sub(&a, "invoice_metadata", &metadata)) {
        json_t *as = json_pack("{s:O}", "metadata", metadata.hash);
        metadata_apply(&(struct args){ c, as, "" }, inv->doc);
        json_decref(as);
    }
    invoice_total(inv);
    change_end(c, inv, before, "invoice.updated");
    return answer_record(c, inv);
}

/* An element is a pending item, or what one would be made of. */
json_t *lines_add(struct call *c)
{
    struct args a = args_of(c), one[LINES_AT_ONCE];
    struct record *inv = draft_path(c), *made[LINES_AT_ONCE];
    size_t n = inv ? args_list(&a, "lines", one, LINES_AT_ONCE) : 0, i;

    if (!inv || c->refused)
        return NULL;
    str customer = get_str(inv->doc, "customer"), currency = get_str(inv->doc, "currency");
    for (i = 0; i < n && !c->refused; i++) {
        str id = arg_str(&one[i], "invoice_item");
        made[i] = id.n ? named_record(c, T_INVOICEITEM, id, arg_name(&one[i], "invoice_item"))
                       : invoiceitem_make(&one[i], customer, (str){ 0 }, currency);
        if (made[i] && get_str(record_doc(made[i]), "invoice").p)
            refuse(c, 400, NULL, arg_name(&one[i], "invoice_item"),
                   "The invoice item %s is on an invoice already.", made[i]->id);
    }
    if (c->refused) { /* what was made of it is not */
        while (i--)
            if (made[i] && !arg_given(&one[i], "invoice_item"))
                record_undo(c, made[i]);
        return NULL;
    }
    json_t *before = change_begin(inv);
    for (i = 0; i < n; i++) {
        invoice_take_one(c, inv, made[i]);
        if (!arg_given(&one[i], "invoice_item"))
            emit(c, made[i], "invoiceitem.created");
    }
    return draft_done(c, inv, before);
}

/* `unassign` lets the item wait again, `delete` takes it away, too. */
json_t *lines_remove(struct call *c)
{
    struct args a = args_of(c), one[LINES_AT_ONCE];
    struct record *inv = draft_path(c), *line[LINES_AT_ONCE], *item[LINES_AT_ONCE];
    size_t n = inv ? args_list(&a, "lines", one, LINES_AT_ONCE) : 0;
    str behavior[LINES_AT_ONCE];

    for (size_t i = 0; i < n && !c->refused; i++) {
        if (!arg_word(&one[i], "behavior", "delete unassign", &behavior[i]))
            refuse_param_missing(c, arg_name(&one[i], "behavior"));
        line[i] = line_named(c, inv, arg_str(&one[i], "id"), arg_name(&one[i], "id"), &item[i]);
    }
    if (!inv || c->refused)
        return NULL;
    json_t *before = change_begin(inv);
    for (size_t i = 0; i < n; i++) {
        record_delete(line[i]);
        if (str_eq(behavior[i], S("delete"))) {
            record_delete(item[i]);
            emit(c, item[i], "invoiceitem.deleted");
        } else {
            set_null(record_doc(item[i]), "invoice");
            record_touch(item[i]);
        }
    }
    return draft_done(c, inv, before);
}

json_t *lines_update(struct call *c)
{
    struct args a = args_of(c), one[LINES_AT_ONCE];
    struct record *inv = draft_path(c), *item[LINES_AT_ONCE];
    size_t n = inv ? args_list(&a, "lines", one, LINES_AT_ONCE) : 0;

    for (size_t i = 0; i < n && !c->refused; i++)
        line_named(c, inv, arg_str(&one[i], "id"), arg_name(&one[i], "id"), &item[i]);
    if (!inv || c->refused)
        return NULL;
    json_t *before = change_begin(inv);
    for (size_t i = 0; i < n; i++)
        if (!invoiceitem_change(&one[i], item[i])) {
            json_decref(before);
            return NULL;
        }
    return draft_done(c, inv, before);
}

json_t *lines_change(struct call *c)
{
    struct args a = args_of(c);
    struct record *inv = record_live(c->space, T_INVOICE, c->part[0]), *item;

    if (!inv)
        return refuse_missing(c, T_INVOICE, c->part[0], NULL);
    if (!is_str(record_doc(inv), "status", "draft"))
        return refuse(c, 400, "invoice_not_editable", NULL,
                      "Finalized invoices can't be updated in this way");
    struct record *line = line_named(c, inv, c->part[1], NULL, &item);
    if (!line)
        return NULL;
    json_t *before = change_begin(inv);
    if (!invoiceitem_change(&a, item)) {
        json_decref(before);
        return NULL;
    }
    invoice_total(inv);
    change_end(c, inv, before, "invoice.updated");
    return answer_record(c, line);
}
