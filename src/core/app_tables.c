#include "core/app_tables.h"

#include "base/buf.h"

#include <string.h>

enum {
    PIECE = 2000, /* columns of one answer */
    NAME_BYTES_MAX = 4096,
};

/* ---- what is there, in both dialects ----------------------------------------------------------
 */

/* schema, table, column, not null, is text, in the primary key. */
static const char columns_pg[] =
    "select n.nspname, c.relname, a.attname, a.attnotnull::int, "
    "(t.typname in ('text', 'varchar', 'bpchar', 'citext'))::int, "
    "coalesce((a.attnum = any(i.indkey))::int, 0) "
    "from pg_class c join pg_namespace n on n.oid = c.relnamespace "
    "join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
    "join pg_type t on t.oid = a.atttypid "
    "left join pg_index i on i.indrelid = c.oid and i.indisprimary "
    "where c.relkind in ('r', 'p') and not c.relispartition "
    "and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%' "
    "and c.relname <> 'brindle_leftovers' and not exists (select 1 from pg_class o "
    "where o.relnamespace = n.oid and o.relname = '_environment') "
    "order by n.nspname, c.relname, a.attnum limit $1::bigint offset $2::bigint";
static const char columns_sqlite[] =
    "select '', m.name, p.name, p.\"notnull\", "
    "(p.type = '' or p.type like '%char%' or p.type like '%text%' or p.type like '%clob%'), "
    "p.pk > 0 "
    "from sqlite_schema m join pragma_table_info(m.name) p where m.type = 'table' "
    "and m.name not like 'sqlite\\_%' escape '\\' and m.name <> 'brindle_leftovers' "
    "order by m.name, p.cid limit $1 offset $2";

/* schema, table, column; schema, table, column it refers to (SQLite: null is the primary key);
 * what is deleted there changes what is here. */
static const char links_pg[] =
    "select n.nspname, c.relname, a.attname, fn.nspname, f.relname, fa.attname, "
    "(k.confdeltype in ('c', 'n', 'd'))::int "
    "from pg_constraint k join pg_class c on c.oid = k.conrelid "
    "join pg_namespace n on n.oid = c.relnamespace join pg_class f on f.oid = k.confrelid "
    "join pg_namespace fn on fn.oid = f.relnamespace "
    "join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1] "
    "join pg_attribute fa on fa.attrelid = f.oid and fa.attnum = k.confkey[1] "
    "where k.contype = 'f' and array_length(k.conkey, 1) = 1 "
    "order by 1, 2, 3 limit $1::bigint offset $2::bigint";
static const char links_sqlite[] =
    "select '', m.name, f.\"from\", '', f.\"table\", f.\"to\", "
    "f.on_delete in ('CASCADE', 'SET NULL', 'SET DEFAULT') "
    "from sqlite_schema m join pragma_foreign_key_list(m.name) f where m.type = 'table' "
    "order by m.name, f.id limit $1 offset $2";

str app_quoted(str name, struct arena *a)
{
    BUF(b, NAME_BYTES_MAX);

    buf_char(&b, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"')
            buf_char(&b, '"');
        buf_char(&b, name.p[i]);
    }
    buf_char(&b, '"');
    return b.failed ? (str){ 0 } : arena_copy(a, buf_str(&b));
}

/* All rows of an answer that comes in pieces. */
static enum status read_all(struct database *db, const char *sql, struct rows *out, struct arena *a,
                            struct error *e)
{
    struct rows all = { 0 }, r = { .n_rows = PIECE };
    enum status st = ST_OK;

    for (size_t at = 0; st == ST_OK && r.n_rows == PIECE; at += PIECE) {
        const str args[] = { arena_printf(a, "%d", PIECE), arena_printf(a, "%zu", at) };
        st = database_run(db, str_of(sql), args, COUNT(args), &r, a, e);
        if (st != ST_OK)
            return st;
        struct value *cell = arena_alloc(a, (all.n_rows + r.n_rows + 1) * r.n_cols * sizeof *cell);
        if (!cell)
            return fail(e, ST_LIMIT, "The application's database has more tables than fit.");
        if (all.n_rows)
            memcpy(cell, all.cell, all.n_rows * r.n_cols * sizeof *cell);
        memcpy(cell + all.n_rows * r.n_cols, r.cell, r.n_rows * r.n_cols * sizeof *cell);
        all = (struct rows){ .n_rows = all.n_rows + r.n_rows, .n_cols = r.n_cols, .cell = cell };
    }
    *out = all;
    return st;
}

