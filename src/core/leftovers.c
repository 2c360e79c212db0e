#include "core/leftovers.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "core/api.h"
#include "core/mirror.h"
#include "core/path.h"
#include "core/references.h"
#include "core/resource.h"

enum {
    PIECE = 500,
    SAMPLE = 200,      /* values of a column that are looked at to judge it */
    SAMPLE_LEAST = 50, /* of a hundred, that must be ids */
    ID_CHARS_LEAST = 8,
    ID_CHARS_MAX = 255,
    PIECE_BYTES_MAX = 16 << 20,
    ANSWER_BYTES_MAX = 64 << 20,
};

const char *leftover_kind_name(enum leftover_kind k)
{
    switch (k) {
    case LEFTOVER_HERE: return "here";
    case LEFTOVER_DELETED: return "deleted";
    case LEFTOVER_OTHER_MODE: return "other_mode";
    case LEFTOVER_OTHER_ACCOUNT: return "other_account";
    case LEFTOVER_UNKNOWN: return "unknown";
    case LEFTOVER_NO_ID: return "no_id";
    case LEFTOVER_KINDS: break;
    }
    return "?";
}

bool leftover_is_foreign(enum leftover_kind k, bool unknown)
{
    return k == LEFTOVER_OTHER_MODE || k == LEFTOVER_OTHER_ACCOUNT ||
           (unknown && k == LEFTOVER_UNKNOWN);
}

/* ---- which columns --------------------------------------------------------------------------- */

static str names_of_tables(const struct app_tables *t, struct arena *a)
{
    str out = S("");

    for (size_t i = 0; i < t->n_tables && out.n < ERROR_TEXT_MAX / 2; i++)
        out = arena_concat(a, arena_concat(a, out, i ? S(", ") : S("")), t->table[i].name);
    return out;
}

static enum status declare_one(struct leftover_scan *s, str word, struct error *e)
{
    struct leftover_column c = { .whole_row = str_ends(word, S("=delete")) };
    str name = c.whole_row ? str_sub(word, 0, word.n - 7) : word;
    size_t dot = name.n;

    while (dot && name.p[dot - 1] != '.')
        dot--;
    if (!dot || dot == name.n)
        return fail(e, ST_INVALID, "application_columns: \"%.*s\" is no table.column.",
                    STR_ARG(word));
    str table = str_sub(name, 0, dot - 1), column = str_sub(name, dot, name.n);
    c.table = app_table_named(&s->tables, table);
    if (!c.table)
        return fail(
            e, ST_INVALID,
            "application_columns: the application's database has no table \"%.*s\", but %.*s.",
            STR_ARG(table), STR_ARG(names_of_tables(&s->tables, s->a)));
    c.column = app_column_named(c.table, column);
    if (!c.column)
        return fail(e, ST_INVALID, "application_columns: table \"%.*s\" has no column \"%.*s\".",
                    STR_ARG(table), STR_ARG(column));
    if (!c.column->is_text)
        return fail(e, ST_INVALID, "application_columns: %.*s holds no texts, so no ids.",
                    STR_ARG(name));
    if (s->n_columns == LEFTOVER_COLUMNS_MAX)
        return fail(e, ST_LIMIT, "application_columns names more than %d columns.",
                    LEFTOVER_COLUMNS_MAX);
    s->column[s->n_columns++] = c;
    return ST_OK;
}

enum status leftovers_declare(struct leftover_scan *s, str columns, struct error *e)
{
    enum status st = ST_OK;

    while (st == ST_OK && columns.n) {
        str line, word;
        columns = str_cut(columns, '\n', &line);
        while (st == ST_OK && line.n) {
            line = str_cut(line, ',', &word);
            word = str_trim(word);
            if (word.n)
                st = declare_one(s, word, e);
        }
    }
    return st;
}

