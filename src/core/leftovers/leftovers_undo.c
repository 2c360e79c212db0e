/* leftovers_undo.c - what was taken out of the application's database comes back, the latest first,
 * where nothing else has come in its place. */
#include "core/leftovers/leftovers.h"

#include "core/leftovers/leftovers_kept.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum {
    UNDO_PIECE = 500,
    UNDO_SHARE = 8, /* one that does not fit is read again as so much of it */
    UNDO_BYTES_MAX = 32 << 20,
};

#define PENDING "run = cast($1 as bigint) and outcome is null"
/* Within a transaction alone: its place was taken when this round came to it. */
#define NOT_NOW "'not_now'"

/* ---- the end of a transaction ---------------------------------------------------------------- */

static enum status is_kept(struct database *db, int64_t run, int64_t pending, bool *kept,
                           struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);
    struct rows r;
    int64_t n = -1;
    str arg = arena_printf(&a, "%lld", (long long)run);
    enum status st = db->ops->revive(db, e);

    if (st != ST_OK)
        return st;
    st = database_run(db, S("select count(*) from brindle_leftovers where " PENDING), &arg, 1, &r,
                      &a, e);
    if (st == ST_INVALID) { /* no such table: the very first time was not kept */
        error_clear(e);
        *kept = false;
        return ST_OK;
    }
    *kept = st == ST_OK && str_to_int(row_str(&r, 0, 0), &n) && n == pending;
    return st;
}

static enum status end_in_doubt(struct database *db, int64_t run, int64_t pending, struct error *e)
{
    struct error why = { 0 };
    bool kept = false;

    if (is_kept(db, run, pending, &kept, &why) != ST_OK)
        return fail(e, ST_RETRY,
                    "The connection to the application's database broke at the very end, and "
                    "nobody knows whether it was done: it was, whole, or not at all. When the "
                    "database is back, `brindle check leftovers` shows which.");
    return kept ? ST_OK
                : fail(e, ST_RETRY,
                       "The connection to the application's database broke, or it was locked: "
                       "nothing was changed. Say it again.");
}

enum status kept_end(struct database *db, enum status st, int64_t run, int64_t pending,
                     struct error *e)
{
    if (st != ST_OK) {
        db->ops->rollback(db);
        return st;
    }
    st = db->ops->commit(db, e);
    if (st == ST_RETRY) {
        error_clear(e);
        return end_in_doubt(db, run, pending, e);
    }
    if (st != ST_OK)
        error_prefix(e, "Nothing was changed. ");
    return st;
}

/* ---- a row ----------------------------------------------------------------------------------- */

/* Columns of `select … from brindle_leftovers`. */
enum kept { K_N, K_TABLE, K_COLUMN, K_KEY, K_OLD, K_WHOLE };

struct undoing {
    struct database *db;
    struct app_tables tables;
    const char *env;
    struct leftover_mended m;
    str run;
    bool careful;                  /* each row by itself, and looked at before it stays */
    const struct app_column *each; /* all of it at once did not go */
    str before;                    /* n of the row that was tried last */
    size_t put, failed;            /* of this round, as m.refused and m.why are */
    bool whole;                    /* nothing is left to be done but to commit */
};

static enum status not_ours(struct error *e)
{
    return fail(e, ST_BROKEN, "Table brindle_leftovers holds a row that was not made by us.");
}

/* " and "id" = $2": on PostgreSQL the arguments behind the first are the key's values. */
static enum status where_key(const struct undoing *u, str key, str *where, str *args,
                             size_t *n_args, struct arena *a, struct error *e)
{
    struct json_reader r;
    struct json_token t;

    *where = S("");
    json_init(&r, key);
    (void)json_next(&r);
    while ((t = json_next(&r)).type == JSON_KEY) {
        str name = app_quoted(json_unescape(t, a), a);
        struct json_token v = json_value(&r);
        if (*n_args == APP_KEY_MAX + 1 || v.type != JSON_STRING)
            return not_ours(e);
        str value = json_unescape(v, a);
        if (u->tables.pg) {
            args[(*n_args)++] = value;
            value = arena_printf(a, "$%zu", *n_args);
        }
        *where =
            arena_printf(a, "%.*s and %.*s %s %.*s", STR_ARG(*where), STR_ARG(name),
                         u->tables.pg ? "=" : "is", STR_ARG(value)); /* a key may be null there */
    }
    return where->n ? ST_OK : not_ours(e);
}

