/* app_tables.h - the tables of the application's own database: their columns, keys and links. */
#pragma once

#include "world/database.h"

enum {
    APP_KEY_MAX = 4,
    APP_LINK_COLUMNS_MAX = 32, /* PostgreSQL has no more either */
    APP_NAME_MAX = 400,
};

enum app_holds {
    APP_OTHER,    /* numbers, times, uuid, bytea: no ids of Stripe's */
    APP_TEXT,     /* a text, which may be an id as a whole */
    APP_DOCUMENT, /* JSON, or an array of texts: ids may stand inside */
};

struct app_column {
    str table;  /* for people: "customers", "billing.customers" */
    str name;   /* "stripe_id" */
    str quoted; /* for SQL */
    str type;   /* for SQL: what a text is cast to; PostgreSQL alone */
    enum app_holds holds;
    int64_t key_place; /* from 1 on in the primary key; 0: not in it */
    bool nullable;     /* it can be emptied: in no key, not generated, and null is allowed */
    bool generated;    /* made of other columns: it can only be read */
    bool readable;     /* by who we are there */
};

struct app_table {
    str name, quoted;
    str rows; /* for SQL that reads or changes rows: without those of tables that inherit from it */
    const struct app_column *column;
    size_t n_columns;
    const struct app_column *key[APP_KEY_MAX]; /* the primary key */
    size_t n_key;                              /* 0: it has none, or one of too many columns */
};

/* A foreign key; a row of `to` has the values of its columns `there`, one of `from` in `here`. */
struct app_link {
    const struct app_table *from, *to;
    const struct app_column *here[APP_LINK_COLUMNS_MAX], *there[APP_LINK_COLUMNS_MAX];
    size_t n;
    str parts;      /* PostgreSQL: the partitions of `from` that it holds for; "": all rows */
    str to_parts;   /* likewise of `to` */
    bool on_delete; /* when a row of `to` is deleted, the database changes those of `from` */
    bool on_update; /* likewise when a column `there` changes */
};

struct app_heir {
    const struct app_table *of, *heir;
};

struct app_tables {
    bool pg;
    struct app_table *table;
    struct app_link *link;
    struct app_heir *heir;
    size_t n_tables, n_links, n_heirs;
    str virtual;        /* SQLite: names of virtual tables, which are not looked at; "": none */
    int64_t n_unlinked; /* foreign keys of more than APP_LINK_COLUMNS_MAX columns, left out */
};

/* Tables of ours and of the server's own are left out, and so are views: what they show stands in
 * tables. What belongs to a virtual table of SQLite is its module's alone. Of a partitioned table
 * the whole is one table; one that others inherit from is none but its own rows. All in the arena.
 * Statuses as database_ops.run. */
enum status app_tables_read(struct database *db, struct app_tables *out, struct arena *a,
                            struct error *e) MUST_USE;

/* NULL: there is none. SQLite's names are the same whatever their case. */
const struct app_table *app_table_named(const struct app_tables *t, str name);
const struct app_column *app_column_named(const struct app_tables *t, const struct app_table *in,
                                          str name);
/* The i-th of the tables that inherit from this one, however far down. NULL: there are no more. */
const struct app_table *app_heir(const struct app_tables *t, const struct app_table *of, size_t i);
enum app_other { APP_NOTHING, APP_VIEW, APP_VIRTUAL };
/* What there is of this name that is no table to look at: a view, or a virtual table or one that
 * keeps what stands in such a one, and belongs to its module. */
enum status app_other_named(struct database *db, str name, enum app_other *is,
                            struct error *e) MUST_USE;

/* An SQL condition: the row of `from` known as `here` refers to the one of `to` known as `there`.
 */
str app_link_joins(const struct app_link *l, const char *here, const char *there, struct arena *a);

/* "…" with the quotes in it doubled. {NULL, 0}: longer than any name may be. */
str app_quoted(str name, struct arena *a);
