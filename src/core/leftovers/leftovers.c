#include "core/leftovers/leftovers.h"

#include <stdio.h>
#include <string.h>

#include "core/resource.h"

enum {
    PIECE = DATABASE_ROWS_MAX, /* a piece may cost a walk through the whole table: few of them */
    SAMPLE = 200,              /* values of a column that are looked at to judge it */
    SAMPLE_LEAST = 50,         /* of a hundred, that must be ids */
    SAMPLE_CHARS_MAX = 4096,   /* of a document */
    ID_CHARS_LEAST = 8,
    ID_CHARS_MAX = 255,
    PIECE_BYTES_MAX = 32 << 20,
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
    case LEFTOVER_UNASKED: return "unasked";
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
    enum app_other other = APP_NOTHING;
    enum status st = app_other_named(s->db, table, &other, e);

    if (st != ST_OK)
        return st;
    if (other == APP_VIEW)
        return fail(e, ST_INVALID,
                    "application_columns: \"%.*s\" is a view: name the table behind it.",
                    STR_ARG(table));
    if (other == APP_VIRTUAL)
        return fail(
            e, ST_INVALID,
            "application_columns: \"%.*s\" is a virtual table, or keeps what stands in one: "
            "mend that by hand, through its module.",
            STR_ARG(table));
    return fail(e, ST_INVALID,
                "application_columns: the application's database has no table \"%.*s\", but %.*s.",
                STR_ARG(table), STR_ARG(names_of_tables(&s->tables, s->a)));
}

static enum status too_many_columns(struct error *e)
{
    return fail(e, ST_LIMIT, "application_columns names more than %d columns.",
                LEFTOVER_COLUMNS_MAX);
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
    for (size_t i = 0; i < s->n_columns && !c->heir_of; i++)
        if (s->column[i].column == c->column && !s->column[i].heir_of)
            return fail(e, ST_INVALID, "application_columns names %.*s twice.", STR_ARG(word));
    if (s->n_columns == LEFTOVER_COLUMNS_MAX)
        return too_many_columns(e);
    return ST_OK;
}

static bool inherits(const struct app_tables *t, const struct app_table *heir,
                     const struct app_table *of)
{
    const struct app_table *h;

    for (size_t i = 0; (h = app_heir(t, of, i)); i++)
        if (h == heir)
            return true;
    return false;
}

/* What is named itself goes before what is named for a table that it inherits from, and the nearer
 * one of those before the farther one. */
static void add_column(struct leftover_scan *s, const struct leftover_column *c)
{
    for (size_t i = 0; i < s->n_columns; i++) {
        const struct leftover_column *was = &s->column[i];
        if (was->column != c->column)
            continue;
        if (!c->heir_of || (was->heir_of && inherits(&s->tables, c->heir_of, was->heir_of)))
            s->column[i] = *c;
        return;
    }
    s->column[s->n_columns++] = *c;
}

static enum status declare_heirs(struct leftover_scan *s, struct leftover_column c, str word,
                                 struct error *e)
{
    const struct app_table *of = c.table;
    str name = c.column->name;
    enum status st = ST_OK;