static enum status put_back_value(struct undoing *u, const struct app_table *t,
                                  const struct rows *r, size_t i, bool *done, struct arena *a,
                                  struct error *e)
{
    str args[APP_KEY_MAX + 1] = { row_str(r, i, K_OLD) }, where;
    size_t n_args = 1;
    struct rows changed;
    str column = app_quoted(row_str(r, i, K_COLUMN), a);
    enum status st = where_key(u, row_str(r, i, K_KEY), &where, args, &n_args, a, e);

    if (st != ST_OK)
        return st;
    str sql = arena_printf(a, "update %s%.*s set %.*s = $1 where %.*s is null%.*s",
                           u->tables.pg ? "" : "or abort ", STR_ARG(t->rows), STR_ARG(column),
                           STR_ARG(column), STR_ARG(where));
    st = database_run(u->db, sql, args, n_args, &changed, a, e);
    *done = st == ST_OK && changed.n_changed == 1;
    return st;
}

/* SQLite: the row as it was, of literals. */
static enum status put_back_row(struct undoing *u, const struct app_table *t, const struct rows *r,
                                size_t i, bool *done, struct arena *a, struct error *e)
{
    BUF(names, KEPT_STEP_BYTES_MAX);
    BUF(sql, UNDO_BYTES_MAX);
    BUF(values, UNDO_BYTES_MAX);
    struct json_reader j;
    struct json_token k;
    struct rows changed;

    json_init(&j, row_str(r, i, K_WHOLE));
    (void)json_next(&j);
    while ((k = json_next(&j)).type == JSON_KEY) {
        str name = app_quoted(json_unescape(k, a), a);
        struct json_token v = json_value(&j);
        if (v.type != JSON_STRING)
            return not_ours(e);
        if (names.n) {
            buf_char(&names, ',');
            buf_char(&values, ',');
        }
        buf_append(&names, name);
        buf_append(&values, json_unescape(v, a));
    }
    if (!names.n)
        return not_ours(e);
    buf_printf(&sql, "insert or abort into %.*s (%.*s) values (", STR_ARG(t->quoted),
               STR_ARG(buf_str(&names)));
    buf_append(&sql, buf_str(&values));
    buf_char(&sql, ')');
    if (names.failed || values.failed || sql.failed)
        return fail(e, ST_LIMIT, "A row of %.*s is too large to be put back.", STR_ARG(t->name));
    enum status st = database_run(u->db, buf_str(&sql), NULL, 0, &changed, a, e);
    *done = st == ST_OK && changed.n_changed > 0;
    return st;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Of all but generated columns: the names, and what brings their values back. A column that came
 * since is null. */
static void list_columns(const struct app_table *t, str *names, str *values, struct arena *a)
{
    *names = *values = S("");
    for (size_t i = 0; i < t->n_columns; i++) {
        const struct app_column *c = &t->column[i];
        BUF(name, KEPT_STEP_BYTES_MAX);
        if (c->generated)
            continue;
        leftovers_literal(&name, c->name);
        *values = arena_printf(a, "%.*s%scast(cast(whole_row as jsonb) ->> %.*s as %.*s)",
                               STR_ARG(*values), names->n ? ", " : "", STR_ARG(buf_str(&name)),
                               STR_ARG(c->type));
        *names = arena_printf(a, "%.*s%s%.*s", STR_ARG(*names), names->n ? ", " : "",
                              STR_ARG(c->quoted));
    }
}

/* "and back."id" = cast(… as integer)" for each column of the key. */
static str by_key(const struct app_table *t, struct arena *a)
{
    str out = S("");

    for (size_t i = 0; i < t->n_key; i++) {
        BUF(name, KEPT_STEP_BYTES_MAX);
        leftovers_literal(&name, t->key[i]->name);
        out = arena_printf(
            a, "%.*s and back.%.*s = cast(cast(kept.row_key as jsonb) ->> %.*s as %.*s)",
            STR_ARG(out), STR_ARG(t->key[i]->quoted), STR_ARG(buf_str(&name)),
            STR_ARG(t->key[i]->type));
    }
    return out;
}

/* What puts the rows of `kept` back, and leaves the n of those for which it did in `put`. */
static str put_values(const struct app_table *t, const struct app_column *c, struct arena *a)
{
    return arena_printf(a,
                        "put as (update %.*s as back set %.*s = kept.old_value from kept where "
                        "back.%.*s is null%.*s returning kept.n)",
                        STR_ARG(t->rows), STR_ARG(c->quoted), STR_ARG(c->quoted),
                        STR_ARG(by_key(t, a)));
}

static str put_rows(const struct app_table *t, bool one, struct arena *a)
{
    str names, values;

    list_columns(t, &names, &values, a);
    return arena_printf(a,
                        "made as (insert into %.*s as back (%.*s) overriding system value "
                        "select %.*s from kept%s returning %.*s as row_key), "
                        "put as (select n from kept join made using (row_key))",
                        STR_ARG(t->quoted), STR_ARG(names), STR_ARG(values),
                        one ? "" : " on conflict do nothing",
                        STR_ARG(kept_key(t, true, "back", a)));
}

/* PostgreSQL: all that was taken out of a column in one statement, for it is quick, and rows may
 * refer to each other; or that of one number alone. What stays may go in the next round: the row
 * that a value belongs to may come back by then. */
static enum status put_back_all(struct undoing *u, const struct app_table *t,
                                const struct app_column *c, bool whole, const str *one,
                                struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);
    struct rows r;
    int64_t n = 0, left = 0;
    const str args[] = { u->run, t->name, c->name, one ? *one : S("") };
    str put = whole ? put_rows(t, one, &a) : put_values(t, c, &a);
    str sql = arena_printf(
        &a,
        "with kept as (select n, row_key, old_value, whole_row from brindle_leftovers "
        "where " PENDING " and table_name = $2 and column_name = $3%s), %.*s, "
        "gone as (delete from brindle_leftovers where run = cast($1 as bigint) and n in "
        "(select n from put) returning 1), "
        "stay as (update brindle_leftovers set outcome = " NOT_NOW " where run = "
        "cast($1 as bigint) and %s and n in (select n from kept except select n from put) "
        "returning 1) select (select count(*) from gone), (select count(*) from stay)",
        one ? " and n = cast($4 as bigint)" : "", STR_ARG(put), one ? "false" : "true");
    if (!put.p || !sql.p)
        return fail(e, ST_LIMIT, "Table %.*s has too many columns.", STR_ARG(t->name));
    enum status st = database_run(u->db, sql, args, one ? 4 : 3, &r, &a, e);
    if (st != ST_OK)
        return st;
    (void)str_to_int(row_str(&r, 0, 0), &n);
    (void)str_to_int(row_str(&r, 0, 1), &left);
    *(whole ? &u->m.removed : &u->m.emptied) += n;
    u->put += (size_t)n;
    u->failed += (size_t)left;
    return ST_OK;
}