/* "cus_" and the like, of the table of resources, and enough behind it. */
static bool looks_like_id(str v)
{
    const char *underscore = v.n ? memchr(v.p, '_', v.n) : NULL;

    if (!underscore || v.n > ID_CHARS_MAX)
        return false;
    for (size_t i = 0; i < v.n; i++) {
        char ch = v.p[i];
        if (!(ch == '_' || (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') ||
              (ch >= 'A' && ch <= 'Z')))
            return false;
    }
    size_t prefix = (size_t)(underscore - v.p) + 1;
    return v.n - prefix >= ID_CHARS_LEAST && (resource_by_id(v) || str_starts(v, S("acct_")));
}

static enum status sample(struct leftover_scan *s, const struct app_table *t,
                          const struct app_column *c, bool *is, struct error *e)
{
    ARENA(a, PIECE_BYTES_MAX);
    struct rows r;
    size_t n = 0;
    /* No more of a text than shows that it is no id: a column may hold whole documents. */
    str sql = arena_printf(
        &a, "select substr(%.*s, 1, %d) from %.*s where %.*s is not null limit %d",
        STR_ARG(c->quoted), ID_CHARS_MAX + 1, STR_ARG(t->quoted), STR_ARG(c->quoted), SAMPLE);
    enum status st = database_run(s->db, sql, NULL, 0, &r, &a, e);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < r.n_rows; i++)
        n += looks_like_id(row_str(&r, i, 0));
    *is = n && n * 100 >= r.n_rows * SAMPLE_LEAST;
    return ST_OK;
}

enum status leftovers_discover(struct leftover_scan *s, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < s->tables.n_tables; i++) {
        const struct app_table *t = &s->tables.table[i];
        for (size_t j = 0; j < t->n_columns && st == ST_OK; j++) {
            bool is = false;
            if (t->column[j].is_text)
                st = sample(s, t, &t->column[j], &is, e);
            if (st == ST_OK && is && s->n_columns < LEFTOVER_COLUMNS_MAX)
                s->column[s->n_columns++] =
                    (struct leftover_column){ .table = t, .column = &t->column[j] };
        }
    }
    return st;
}

/* ---- whose an id is -------------------------------------------------------------------------- */

struct verdict {
    enum leftover_kind kind;
    char why[LEFTOVER_WHY_MAX];
};

static enum status find_in(struct env *env, str id, bool *there, bool *deleted, struct error *e)
{
    ARENA(a, ANSWER_BYTES_MAX);
    struct object o;
    enum status st = mirror_get(env, S(""), id, &o, &a, e);

    *there = st == ST_OK;
    *deleted = st == ST_OK && o.deleted;
    if (st == ST_NONE)
        error_clear(e);
    return st == ST_NONE ? ST_OK : st;
}

static enum status find_elsewhere(struct leftover_scan *s, str id, struct verdict *v,
                                  struct error *e)
{
    const struct identity *own = &s->mirror->identity;

    for (size_t i = 0; i < s->n_others; i++) {
        const struct identity *their = &s->other[i]->identity;
        bool there, deleted;
        enum status st = find_in(s->other[i], id, &there, &deleted, e);
        if (st != ST_OK)
            return st;
        if (!there)
            continue;
        bool same = strcmp(own->account, their->account) == 0;
        v->kind = same ? LEFTOVER_OTHER_MODE : LEFTOVER_OTHER_ACCOUNT;
        snprintf(v->why, sizeof v->why, "it stands in the mirror of %s (%s, %s mode)",
                 s->other[i]->name, their->account, their->livemode ? "live" : "test");
        return ST_OK;
    }
    v->kind = LEFTOVER_KINDS;
    return ST_OK;
}

static void weigh_answer(const struct api_answer *got, struct verdict *v)
{
    bool gone = json_bool(got->http.body, S("deleted")) == JSON_TRUE;

    v->kind = LEFTOVER_UNKNOWN;
    if (got->meaning == API_OK) {
        v->kind = gone ? LEFTOVER_DELETED : LEFTOVER_HERE;
        return;
    }
    if (strstr(got->why, "a similar object exists in"))
        v->kind = LEFTOVER_OTHER_MODE;
    else if (references_foreign(got->why))
        v->kind = LEFTOVER_OTHER_ACCOUNT;
    snprintf(v->why, sizeof v->why, "%.*s", LEFTOVER_WHY_MAX - 1, got->why);
}

