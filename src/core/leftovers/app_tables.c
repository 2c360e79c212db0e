#include "core/leftovers/app_tables.h"

#include "base/buf.h"

#include <string.h>
#include <strings.h>

enum {
    PIECE = 2000, /* columns of one answer */
    NAME_BYTES_MAX = 4096,
    LOOK_BYTES_MAX = 64 << 10,
};

/* ---- what is there, in both dialects ----------------------------------------------------------
 */

/* Columns of an answer about columns. */
enum {
    C_SCHEMA,
    C_TABLE,
    C_NAME,
    C_NOT_NULL,
    C_HOLDS,
    C_PLACE,
    C_GENERATED,
    C_READABLE,
    C_TYPE,
    C_ONLY
};

#define OURS_PG                                                                               \
    "n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%' "                      \
    "and c.relname <> 'brindle_leftovers' and not exists (select 1 from pg_catalog.pg_class " \
    "o where o.relnamespace = n.oid and o.relname = '_environment') "

/* `holds`: 1 a text, 2 a document. A domain is what it rests on. */
static const char columns_pg[] =
    "select n.nspname, c.relname, a.attname, a.attnotnull::int, "
    "case when b.typname in ('text', 'varchar', 'bpchar', 'citext') then 1 "
    "when b.typname in ('json', 'jsonb', '_text', '_varchar', '_bpchar', '_citext', 'hstore') "
    "then 2 else 0 end, "
    "case when p.place <= i.indnkeyatts then p.place else 0 end, (a.attgenerated <> '')::int, "
    "(pg_catalog.has_schema_privilege(n.oid, 'usage') and "
    "pg_catalog.has_column_privilege(c.oid, a.attnum, 'select'))::int, "
    "pg_catalog.format_type(a.atttypid, a.atttypmod), "
    "(c.relkind = 'r' and c.relhassubclass)::int "
    "from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
    "join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
    "join pg_catalog.pg_type t on t.oid = a.atttypid "
    "join pg_catalog.pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype "
    "else t.oid end "
    "left join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisprimary "
    "left join lateral (select k.place from unnest(i.indkey::int2[]) with ordinality "
    "as k (attnum, place) where k.attnum = a.attnum) p on true "
    "where c.relkind in ('r', 'p') and not c.relispartition and " OURS_PG
    "order by n.nspname, c.relname, a.attnum limit $1::bigint offset $2::bigint";
/* Tables that keep what stands in a virtual one: a module that is there names its own. Of one that
 * is not, whatever is called so may be. */
#define SHADOW_SQLITE                                                                             \
    "(exists (select 1 from pragma_table_list l where l.schema = 'main' and l.name = m.name "     \
    "and l.type = 'shadow') or exists (select 1 from sqlite_schema v where v.sql like "           \
    "'create virtual%' and lower(substr(m.name, 1, length(v.name) + 1)) = lower(v.name) || '_' "  \
    "and not exists (select 1 from pragma_module_list k where instr(lower(replace(replace("       \
    "replace(v.sql, char(9), ' '), char(10), ' '), char(13), ' ')), ' using ' || lower(k.name)) " \
    "> 0)))"
static const char columns_sqlite[] =
    "select '', m.name, p.name, p.\"notnull\", "
    "case when p.type like '%json%' then 2 when p.type = '' or p.type like '%char%' or "
    "p.type like '%text%' or p.type like '%clob%' then 1 else 0 end, "
    "p.pk, p.hidden in (2, 3), 1, '', 0 "
    "from (select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' "
    "escape '\\' and name <> 'brindle_leftovers' and sql not like 'create virtual%') m "
    "join pragma_table_xinfo(m.name) p where p.hidden <> 1 and not " SHADOW_SQLITE " "
    "order by m.name, p.cid limit $1 offset $2";

/* Columns of an answer about links: a row a pair of columns. */
enum {
    L_LINK,
    L_SCHEMA,
    L_TABLE,
    L_COLUMN,
    L_TO_SCHEMA,
    L_TO_TABLE,
    L_TO_COLUMN,
    L_DELETE,
    L_UPDATE,
    L_PARTS,
    L_TO_PARTS,
};

/* A partition may have a foreign key of its own, and be referred to by its own name: that is one
 * of the whole table, for the rows of those partitions (`parts`, as an array of their numbers; all
 * that have the same one are taken together). */
