/* leftovers_mend.c - what does not belong is taken out of the application's database, and kept
 * beside it, so that it can be put back. */
#include "core/leftovers.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum {
    SQL_IDS_MAX = 50, /* of one printed statement */
    STEP_BYTES_MAX = 1 << 20,
    UNDO_PIECE = 500,
    UNDO_BYTES_MAX = 64 << 20,
};

/* What a row is called in our statements: a column of the application's by this name would stand
 * before it. */
#define ROW "brindle_row"

static const char table_pg[] =
    "create table if not exists brindle_leftovers (run bigint not null, "
    "n bigint generated always as identity, table_name text not null, column_name text not null, "
    "row_key text not null, old_value text not null, whole_row text, primary key (run, n))";
static const char table_sqlite[] =
    "create table if not exists brindle_leftovers (n integer primary key autoincrement, "
    "run bigint not null, table_name text not null, column_name text not null, "
    "row_key text not null, old_value text not null, whole_row text)";

/* ---- as text --------------------------------------------------------------------------------- */

static void put_literal(struct buf *out, str v)
{
    buf_char(out, '\'');
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '\'')
            buf_char(out, '\'');
        buf_char(out, v.p[i]);
    }
    buf_char(out, '\'');
}

static bool can_mend(const struct leftover_column *c)
{
    return c->whole_row || c->column->nullable;
}

static void sql_of_column(const struct leftover_column *c, bool unknown, struct buf *out)
{
    size_t in_one = 0;

    if (!can_mend(c))
        buf_printf(out,
                   "-- %.*s.%.*s may not be null: empty its rows by hand, or name it "
                   "%.*s.%.*s=delete\n",
                   STR_ARG(c->table->name), STR_ARG(c->column->name), STR_ARG(c->table->name),
                   STR_ARG(c->column->name));
    for (size_t i = 0; can_mend(c) && i < c->n_left; i++) {
        if (!leftover_is_foreign(c->left[i].kind, unknown))
            continue;
        if (in_one == 0 && c->whole_row)
            buf_printf(out, "delete from %.*s where %.*s in (", STR_ARG(c->table->quoted),
                       STR_ARG(c->column->quoted));
        else if (in_one == 0)
            buf_printf(out, "update %.*s set %.*s = null where %.*s in (",
                       STR_ARG(c->table->quoted), STR_ARG(c->column->quoted),
                       STR_ARG(c->column->quoted));
        else
            buf_append(out, S(", "));
        put_literal(out, c->left[i].id);
        in_one = (in_one + 1) % SQL_IDS_MAX;
        if (in_one == 0)
            buf_append(out, S(");\n"));
    }
    if (in_one)
        buf_append(out, S(");\n"));
}

static bool has_foreign(const struct leftover_column *c, bool unknown)
{
    for (size_t i = 0; i < c->n_left; i++)
        if (leftover_is_foreign(c->left[i].kind, unknown))
            return true;
    return false;
}

void leftovers_sql(const struct leftover_scan *s, bool unknown, struct buf *out)
{
    bool any = false;

    for (size_t i = 0; i < s->n_columns; i++) {
        if (!has_foreign(&s->column[i], unknown))
            continue;
        if (!any)
            buf_append(out, S("begin;\n"));
        any = true;
        sql_of_column(&s->column[i], unknown, out);
    }
    if (any)
        buf_append(out, S("commit;\n"));
}

/* ---- at once --------------------------------------------------------------------------------- */

/* An SQL expression: the row's key as a JSON object of texts. */
static str key_of_row(const struct leftover_scan *s, const struct app_table *t, struct arena *a)
{
    str out = s->tables.pg ? S("json_build_object(") : S("json_object(");

    for (size_t i = 0; i < t->n_key; i++) {
        BUF(name, STEP_BYTES_MAX);
        put_literal(&name, t->key[i]->name);
        out = arena_concat(a, out,
                           arena_printf(a, "%s%.*s, cast(%.*s as text)", i ? ", " : "",
                                        STR_ARG(buf_str(&name)), STR_ARG(t->key[i]->quoted)));
    }
    return arena_concat(a, out, S(")"));
}