static enum status ask_stripe(struct leftover_scan *s, const struct resource *r, str id,
                              struct verdict *v, struct error *e)
{
    ARENA(a, ANSWER_BYTES_MAX);
    struct api_answer got;
    str path = path_fill(r->get_path, id, S(""), &a);
    enum status st = api_get(s->stripe, path, S(""), LANE_BACKFILL, S("leftovers"), &got, &a, e);

    if (st != ST_OK)
        return st;
    s->asked++;
    if (got.meaning == API_KEY)
        return fail(e, ST_REFUSED, "Stripe refuses the key of %s: %s", s->mirror->name, got.why);
    if (got.meaning == API_FORBIDDEN && !references_foreign(got.why))
        snprintf(got.why, sizeof got.why, "the key of %.40s may not read it", s->mirror->name);
    weigh_answer(&got, v);
    return ST_OK;
}

/* An account's id: its own is at home, a connected one where Connect is on. */
static bool judge_account(struct leftover_scan *s, str id, struct verdict *v)
{
    if (!str_starts(id, S("acct_")))
        return false;
    v->kind = LEFTOVER_OTHER_ACCOUNT;
    if (str_eqz(id, s->mirror->identity.account))
        v->kind = LEFTOVER_HERE;
    else if (s->connect)
        return false;
    else
        snprintf(v->why, sizeof v->why,
                 "a connected account, and Connect is off: this environment is %s",
                 s->mirror->identity.account);
    return true;
}

static enum status judge(struct leftover_scan *s, str id, struct verdict *v, struct error *e)
{
    const struct resource *r = resource_by_id(id);
    bool there, deleted;

    *v = (struct verdict){ .kind = LEFTOVER_NO_ID };
    if (!looks_like_id(id) || judge_account(s, id, v))
        return ST_OK;
    if (s->mirror->identity.livemode && str_starts(id, S("cs_test_"))) {
        *v = (struct verdict){ LEFTOVER_OTHER_MODE, "a checkout session of test mode" };
        return ST_OK;
    }
    enum status st = find_in(s->mirror, id, &there, &deleted, e);
    if (st != ST_OK || there) {
        v->kind = deleted ? LEFTOVER_DELETED : LEFTOVER_HERE;
        return st;
    }
    st = find_elsewhere(s, id, v, e);
    if (st != ST_OK || v->kind != LEFTOVER_KINDS)
        return st;
    v->kind = LEFTOVER_UNKNOWN;
    return s->stripe && resource_fetchable(r) ? ask_stripe(s, r, id, v, e) : ST_OK;
}

/* ---- the look -------------------------------------------------------------------------------- */

static enum status too_many(const struct leftover_column *c, struct error *e)
{
    return fail(e, ST_LIMIT, "%.*s.%.*s has more leftovers than fit: mend some first.",
                STR_ARG(c->table->name), STR_ARG(c->column->name));
}

static enum status keep(struct leftover_scan *s, struct leftover_column *c, str id, int64_t rows,
                        const struct verdict *v, size_t *room, struct error *e)
{
    c->ids[v->kind]++;
    c->rows[v->kind] += rows;
    if (!leftover_is_foreign(v->kind, true))
        return ST_OK;
    if (c->n_left == *room) {
        size_t more = *room ? 2 * *room : 64;
        struct leftover *left = arena_alloc(s->a, more * sizeof *left);
        if (!left)
            return too_many(c, e);
        if (c->n_left)
            memcpy(left, c->left, c->n_left * sizeof *left);
        c->left = left;
        *room = more;
    }
    str copy = arena_copy(s->a, id), why = arena_copy(s->a, str_of(v->why));
    if (!copy.p || !why.p)
        return too_many(c, e);
    c->left[c->n_left++] =
        (struct leftover){ .id = copy, .rows = rows, .kind = v->kind, .why = why.p };
    return ST_OK;
}

