/* leftovers_mend.c - what does not belong is taken out of the application's database, and kept
 * beside it, so that it can be put back. */
#include "core/leftovers/leftovers.h"

#include "core/leftovers/leftovers_kept.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum {
    SQL_IDS_MAX = 50, /* of one printed statement */
    TEXTS_PIECE = 40, /* columns of one call */
};

/* What a row is called in our statements: a column of the application's by this name would stand
 * before it. */
#define ROW "brindle_row"

static const char table_pg[] =
    "create table if not exists brindle_leftovers (env text not null, run bigint not null, "
    "n bigint generated always as identity, table_name text not null, column_name text not null, "
    "row_key text not null, old_value text not null, whole_row text, outcome text, "
    "primary key (run, n))";
static const char table_sqlite[] =
    "create table if not exists brindle_leftovers (n integer primary key autoincrement, "
    "env text not null, run bigint not null, table_name text not null, column_name text not null, "
    "row_key text not null, old_value text not null, whole_row text, outcome text)";

void leftovers_literal(struct buf *out, str v)
{
    buf_char(out, '\'');
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '\'')
            buf_char(out, '\'');
        buf_char(out, v.p[i]);
    }
    buf_char(out, '\'');
}

/* ---- as text --------------------------------------------------------------------------------- */

static bool can_mend(const struct leftover_column *c)
{
    return !c->inside && (c->whole_row || c->column->nullable);
}

static bool has_foreign(const struct leftover_column *c, bool unknown)
{
    for (size_t i = 0; i < c->n_left; i++)
        if (leftover_is_foreign(c->left[i].kind, unknown))
            return true;
    return false;
}

/* A name that holds a line break would end the comment. */
static void put_in_comment(struct buf *out, str name)
{
    for (size_t i = 0; i < name.n; i++)
        buf_char(out, (unsigned char)name.p[i] < ' ' ? '?' : name.p[i]);
}

static void comment_on(const struct leftover_column *c, bool unknown, struct buf *out)
{
    int64_t n = 0;

    for (size_t i = 0; i < c->n_left; i++)
        n += leftover_is_foreign(c->left[i].kind, unknown);
    buf_append(out, S("-- "));
    put_in_comment(out, c->table->name);
    buf_char(out, '.');
    put_in_comment(out, c->column->name);
    buf_printf(out, ": %lld id%s: %s\n", (long long)n, n == 1 ? " stays" : "s stay",
               leftovers_why_not(c));
}

static void sql_of_column(const struct leftover_column *c, bool unknown, struct buf *out)
{
    size_t in_one = 0;

    for (size_t i = 0; i < c->n_left; i++) {
        if (!leftover_is_foreign(c->left[i].kind, unknown))
            continue;
        if (in_one == 0 && c->whole_row)
            buf_printf(out, "delete from %.*s where %.*s in (", STR_ARG(c->table->rows),
                       STR_ARG(c->column->quoted));
        else if (in_one == 0)
            buf_printf(out, "update %.*s set %.*s = null where %.*s in (", STR_ARG(c->table->rows),
                       STR_ARG(c->column->quoted), STR_ARG(c->column->quoted));
        else
            buf_append(out, S(", "));
        leftovers_literal(out, c->left[i].id);
        in_one = (in_one + 1) % SQL_IDS_MAX;
        if (in_one == 0)
            buf_append(out, S(");\n"));
    }
    if (in_one)
        buf_append(out, S(");\n"));
}

void leftovers_sql(const struct leftover_scan *s, bool unknown, struct buf *out)
{
    bool any = false;

    for (size_t i = 0; i < s->n_columns; i++)
        if (has_foreign(&s->column[i], unknown) && !can_mend(&s->column[i]))
            comment_on(&s->column[i], unknown, out);
    for (size_t i = 0; i < s->n_columns; i++) {
        if (!has_foreign(&s->column[i], unknown) || !can_mend(&s->column[i]))
            continue;
        if (!any)
            buf_append(out, S("begin;\n"));
        any = true;
        sql_of_column(&s->column[i], unknown, out);
    }
    if (any)
        buf_append(out, S("commit;\n"));
}