static const char links_pg[] =
    "with k as (select k.oid, k.conname, k.conrelid, k.confrelid, "
    "coalesce(pg_catalog.pg_partition_root(k.conrelid), k.conrelid) as root, "
    "coalesce(pg_catalog.pg_partition_root(k.confrelid), k.confrelid) as to_root, "
    "(k.confdeltype in ('c', 'n', 'd'))::int as on_delete, "
    "(k.confupdtype in ('c', 'n', 'd'))::int as on_update, "
    "(select array_agg(a.attname::text order by p.place) from unnest(k.conkey) with ordinality "
    "as p (n, place) join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = "
    "p.n) as here, "
    "(select array_agg(a.attname::text order by p.place) from unnest(k.confkey) with ordinality "
    "as p (n, place) join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = "
    "p.n) as there "
    "from pg_catalog.pg_constraint k where k.contype = 'f' and k.conparentid = 0), "
    "l as (select min(k.oid::text) as one, min(k.conname) as name, root, to_root, here, there, "
    "on_delete, on_update, case when bool_or(k.conrelid = root) then '' else "
    "array_agg(k.conrelid)::text end as parts, case when k.confrelid = to_root then '' else "
    "array[k.confrelid]::text end as to_parts from k "
    "group by root, confrelid, to_root, here, there, on_delete, on_update) "
    "select l.one, n.nspname, c.relname, pair.here, fn.nspname, f.relname, pair.there, "
    "l.on_delete, l.on_update, l.parts, l.to_parts "
    "from l join pg_catalog.pg_class c on c.oid = l.root "
    "join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
    "join pg_catalog.pg_class f on f.oid = l.to_root "
    "join pg_catalog.pg_namespace fn on fn.oid = f.relnamespace "
    "cross join lateral unnest(l.here, l.there) with ordinality as pair (here, there, place) "
    "order by n.nspname, c.relname, l.name, l.one, pair.place limit $1::bigint "
    "offset $2::bigint";
/* A null `to` is the primary key's column at this place. */
static const char links_sqlite[] =
    "select m.name || ' ' || f.id, '', m.name, f.\"from\", '', f.\"table\", coalesce(f.\"to\", "
    "(select p.name from pragma_table_info(f.\"table\") p where p.pk = f.seq + 1)), "
    "f.on_delete in ('CASCADE', 'SET NULL', 'SET DEFAULT'), "
    "f.on_update in ('CASCADE', 'SET NULL', 'SET DEFAULT'), '', '' "
    "from (select name from sqlite_schema where type = 'table' and sql not like "
    "'create virtual%') m join pragma_foreign_key_list(m.name) f "
    "order by m.name, f.id, f.seq limit $1 offset $2";

/* Each table with those that inherit from it, and from those. */
static const char heirs_pg[] =
    "with recursive h (root, heir) as (select i.inhparent, i.inhrelid from pg_catalog.pg_inherits "
    "i join pg_catalog.pg_class c on c.oid = i.inhparent where c.relkind = 'r' union select "
    "h.root, i.inhrelid from h join pg_catalog.pg_inherits i on i.inhparent = h.heir) "
    "select n.nspname, c.relname, hn.nspname, hc.relname from h "
    "join pg_catalog.pg_class c on c.oid = h.root "
    "join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
    "join pg_catalog.pg_class hc on hc.oid = h.heir "
    "join pg_catalog.pg_namespace hn on hn.oid = hc.relnamespace "
    "order by 1, 2, 3, 4 limit $1::bigint offset $2::bigint";

static const char view_pg[] =
    "select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
    "where c.relkind in ('v', 'm', 'f') and (n.nspname || '.' || c.relname = $1::text or "
    "(n.nspname = 'public' and c.relname = $1::text)) limit 1";
static const char view_sqlite[] =
    "select case type when 'view' then 1 else 2 end from sqlite_schema m where lower(name) = "
    "lower($1) and (type = 'view' or (type = 'table' and (sql like 'create virtual%' "
    "or " SHADOW_SQLITE "))) limit 1";
static const char virtual_sqlite[] =
    "select coalesce(group_concat(name, ', '), '') from (select name from sqlite_schema where "
    "type = 'table' and sql like 'create virtual%' order by name)";

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