static enum status plain(struct undoing *u, const char *sql, struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);

    return database_run(u->db, str_of(sql), NULL, 0, NULL, &a, e);
}

/* Did the database not take it as it is? Then it can be tried otherwise. */
static bool was_refused(enum status st)
{
    return st == ST_CONFLICT || st == ST_INVALID;
}

/* `*done`: they are. Else a rule of the database was in the way of one of them, or it has a key
 * that is looked at later alone, and they are tried one by one. */
static enum status try_all(struct undoing *u, const struct app_table *t, const struct app_column *c,
                           bool whole, bool *done, struct error *e)
{
    enum status st = plain(u, "savepoint brindle_all", e);

    if (st == ST_OK)
        st = put_back_all(u, t, c, whole, NULL, e);
    *done = st == ST_OK;
    if (was_refused(st)) {
        error_clear(e);
        u->each = c;
        st = plain(u, "rollback to savepoint brindle_all", e);
    }
    return st == ST_OK ? plain(u, "release savepoint brindle_all", e) : st;
}

/* ---- one by one ------------------------------------------------------------------------------ */

/* SQLite looks at foreign keys at the very end: the row that was put back must not refer to one
 * that is not there. */
static enum status check_target(struct undoing *u, const struct app_table *t, str key,
                                struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);
    str where, args[APP_KEY_MAX + 1];
    size_t n_args = 1;
    struct rows r = { 0 };
    enum status st = where_key(u, key, &where, args, &n_args, &a, e);

    for (size_t i = 0; st == ST_OK && i < u->tables.n_links; i++) {
        const struct app_link *l = &u->tables.link[i];
        str set = S("1");
        if (l->from != t)
            continue;
        for (size_t k = 0; k < l->n; k++)
            set = arena_printf(&a, "%.*s and x1.%.*s is not null", STR_ARG(set),
                               STR_ARG(l->here[k]->quoted));
        str sql = arena_printf(&a,
                               "select 1 from %.*s x1 where %.*s%.*s and not exists (select 1 from "
                               "%.*s x0 where %.*s) limit 1",
                               STR_ARG(t->rows), STR_ARG(set), STR_ARG(where), STR_ARG(l->to->rows),
                               STR_ARG(app_link_joins(l, "x1", "x0", &a)));
        st = database_run(u->db, sql, NULL, 0, &r, &a, e);
        if (st == ST_OK && r.n_rows)
            return fail(e, ST_CONFLICT, "It refers to a row of %.*s that is not there.",
                        STR_ARG(l->to->name));
    }
    return st;
}