/* ---- what is kept ---------------------------------------------------------------------------- */

static str literal_of(str text, struct arena *a)
{
    BUF(out, KEPT_STEP_BYTES_MAX);

    leftovers_literal(&out, text);
    return out.failed ? (str){ 0 } : arena_copy(a, buf_str(&out));
}

/* SQLite: an SQL expression that makes the literal of a column. quote() alone ends a text at a NUL,
 * and has no word for infinity; "+" keeps a cast from making its opposite a text, too. */
static str literal(const struct app_column *column, struct arena *a)
{
    str c = arena_printf(a, ROW ".%.*s", STR_ARG(column->quoted));

    return arena_printf(a,
                        "case when typeof(%.*s) = 'text' then '+cast(x''' || hex(%.*s) || ''' as "
                        "text)' when %.*s = 9e999 then '9e999' when %.*s = -9e999 then '-9e999' "
                        "else quote(%.*s) end",
                        STR_ARG(c), STR_ARG(c), STR_ARG(c), STR_ARG(c), STR_ARG(c));
}

/* '{"id":' || json_quote(…) || … || '}': each value as the literal that brings it back as it was,
 * whatever its type. */
static str literals(const struct app_column *const *column, size_t n, struct arena *a)
{
    str out = S("'{'");

    for (size_t i = 0; i < n; i++) {
        BUF(name, KEPT_STEP_BYTES_MAX);
        if (i)
            buf_char(&name, ',');
        json_quote(&name, column[i]->name);
        buf_char(&name, ':');
        out = arena_printf(a, "%.*s || %.*s || json_quote(%.*s)", STR_ARG(out),
                           STR_ARG(literal_of(buf_str(&name), a)), STR_ARG(literal(column[i], a)));
    }
    return arena_concat(a, out, S(" || '}'"));
}

str kept_key(const struct app_table *t, bool pg, const char *row, struct arena *a)
{
    str out = S("cast(json_build_object(");

    if (!pg)
        return literals(t->key, t->n_key, a);
    for (size_t i = 0; i < t->n_key; i++)
        out =
            arena_printf(a, "%.*s%s%.*s, cast(%s.%.*s as text)", STR_ARG(out), i ? ", " : "",
                         STR_ARG(literal_of(t->key[i]->name, a)), row, STR_ARG(t->key[i]->quoted));
    return arena_concat(a, out, S(") as text)"));
}

/* PostgreSQL: a JSON object of texts, in pieces, for a function takes 100 arguments. */
static str texts(const struct app_column *const *column, size_t n, struct arena *a)
{
    str out = S("cast(");

    for (size_t i = 0; i < n; i++) {
        const char *before = i == 0 ? "" : i % TEXTS_PIECE ? ", " : ") || ";
        out = arena_printf(a, "%.*s%s%s%.*s, cast(" ROW ".%.*s as text)", STR_ARG(out), before,
                           i % TEXTS_PIECE ? "" : "jsonb_build_object(",
                           STR_ARG(literal_of(column[i]->name, a)), STR_ARG(column[i]->quoted));
    }
    return arena_concat(a, out, S(") as text)"));
}

/* An SQL expression: the whole row, but for what the database makes of it. */
static str whole_row(const struct app_table *t, bool pg, struct arena *a)
{
    const struct app_column **column = arena_alloc(a, (t->n_columns + 1) * sizeof *column);
    size_t n = 0;

    for (size_t i = 0; column && i < t->n_columns; i++)
        if (!t->column[i].generated)
            column[n++] = &t->column[i];
    if (!column)
        return (str){ 0 };
    return pg ? texts(column, n, a) : literals(column, n, a);
}

static str run_text(int64_t run, struct arena *a)
{
    return arena_printf(a, "%lld", (long long)run);
}

/* ---- at once --------------------------------------------------------------------------------- */

struct mending {
    struct leftover_scan *s;
    const struct leftover_column *c;
    bool unknown;
    int64_t run, kept;
};

