#include "core/mirror/views.h"

#include "core/mirror/coverage.h"
#include "core/mirror/view_notes.h"

#include <stdio.h>
#include <string.h>

/* The text of one dialect. What a column's expression is must stay the same in view and index:
 * only then does a query on the view use the index. */
struct dialect {
    const char *name;
    void (*value)(struct buf *b, const struct column *c);
    void (*data)(struct buf *b, const struct resource *r); /* without its secrets */
    void (*views)(struct buf *b, const struct dialect *d, const struct resource *r);
};

static void put_columns(struct buf *b, const struct dialect *d, const struct resource *r)
{
    for (size_t i = 0; i < r->n_columns; i++) {
        buf_append(b, S(",\n  "));
        d->value(b, &r->column[i]);
        buf_printf(b, " as \"%s\"", r->column[i].name);
    }
}

/* ---- Indexes ----
 *
 * One for each value that any resource has indexed, shared by all that have: an insert into a table
 * opens and closes each of its indexes, even those that its row does not belong to. */

static bool is_same_index(const struct column *x, const struct column *y)
{
    return x->indexed && y->indexed && x->kind == y->kind && strcmp(x->path, y->path) == 0;
}

static const struct column *column_in_index(const struct resource *r, const struct column *like)
{
    for (size_t i = 0; i < r->n_columns; i++)
        if (is_same_index(&r->column[i], like))
            return &r->column[i];
    return NULL;
}

static bool is_made(const struct resource *before, const struct column *c)
{
    for (const struct resource *r = resource_table; r < before; r++)
        if (column_in_index(r, c) != NULL)
            return true;
    return false;
}

/* Made anew, for other resources may share it now. */
static void put_index(struct buf *b, const struct dialect *d, const struct column *c)
{
    char name[INDEX_NAME_MAX];
    const char *separator = "where";

    views_index_name(c, name);
    buf_printf(b, "drop index if exists %s;\ncreate index %s on objects (type, (", name, name);
    d->value(b, c);
    buf_append(b, S(")) "));
    for (size_t i = 0; i < resource_count; i++) {
        if (column_in_index(&resource_table[i], c) == NULL)
            continue;
        buf_printf(b, "%s type = '%s'", separator, resource_table[i].type);
        separator = " or";
    }
    buf_append(b, S(";\n"));
}

static void put_indexes(struct buf *b, const struct dialect *d, const struct resource *r)
{
    for (size_t i = 0; i < r->n_columns; i++)
        if (r->column[i].indexed && !is_made(r, &r->column[i]))
            put_index(b, d, &r->column[i]);
}

void views_index_name(const struct column *c, char out[INDEX_NAME_MAX])
{
    snprintf(out, INDEX_NAME_MAX, "objects_%s", c->path);
    for (char *p = out; *p; p++)
        if (*p == '.')
            *p = '_';
}

/* Calls `put` with every path among a resource's secrets. */
static void each_secret(struct buf *b, const struct resource *r, void (*put)(struct buf *, str))
{
    str path;
    for (str rest = str_of(r->secrets); rest.p != NULL;) {
        rest = str_cut(rest, ' ', &path);
        if (path.n > 0)
            put(b, path);
    }
}

/* ---- SQLite: `data` is text, times are text in ISO 8601 (they sort and they can be read) ---- */

#define SQLITE_SECONDS "'%Y-%m-%dT%H:%M:%SZ'"
#define SQLITE_MILLISECONDS "'%Y-%m-%dT%H:%M:%fZ'"

static void sqlite_bare_value(struct buf *b, const struct column *c)
{
    switch (c->kind) {
    case COL_TEXT:
    case COL_INT:
    case COL_BOOL: /* true is 1 */
    case COL_JSON:
    case COL_NUMBER: buf_printf(b, "json_extract(data, '$.%s')", c->path); return;
    case COL_TIME:
        buf_append(b, S("strftime(" SQLITE_SECONDS ", "));
        buf_printf(b, "json_extract(data, '$.%s'), 'unixepoch')", c->path);
        return;
    case COL_REF:
        buf_printf(b, "coalesce(json_extract(data, '$.%s.id'), json_extract(data, '$.%s'))",
                   c->path, c->path);
        return;
    }
}

/* An index on an expression serves a join with a column of type text only if it is of that type,
 * too. */
static void sqlite_value(struct buf *b, const struct column *c)
{
    bool is_text = c->indexed && (c->kind == COL_REF || c->kind == COL_TEXT);

    buf_append(b, is_text ? S("cast(") : S(""));
    sqlite_bare_value(b, c);
    buf_append(b, is_text ? S(" as text)") : S(""));
}

static void sqlite_secret(struct buf *b, str path)
{
    buf_printf(b, ", '$.%.*s'", STR_ARG(path));
}

static void sqlite_data(struct buf *b, const struct resource *r)
{
    if (r->secrets[0] == '\0') {
        buf_append(b, S("data"));
        return;
    }
    buf_append(b, S("json_remove(data"));
    each_secret(b, r, sqlite_secret);
    buf_append(b, S(") as data"));
}

/* A view on this one goes by its name, and lives on while it is made again. Every connection reads
 * the text of all views when it is opened: the shorter, the sooner. */