static enum status put_back_one(struct undoing *u, const struct rows *r, size_t i, bool *done,
                                struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);
    const struct app_table *t = app_table_named(&u->tables, row_str(r, i, K_TABLE));
    const struct app_column *c = app_column_named(&u->tables, t, row_str(r, i, K_COLUMN));
    bool whole = row_cell(r, i, K_WHOLE)->type == VAL_TEXT;
    size_t put = u->put;
    enum status st;

    if (!t || !c)
        return ST_OK; /* it is gone */
    if (u->tables.pg && t->n_key == 0)
        return fail(e, ST_CONFLICT, "It has no primary key any more.");
    if (u->tables.pg) {
        st = put_back_all(u, t, c, whole, &row_cell(r, i, K_N)->s, e);
        *done = st == ST_OK && u->put > put;
        return st;
    }
    st = whole ? put_back_row(u, t, r, i, done, &a, e) : put_back_value(u, t, r, i, done, &a, e);
    if (st == ST_OK && *done && u->careful)
        st = check_target(u, t, row_str(r, i, K_KEY), e);
    if (st != ST_OK || !*done)
        return st;
    u->put++;
    ++*(whole ? &u->m.removed : &u->m.emptied);
    return database_run(u->db, S("delete from brindle_leftovers where n = cast($1 as bigint)"),
                        &row_cell(r, i, K_N)->s, 1, NULL, &a, e);
}

static enum status nothing_came_back(const struct undoing *u, struct error *e)
{
    error_clear(e);
    return fail(e, ST_CONFLICT,
                "Nothing can be put back now, and nothing was changed: mend what is in the way, "
                "and say it again. %.380s",
                u->m.why);
}

/* What the database refuses stays as it is, to be tried again, and by another --undo; all else that
 * does not go has lost its place. */
static enum status let_it_stay(struct undoing *u, const struct rows *r, size_t i, enum status why,
                               struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);
    const str args[] = { u->run, row_str(r, i, K_N) };
    str table = row_str(r, i, K_TABLE);
    bool refused = why != ST_OK && !u->db->taken;

    u->failed++;
    if (refused && u->m.refused++ == 0)
        snprintf(u->m.why, sizeof u->m.why, "Table %.*s: %.360s",
                 (int)(table.n < 63 ? table.n : 63), table.p, e->text);
    error_clear(e);
    enum status st = plain(u, "rollback to savepoint brindle_row", e);
    if (st == ST_INVALID) /* there is none: a trigger has ended the whole transaction */
        return nothing_came_back(u, e);
    if (st != ST_OK || refused)
        return st;
    return database_run(u->db,
                        S("update brindle_leftovers set outcome = " NOT_NOW
                          " where run = cast($1 as bigint) and n = cast($2 as bigint)"),
                        args, COUNT(args), NULL, &a, e);
}

static enum status try_one(struct undoing *u, const struct rows *r, size_t i, struct error *e)
{
    bool done = false;
    enum status st = plain(u, "savepoint brindle_row", e);

