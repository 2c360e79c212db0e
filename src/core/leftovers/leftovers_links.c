/* leftovers_links.c - what hangs on rows with leftovers: along foreign keys, however many columns
 * they have and however long their chain is. */
#include "core/leftovers/leftovers.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum {
    IDS_PIECE = 500,
    SQL_BYTES_MAX = 1 << 20,
    LOOKED_AT_MAX = 256, /* chains of one table */
};

str leftovers_ids(const struct leftover_column *c, bool unknown, size_t *at, struct arena *a)
{
    BUF(out, SQL_BYTES_MAX);
    struct json_writer w = { .b = &out };
    size_t n = 0;

    jw_array(&w);
    for (; *at < c->n_left && n < IDS_PIECE; ++*at) {
        if (!leftover_is_foreign(c->left[*at].kind, unknown))
            continue;
        jw_str(&w, c->left[*at].id);
        n++;
    }
    jw_end(&w);
    return n ? arena_copy(a, buf_str(&out)) : (str){ 0 };
}

str leftovers_among(bool pg, str column, unsigned n, struct arena *a)
{
    if (pg)
        return arena_printf(a, "%.*s in (select jsonb_array_elements_text(cast($%u as jsonb)))",
                            STR_ARG(column), n);
    return arena_printf(a, "%.*s in (select value from json_each($%u))", STR_ARG(column), n);
}

/* Rows of the last table of the path for which there is a chain of rows to one with an id. */
static str count_sql(const struct leftover_scan *s, const struct leftover_column *c,
                     const struct leftover_dependent *d, struct arena *a)
{
    str column = arena_printf(a, "x0.%.*s", STR_ARG(c->column->quoted));
    str inner = arena_printf(a, "select 1 from %.*s x0 where %.*s", STR_ARG(c->table->rows),
                             STR_ARG(leftovers_among(s->tables.pg, column, 1, a)));

    for (size_t i = 0; i < d->depth; i++) {
        char here[8], there[8];
        snprintf(here, sizeof here, "x%zu", i + 1);
        snprintf(there, sizeof there, "x%zu", i);
        inner =
            arena_printf(a, "select %s from %.*s %s where exists (%.*s and %.*s)",
                         i + 1 == d->depth ? "count(*)" : "1", STR_ARG(d->path[i]->from->rows),
                         here, STR_ARG(inner), STR_ARG(app_link_joins(d->path[i], here, there, a)));
    }
    return inner;
}

static enum status count_rows(struct leftover_scan *s, const struct leftover_column *c,
                              bool unknown, struct leftover_dependent *d, struct error *e)
{
    size_t at = 0, looked = 0;

    d->rows = 0;
    for (;;) {
        ARENA(a, SQL_BYTES_MAX);
        struct rows r;
        int64_t n = 0;
        str ids = leftovers_ids(c, unknown, &at, &a);
        if (!ids.p)
            return ST_OK;
        if (looked == LEFTOVER_LINK_IDS_MAX) {
            d->at_least = true;
            return ST_OK;
        }
        str sql = count_sql(s, c, d, &a);
        if (!sql.p)
            return fail(e, ST_LIMIT, "The names of the tables do not fit into one statement.");
        enum status st = database_run(s->db, sql, &ids, 1, &r, &a, e);
        if (st != ST_OK)
            return st;
        (void)str_to_int(row_str(&r, 0, 0), &n);
        d->rows += n;
        looked += IDS_PIECE;
    }
}

static bool goes_through(const struct leftover_dependent *d, const struct app_link *l)
{
    for (size_t i = 0; i < d->depth; i++)
        if (d->path[i] == l)
            return true;
    return false;
}

/* First those that refer to it themselves, then those that refer to them: a list that grows while
 * it is walked through. A link is followed once on a path, so that circles end. */
enum status leftovers_dependents(struct leftover_scan *s, const struct leftover_column *c,
                                 bool unknown, struct leftover_dependent *out, size_t room,
                                 size_t *n, struct error *e)
{
    struct leftover_dependent nothing = { 0 };
    size_t looked = 0;
    enum status st = ST_OK;

    *n = 0;
    for (size_t from = 0; from <= *n && st == ST_OK; from++) {
        const struct leftover_dependent *base = from ? &out[from - 1] : &nothing;
        const struct app_table *to = from ? base->path[base->depth - 1]->from : c->table;
        if (base->depth == LEFTOVER_PATH_MAX)
            break; /* the rest is as deep */
        for (size_t i = 0; i < s->tables.n_links && *n < room && st == ST_OK; i++) {
            const struct app_link *l = &s->tables.link[i];
            struct leftover_dependent d = *base;
            if (l->to != to || goes_through(base, l) || ++looked > LOOKED_AT_MAX)
                continue;
            d.path[d.depth++] = l;
            st = count_rows(s, c, unknown, &d, e);
            if (st == ST_OK && d.rows)
                out[(*n)++] = d;
        }
    }
    return st;
}
