/* view_notes.h - what the views and their columns are, in words: for comments in the database and
 * for `brindle schema`. Pure. */
#pragma once

#include "base/buf.h"
#include "core/resource.h"

/* Columns that every view has, besides those of its resource. */
struct common_column {
    const char *name, *sqlite, *pg, *note;
};
extern const struct common_column common_columns[];
extern const size_t common_column_count;

/* "text", "integer", "boolean", "time", "id", "json", "number" */
const char *column_kind_name(enum column_kind k);
/* The type's name in a dialect: on SQLite, what a value is; on PostgreSQL, the column's type. */
const char *column_sqlite_type(enum column_kind k);
const char *column_pg_type(enum column_kind k);

/* The reference that stands in a column. NULL: none. */
const struct reference *column_reference(const struct resource *r, const struct column *c);

/* A phrase without a quote in it: "id of a customer", "time", "integer, in the smallest unit of the
 * currency; at Stripe: recurring.interval". */
void column_note(const struct resource *r, const struct column *c, struct buf *out);
/* "Objects of Stripe's type price that are not deleted; prices_all has the deleted ones, too" */
void view_note(const struct resource *r, bool all, struct buf *out);