/* An SQL expression: the whole row as a JSON object. */
static str whole_row(const struct leftover_scan *s, const struct app_table *t, struct arena *a)
{
    str out = S("json_object(");

    if (s->tables.pg)
        return arena_printf(a, "to_jsonb(" ROW ")::text");
    for (size_t i = 0; i < t->n_columns; i++) {
        BUF(name, STEP_BYTES_MAX);
        put_literal(&name, t->column[i].name);
        out = arena_concat(a, out,
                           arena_printf(a, "%s%.*s, %.*s", i ? ", " : "", STR_ARG(buf_str(&name)),
                                        STR_ARG(t->column[i].quoted)));
    }
    return arena_concat(a, out, S(")"));
}

static enum status remember(struct leftover_scan *s, const struct leftover_column *c, str id,
                            int64_t run, struct arena *a, struct error *e)
{
    const struct app_table *t = c->table;
    const str args[] = { arena_printf(a, "%lld", (long long)run), t->name, c->column->name, id };
    str key = key_of_row(s, t, a);
    str whole = c->whole_row ? whole_row(s, t, a) : S("null");
    str sql = arena_printf(
        a,
        "insert into brindle_leftovers (run, table_name, column_name, row_key, old_value, "
        "whole_row) select cast($1 as bigint), cast($2 as text), cast($3 as text), "
        "cast(%.*s as text), " ROW ".%.*s, %.*s from %.*s " ROW " where " ROW ".%.*s = $4",
        STR_ARG(key), STR_ARG(c->column->quoted), STR_ARG(whole), STR_ARG(t->quoted),
        STR_ARG(c->column->quoted));

    if (!sql.p)
        return fail(e, ST_LIMIT, "Table %.*s has too many columns.", STR_ARG(t->name));
    return database_run(s->db, sql, args, COUNT(args), NULL, a, e);
}

static enum status take_out(struct leftover_scan *s, const struct leftover_column *c, str id,
                            int64_t *n, struct arena *a, struct error *e)
{
    struct rows r;
    str sql = c->whole_row ? arena_printf(a, "delete from %.*s where %.*s = $1",
                                          STR_ARG(c->table->quoted), STR_ARG(c->column->quoted))
                           : arena_printf(a, "update %.*s set %.*s = null where %.*s = $1",
                                          STR_ARG(c->table->quoted), STR_ARG(c->column->quoted),
                                          STR_ARG(c->column->quoted));
    enum status st = database_run(s->db, sql, &id, 1, &r, a, e);

    if (st == ST_CONFLICT)
        error_clear(e);
    if (st == ST_CONFLICT && c->whole_row)
        return fail(e, ST_CONFLICT,
                    "Rows of %.*s cannot go: others refer to them, or a rule of the database "
                    "forbids it. Mend those first; nothing was changed.",
                    STR_ARG(c->table->name));
    if (st == ST_CONFLICT)
        return fail(e, ST_CONFLICT,
                    "%.*s.%.*s cannot be emptied: a rule of the database forbids it. Name it "
                    "=delete, or mend it by hand; nothing was changed.",
                    STR_ARG(c->table->name), STR_ARG(c->column->name));
    if (st == ST_OK)
        *n += r.n_changed;
    return st;
}

/* What the database deletes or empties by itself is nowhere kept. */
static enum status check_followers(const struct leftover_scan *s, const struct leftover_column *c,
                                   struct error *e)
{
    for (size_t i = 0; c->whole_row && i < s->tables.n_links; i++) {
        const struct app_link *l = &s->tables.link[i];
        if (l->follows && str_eq(l->to->table, c->table->name))
            return fail(e, ST_CONFLICT,
                        "Rows of %.*s cannot go: with them the database would delete or empty "
                        "rows of %.*s, which could not be put back. Mend those first, by hand; "
                        "nothing was changed.",
                        STR_ARG(c->table->name), STR_ARG(l->from->table));
    }
    return ST_OK;
}

static enum status apply_column(struct leftover_scan *s, const struct leftover_column *c,
                                bool unknown, struct leftover_mended *m, struct error *e)
{
    enum status st = ST_OK;

    if (has_foreign(c, unknown) && c->table->n_key == 0)
        return fail(e, ST_INVALID,
                    "Table %.*s has no primary key of at most %d columns, so what is taken out "
                    "could not be put back. Mend it by hand: --sql prints how.",
                    STR_ARG(c->table->name), APP_KEY_MAX);
    if (has_foreign(c, unknown))
        st = check_followers(s, c, e);
    for (size_t i = 0; i < c->n_left && st == ST_OK; i++) {
        ARENA(a, STEP_BYTES_MAX);
        if (!leftover_is_foreign(c->left[i].kind, unknown))
            continue;
        st = remember(s, c, c->left[i].id, m->run, &a, e);
        if (st == ST_OK)
            st = take_out(s, c, c->left[i].id, c->whole_row ? &m->removed : &m->emptied, &a, e);
    }
    return st;
}

