#include "core/leftovers/leftovers.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "core/api.h"
#include "core/mirror/mirror.h"
#include "core/mirror/references.h"
#include "core/path.h"
#include "core/resource.h"

enum {
    PIECE = DATABASE_ROWS_MAX, /* a piece may cost a walk through the whole table: few of them */
    SAMPLE = 200,              /* values of a column that are looked at to judge it */
    SAMPLE_LEAST = 50,         /* of a hundred, that must be ids */
    SAMPLE_CHARS_MAX = 4096,   /* of a document */
    ID_CHARS_LEAST = 8,
    ID_CHARS_MAX = 255,
    PIECE_BYTES_MAX = 32 << 20,
    ANSWER_BYTES_MAX = 64 << 20,
    TABLES_NAMED_MAX = 8,
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

const char *leftovers_why_not(const struct leftover_column *c)
{
    if (c->inside)
        return "the ids stand inside documents: change those by hand";
    if (!c->whole_row && c->column->generated)
        return "it is made of other columns: mend those";
    if (!c->whole_row && c->column->key_place)
        return "it is in the primary key: write =delete behind it, or change it by hand";
    if (!c->whole_row && !c->column->nullable)
        return "it may not be null: write =delete behind it, or make it nullable";
    return c->table->n_key
               ? ""
               : "its table has no primary key by which it could be put back: use --sql";
}

bool leftover_is_foreign(enum leftover_kind k, bool unknown)
{
    return k == LEFTOVER_OTHER_MODE || k == LEFTOVER_OTHER_ACCOUNT ||
           (unknown && k == LEFTOVER_UNKNOWN);
}

/* ---- which columns --------------------------------------------------------------------------- */

static bool is_plain(char ch)
{
    return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
           ch == '_' || ch == '$' || ch == '-' || (unsigned char)ch >= 0x80;
}

static bool is_plain_name(str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!is_plain(name.p[i]))
            return false;
    return name.n > 0;
}

/* The name of a table may have two parts, which people write with a dot between. */
static str written(str name, bool with_dots, struct arena *a)
{
    str rest = name, part;
    bool plain = true;

    while (with_dots && plain && rest.n) {
        rest = str_cut(rest, '.', &part);
        plain = is_plain_name(part);
    }
    if (!with_dots)
        plain = is_plain_name(name);
    return plain ? name : app_quoted(name, a);
}

str leftovers_name(const struct leftover_column *c, struct arena *a)
{
    str table = c->table->name, column = c->column->name;

    if (memchr(table.p, '\n', table.n) || memchr(column.p, '\n', column.n) ||
        memchr(table.p, '\r', table.n) || memchr(column.p, '\r', column.n))
        return (str){ 0 };
    bool inside = c->inside && c->column->holds == APP_TEXT;
    return arena_printf(a, "%.*s.%.*s%s", STR_ARG(written(table, true, a)),
                        STR_ARG(written(column, false, a)),
                        c->whole_row ? "=delete"
                        : inside     ? "=inside"
                                     : "");
}

/* One part of a name: it ends at a dot, at '=', or at the end. Quotes are taken off. False: what
 * stands behind a quoted part is no part of a name. */
static bool cut_part(str *word, struct buf *out)
{
    size_t i = 0;

    buf_clear(out);
    if (!word->n || word->p[0] != '"') {
        while (i < word->n && word->p[i] != '.' && word->p[i] != '=')
            i++;
        buf_append(out, str_trim(str_sub(*word, 0, i)));
        *word = str_sub(*word, i, word->n);
        return true;
    }
    for (i = 1; i < word->n; i++) {
        if (word->p[i] == '"' && (i + 1 == word->n || word->p[i + 1] != '"'))
            break;
        i += word->p[i] == '"';
        buf_char(out, word->p[i]);
    }
    bool closed = i < word->n;
    *word = str_trim(str_sub(*word, closed ? i + 1 : word->n, word->n));
    return closed && (!word->n || word->p[0] == '.' || word->p[0] == '=');
}

/* "billing"."customers".id=delete: the last part is the column, what stands before it the table. */
static bool read_word(str word, str *table, str *column, str *suffix, struct arena *a)
{
    BUF(part, 4 * APP_NAME_MAX);
    str rest = word;
    bool ok = true;

    *table = *column = S("");
    while (ok) {
        ok = cut_part(&rest, &part) && part.n && !part.failed;
        if (column->n)
            *table = table->n ? arena_printf(a, "%.*s.%.*s", STR_ARG(*table), STR_ARG(*column))
                              : *column;
        *column = arena_copy(a, buf_str(&part));
        if (!rest.n || rest.p[0] == '=')
            break;
        rest = str_trim(str_sub(rest, 1, rest.n));
    }
    *suffix = rest;
    return ok && table->n && column->n;
}