static enum status remember_piece(struct mending *m, str ids, struct arena *a, struct error *e)
{
    const struct app_table *t = m->c->table;
    bool pg = m->s->tables.pg;
    struct rows r = { 0 };
    str column = arena_printf(a, ROW ".%.*s", STR_ARG(m->c->column->quoted));
    str whole = m->c->whole_row ? whole_row(t, pg, a) : S("null");
    const str args[] = { str_of(m->s->mirror->name), run_text(m->run, a), t->name,
                         m->c->column->name, ids };
    str sql = arena_printf(
        a,
        "insert into brindle_leftovers (env, run, table_name, column_name, row_key, old_value, "
        "whole_row) select cast($1 as text), cast($2 as bigint), cast($3 as text), cast($4 as "
        "text), "
        "%.*s, %.*s, "
        "%.*s from %.*s " ROW " where %.*s%s",
        STR_ARG(kept_key(t, pg, ROW, a)), STR_ARG(column), STR_ARG(whole), STR_ARG(t->rows),
        STR_ARG(leftovers_among(pg, column, 5, a)), pg ? " for update" : "");

    if (!sql.p || !whole.p)
        return fail(e, ST_LIMIT, "Table %.*s has too many columns.", STR_ARG(t->name));
    enum status st = database_run(m->s->db, sql, args, COUNT(args), &r, a, e);
    m->kept += st == ST_OK ? r.n_changed : 0;
    return st;
}

static enum status conflict(const struct leftover_column *c, struct error *e)
{
    char words[ERROR_TEXT_MAX];

    snprintf(words, sizeof words, "%.200s", e->text);
    error_clear(e);
    if (c->whole_row)
        return fail(e, ST_CONFLICT,
                    "Rows of %.*s cannot go: others refer to them, or a rule of the database "
                    "forbids it. Mend those first; nothing was changed. %s",
                    STR_ARG(c->table->name), words);
    return fail(e, ST_CONFLICT,
                "%.*s.%.*s cannot be emptied: a rule of the database forbids it. Write =delete "
                "behind it, or mend it by hand; nothing was changed. %s",
                STR_ARG(c->table->name), STR_ARG(c->column->name), words);
}

static enum status take_out_piece(struct mending *m, str ids, int64_t *n, struct arena *a,
                                  struct error *e)
{
    const struct leftover_column *c = m->c;
    struct rows r = { 0 };
    str among = leftovers_among(m->s->tables.pg, c->column->quoted, 1, a);
    str sql = c->whole_row
                  ? arena_printf(a, "delete from %.*s where %.*s", STR_ARG(c->table->rows),
                                 STR_ARG(among))
                  : arena_printf(a, "update %s%.*s set %.*s = null where %.*s",
                                 m->s->tables.pg ? "" : "or abort ", STR_ARG(c->table->rows),
                                 STR_ARG(c->column->quoted), STR_ARG(among));
    enum status st = database_run(m->s->db, sql, &ids, 1, &r, a, e);

    *n += st == ST_OK ? r.n_changed : 0;
    return st == ST_CONFLICT ? conflict(c, e) : st;
}

/* Does the database change rows by this link when ours go or are emptied? */
static bool follows(const struct app_link *l, const struct leftover_column *c)
{
    if (l->to != c->table || (c->whole_row && !l->on_delete) || (!c->whole_row && !l->on_update))
        return false;
    for (size_t i = 0; !c->whole_row && i < l->n; i++)
        if (l->there[i] == c->column)
            return true;
    return c->whole_row;
}