static enum status begin(struct database *db, struct error *e)
{
    ARENA(a, STEP_BYTES_MAX);
    bool pg = strcmp(db->ops->dialect, "pg") == 0;

    return database_run(db, pg ? S("begin") : S("begin immediate"), NULL, 0, NULL, &a, e);
}

static enum status plain(struct database *db, const char *sql, struct error *e)
{
    ARENA(a, STEP_BYTES_MAX);

    return database_run(db, str_of(sql), NULL, 0, NULL, &a, e);
}

/* Whatever was begun is undone; the reason stays. */
static enum status end(struct database *db, enum status st, struct error *e)
{
    struct error ignored = { 0 };

    if (st == ST_OK)
        return plain(db, "commit", e);
    (void)!plain(db, "rollback", &ignored);
    return st;
}

enum status leftovers_apply(struct leftover_scan *s, bool unknown, int64_t run,
                            struct leftover_mended *out, struct error *e)
{
    struct leftover_mended m = { .run = run };
    enum status st = begin(s->db, e);

    if (st != ST_OK)
        return st;
    st = plain(s->db, s->tables.pg ? table_pg : table_sqlite, e);
    for (size_t i = 0; i < s->n_columns && st == ST_OK; i++)
        if (can_mend(&s->column[i]))
            st = apply_column(s, &s->column[i], unknown, &m, e);
    st = end(s->db, st, e);
    if (st == ST_OK)
        *out = m;
    return st;
}

/* ---- and back -------------------------------------------------------------------------------- */

/* Columns of `select … from brindle_leftovers`. */
enum kept { K_N, K_TABLE, K_COLUMN, K_KEY, K_OLD, K_WHOLE };

/* " and cast("id" as text) = $2": the arguments behind the first are the key's values. */
static enum status where_key(str key, str *where, str *args, size_t *n_args, struct arena *a,
                             struct error *e)
{
    struct json_reader r;
    struct json_token t;

    *where = S("");
    json_init(&r, key);
    (void)json_next(&r);
    while ((t = json_next(&r)).type == JSON_KEY) {
        str name = json_unescape(t, a);
        struct json_token v = json_value(&r);
        if (*n_args == APP_KEY_MAX + 1 || v.type != JSON_STRING)
            return fail(e, ST_INVALID, "brindle_leftovers holds a key that was not made by us");
        args[(*n_args)++] = json_unescape(v, a);
        *where = arena_concat(a, *where,
                              arena_printf(a, " and cast(%.*s as text) = $%zu",
                                           STR_ARG(app_quoted(name, a)), *n_args));
    }
    return ST_OK;
}

static enum status put_back_value(struct database *db, const struct app_table *t,
                                  const struct rows *r, size_t i, bool *done, struct arena *a,
                                  struct error *e)
{
    str args[APP_KEY_MAX + 1] = { row_str(r, i, K_OLD) }, where;
    size_t n_args = 1;
    struct rows changed;
    str column = app_quoted(row_str(r, i, K_COLUMN), a);
    enum status st = where_key(row_str(r, i, K_KEY), &where, args, &n_args, a, e);

    if (st != ST_OK)
        return st;
    str sql = arena_printf(a, "update %.*s set %.*s = $1 where %.*s is null%.*s",
                           STR_ARG(t->quoted), STR_ARG(column), STR_ARG(column), STR_ARG(where));
    st = database_run(db, sql, args, n_args, &changed, a, e);
    *done = st == ST_OK && changed.n_changed > 0;
    return st;
}