    if (st == ST_OK)
        st = put_back_one(u, r, i, &done, e);
    if (was_refused(st) || (st == ST_OK && !done))
        st = let_it_stay(u, r, i, st, e);
    return st == ST_OK ? plain(u, "release savepoint brindle_row", e) : st;
}

/* The rows of a piece up to the first of another column, which may go at once. */
static enum status put_back_each(struct undoing *u, const struct rows *r, struct arena *place,
                                 struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < r->n_rows && st == ST_OK; i++) {
        if (i > 0 && (!str_eq(row_str(r, i, K_TABLE), row_str(r, 0, K_TABLE)) ||
                      !str_eq(row_str(r, i, K_COLUMN), row_str(r, 0, K_COLUMN))))
            break;
        st = try_one(u, r, i, e);
        arena_free(place);
        u->before = arena_copy(place, row_str(r, i, K_N));
    }
    return st;
}

static enum status read_pending(struct undoing *u, size_t most, struct rows *r, struct arena *a,
                                struct error *e)
{
    str sql = arena_printf(a,
                           "select n, table_name, column_name, row_key, old_value, whole_row from "
                           "brindle_leftovers where " PENDING " and n < cast($2 as bigint) "
                           "order by n desc limit %zu",
                           most);
    const str args[] = { u->run, u->before };

    return database_run(u->db, sql, args, COUNT(args), r, a, e);
}

/* The other way round: what was taken last comes back first. Of large rows as many as fit. */
static enum status undo_piece(struct undoing *u, struct arena *place, size_t *n, struct error *e)
{
    ARENA(a, UNDO_BYTES_MAX);
    struct rows r;
    bool done = false;
    size_t most = UNDO_PIECE;
    enum status st = read_pending(u, most, &r, &a, e);

    while (st == ST_LIMIT && most > 1) {
        most = (most + UNDO_SHARE - 1) / UNDO_SHARE;
        arena_free(&a);
        error_clear(e);
        st = read_pending(u, most, &r, &a, e);
    }

    *n = st == ST_OK ? r.n_rows : 0;
    if (st != ST_OK || *n == 0)
        return st;
    const struct app_table *t = app_table_named(&u->tables, row_str(&r, 0, K_TABLE));
    const struct app_column *c = app_column_named(&u->tables, t, row_str(&r, 0, K_COLUMN));
    if (u->tables.pg && !u->careful && t && t->n_key && c && c != u->each)
        st = try_all(u, t, c, row_cell(&r, 0, K_WHOLE)->type == VAL_TEXT, &done, e);
    return st == ST_OK && !done ? put_back_each(u, &r, place, e) : st;
}

enum status kept_is_old(struct error *e)
{
    error_clear(e);
    return fail(e, ST_INVALID,
                "Table brindle_leftovers of the application's database was made by another version "
                "of brindle, and lacks columns: rename it (its old values stay there, for you to "
                "put back), and a new one is made. Nothing was changed.");
}

static enum status no_run(struct database *db, struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);

    if (database_run(db, S("select 1 from brindle_leftovers limit 1"), NULL, 0, NULL, &a, e) ==
        ST_OK)
        return kept_is_old(e);
    error_clear(e);
    return ST_NONE;
}

static enum status latest_run(struct undoing *u, struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);
    struct error why = { 0 };
    struct rows r = { 0 };
    const str env = str_of(u->env);
    enum status st =
        database_run(u->db,
                     S("select run from brindle_leftovers where outcome is null and env = $1 order "
                       "by run desc, n desc limit 1"),
                     &env, 1, &r, &a, &why);

    if (st == ST_INVALID)
        st = no_run(u->db, e);
    else if (st != ST_OK)
        *e = why;
    if (st == ST_NONE || (st == ST_OK && r.n_rows == 0))
        return fail(e, ST_NONE,
                    "There is nothing to put back for environment %s: table brindle_leftovers of "
                    "the application's database is not there, or holds nothing of it that was not "
                    "put back before.",
                    u->env);
    if (st != ST_OK)
        return st;
    return str_to_int(row_str(&r, 0, 0), &u->m.run) ? ST_OK : not_ours(e);
}

/* From the latest one to the first. */
static enum status undo_round(struct undoing *u, struct error *e)
{
    ARENA(place, KEPT_STEP_BYTES_MAX);
    size_t n = 1;
    enum status st = ST_OK;