static enum status too_many(struct error *e)
{
    return fail(e, ST_LIMIT, "The application's database has more tables than fit.");
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
            return too_many(e);
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

static int64_t row_number(const struct rows *r, size_t i, size_t col)
{
    int64_t n = 0;

    (void)str_to_int(row_str(r, i, col), &n);
    return n;
}

/* ---- tables -------------------------------------------------------------------------------- */

static bool same_table(const struct rows *r, size_t i, size_t j)
{
    return str_eq(row_str(r, i, C_SCHEMA), row_str(r, j, C_SCHEMA)) &&
           str_eq(row_str(r, i, C_TABLE), row_str(r, j, C_TABLE));
}

static void add_key(struct app_table *t)
{
    for (size_t i = 0; i < t->n_columns; i++) {
        int64_t place = t->column[i].key_place;
        if (place > APP_KEY_MAX) {
            t->n_key = 0;
            return;
        }
        if (place > 0)
            t->key[place - 1] = &t->column[i];
        if (place > (int64_t)t->n_key)
            t->n_key = (size_t)place;
    }
}

static struct app_column column_of(const struct rows *r, size_t i, str table, struct arena *a)
{
    struct app_column c = { .table = table,
                            .name = row_str(r, i, C_NAME),
                            .quoted = app_quoted(row_str(r, i, C_NAME), a),
                            .type = row_str(r, i, C_TYPE),
                            .key_place = row_number(r, i, C_PLACE),
                            .generated = row_is(r, i, C_GENERATED),
                            .readable = row_is(r, i, C_READABLE) };

    c.holds = (enum app_holds)row_number(r, i, C_HOLDS);
    c.nullable = !row_is(r, i, C_NOT_NULL) && !c.key_place && !c.generated;
    return c;
}

static enum status make_tables(const struct rows *r, struct app_tables *out, struct arena *a,
                               struct error *e)
{
    struct app_column *column = arena_alloc(a, (r->n_rows + 1) * sizeof *column);

    out->table = arena_alloc(a, (r->n_rows + 1) * sizeof *out->table);
    if (!column || !out->table)
        return too_many(e);
    for (size_t i = 0; i < r->n_rows; i++) {
        str schema = row_str(r, i, C_SCHEMA), name = row_str(r, i, C_TABLE);
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
        column[i] = column_of(r, i, t->name, a);
        t->n_columns++;
        t->rows = row_is(r, i, C_ONLY) ? arena_concat(a, S("only "), t->quoted) : t->quoted;
        if (!t->name.p || !t->quoted.p || !t->rows.p || !column[i].quoted.p)
            return too_many(e);
    }
    for (size_t i = 0; i < out->n_tables; i++)
        add_key(&out->table[i]);
    return ST_OK;
}

static bool same_name(const struct app_tables *t, str x, str y)
{
    if (t->pg)
        return str_eq(x, y);
    return x.n == y.n && strncasecmp(x.p, y.p, x.n) == 0;
}

const struct app_table *app_table_named(const struct app_tables *t, str name)
{
    for (size_t i = 0; name.n && i < t->n_tables; i++)
        if (same_name(t, t->table[i].name, name))
            return &t->table[i];
    return NULL;
}

const struct app_column *app_column_named(const struct app_tables *t, const struct app_table *in,
                                          str name)
{
    for (size_t i = 0; name.n && in && i < in->n_columns; i++)
        if (same_name(t, in->column[i].name, name))
            return &in->column[i];
    return NULL;
}

enum status app_other_named(struct database *db, str name, enum app_other *is, struct error *e)
{
    ARENA(a, LOOK_BYTES_MAX);
    struct rows r = { 0 };
    bool pg = strcmp(db->ops->dialect, "pg") == 0;
    enum status st = database_run(db, str_of(pg ? view_pg : view_sqlite), &name, 1, &r, &a, e);

    if (st == ST_OK && r.n_rows > 0)
        *is = str_eqz(row_str(&r, 0, 0), "2") ? APP_VIRTUAL : APP_VIEW;
    return st;
}

static enum status read_virtual(struct database *db, struct app_tables *out, struct arena *a,
                                struct error *e)
{
    struct rows r;
    enum status st = database_run(db, str_of(virtual_sqlite), NULL, 0, &r, a, e);