static enum status look_at_piece(struct leftover_scan *s, struct leftover_column *c,
                                 const struct rows *r, size_t *room, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < r->n_rows; i++) {
        str id = row_str(r, i, 0);
        int64_t rows = 0;
        struct verdict v;
        (void)str_to_int(row_str(r, i, 1), &rows);
        st = judge(s, id, &v, e);
        if (st == ST_OK)
            st = keep(s, c, id, rows, &v, room, e);
        if (st == ST_OK && s->goes_on && !s->goes_on(s->ctx, s))
            return fail(e, ST_RETRY, "It was stopped; nothing was changed.");
    }
    return st;
}

static enum status look_at_column(struct leftover_scan *s, struct leftover_column *c,
                                  struct error *e)
{
    ARENA(place, 64 << 10);
    str after = S("");
    size_t room = 0;

    for (size_t n = PIECE; n == PIECE;) {
        ARENA(a, PIECE_BYTES_MAX);
        struct rows r;
        str sql = arena_printf(&a,
                               "select %.*s, count(*) from %.*s where %.*s > $1 group by %.*s "
                               "order by %.*s limit %d",
                               STR_ARG(c->column->quoted), STR_ARG(c->table->quoted),
                               STR_ARG(c->column->quoted), STR_ARG(c->column->quoted),
                               STR_ARG(c->column->quoted), PIECE);
        enum status st = database_run(s->db, sql, &after, 1, &r, &a, e);
        if (st == ST_OK)
            st = look_at_piece(s, c, &r, &room, e);
        if (st != ST_OK)
            return st;
        n = r.n_rows;
        /* SQLite has bytes behind every text: they would come again and again, and are no ids. */
        if (n && str_eq(row_str(&r, n - 1, 0), after))
            return ST_OK;
        if (n) {
            arena_free(&place);
            after = arena_copy(&place, row_str(&r, n - 1, 0));
        }
    }
    return ST_OK;
}

enum status leftovers_look(struct leftover_scan *s, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < s->n_columns && st == ST_OK; i++)
        st = look_at_column(s, &s->column[i], e);
    return st;
}

/* ---- what hangs on it ------------------------------------------------------------------------ */

static enum status count_dependents(struct leftover_scan *s, const struct leftover_column *c,
                                    const struct app_link *l, bool unknown, int64_t *rows,
                                    struct error *e)
{
    const struct app_table *from = app_table_named(&s->tables, l->from->table);
    size_t looked = 0;

    *rows = 0;
    for (size_t i = 0; i < c->n_left && looked < LEFTOVER_LINK_ROWS_MAX; i++) {
        ARENA(a, 1 << 20);
        struct rows r;
        if (!leftover_is_foreign(c->left[i].kind, unknown))
            continue;
        looked++;
        str sql = arena_printf(
            &a, "select count(*) from %.*s where %.*s in (select %.*s from %.*s where %.*s = $1)",
            STR_ARG(from->quoted), STR_ARG(l->from->quoted), STR_ARG(l->to->quoted),
            STR_ARG(c->table->quoted), STR_ARG(c->column->quoted));
        enum status st = database_run(s->db, sql, &c->left[i].id, 1, &r, &a, e);
        if (st != ST_OK)
            return st;
        int64_t one = 0;
        (void)str_to_int(row_str(&r, 0, 0), &one);
        *rows += one;
    }
    return ST_OK;
}

enum status leftovers_dependents(struct leftover_scan *s, const struct leftover_column *c,
                                 bool unknown, struct leftover_dependent *out, size_t room,
                                 size_t *n, struct error *e)
{
    enum status st = ST_OK;

    *n = 0;
    for (size_t i = 0; i < s->tables.n_links && *n < room && st == ST_OK; i++) {
        const struct app_link *l = &s->tables.link[i];
        int64_t rows = 0;
        if (!str_eq(l->to->table, c->table->name))
            continue;
        st = count_dependents(s, c, l, unknown, &rows, e);
        if (st == ST_OK && rows)
            out[(*n)++] = (struct leftover_dependent){ .link = l, .rows = rows };
    }
    return st;
}