static void sqlite_views(struct buf *b, const struct dialect *d, const struct resource *r)
{
    buf_printf(b, "drop view if exists \"%s\";\ndrop view if exists \"%s_all\";\n", r->view,
               r->view);
    buf_printf(b, "create view \"%s_all\" as select id, account", r->view);
    put_columns(b, d, r);
    buf_append(b, S(",\n  "));
    d->data(b, r);
    buf_append(b, S(",\n  strftime(" SQLITE_MILLISECONDS
                    ", fetched_at / 1000.0, 'unixepoch') as fetched_at, revision, deleted\n"));
    buf_printf(b, "from objects where type = '%s';\n", r->type);

    buf_printf(b, "create view \"%s\" as select * from \"%s_all\" where deleted = 0;\n", r->view,
               r->view);
}

/* ---- PostgreSQL: `data` is jsonb ---- */

static void pg_path(struct buf *b, str path)
{
    str field;
    const char *separator = "'{";
    for (str rest = path; rest.p != NULL; separator = ",") {
        rest = str_cut(rest, '.', &field);
        buf_printf(b, "%s%.*s", separator, STR_ARG(field));
    }
    buf_append(b, S("}'"));
}

static void pg_text(struct buf *b, const char *path)
{
    buf_append(b, S("data #>> "));
    pg_path(b, str_of(path));
}

static void pg_cast(struct buf *b, const char *path, const char *type)
{
    buf_char(b, '(');
    pg_text(b, path);
    buf_printf(b, ")::%s", type);
}

static void pg_value(struct buf *b, const struct column *c)
{
    switch (c->kind) {
    case COL_TEXT: pg_text(b, c->path); return;
    case COL_INT: pg_cast(b, c->path, "bigint"); return;
    case COL_BOOL: pg_cast(b, c->path, "boolean"); return;
    case COL_NUMBER: pg_cast(b, c->path, "numeric"); return;
    case COL_TIME:
        buf_append(b, S("to_timestamp("));
        pg_cast(b, c->path, "double precision");
        buf_char(b, ')');
        return;
    case COL_JSON:
        buf_append(b, S("data #> "));
        pg_path(b, str_of(c->path));
        return;
    case COL_REF:
        buf_append(b, S("coalesce(data #> "));
        pg_path(b, str_of(c->path));
        buf_append(b, S(" ->> 'id', "));
        pg_text(b, c->path);
        buf_char(b, ')');
        return;
    }
}

static void pg_secret(struct buf *b, str path)
{
    buf_append(b, S(" #- "));
    pg_path(b, path);
}

static void pg_data(struct buf *b, const struct resource *r)
{
    buf_append(b, S("data"));
    each_secret(b, r, pg_secret);
    if (r->secrets[0] != '\0')
        buf_append(b, S(" as data"));
}

static void pg_comments(struct buf *b, const struct resource *r)
{
    for (int all = 0; all <= 1; all++) {
        buf_printf(b, "comment on view \"%s%s\" is '", r->view, all ? "_all" : "");
        view_note(r, all, b);
        buf_append(b, S("';\n"));
    }
    for (size_t i = 0; i < common_column_count; i++)
        buf_printf(b, "comment on column \"%s\".%s is '%s';\n", r->view, common_columns[i].name,
                   common_columns[i].note);
    for (size_t i = 0; i < r->n_columns; i++) {
        buf_printf(b, "comment on column \"%s\".\"%s\" is '", r->view, r->column[i].name);
        column_note(r, &r->column[i], b);
        buf_append(b, S("';\n"));
    }
}

/* "create or replace" keeps the views that users have made on this one. It takes new columns at the
 * end alone; so those that every view has stand in front. */
static void pg_views(struct buf *b, const struct dialect *d, const struct resource *r)
{
    buf_printf(b, "create or replace view \"%s_all\" as select id, account, revision, deleted,\n",
               r->view);
    buf_append(b, S("  to_timestamp(fetched_at / 1000.0) as fetched_at,\n  "));
    d->data(b, r);
    put_columns(b, d, r);
    buf_printf(b, "\nfrom objects where type = '%s';\n", r->type);

    buf_printf(b, "create or replace view \"%s\" as select * from \"%s_all\" where deleted = 0;\n",
               r->view, r->view);
    pg_comments(b, r);
}

/* ---- Both ---- */

static const struct dialect dialects[] = {
    { "sqlite", sqlite_value, sqlite_data, sqlite_views },
    { "pg", pg_value, pg_data, pg_views },
};

enum status views_sql(const char *dialect, struct buf *out, struct error *e)
{
    const struct dialect *d = NULL;
    for (size_t i = 0; i < COUNT(dialects); i++)
        if (strcmp(dialects[i].name, dialect) == 0)
            d = &dialects[i];
    if (d == NULL)
        return fail(e, ST_INVALID, "\"%s\" is no dialect: it is sqlite or pg", dialect);
    for (size_t i = 0; i < resource_count; i++) {
        d->views(out, d, &resource_table[i]);
        put_indexes(out, d, &resource_table[i]);
    }
    coverage_sql(out);
    if (out->failed)
        return fail(e, ST_LIMIT, "the views need more than %zu bytes of SQL", out->max);
    return ST_OK;
}

void views_fingerprint(char out[32])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t h = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < COUNT(dialects); i++) {
        BUF(sql, VIEWS_SQL_BYTES_MAX);
        struct error e = { 0 };
        enum status st = views_sql(dialects[i].name, &sql, &e);
        assert(st == ST_OK);
        for (size_t k = 0; k < sql.n; k++)
            h = (h ^ (unsigned char)sql.p[k]) * 1099511628211u;
    }
    for (int i = 0; i < 16; i++)
        out[i] = digits[h >> (60 - 4 * i) & 15];
    out[16] = '\0';
}