/* Rows that would follow, but for those that are kept themselves. */
static enum status count_followers(struct mending *m, const struct app_link *l, int64_t *n,
                                   struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);
    struct rows r;
    static const char kept[] = "select old_value from brindle_leftovers where run = cast($1 as "
                               "bigint) and table_name = $2 and column_name = $3";
    const struct leftover_column *c = m->c;
    const str args[] = { run_text(m->run, &a), c->table->name, c->column->name };
    str but = l->from == c->table && c->whole_row
                  ? arena_printf(&a, " and (x1.%.*s in (%s)) is not true",
                                 STR_ARG(c->column->quoted), kept)
                  : S("");
    str sql =
        arena_printf(&a,
                     "select count(*) from %.*s x1 where exists (select 1 from %.*s x0 where "
                     "x0.%.*s in (%s) and %.*s)%.*s",
                     STR_ARG(l->from->rows), STR_ARG(c->table->rows), STR_ARG(c->column->quoted),
                     kept, STR_ARG(app_link_joins(l, "x1", "x0", &a)), STR_ARG(but));
    enum status st = database_run(m->s->db, sql, args, COUNT(args), &r, &a, e);
    if (st == ST_OK)
        (void)str_to_int(row_str(&r, 0, 0), n);
    return st;
}

/* What the database deletes or empties by itself is nowhere kept. */
static enum status check_followers(struct mending *m, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < m->s->tables.n_links && st == ST_OK; i++) {
        const struct app_link *l = &m->s->tables.link[i];
        int64_t n = 0;
        if (!follows(l, m->c))
            continue;
        st = count_followers(m, l, &n, e);
        if (st == ST_OK && n)
            return fail(e, ST_CONFLICT,
                        "%s %.*s %s: with them the database would delete or empty %lld row%s of "
                        "%.*s, which could not be put back. Mend those first, by hand; nothing was "
                        "changed.",
                        m->c->whole_row ? "Rows of" : "Values of", STR_ARG(m->c->table->name),
                        m->c->whole_row ? "cannot go" : "cannot be emptied", (long long)n,
                        n == 1 ? "" : "s", STR_ARG(l->from->name));
    }
    return st;
}

/* $1: the table. Partitions have triggers of their own. Bits of tgtype: 1 for each row, 2 before,
 * 4 insert, 8 delete, 16 update. A trigger before each row that is updated or inserted is let be:
 * it is how people keep the time of a change. */
#define REACTS_PG(trigger, event)                                                             \
    "with recursive parts (oid) as (select to_regclass($1::text)::oid union all select "      \
    "i.inhrelid from pg_catalog.pg_inherits i join parts p on i.inhparent = p.oid) "          \
    "select 'trigger ' || g.tgname from parts p join pg_catalog.pg_trigger g on g.tgrelid = " \
    "p.oid where not g.tgisinternal and g.tgenabled in ('O', 'A') and " trigger               \
    " union all select "                                                                      \
    "'rule ' || w.rulename from parts p join pg_catalog.pg_rewrite w on w.ev_class = p.oid "  \
    "where w.ev_enabled in ('O', 'A') and w.ev_type = '" event "' limit 1"
static const char reacts_delete_pg[] = REACTS_PG("g.tgtype & 8 <> 0", "4");
static const char reacts_update_pg[] = REACTS_PG("g.tgtype & 16 <> 0 and g.tgtype & 3 <> 3", "2");
static const char reacts_insert_pg[] = REACTS_PG("g.tgtype & 4 <> 0 and g.tgtype & 3 <> 3", "3");
/* A trigger in whose text no word of writing stands behind its begin only looks, or forbids. */
#define REACTS_SQLITE(event)                                                                      \
    "with t as (select name, lower(sql) as s, instr(lower(sql), 'begin') as b from "              \
    "sqlite_schema where type = 'trigger' and lower(tbl_name) = lower($1)) select 'trigger ' || " \
    "name from t where s like '%" event "%' and (substr(s, b) like '%insert%' or substr(s, b) "   \
    "like '%update%' or substr(s, b) like '%delete%' or substr(s, b) like '%replace%') limit 1"
static const char reacts_delete_sqlite[] = REACTS_SQLITE("delete");
static const char reacts_update_sqlite[] = REACTS_SQLITE("update");
static const char reacts_insert_sqlite[] = REACTS_SQLITE("insert");