    c.heir_of = of;
    for (size_t i = 0; st == ST_OK && (c.table = app_heir(&s->tables, of, i)); i++) {
        c.column = app_column_named(&s->tables, c.table, name);
        if (!c.column)
            continue;
        st = check_column(s, &c, word, e);
        if (st == ST_OK)
            add_column(s, &c);
    }
    return st;
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
        add_column(s, &c);
    return st == ST_OK ? declare_heirs(s, c, word, e) : st;
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
bool leftovers_is_id(str v)
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
        if (leftovers_is_id(str_sub(text, from, i)))
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
        STR_ARG(c->column->quoted), SAMPLE_CHARS_MAX, STR_ARG(c->table->rows),
        STR_ARG(c->column->quoted), SAMPLE);
    enum status st = database_run(s->db, sql, NULL, 0, &r, &a, e);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < r.n_rows; i++) {
        str text = str_trim(row_str(&r, i, 0));
        bool document = c->column->holds == APP_DOCUMENT || str_starts(text, S("{")) ||
                        str_starts(text, S("["));
        ids += leftovers_is_id(text);
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

/* ---- the look -------------------------------------------------------------------------------- */

static enum status too_many(const struct leftover_column *c, struct error *e)
{
    return fail(e, ST_LIMIT, "%.*s.%.*s has more leftovers than fit: mend some first.",
                STR_ARG(c->table->name), STR_ARG(c->column->name));
}

static enum status keep(struct leftover_scan *s, struct leftover_column *c, str id, int64_t rows,
                        const struct leftover_verdict *v, size_t *room, struct error *e)
{
    c->ids[v->kind]++;
    c->rows[v->kind] += rows;
    if (!leftover_is_foreign(v->kind, true) && v->kind != LEFTOVER_UNASKED)
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

/* As plain_sql brings it; inside documents nothing names an account. */
static struct leftover_value value_of(const struct rows *r, size_t i)
{
    struct leftover_value v = { .id = row_str(r, i, 0) };

    if (r->n_cols <= 2)
        return v;
    v.account[0] = row_str(r, i, 2);
    v.account[1] = row_str(r, i, 3);
    if (str_eq(v.account[0], v.account[1]))
        v.account[1] = S("");
    v.more = str_eq(row_str(r, i, 4), S("1"));
    return v;
}

static enum status may_go_on(const struct leftover_scan *s, struct error *e)
{
    if (!s->goes_on || s->goes_on(s->ctx, s))
        return ST_OK;
    return fail(e, ST_RETRY, "It was stopped; nothing was changed.");
}

static enum status look_at_piece(struct leftover_scan *s, struct leftover_column *c,
                                 const struct rows *r, size_t *room, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < r->n_rows; i++) {
        const struct leftover_value value = value_of(r, i);
        str id = value.id;
        int64_t rows = 0;
        struct leftover_verdict v;
        (void)str_to_int(row_str(r, i, 1), &rows);
        st = leftovers_judge(s, &value, &v, e);
        if (st == ST_OK && c->inside && v.kind == LEFTOVER_NO_ID)
            continue; /* a word of the document */
        if (st == ST_OK)
            st = keep(s, c, id, rows, &v, room, e);
        if (st == ST_OK)
            st = may_go_on(s, e);
    }
    return st;
}

/* The accounts that stand beside a value, if there is a column for them: two, and are there more?
 */
static str accounts_sql(const struct leftover_column *c, struct arena *a)
{
    if (!c->account)
        return S("");
    str text = arena_printf(a, "cast(%.*s as text)", STR_ARG(c->account->quoted));
    str account = arena_printf(a, "case when substr(%.*s, 1, 5) = 'acct_' then %.*s end",
                               STR_ARG(text), STR_ARG(text));
    return arena_printf(
        a, ", min(%.*s), max(%.*s), case when count(distinct %.*s) > 2 then 1 else 0 end",
        STR_ARG(account), STR_ARG(account), STR_ARG(account));
}

/* The next values behind $1, each with its rows. Where an index begins with the column, a piece
 * costs no more than what it brings. As a text, a char(n) ends before the blanks behind it. */
static str plain_sql(const struct leftover_scan *s, const struct leftover_column *c,
                     struct arena *a)
{
    str column = c->column->quoted;

    return arena_printf(a,
                        "select cast(%.*s as text), count(*)%.*s from %.*s where %.*s > $1 and "
                        "length(%.*s) <= %d%s%.*s%s "
                        "group by %.*s order by %.*s limit %d",
                        STR_ARG(column), STR_ARG(accounts_sql(c, a)), STR_ARG(c->table->rows),
                        STR_ARG(column), STR_ARG(column), ID_CHARS_MAX,
                        s->tables.pg ? "" : " and typeof(", STR_ARG(s->tables.pg ? S("") : column),
                        s->tables.pg ? "" : ") = 'text'", STR_ARG(column), STR_ARG(column), PIECE);
}

/* Whatever looks like an id inside a document or a list, keys of objects included. */
static str inside_sql(const struct leftover_scan *s, const struct leftover_column *c,
                      struct arena *a)
{
    str column = c->column->quoted, table = c->table->rows;

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
        enum status st = may_go_on(s, e);
        if (st == ST_OK)
            st = database_run(s->db, sql, &after, 1, &r, &a, e);
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

static enum status holds_accounts(struct leftover_scan *s, const struct leftover_column *c,
                                  bool *does, struct error *e)
{
    ARENA(a, PIECE_BYTES_MAX);
    struct rows r;
    str sql = arena_printf(
        &a, "select 1 from %.*s where substr(cast(%.*s as text), 1, 5) = 'acct_' limit 1",
        STR_ARG(c->table->rows), STR_ARG(c->column->quoted));
    enum status st = database_run(s->db, sql, NULL, 0, &r, &a, e);

    *does = st == ST_OK && r.n_rows > 0;
    return st;
}

/* A declared column that holds accounts names those of the other columns of its table. */
static enum status pair_columns(struct leftover_scan *s, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < s->n_columns && st == ST_OK; i++) {
        const struct leftover_column *c = &s->column[i];
        bool does = false;
        st = may_go_on(s, e);
        if (st == ST_OK && !c->inside)
            st = holds_accounts(s, c, &does, e);
        for (size_t k = 0; does && k < s->n_columns; k++)
            if (k != i && s->column[k].table == c->table && !s->column[k].account)
                s->column[k].account = c->column;
    }
    return st;
}

enum status leftovers_look(struct leftover_scan *s, struct error *e)
{
    enum status st = leftovers_whom_to_ask(s, e);

    if (st == ST_OK && s->connect && s->stripe)
        st = pair_columns(s, e);
    for (s->n_looked = 0; s->n_looked < s->n_columns && st == ST_OK; s->n_looked += st == ST_OK)
        st = look_at_column(s, &s->column[s->n_looked], e);
    return st;
}