    if (st == ST_OK)
        out->virtual = row_str(&r, 0, 0);
    return st;
}

/* ---- links --------------------------------------------------------------------------------- */

/* " and the row is in these partitions, or in theirs" */
static str in_parts(str parts, const char *row, struct arena *a)
{
    return parts.n ? arena_printf(a,
                                  " and %s.tableoid in (select t.relid from "
                                  "unnest(cast('%.*s' as oid[])) as p (oid), "
                                  "pg_catalog.pg_partition_tree(p.oid) as t)",
                                  row, STR_ARG(parts))
                   : S("");
}

str app_link_joins(const struct app_link *l, const char *here, const char *there, struct arena *a)
{
    str out = S("");

    for (size_t i = 0; i < l->n; i++)
        out = arena_printf(a, "%.*s%s%s.%.*s = %s.%.*s", STR_ARG(out), i ? " and " : "", here,
                           STR_ARG(l->here[i]->quoted), there, STR_ARG(l->there[i]->quoted));
    return arena_printf(a, "%.*s%.*s%.*s", STR_ARG(out), STR_ARG(in_parts(l->parts, here, a)),
                        STR_ARG(in_parts(l->to_parts, there, a)));
}

/* False: this pair of columns cannot be followed (SQLite takes links to what is not there). */
static bool add_pair(const struct app_tables *t, const struct rows *r, size_t i, struct app_link *l,
                     struct arena *a)
{
    str from = table_name(row_str(r, i, L_SCHEMA), row_str(r, i, L_TABLE), a);
    str to = table_name(row_str(r, i, L_TO_SCHEMA), row_str(r, i, L_TO_TABLE), a);

    l->from = app_table_named(t, from);
    l->to = app_table_named(t, to);
    l->on_delete = row_is(r, i, L_DELETE);
    l->on_update = row_is(r, i, L_UPDATE);
    l->parts = row_str(r, i, L_PARTS);
    l->to_parts = row_str(r, i, L_TO_PARTS);
    if (l->n == APP_LINK_COLUMNS_MAX)
        return false;
    l->here[l->n] = app_column_named(t, l->from, row_str(r, i, L_COLUMN));
    l->there[l->n] = app_column_named(t, l->to, row_str(r, i, L_TO_COLUMN));
    return l->here[l->n] && l->there[l->n++];
}

static enum status make_links(const struct rows *r, struct app_tables *out, struct arena *a,
                              struct error *e)
{
    out->link = arena_alloc(a, (r->n_rows + 1) * sizeof *out->link);
    if (!out->link)
        return fail(e, ST_LIMIT, "The application's database has more links than fit.");
    for (size_t i = 0; i < r->n_rows;) {
        struct app_link l = { 0 };
        str one = row_str(r, i, L_LINK);
        bool whole = true;
        for (; i < r->n_rows && str_eq(row_str(r, i, L_LINK), one); i++)
            whole = whole && add_pair(out, r, i, &l, a);
        if (whole)
            out->link[out->n_links++] = l;
        else if (l.n == APP_LINK_COLUMNS_MAX)
            out->n_unlinked++;
    }
    return ST_OK;
}

/* ---- heirs --------------------------------------------------------------------------------- */

static enum status read_heirs(struct database *db, struct app_tables *out, struct arena *a,
                              struct error *e)
{
    struct rows r;
    enum status st = read_all(db, heirs_pg, &r, a, e);

    if (st != ST_OK)
        return st;
    out->heir = arena_alloc(a, (r.n_rows + 1) * sizeof *out->heir);
    if (!out->heir)
        return too_many(e);
    for (size_t i = 0; i < r.n_rows; i++) {
        struct app_heir h = {
            .of = app_table_named(out, table_name(row_str(&r, i, 0), row_str(&r, i, 1), a)),
            .heir = app_table_named(out, table_name(row_str(&r, i, 2), row_str(&r, i, 3), a))
        };
        if (h.of && h.heir)
            out->heir[out->n_heirs++] = h;
    }
    return ST_OK;
}

const struct app_table *app_heir(const struct app_tables *t, const struct app_table *of, size_t i)
{
    for (size_t k = 0; k < t->n_heirs; k++)
        if (t->heir[k].of == of && i-- == 0)
            return t->heir[k].heir;
    return NULL;
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
        st = out->pg ? read_heirs(db, out, a, e) : read_virtual(db, out, a, e);
    if (st == ST_OK)
        st = read_all(db, out->pg ? links_pg : links_sqlite, &r, a, e);
    return st == ST_OK ? make_links(&r, out, a, e) : st;
}
