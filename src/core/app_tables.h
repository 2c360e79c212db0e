/* app_tables.h - the tables of the application's own database: their columns, keys and links. */
#pragma once

#include "world/database.h"

enum { APP_KEY_MAX = 4 };

struct app_column {
    str table;  /* for people: "customers", "billing.customers" */
    str name;   /* "stripe_id" */
    str quoted; /* for SQL */
    bool nullable, is_text, in_key;
};

struct app_table {
    str name, quoted;
    const struct app_column *column;
    size_t n_columns;
    const struct app_column *key[APP_KEY_MAX]; /* the primary key */
    size_t n_key;                              /* 0: it has none, or one of too many columns */
};

/* A foreign key of one column. */
struct app_link {
    const struct app_column *from, *to;
    bool follows; /* when a row of `to` is deleted, the database changes those of `from` */
};

struct app_tables {
    bool pg;
    struct app_table *table;
    struct app_link *link;
    size_t n_tables, n_links;
};

/* Tables of ours and of the server's own are left out. All in the arena.
 * Statuses as database_ops.run. */
enum status app_tables_read(struct database *db, struct app_tables *out, struct arena *a,
                            struct error *e) MUST_USE;

/* NULL: there is none. */
const struct app_table *app_table_named(const struct app_tables *t, str name);
const struct app_column *app_column_named(const struct app_table *t, str name);

/* "…" with the quotes in it doubled. */
str app_quoted(str name, struct arena *a);