/* In the schema that everybody has, the table's own name is enough. */
static str table_name(str schema, str table, struct arena *a)
{
    if (!schema.n || str_eq(schema, S("public")))
        return table;
    return arena_printf(a, "%.*s.%.*s", STR_ARG(schema), STR_ARG(table));
}

static bool row_is(const struct rows *r, size_t i, size_t col)
{
    str v = row_str(r, i, col);

    return v.n && !str_eq(v, S("0"));
}

/* ---- tables -------------------------------------------------------------------------------- */

static bool same_table(const struct rows *r, size_t i, size_t j)
{
    return str_eq(row_str(r, i, 0), row_str(r, j, 0)) && str_eq(row_str(r, i, 1), row_str(r, j, 1));
}

static void add_key(struct app_table *t)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n_columns; i++) {
        if (!t->column[i].in_key)
            continue;
        if (n < APP_KEY_MAX)
            t->key[n] = &t->column[i];
        n++;
    }
    t->n_key = n <= APP_KEY_MAX ? n : 0;
}

static enum status make_tables(const struct rows *r, struct app_tables *out, struct arena *a,
                               struct error *e)
{
    struct app_column *column = arena_alloc(a, (r->n_rows + 1) * sizeof *column);

    out->table = arena_alloc(a, (r->n_rows + 1) * sizeof *out->table);
    if (!column || !out->table)
        return fail(e, ST_LIMIT, "The application's database has more tables than fit.");
    for (size_t i = 0; i < r->n_rows; i++) {
        str schema = row_str(r, i, 0), name = row_str(r, i, 1);
        if (i == 0 || !same_table(r, i, i - 1)) {
            str own = app_quoted(name, a);
            out->table[out->n_tables++] = (struct app_table){
                .name = table_name(schema, name, a),
                .quoted = schema.n ? arena_printf(a, "%.*s.%.*s", STR_ARG(app_quoted(schema, a)),
                                                  STR_ARG(own))
                                   : own,
                .column = &column[i],
            };
        }
        struct app_table *t = &out->table[out->n_tables - 1];
        column[i] = (struct app_column){ .table = t->name,
                                         .name = row_str(r, i, 2),
                                         .quoted = app_quoted(row_str(r, i, 2), a),
                                         .nullable = !row_is(r, i, 3),
                                         .is_text = row_is(r, i, 4),
                                         .in_key = row_is(r, i, 5) };
        t->n_columns++;
    }
    for (size_t i = 0; i < out->n_tables; i++)
        add_key(&out->table[i]);
    return ST_OK;
}

const struct app_table *app_table_named(const struct app_tables *t, str name)
{
    for (size_t i = 0; i < t->n_tables; i++)
        if (str_eq(t->table[i].name, name))
            return &t->table[i];
    return NULL;
}

const struct app_column *app_column_named(const struct app_table *t, str name)
{
    for (size_t i = 0; t && i < t->n_columns; i++)
        if (str_eq(t->column[i].name, name))
            return &t->column[i];
    return NULL;
}

/* ---- links --------------------------------------------------------------------------------- */

static enum status make_links(const struct rows *r, struct app_tables *out, struct arena *a,
                              struct error *e)
{
    out->link = arena_alloc(a, (r->n_rows + 1) * sizeof *out->link);
    if (!out->link)
        return fail(e, ST_LIMIT, "The application's database has more links than fit.");
    for (size_t i = 0; i < r->n_rows; i++) {
        const struct app_table *from =
            app_table_named(out, table_name(row_str(r, i, 0), row_str(r, i, 1), a));
        const struct app_table *to =
            app_table_named(out, table_name(row_str(r, i, 3), row_str(r, i, 4), a));
        struct app_link l = { .from = app_column_named(from, row_str(r, i, 2)),
                              .to = app_column_named(to, row_str(r, i, 5)),
                              .follows = str_eqz(row_str(r, i, 6), "1") };
        if (!l.to && to && to->n_key == 1)
            l.to = to->key[0];
        if (l.from && l.to)
            out->link[out->n_links++] = l;
    }
    return ST_OK;
}

enum status app_tables_read(struct database *db, struct app_tables *out, struct arena *a,
                            struct error *e)
{
    struct rows r;

    *out = (struct app_tables){ .pg = strcmp(db->ops->dialect, "pg") == 0 };
    enum status st = read_all(db, out->pg ? columns_pg : columns_sqlite, &r, a, e);
    if (st == ST_OK)
        st = make_tables(&r, out, a, e);
    if (st == ST_OK)
        st = read_all(db, out->pg ? links_pg : links_sqlite, &r, a, e);
    return st == ST_OK ? make_links(&r, out, a, e) : st;
}