enum status kept_reacts(struct database *db, const struct app_table *t, enum kept_event on, bool pg,
                        str *what, struct arena *a, struct error *e)
{
    static const char *const sql[][2] = {
        [KEPT_DELETE] = { reacts_delete_sqlite, reacts_delete_pg },
        [KEPT_UPDATE] = { reacts_update_sqlite, reacts_update_pg },
        [KEPT_INSERT] = { reacts_insert_sqlite, reacts_insert_pg }
    };
    struct rows r;
    str name = pg ? t->quoted : t->name;
    enum status st = database_run(db, str_of(sql[on][pg]), &name, 1, &r, a, e);

    *what = st == ST_OK && r.n_rows ? row_str(&r, 0, 0) : S("");
    return st;
}

/* What a trigger or a rule does besides is nowhere kept. */
static enum status check_reactions(struct mending *m, struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);
    const struct app_table *t = m->c->table;
    bool gone = m->c->whole_row;
    str what;
    enum status st =
        kept_reacts(m->s->db, t, gone ? KEPT_DELETE : KEPT_UPDATE, m->s->tables.pg, &what, &a, e);

    if (st != ST_OK || !what.n)
        return st;
    return fail(e, ST_CONFLICT,
                "%s %.*s: %.*s would act, and what it changes could not be put back. Disable "
                "or drop it for the time of the mending, or mend by hand (--sql prints how); "
                "nothing was changed.",
                gone ? "Rows cannot go from" : "Values cannot be emptied in", STR_ARG(t->name),
                STR_ARG(what));
}

/* SQLite takes null in a primary key, and then several rows may have the same: nobody could tell
 * them apart. */
static enum status check_keys(struct mending *m, struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);
    struct rows r;
    const struct app_table *t = m->c->table;
    const str args[] = { run_text(m->run, &a), t->name, m->c->column->name };
    str key = kept_key(t, false, ROW, &a), null = S("0");

    for (size_t i = 0; i < t->n_key; i++)
        null = arena_printf(&a, "%.*s or " ROW ".%.*s is null", STR_ARG(null),
                            STR_ARG(t->key[i]->quoted));
    str sql = arena_printf(&a,
                           "select 1 from %.*s " ROW " where (%.*s) and %.*s in (select row_key "
                           "from brindle_leftovers where run = cast($1 as bigint) and table_name = "
                           "$2 and column_name = $3) group by %.*s having count(*) > 1 limit 1",
                           STR_ARG(t->rows), STR_ARG(null), STR_ARG(key), STR_ARG(key));
    if (!sql.p)
        return fail(e, ST_LIMIT, "Table %.*s has too many columns.", STR_ARG(t->name));
    enum status st = database_run(m->s->db, sql, args, COUNT(args), &r, &a, e);
    if (st == ST_OK && r.n_rows)
        return fail(e, ST_CONFLICT,
                    "Several rows of %.*s have the same primary key, with null in it, and could "
                    "not be told apart when they are put back. Give them keys, or mend by hand "
                    "(--sql prints how); nothing was changed.",
                    STR_ARG(t->name));
    return st;
}

/* What is kept has to fit when it is read again. */
static enum status check_size(struct mending *m, struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);
    struct rows r;
    int64_t n = 0;
    const str args[] = { run_text(m->run, &a), m->c->table->name, m->c->column->name };
    str sql = arena_printf(&a,
                           "select max(%s) from brindle_leftovers where run = cast($1 as bigint) "
                           "and table_name = $2 and column_name = $3",
                           m->s->tables.pg ? "octet_length(whole_row)"
                                           : "length(cast(whole_row as blob))");
    enum status st = database_run(m->s->db, sql, args, COUNT(args), &r, &a, e);

    if (st != ST_OK)
        return st;
    (void)str_to_int(row_str(&r, 0, 0), &n);
    if (n > KEPT_ROW_BYTES_MAX)
        return fail(e, ST_LIMIT,
                    "A row of %.*s has more than %d MiB, and could not be put back: take it out by "
                    "hand (--sql prints how). Nothing was changed.",
                    STR_ARG(m->c->table->name), KEPT_ROW_BYTES_MAX >> 20);
    return ST_OK;
}