static str names_of_tables(const struct app_tables *t, struct arena *a)
{
    str out = S("");
    size_t i = 0;

    for (; i < t->n_tables && i < TABLES_NAMED_MAX && out.n < ERROR_TEXT_MAX / 2; i++)
        out = arena_printf(a, "%.*s%s%.*s", STR_ARG(out), i ? ", " : "", STR_ARG(t->table[i].name));
    return i == t->n_tables ? out
                            : arena_printf(a, "%.*s and %zu more", STR_ARG(out), t->n_tables - i);
}

static enum status no_table(struct leftover_scan *s, str table, struct error *e)
{
    bool is_view = false;
    enum status st = app_is_view(s->db, table, &is_view, e);

    if (st != ST_OK)
        return st;
    if (is_view)
        return fail(e, ST_INVALID,
                    "application_columns: \"%.*s\" is a view: name the table behind it.",
                    STR_ARG(table));
    return fail(e, ST_INVALID,
                "application_columns: the application's database has no table \"%.*s\", but %.*s.",
                STR_ARG(table), STR_ARG(names_of_tables(&s->tables, s->a)));
}

static enum status check_column(const struct leftover_scan *s, const struct leftover_column *c,
                                str word, struct error *e)
{
    if (!c->column->readable)
        return fail(e, ST_REFUSED,
                    "application_columns: %.*s may not be read: grant select on it to the user in "
                    "application_database.",
                    STR_ARG(word));
    if (c->column->holds == APP_OTHER)
        return fail(e, ST_INVALID, "application_columns: %.*s holds no texts, so no ids.",
                    STR_ARG(word));
    if (c->inside && c->whole_row)
        return fail(e, ST_INVALID,
                    "application_columns: %.*s holds documents: =delete does not go with it.",
                    STR_ARG(word));
    for (size_t i = 0; i < s->n_columns; i++)
        if (s->column[i].column == c->column)
            return fail(e, ST_INVALID, "application_columns names %.*s twice.", STR_ARG(word));
    if (s->n_columns == LEFTOVER_COLUMNS_MAX)
        return fail(e, ST_LIMIT, "application_columns names more than %d columns.",
                    LEFTOVER_COLUMNS_MAX);
    return ST_OK;
}

static enum status declare_one(struct leftover_scan *s, str word, struct error *e)
{
    str table, column, suffix;

    if (!read_word(word, &table, &column, &suffix, s->a) ||
        (suffix.n && !str_eqz(suffix, "=delete") && !str_eqz(suffix, "=inside")))
        return fail(e, ST_INVALID,
                    "application_columns: \"%.*s\" is no table.column, nor one with =delete or "
                    "=inside behind it.",
                    STR_ARG(word));
    struct leftover_column c = { .whole_row = str_eqz(suffix, "=delete"),
                                 .table = app_table_named(&s->tables, table) };
    if (!c.table)
        return no_table(s, table, e);
    c.column = app_column_named(&s->tables, c.table, column);
    if (!c.column)
        return fail(e, ST_INVALID, "application_columns: table \"%.*s\" has no column \"%.*s\".",
                    STR_ARG(table), STR_ARG(column));
    c.inside = c.column->holds == APP_DOCUMENT || str_eqz(suffix, "=inside");
    enum status st = check_column(s, &c, word, e);
    if (st == ST_OK)
        s->column[s->n_columns++] = c;
    return st;
}

/* Up to a comma or a line's end outside of quotes. */
static str cut_word(str text, str *word)
{
    bool quoted = false;
    size_t i = 0;

    for (; i < text.n && (quoted || (text.p[i] != ',' && text.p[i] != '\n')); i++)
        quoted ^= text.p[i] == '"';
    *word = str_trim(str_sub(text, 0, i));
    return str_sub(text, i < text.n ? i + 1 : i, text.n);
}

enum status leftovers_declare(struct leftover_scan *s, str columns, struct error *e)
{
    enum status st = ST_OK;