    u->before = S("9223372036854775807");
    u->put = u->failed = 0;
    u->m.refused = 0;
    while (st == ST_OK && n)
        st = undo_piece(u, &place, &n, e);
    return st;
}

/* What did not go in a round. */
static enum status name_the_rest(struct undoing *u, const char *outcome, int64_t *n,
                                 struct error *e)
{
    ARENA(a, KEPT_STEP_BYTES_MAX);
    struct rows r = { 0 };
    str sql = arena_printf(&a,
                           "update brindle_leftovers set outcome = %s where run = cast($1 as "
                           "bigint) and outcome = " NOT_NOW,
                           outcome);
    enum status st = database_run(u->db, sql, &u->run, 1, &r, &a, e);

    *n = st == ST_OK ? r.n_changed : 0;
    return st;
}

/* What did not go may go after others have: another round for as long as one brings something. */
static enum status undo_in_rounds(struct undoing *u, struct error *e)
{
    int64_t n = 0;
    enum status st = undo_round(u, e);

    while (st == ST_OK && u->failed && u->put) {
        st = name_the_rest(u, "null", &n, e);
        if (st == ST_OK)
            st = undo_round(u, e);
    }
    if (st == ST_OK && u->m.refused && u->m.removed + u->m.emptied == 0)
        return nothing_came_back(u, e);
    return st == ST_OK ? name_the_rest(u, "'changed_since'", &u->m.changed_since, e) : st;
}

/* What a trigger or a rule would do besides was not done when they were taken out. */
static enum status check_reactions(struct undoing *u, struct error *e)
{
    ARENA(a, UNDO_BYTES_MAX);
    struct rows r = { 0 };
    enum status st =
        database_run(u->db,
                     S("select distinct table_name, case when whole_row is null then 0 "
                       "else 1 end from brindle_leftovers where " PENDING),
                     &u->run, 1, &r, &a, e);

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        const struct app_table *t = app_table_named(&u->tables, row_str(&r, i, 0));
        bool whole = str_eq(row_str(&r, i, 1), S("1"));
        str what = S("");
        if (t)
            st = kept_reacts(u->db, t, whole ? KEPT_INSERT : KEPT_UPDATE, u->tables.pg, &what, &a,
                             e);
        if (st == ST_OK && what.n)
            return fail(e, ST_CONFLICT,
                        "Nothing can come back into %.*s: %.*s would act, and do what nobody has "
                        "asked for. Disable or drop it for the time of the undo; nothing was "
                        "changed.",
                        STR_ARG(t->name), STR_ARG(what));
    }
    return st;
}

/* On SQLite rows that refer to each other may come in any order until the end. */
static enum status undo_all(struct undoing *u, struct error *e)
{
    ARENA(a, UNDO_BYTES_MAX);
    enum status st = app_tables_read(u->db, &u->tables, &a, e);

    if (st == ST_OK && !u->tables.pg)
        st = plain(u, "pragma defer_foreign_keys = on", e);
    else if (st == ST_OK && u->careful)
        st = plain(u, "set constraints all immediate", e);
    u->run = arena_printf(&a, "%lld", (long long)u->m.run);
    if (st == ST_OK)
        st = check_reactions(u, e);
    return st == ST_OK ? undo_in_rounds(u, e) : st;
}

static enum status undo_once(struct undoing *u, struct error *e)
{
    enum status st = latest_run(u, e);

    if (st == ST_OK)
        st = u->db->ops->begin(u->db, e);
    if (st != ST_OK)
        return st;
    st = undo_all(u, e);
    u->whole = st == ST_OK;
    return kept_end(u->db, st, u->m.run, u->m.refused, e);
}

/* What the database finds at the very end alone, it finds before when we look at each row. */
enum status leftovers_undo(struct database *db, const char *env, struct leftover_mended *out,
                           struct error *e)
{
    struct undoing u = { .db = db, .env = env }, again = { .db = db, .env = env, .careful = true };
    enum status st = undo_once(&u, e);

    if (st == ST_CONFLICT && u.whole) {
        error_clear(e);
        st = undo_once(&again, e);
        u = again;
    }
    if (st == ST_OK)
        *out = u.m;
    return st;
}