static enum status each_piece(struct mending *m, bool take_out, int64_t *n, struct error *e)
{
    size_t at = 0;
    enum status st = ST_OK;

    while (st == ST_OK) {
        ARENA(a, KEPT_STEP_BYTES_MAX);
        str ids = leftovers_ids(m->c, m->unknown, &at, &a);
        if (!ids.p)
            return ST_OK;
        st = take_out ? take_out_piece(m, ids, n, &a, e) : remember_piece(m, ids, &a, e);
    }
    return st;
}

/* All is kept before anything goes: one row may go with another of the same table. On SQLite such
 * a row is not counted where it goes, and nobody else writes meanwhile. */
static enum status apply_column(struct mending *m, int64_t *mended, struct error *e)
{
    int64_t n = 0;

    if (!has_foreign(m->c, m->unknown))
        return ST_OK;
    if (m->c->table->n_key == 0)
        return fail(e, ST_INVALID,
                    "Table %.*s has no primary key of at most %d columns, so what is taken out "
                    "could not be put back. Mend it by hand: --sql prints how.",
                    STR_ARG(m->c->table->name), APP_KEY_MAX);
    enum status st = each_piece(m, false, &n, e);
    if (st == ST_OK && m->c->whole_row)
        st = check_size(m, e);
    if (st == ST_OK && !m->s->tables.pg)
        st = check_keys(m, e);
    if (st == ST_OK)
        st = check_followers(m, e);
    if (st == ST_OK)
        st = check_reactions(m, e);
    if (st == ST_OK)
        st = each_piece(m, true, &n, e);
    if (st == ST_OK && m->s->tables.pg && n != m->kept)
        return fail(e, ST_CONFLICT,
                    "%.*s: %lld rows were to change, but %lld did: a trigger or a rule of the "
                    "database is in the way, or somebody writes there now. Nothing was changed.",
                    STR_ARG(m->c->table->name), (long long)m->kept, (long long)n);
    *mended += m->kept;
    return st;
}

/* The time, but always more than that of any run before: a clock may be set back. */
static enum status number_run(struct leftover_scan *s, int64_t now, int64_t *run, struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);
    struct rows r;
    int64_t last = 0;
    enum status st =
        database_run(s->db, str_of(s->tables.pg ? table_pg : table_sqlite), NULL, 0, NULL, &a, e);

    if (st == ST_OK)
        st = database_run(s->db, S("select max(run), max(env) from brindle_leftovers"), NULL, 0, &r,
                          &a, e);
    if (st == ST_INVALID)
        return kept_is_old(e);
    if (st != ST_OK)
        return st;
    (void)str_to_int(row_str(&r, 0, 0), &last);
    *run = now > last ? now : last + 1;
    return ST_OK;
}

static enum status apply_all(struct leftover_scan *s, bool unknown, struct leftover_mended *m,
                             struct error *e)
{
    enum status st = number_run(s, m->run, &m->run, e);

    for (size_t i = 0; i < s->n_columns && st == ST_OK; i++) {
        struct mending one = { .s = s, .c = &s->column[i], .unknown = unknown, .run = m->run };
        if (can_mend(one.c))
            st = apply_column(&one, one.c->whole_row ? &m->removed : &m->emptied, e);
    }
    return st;
}

enum status leftovers_apply(struct leftover_scan *s, bool unknown, int64_t now,
                            struct leftover_mended *out, struct error *e)
{
    struct leftover_mended m = { .run = now };

    if (s->tables.n_unlinked)
        return fail(e, ST_LIMIT,
                    "The application's database has a foreign key of more than %d columns, so "
                    "nobody knows what would go with a row. Mend by hand: --sql prints how. "
                    "Nothing was changed.",
                    APP_LINK_COLUMNS_MAX);
    enum status st = s->db->ops->begin(s->db, e);

    if (st != ST_OK)
        return st;
    st = apply_all(s, unknown, &m, e);
    st = kept_end(s->db, st, m.run, m.emptied + m.removed, e);
    if (st == ST_OK)
        *out = m;
    return st;
}