    while (st == ST_OK && columns.n) {
        str word;
        columns = cut_word(columns, &word);
        if (word.n)
            st = declare_one(s, word, e);
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

/* Does an id stand anywhere in it? */
static bool holds_id(str text)
{
    for (size_t i = 0; i < text.n;) {
        size_t from = i;
        while (i < text.n && (text.p[i] == '_' || (is_plain(text.p[i]) && text.p[i] != '-')))
            i++;
        if (looks_like_id(str_sub(text, from, i)))
            return true;
        i += i < text.n;
    }
    return false;
}

/* No more of a text than shows what it is: a column may hold whole documents. */
static enum status sample(struct leftover_scan *s, struct leftover_column *c, bool *is,
                          struct error *e)
{
    ARENA(a, PIECE_BYTES_MAX);
    struct rows r;
    size_t ids = 0, documents = 0;
    str sql = arena_printf(
        &a, "select substr(cast(%.*s as text), 1, %d) from %.*s where %.*s is not null limit %d",
        STR_ARG(c->column->quoted), SAMPLE_CHARS_MAX, STR_ARG(c->table->quoted),
        STR_ARG(c->column->quoted), SAMPLE);
    enum status st = database_run(s->db, sql, NULL, 0, &r, &a, e);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < r.n_rows; i++) {
        str text = str_trim(row_str(&r, i, 0));
        bool document = c->column->holds == APP_DOCUMENT || str_starts(text, S("{")) ||
                        str_starts(text, S("["));
        ids += looks_like_id(text);
        documents += document && holds_id(text);
    }
    c->inside = documents > 0;
    *is = documents || (ids && ids * 100 >= r.n_rows * SAMPLE_LEAST);
    return ST_OK;
}

static enum status discover_one(struct leftover_scan *s, struct leftover_column c, struct error *e)
{
    struct error why = { 0 };
    bool is = false;

    if (c.column->holds == APP_OTHER)
        return ST_OK;
    enum status st = c.column->readable ? sample(s, &c, &is, &why) : ST_REFUSED;
    if (st == ST_REFUSED) {
        s->n_unread++;
        return ST_OK;
    }
    if (st != ST_OK) {
        *e = why;
        return st;
    }
    if (is && s->n_columns == LEFTOVER_COLUMNS_MAX)
        return fail(e, ST_LIMIT, "More than %d columns hold Stripe's ids.", LEFTOVER_COLUMNS_MAX);
    if (is)
        s->column[s->n_columns++] = c;
    return ST_OK;
}

enum status leftovers_discover(struct leftover_scan *s, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < s->tables.n_tables; i++) {
        const struct app_table *t = &s->tables.table[i];
        for (size_t j = 0; j < t->n_columns && st == ST_OK; j++)
            st =
                discover_one(s, (struct leftover_column){ .table = t, .column = &t->column[j] }, e);
        if (st == ST_OK && s->goes_on && !s->goes_on(s->ctx, s))
            return fail(e, ST_RETRY, "It was stopped; nothing was changed.");
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

/* Stripe's own words are looked at whole: got->why is cut. */
static void weigh_answer(const struct api_answer *got, struct verdict *v)
{
    ARENA(a, ANSWER_BYTES_MAX);
    bool gone = json_bool(got->http.body, S("deleted")) == JSON_TRUE;
    str error = json_member(got->http.body, S("error")).text;
    str words = arena_copy(&a, json_text(error, S("message"), &a));

    v->kind = LEFTOVER_UNKNOWN;
    if (got->meaning == API_OK) {
        v->kind = gone ? LEFTOVER_DELETED : LEFTOVER_HERE;
        return;
    }
    if (words.n && strstr(words.p, "a similar object exists in"))
        v->kind = LEFTOVER_OTHER_MODE;
    else if (references_foreign(got->why))
        v->kind = LEFTOVER_OTHER_ACCOUNT;
    if (got->meaning == API_GONE && words.n)
        snprintf(v->why, sizeof v->why, "Stripe says: %.*s", STR_ARG(words));
    else
        snprintf(v->why, sizeof v->why, "%s", got->why);
}

/* `theirs`: what another mirror says; it counts when Stripe does not have the id here. NULL: none
 * knows it. */
static enum status ask_stripe(struct leftover_scan *s, const struct resource *r, str id,
                              const struct verdict *theirs, struct verdict *v, struct error *e)
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
    if (theirs && got.meaning == API_GONE)
        *v = *theirs;
    return ST_OK;
}

/* Was the list of the type read to its end, so that what is not in this mirror was not here? */
static enum status is_listed(struct env *env, const struct resource *r, bool *whole,
                             struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    ARENA(a, ANSWER_BYTES_MAX);
    struct rows rows;

    *whole = false;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_STATUS_WALKS, &rows, &a, e, v_account(env));
    for (size_t i = 0; st == ST_OK && r && i < rows.n_rows; i++)
        *whole = *whole || (str_eqz(row_str(&rows, i, 0), r->type) && row_int(&rows, i, 2));
    return st;
}

