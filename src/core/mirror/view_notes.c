#include "core/mirror/view_notes.h"

#include <string.h>

const struct common_column common_columns[] = {
    { "id", "text", "text", "the id at Stripe" },
    { "account", "text", "text", "the account it belongs to" },
    { "data", "text", "jsonb", "the whole object, without its secrets" },
    { "fetched_at", "text", "timestamptz", "when Stripe was last seen to say so" },
    { "revision", "integer", "bigint", "greater with each change of this row" },
    { "deleted", "integer", "integer",
      "1: deleted at Stripe, this is its last known state; 2: erased here, its id is all that is "
      "left" },
};
const size_t common_column_count = COUNT(common_columns);

const char *column_kind_name(enum column_kind k)
{
    switch (k) {
    case COL_TEXT: return "text";
    case COL_INT: return "integer";
    case COL_BOOL: return "boolean";
    case COL_TIME: return "time";
    case COL_REF: return "id";
    case COL_JSON: return "json";
    case COL_NUMBER: return "number";
    }
    return "?";
}

const char *column_sqlite_type(enum column_kind k)
{
    switch (k) {
    case COL_TEXT:
    case COL_TIME:
    case COL_REF:
    case COL_JSON: return "text";
    case COL_INT:
    case COL_BOOL: return "integer";
    case COL_NUMBER: return "real";
    }
    return "?";
}

const char *column_pg_type(enum column_kind k)
{
    switch (k) {
    case COL_TEXT:
    case COL_REF: return "text";
    case COL_INT: return "bigint";
    case COL_BOOL: return "boolean";
    case COL_TIME: return "timestamptz";
    case COL_JSON: return "jsonb";
    case COL_NUMBER: return "numeric";
    }
    return "?";
}

const struct reference *column_reference(const struct resource *r, const struct column *c)
{
    for (size_t i = 0; i < r->n_references; i++)
        if (r->reference[i].kind != REF_MEMBERS && strcmp(r->reference[i].path, c->path) == 0)
            return &r->reference[i];
    return NULL;
}

/* Stripe's names tell: amounts are whole numbers of the smallest unit. */
static bool is_money(const struct column *c)
{
    static const char *const words[] = { "amount", "total", "balance", "fee", "net" };

    for (size_t i = 0; c->kind == COL_INT && i < COUNT(words); i++)
        if (strstr(c->name, words[i]) && !strstr(c->name, "count"))
            return true;
    return false;
}

static void note_targets(const struct reference *ref, struct buf *out)
{
    str type;

    buf_append(out, S("id of "));
    const char *separator = "";
    for (str rest = str_of(ref->targets); rest.p; separator = " or ") {
        rest = str_cut(rest, '|', &type);
        buf_printf(out, "%s%.*s", separator, STR_ARG(type));
    }
    if (ref->kind == REF_GUESS)
        buf_append(out, S(", by its documentation"));
}

void column_note(const struct resource *r, const struct column *c, struct buf *out)
{
    const struct reference *ref = column_reference(r, c);

    if (ref)
        note_targets(ref, out);
    else
        buf_append(out, str_of(column_kind_name(c->kind)));
    if (is_money(c))
        buf_append(out, S(", in the smallest unit of the currency"));
    if (strcmp(c->name, c->path) != 0)
        buf_printf(out, "; at Stripe: %s", c->path);
    if (c->indexed)
        buf_append(out, S("; indexed"));
}

void view_note(const struct resource *r, bool all, struct buf *out)
{
    if (all)
        buf_printf(out, "Objects of the type %s at Stripe, the deleted ones too", r->type);
    else
        buf_printf(out, "Objects of the type %s at Stripe; %s_all has the deleted ones, too",
                   r->type, r->view);
}