static enum status put_back_row(struct database *db, const struct app_tables *tables,
                                const struct app_table *t, const struct rows *r, size_t i,
                                bool *done, struct arena *a, struct error *e)
{
    str whole = row_str(r, i, K_WHOLE), names = S(""), values = S("");
    struct rows changed;

    for (size_t k = 0; k < t->n_columns; k++) {
        const struct app_column *c = &t->column[k];
        BUF(path, STEP_BYTES_MAX);
        put_literal(&path, arena_printf(a, "$.%.*s", STR_ARG(c->quoted)));
        const char *comma = k ? ", " : "";
        names = arena_concat(a, names, arena_printf(a, "%s%.*s", comma, STR_ARG(c->quoted)));
        values = arena_concat(
            a, values, arena_printf(a, "%sjson_extract($1, %.*s)", comma, STR_ARG(buf_str(&path))));
    }
    str sql = tables->pg
                  ? arena_printf(a,
                                 "insert into %.*s overriding system value select * from "
                                 "jsonb_populate_record(null::%.*s, $1::jsonb) "
                                 "on conflict do nothing",
                                 STR_ARG(t->quoted), STR_ARG(t->quoted))
                  : arena_printf(a, "insert into %.*s (%.*s) values (%.*s) on conflict do nothing",
                                 STR_ARG(t->quoted), STR_ARG(names), STR_ARG(values));
    enum status st = database_run(db, sql, &whole, 1, &changed, a, e);
    *done = st == ST_OK && changed.n_changed > 0;
    return st;
}

static enum status put_back(struct database *db, const struct app_tables *tables,
                            const struct rows *r, size_t i, struct leftover_mended *m,
                            int64_t *changed_since, struct error *e)
{
    ARENA(a, STEP_BYTES_MAX);
    const struct app_table *t = app_table_named(tables, row_str(r, i, K_TABLE));
    bool whole = row_cell(r, i, K_WHOLE)->type == VAL_TEXT, done = false;
    enum status st = ST_OK;

    if (t && whole)
        st = put_back_row(db, tables, t, r, i, &done, &a, e);
    else if (t)
        st = put_back_value(db, t, r, i, &done, &a, e);
    if (st != ST_OK)
        return st;
    if (!done)
        (*changed_since)++;
    else if (whole)
        m->removed++;
    else
        m->emptied++;
    return database_run(db, S("delete from brindle_leftovers where n = cast($1 as bigint)"),
                        &row_cell(r, i, K_N)->s, 1, NULL, &a, e);
}

/* The other way round: what was taken last comes back first. */
static enum status undo_piece(struct database *db, const struct app_tables *tables,
                              struct leftover_mended *m, int64_t *changed_since, size_t *n,
                              struct error *e)
{
    ARENA(a, UNDO_BYTES_MAX);
    struct rows r;
    str sql = arena_printf(&a,
                           "select n, table_name, column_name, row_key, old_value, whole_row from "
                           "brindle_leftovers where run = %lld order by n desc limit %d",
                           (long long)m->run, UNDO_PIECE);
    enum status st = database_run(db, sql, NULL, 0, &r, &a, e);

    *n = st == ST_OK ? r.n_rows : 0;
    for (size_t i = 0; i < *n && st == ST_OK; i++)
        st = put_back(db, tables, &r, i, m, changed_since, e);
    return st;
}

static enum status latest_run(struct database *db, int64_t *run, struct error *e)
{
    ARENA(a, STEP_BYTES_MAX);
    struct error why = { 0 };
    struct rows r;
    enum status st =
        database_run(db, S("select max(run) from brindle_leftovers"), NULL, 0, &r, &a, &why);

    if (st == ST_INVALID || (st == ST_OK && row_cell(&r, 0, 0)->type == VAL_NULL))
        return fail(e, ST_NONE,
                    "There is nothing to put back: table brindle_leftovers of the "
                    "application's database is empty or not there.");
    if (st != ST_OK) {
        *e = why;
        return st;
    }
    if (!str_to_int(row_str(&r, 0, 0), run))
        return fail(e, ST_INVALID, "brindle_leftovers holds a run that was not made by us");
    return ST_OK;
}

static enum status undo_all(struct database *db, struct leftover_mended *m, int64_t *changed_since,
                            struct error *e)
{
    ARENA(a, UNDO_BYTES_MAX);
    struct app_tables tables;
    size_t n = 1;
    enum status st = app_tables_read(db, &tables, &a, e);

    while (st == ST_OK && n)
        st = undo_piece(db, &tables, m, changed_since, &n, e);
    return st;
}

enum status leftovers_undo(struct database *db, struct leftover_mended *out, int64_t *changed_since,
                           struct error *e)
{
    struct leftover_mended m = { 0 };
    int64_t since = 0;
    enum status st = latest_run(db, &m.run, e);

    if (st == ST_OK)
        st = begin(db, e);
    if (st != ST_OK)
        return st;
    st = end(db, undo_all(db, &m, &since, e), e);
    if (st == ST_OK) {
        *out = m;
        *changed_since = since;
    }
    return st;
}