/* An id that somebody chose (a product's, a plan's) can be in both modes: that another mirror knows
 * it proves nothing as long as nobody knows whether it is here, too. */
static enum status weigh_unasked(struct leftover_scan *s, const struct resource *r,
                                 const struct verdict *theirs, struct verdict *v, struct error *e)
{
    bool whole;
    enum status st = is_listed(s->mirror, r, &whole, e);

    if (st == ST_OK && whole)
        *v = *theirs;
    else if (st == ST_OK)
        snprintf(v->why, sizeof v->why,
                 "%.200s, but the mirror of %.40s is not complete, and Stripe was not asked",
                 theirs->why, s->mirror->name);
    return st;
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
    struct verdict theirs;
    st = find_elsewhere(s, id, &theirs, e);
    if (st != ST_OK)
        return st;
    v->kind = LEFTOVER_UNKNOWN;
    if (s->stripe && resource_fetchable(r))
        return ask_stripe(s, r, id, theirs.kind == LEFTOVER_KINDS ? NULL : &theirs, v, e);
    return theirs.kind == LEFTOVER_KINDS ? ST_OK : weigh_unasked(s, r, &theirs, v, e);
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
    c->more = c->n_left == LEFTOVER_KEPT_MAX;
    if (c->more)
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
    str copy = arena_copy(s->a, id), why = S("");
    if (c->ids[v->kind] <= LEFTOVER_WHYS_MAX)
        why = arena_copy(s->a, str_of(v->why));
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
        if (st == ST_OK && c->inside && v.kind == LEFTOVER_NO_ID)
            continue; /* a word of the document */
        if (st == ST_OK)
            st = keep(s, c, id, rows, &v, room, e);
        if (st == ST_OK && s->goes_on && !s->goes_on(s->ctx, s))
            return fail(e, ST_RETRY, "It was stopped; nothing was changed.");
    }
    return st;
}

/* The next values behind $1, each with its rows. Where an index begins with the column, a piece
 * costs no more than what it brings. As a text, a char(n) ends before the blanks behind it. */
static str plain_sql(const struct leftover_scan *s, const struct leftover_column *c,
                     struct arena *a)
{
    str column = c->column->quoted;

    return arena_printf(a,
                        "select cast(%.*s as text), count(*) from %.*s where %.*s > $1 and "
                        "length(%.*s) <= %d%s%.*s%s "
                        "group by %.*s order by %.*s limit %d",
                        STR_ARG(column), STR_ARG(c->table->quoted), STR_ARG(column),
                        STR_ARG(column), ID_CHARS_MAX, s->tables.pg ? "" : " and typeof(",
                        STR_ARG(s->tables.pg ? S("") : column), s->tables.pg ? "" : ") = 'text'",
                        STR_ARG(column), STR_ARG(column), PIECE);
}

/* Whatever looks like an id inside a document or a list, keys of objects included. */
static str inside_sql(const struct leftover_scan *s, const struct leftover_column *c,
                      struct arena *a)
{
    str column = c->column->quoted, table = c->table->quoted;

    if (s->tables.pg)
        return arena_printf(
            a,
            "select found.id, count(*) from %.*s cross join lateral (select distinct m[1] as id "
            "from regexp_matches(cast(%.*s as text), '\\m([a-z]+_[A-Za-z0-9_]{%d,%d})\\M', 'g') "
            "as m) found where found.id > $1 group by found.id order by found.id limit %d",
            STR_ARG(table), STR_ARG(column), ID_CHARS_LEAST, ID_CHARS_MAX, PIECE);
    return arena_printf(
        a,
        "select id, count(*) from (select j.atom as id from %.*s join json_tree(case when "
        "json_valid(%.*s) then %.*s end) j where j.type = 'text' union all select j.key from %.*s "
        "join json_tree(case when json_valid(%.*s) then %.*s end) j where typeof(j.key) = 'text') "
        "where id > $1 and id like '%%\\_%%' escape '\\' and length(id) <= %d "
        "group by id order by id limit %d",
        STR_ARG(table), STR_ARG(column), STR_ARG(column), STR_ARG(table), STR_ARG(column),
        STR_ARG(column), ID_CHARS_MAX, PIECE);
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
        str sql = c->inside ? inside_sql(s, c, &a) : plain_sql(s, c, &a);
        enum status st = database_run(s->db, sql, &after, 1, &r, &a, e);
        if (st == ST_OK)
            st = look_at_piece(s, c, &r, &room, e);
        if (st != ST_OK)
            return st;
        n = r.n_rows;
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
