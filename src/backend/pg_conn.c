#include "backend/pg_conn.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARGS_MAX = 24,
    NAME_MAX_BYTES = 16,
    DIGITS_MAX = 24,
    SENTENCE_MAX = 300, /* of the server's own words */
    OID_BOOL = 16,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_NUMERIC = 1700, /* what sum() makes of bigint */
    OID_TEXTS = 1009,   /* arrays of text, and of bigint */
    OID_INT8S = 1016,
};

#define SQLSTATE_CHECK "23514" /* a constraint of a table's own */

/* A transaction that ends up committed must be on disk whatever the role's settings say; one whose
 * process hangs must not hold its locks for ever. Rows that decide something are locked one by one:
 * a stricter isolation, as a role may have by default, would only make more to be tried again.
 * Compiling a statement (jit) takes a second for _coverage, and none of ours runs that long. What
 * writes goes by keys, and its plans are made once, often while the tables are empty: what pays
 * there alone (reading the whole table, hashing it) is never to be chosen. */
static const char *const verb_text[] = {
    "begin isolation level read committed",
    "begin isolation level repeatable read read only",
    "select set_config('search_path', $1, true), set_config('synchronous_commit', "
    "case current_setting('synchronous_commit') when 'off' then 'on' "
    "else current_setting('synchronous_commit') end, true), "
    "set_config('idle_in_transaction_session_timeout', '60s', true), pg_current_xact_id()::text, "
    "set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true), "
    "set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)",
    "select set_config('search_path', $1, true), set_config('jit', 'off', true)",
    "commit",
    "rollback",
    "select pg_xact_status($1::xid8)",
    "lock table _switch in row share mode",
    ("insert into _commits (session, n, barred) values ($1::uuid, $2, "
     "case when $3 = 1 then (select nullif(sealed_for, '') from _environment where one = 1) end)"),
    "delete from _commits where session = $1::uuid and n >= $2 and n < $3",
    "select 1 from _commits where session = $1::uuid and n = $2",
};

enum stmt pg_stmt_of(unsigned what)
{
    return what < STMT_COUNT ? (enum stmt)what
           : what >= PG_MANY ? (enum stmt)(what - PG_MANY)
                             : STMT_COUNT;
}

static const char *text_of(unsigned what)
{
    if (what >= PG_MANY)
        return stmt_table[what - PG_MANY].pg_many;
    return what < STMT_COUNT ? stmt_table[what].pg : verb_text[what - STMT_COUNT];
}

static const char *name_of(unsigned what)
{
    static const char *const verb[] = { "begin",  "begin",    "begin",  "begin",
                                        "commit", "rollback", "commit", "commit",
                                        "commit", "commit",   "commit", "prepare" };

    if (pg_stmt_of(what) < STMT_COUNT)
        return stmt_table[pg_stmt_of(what)].name;
    return what - STMT_COUNT < COUNT(verb) ? verb[what - STMT_COUNT] : "sync";
}

/* ---- failures ----------------------------------------------------------------------------- */

static bool is_one_of(const char *state, const char *list)
{
    return strstr(list, state) != NULL;
}

enum status pg_judge(const char *state)
{
    const struct {
        const char *prefix;
        enum status st;
    } classes[] = { { "08", ST_RETRY },   { "23", ST_CONFLICT }, { "25", ST_RETRY },
                    { "28", ST_REFUSED }, { "22", ST_INVALID },  { "40", ST_RETRY },
                    { "53", ST_LIMIT },   { "54", ST_LIMIT },    { "55", ST_RETRY },
                    { "57", ST_RETRY },   { "58", ST_RETRY } };

    if (!state[0] || is_one_of(state, "53300 26000 42P05 0A000 XX000"))
        return ST_RETRY;
    if (is_one_of(state, "42501 3D000 3F000"))
        return ST_REFUSED;
    for (size_t i = 0; i < COUNT(classes); i++)
        if (strncmp(state, classes[i].prefix, 2) == 0)
            return classes[i].st;
    return ST_BROKEN;
}

/* The server hangs up, or somebody took our prepared statements away: begin with a new one. */
static const char ended_by[] = "57P01 57P02 57P03 57P05 25P03 26000 42P05 0A000";

/* What the reader of the sentence can do. */
static const char *advice(const char *state)
{
    static const struct {
        const char *states, *words;
    } known[] = {
        { "25006", "; this server is a standby or read-only: point DATABASE_URL at the primary" },
        { "53100", "; the server's disk is full: free some space there" },
        { "53300", "; raise the server's max_connections, or use a pooler" },
        { "42501", "; grant this role the right, or give it a schema of its own" },
        { "3D000", "; make the database first (createdb)" },
        { "28P01 28000", "; check user and password in DATABASE_URL and the server's pg_hba.conf" },
        { "42P01 42703 42883", "; the tables were changed by hand, or this is a bug: report it" },
        { "XX001 XX002", "; the database is damaged: restore a backup" },
    };

    for (size_t i = 0; i < COUNT(known); i++)
        if (state[0] && is_one_of(state, known[i].states))
            return known[i].words;
    return "";
}

/* One line of the server's words. Errors about data quote the data: those words stay away. */
static void first_line(const char *text, const char *state, char out[SENTENCE_MAX])
{
    if (strncmp(state, "22", 2) == 0)
        text = "the server does not take a value";
    str line, all = str_trim(str_of(text));
    (void)str_cut(all, '\n', &line);
    snprintf(out, SENTENCE_MAX, "%.*s", STR_ARG(line));
}

static enum status fail_with(struct pg_conn *c, const char *state, const char *text,
                             const char *doing, struct error *e)
{
    char words[SENTENCE_MAX];

    snprintf(c->sqlstate, sizeof c->sqlstate, "%s", state ? state : "");
    first_line(text ? text : "", c->sqlstate, words);
    if (PQstatus(c->pg) == CONNECTION_BAD || (c->sqlstate[0] && is_one_of(c->sqlstate, ended_by)))
        c->lost = true;
    enum status st = pg_judge(c->sqlstate);
    e->disk_full = strcmp(c->sqlstate, "53100") == 0;
    return fail(e, st, "%s: %s: %s%s%s%s%s", c->label, doing,
                words[0] ? words : "the connection broke", c->sqlstate[0] ? " (" : "", c->sqlstate,
                c->sqlstate[0] ? ")" : "", advice(c->sqlstate));
}

static enum status fail_result(struct pg_conn *c, const PGresult *r, const char *doing,
                               struct error *e)
{
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    const char *text = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;

    return fail_with(c, state, text ? text : PQerrorMessage(c->pg), doing, e);
}

/* The one constraint that a mark can break: schema-001.pg.sql. */
static enum status fail_sealed(struct pg_conn *c, struct error *e)
{
    snprintf(c->sqlstate, sizeof c->sqlstate, "%s", SQLSTATE_CHECK);
    e->sealed = true;
    return fail(e, ST_REFUSED,
                "%s is sealed: another environment took over, and nothing is written into it any "
                "more (`brindle env list` says which)",
                c->label);
}

static bool is_sealed(const PGresult *r, unsigned what)
{
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;

    return what == PG_MARK_ADD && state && strcmp(state, SQLSTATE_CHECK) == 0;
}

/* libpq could not send: there is no connection any more, or no memory. */
static enum status fail_send(struct pg_conn *c, unsigned what, struct error *e)
{
    c->lost = true;
    return fail_with(c, NULL, PQerrorMessage(c->pg), name_of(what), e);
}

/* ---- coming and going --------------------------------------------------------------------- */

static void ignore_notice(void *ctx, const PGresult *r)
{
    (void)ctx, (void)r;
}

/* Without a server's answer libpq has no SQLSTATE for us; these are its words, or the server's. */
static enum status judge_connect(const char *text)
{
    static const char *const lasting[] = {
        "password authentication failed", "no pg_hba.conf entry", "does not exist",
        "no password supplied",           "certificate",          "is not permitted to log in",
        "server does not support SSL"
    };

    if (strstr(text, "No such file or directory"))
        return ST_RETRY;
    for (size_t i = 0; i < COUNT(lasting); i++)
        if (strstr(text, lasting[i]))
            return ST_REFUSED;
    return strstr(text, "invalid") && strstr(text, "option") ? ST_INVALID : ST_RETRY;
}

static enum status look_round(struct pg_conn *c, struct error *e)
{
    int version = PQserverVersion(c->pg);
    int64_t pid = 0;

    if (version < PG_VERSION_MIN)
        return fail(e, ST_REFUSED, "%s: the server is PostgreSQL %d; Brindle needs %d or newer",
                    c->label, version / 10000, PG_VERSION_MIN / 10000);
    PGresult *r = PQexec(c->pg, "select pg_backend_pid(), current_setting('server_encoding')");
    enum status st = ST_OK;
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        st = fail_result(c, r, "connect", e);
    else if (strcmp(PQgetvalue(r, 0, 1), "UTF8") != 0)
        st = fail(e, ST_REFUSED,
                  "%s: the database keeps its texts in %s; Brindle needs one made with "
                  "encoding UTF8",
                  c->label, PQgetvalue(r, 0, 1));
    else
        c->by_name = str_to_int(str_of(PQgetvalue(r, 0, 0)), &pid) && pid == PQbackendPID(c->pg);
    PQclear(r);
    return st;
}

static bool is_ports(const char *text)
{
    return strspn(text, "0123456789,") == strlen(text);
}

/* Was it read as it was meant? A password that holds what means something in an address gives its
 * pieces to the host, the port or the database, and libpq's words would repeat them. */
static bool is_plausible(const PQconninfoOption *o)
{
    bool good = true;

    for (; o->keyword && good; o++) {
        if (!o->val)
            continue;
        if (strcmp(o->keyword, "port") == 0)
            good = is_ports(o->val);
        else if (strcmp(o->keyword, "host") == 0 || strcmp(o->keyword, "dbname") == 0)
            good = !strchr(o->val, '@');
    }
    return good;
}

/* libpq quotes an address that it cannot read, the password with it: it is not asked twice. */
static enum status check_address(const char *url, const char *label, struct error *e)
{
    bool is_name = !strstr(url, "://") && !strchr(url, '=');
    char *words = NULL;

    if (is_name) /* of a database at the default place */
        return ST_OK;
    PQconninfoOption *o = PQconninfoParse(url, &words);
    bool good = o && is_plausible(o);
    PQconninfoFree(o);
    PQfreemem(words);
    if (good)
        return ST_OK;
    return fail(e, ST_INVALID,
                "%s: the address cannot be read (it is not repeated here): write "
                "postgresql://user:password@host[:port]/database, and what means something in an "
                "address (@ : / %% ? # [ ]) as %%40, %%3A, %%2F, %%25, %%3F, %%23, %%5B, %%5D",
                label);
}

enum status pg_conn_open(struct pg_conn *c, const char *url, const char *label, struct error *e)
{
    /* What stands before `dbname` is a default that the address may override. */
    static const char *const key[] = {
        "connect_timeout",  "keepalives_idle",  "keepalives_interval",
        "keepalives_count", "tcp_user_timeout", "fallback_application_name",
        "dbname",           "client_encoding",  NULL
    };
    const char *const value[] = { "5", "10", "5", "3", "15000", "brindle", url, "UTF8", NULL };

    *c = (struct pg_conn){ .label = label };
    enum status known = check_address(url, label, e);
    if (known != ST_OK)
        return known;
    c->pg = PQconnectdbParams(key, value, 1);
    if (!c->pg)
        return fail(e, ST_LIMIT, "%s: memory has run out", label);
    if (PQstatus(c->pg) != CONNECTION_OK) {
        char words[SENTENCE_MAX];
        enum status st = judge_connect(PQerrorMessage(c->pg));
        first_line(PQerrorMessage(c->pg), "", words);
        return fail(e, st, "%s: %s", label, words);
    }
    PQsetNoticeReceiver(c->pg, ignore_notice, NULL);
    enum status st = look_round(c, e);
    if (st == ST_OK && !PQenterPipelineMode(c->pg))
        st = fail_send(c, PG_BEGIN_WRITE, e);
    return st;
}

void pg_conn_close(struct pg_conn *c)
{
    PQfinish(c->pg);
    *c = (struct pg_conn){ .label = c->label };
}

bool pg_conn_alive(struct pg_conn *c)
{
    if (!c->pg || c->lost || PQstatus(c->pg) != CONNECTION_OK)
        return false;
    struct pollfd p = { .fd = PQsocket(c->pg), .events = POLLIN };
    return poll(&p, 1, 0) == 0;
}

/* ---- sending ------------------------------------------------------------------------------ */

/* Arguments as the protocol wants them. Texts go as they are, with their length. Numbers go as
 * digits: what was prepared while an argument was NULL may have made of it an integer of any size.
 */
struct wire_args {
    Oid type[ARGS_MAX];
    const char *value[ARGS_MAX];
    int length[ARGS_MAX], format[ARGS_MAX];
    char number[ARGS_MAX][DIGITS_MAX];
    size_t bytes;
};

static void lay_out(struct wire_args *w, const struct value *args, size_t n)
{
    w->bytes = 0;
    for (size_t i = 0; i < n; i++) {
        const struct value *v = &args[i];
        w->format[i] = 1;
        switch (v->type) {
        case VAL_NULL:
            w->type[i] = 0; /* of whatever type the place has */
            w->value[i] = NULL;
            w->length[i] = 0;
            break;
        case VAL_INT:
            w->type[i] = OID_INT8;
            w->length[i] = snprintf(w->number[i], DIGITS_MAX, "%" PRId64, v->i);
            w->value[i] = w->number[i];
            w->format[i] = 0;
            break;
        case VAL_TEXT:
            w->type[i] = OID_TEXT;
            w->value[i] = v->s.p ? v->s.p : "";
            w->length[i] = (int)v->s.n;
            break;
        }
        w->bytes += (size_t)w->length[i];
    }
}

static void await(struct pg_conn *c, unsigned what)
{
    assert(c->n_pending < PG_PENDING_MAX);
    c->pending[c->n_pending] = (uint16_t)what;
    c->later[c->n_pending++] = NULL;
}

static bool send_by_name(struct pg_conn *c, unsigned what, const struct wire_args *w, int n)
{
    char name[NAME_MAX_BYTES];

    snprintf(name, sizeof name, "b%u", what);
    if (!c->known[what]) {
        if (!PQsendPrepare(c->pg, name, text_of(what), n, w->type))
            return false;
        await(c, PG_PARSE);
        c->known[what] = true;
    }
    return PQsendQueryPrepared(c->pg, name, n, w->value, w->length, w->format, 0) == 1;
}

static enum status send_laid_out(struct pg_conn *c, unsigned what, const struct wire_args *w,
                                 size_t n, int64_t *later, struct error *e)
{
    bool sent = c->by_name ? send_by_name(c, what, w, (int)n)
                           : PQsendQueryParams(c->pg, text_of(what), (int)n, w->type, w->value,
                                               w->length, w->format, 0) == 1;
    if (!sent)
        return fail_send(c, what, e);
    await(c, what);
    c->later[c->n_pending - 1] = later;
    c->pending_bytes += w->bytes;
    return ST_OK;
}

enum status pg_send(struct pg_conn *c, unsigned what, const struct value *args, size_t n_args,
                    int64_t *later, struct error *e)
{
    struct wire_args w;

    assert(what < PG_TEXTS && n_args <= ARGS_MAX);
    assert(what >= STMT_COUNT || n_args == stmt_table[what].n_args);
    for (size_t i = 0; i < n_args; i++)
        if (args[i].type == VAL_TEXT && args[i].s.n > INT32_MAX)
            return fail(e, ST_LIMIT, "%s: %s: a value is larger than PostgreSQL can keep", c->label,
                        name_of(what));
    lay_out(&w, args, n_args);
    return send_laid_out(c, what, &w, n_args, later, e);
}

enum status pg_send_many(struct pg_conn *c, enum stmt id, const str *array, struct error *e)
{
    const struct stmt_info *s = &stmt_table[id];
    struct wire_args w = { .bytes = 0 };

    assert(s->pg_many && s->n_args <= ARGS_MAX);
    for (size_t i = 0; i < s->n_args; i++) {
        w.type[i] = s->pg_types[i] == 'i' ? OID_INT8S : OID_TEXTS;
        w.value[i] = array[i].p;
        w.length[i] = (int)array[i].n;
        w.format[i] = 1;
        w.bytes += array[i].n;
    }
    return send_laid_out(c, PG_MANY + (unsigned)id, &w, s->n_args, NULL, e);
}

enum status pg_sync(struct pg_conn *c, struct error *e)
{
    if (!PQpipelineSync(c->pg))
        return fail_send(c, PG_COMMIT, e);
    await(c, PG_SYNC);
    return ST_OK;
}

/* ---- reading ------------------------------------------------------------------------------ */

static bool take_cell(const PGresult *r, int row, int col, struct value *v, struct arena *a)
{
    str s = { PQgetvalue(r, row, col), (size_t)PQgetlength(r, row, col) };

    *v = V_NULL;
    if (PQgetisnull(r, row, col))
        return true;
    switch (PQftype(r, col)) {
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
    case OID_NUMERIC:
        *v = V_INT(0);
        if (str_to_int(s, &v->i))
            return true;
        break;
    case OID_BOOL: *v = V_INT(s.p[0] == 't'); return true;
    default: break;
    }
    *v = V_STR(arena_copy(a, s));
    return v->s.p != NULL;
}

static enum status take_rows(struct pg_conn *c, unsigned what, const PGresult *r, struct rows *rows,
                             struct arena *a, struct error *e)
{
    struct rows got = { .n_rows = (size_t)PQntuples(r), .n_cols = (size_t)PQnfields(r) };
    size_t n = got.n_rows * got.n_cols;

    if (got.n_rows > ROWS_MAX)
        return fail(e, ST_LIMIT, "%s: %s: more than %d rows; ask page by page", c->label,
                    name_of(what), ROWS_MAX);
    if (a && n) {
        got.cell = arena_alloc(a, n * sizeof *got.cell);
        bool fits = got.cell;
        for (size_t i = 0; fits && i < n; i++)
            fits = take_cell(r, (int)(i / got.n_cols), (int)(i % got.n_cols), &got.cell[i], a);
        if (!fits)
            return fail(e, ST_LIMIT, "%s: %s: the answer does not fit into %zu bytes", c->label,
                        name_of(what), a->max);
    }
    *rows = got;
    return ST_OK;
}

/* Rows that a statement changed; a select counts none. */
static int64_t changed_by(PGresult *r)
{
    int64_t n = 0;

    if (strncmp(PQcmdStatus(r), "SELECT", 6) == 0 || !str_to_int(str_of(PQcmdTuples(r)), &n))
        return 0;
    return n;
}

static enum status read_one(struct pg_conn *c, size_t at, bool last, struct rows *rows,
                            struct arena *a, bool *by_server, struct error *e)
{
    unsigned what = c->pending[at];
    PGresult *r = PQgetResult(c->pg);
    ExecStatusType got = r ? PQresultStatus(r) : PGRES_FATAL_ERROR;
    enum status st = ST_OK;

    if (got == PGRES_TUPLES_OK || got == PGRES_COMMAND_OK) {
        int64_t n = pg_stmt_of(what) < STMT_COUNT ? changed_by(r) : 0;
        c->changed += n;
        if (c->later[at])
            *c->later[at] = n;
        if (what == PG_SET_WRITE)
            snprintf(c->xid, sizeof c->xid, "%s", PQgetvalue(r, 0, 3));
        if (last && rows)
            st = take_rows(c, what, r, rows, a, e);
        if (last && rows && st == ST_OK)
            rows->n_changed = n;
        c->committed = c->committed || what == PG_COMMIT;
        if (what == PG_COMMIT && strcmp(PQcmdStatus(r), "COMMIT") != 0) {
            *by_server = true;
            c->committed = false;
            st = fail(e, ST_RETRY, "%s: the server rolled the transaction back", c->label);
        }
    } else if (got == PGRES_PIPELINE_SYNC) {
        st = fail(e, ST_BROKEN, "%s: the server's answers are out of step: a bug", c->label);
    } else { /* PGRES_PIPELINE_ABORTED comes behind the failure that it follows from */
        *by_server = true;
        c->lost = c->lost || !r;
        if (got == PGRES_PIPELINE_ABORTED)
            st = ST_RETRY;
        else if (is_sealed(r, what))
            st = fail_sealed(c, e);
        else
            st = fail_result(c, r, name_of(what), e);
    }
    PQclear(r);
    while (!c->lost && (r = PQgetResult(c->pg)) != NULL)
        PQclear(r); /* the NULL that ends an answer */
    return st;
}

static enum status read_sync(struct pg_conn *c, struct error *e)
{
    PGresult *r = PQgetResult(c->pg);
    bool good = r && PQresultStatus(r) == PGRES_PIPELINE_SYNC;
    enum status st = good ? ST_OK : fail_result(c, r, "sync", e);

    PQclear(r);
    if (!good)
        c->lost = true;
    return st;
}

enum status pg_read(struct pg_conn *c, struct rows *rows, struct arena *a, bool *by_server,
                    struct error *e)
{
    enum status first = ST_OK;
    size_t n = c->n_pending, last = n;

    assert(n == 0 || c->pending[n - 1] == PG_SYNC);
    while (last > 0 && c->pending[--last] == PG_SYNC)
        ;
    for (size_t i = 0; i < n && !c->lost; i++) {
        struct error one = { 0 };
        unsigned what = c->pending[i];
        enum status st = what == PG_SYNC ? read_sync(c, &one)
                                         : read_one(c, i, i == last, rows, a, by_server, &one);
        if (st != ST_OK && what == PG_PARSE)
            c->known[c->pending[i + 1]] = false; /* it stands before its statement */
        if (st != ST_OK && first == ST_OK) {
            first = st;
            *e = one;
        }
    }
    if (c->lost)
        *by_server = true;
    c->n_pending = 0;
    c->pending_bytes = 0;
    return first;
}

/* ---- outside the pipeline ----------------------------------------------------------------- */

static enum status exec(struct pg_conn *c, const char *sql, const char *doing, char *out,
                        size_t room, struct error *e)
{
    assert(c->n_pending == 0);
    if (!PQexitPipelineMode(c->pg))
        return fail_send(c, PG_COMMIT, e);
    PGresult *r = PQexec(c->pg, sql);
    ExecStatusType got = PQresultStatus(r);
    enum status st = got == PGRES_TUPLES_OK || got == PGRES_COMMAND_OK || got == PGRES_EMPTY_QUERY
                         ? ST_OK
                         : fail_result(c, r, doing, e);
    if (st == ST_OK && out)
        snprintf(out, room, "%s", PQntuples(r) && PQnfields(r) ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
    if (st == ST_OK && !PQenterPipelineMode(c->pg))
        st = fail_send(c, PG_COMMIT, e);
    else if (!c->lost)
        (void)!PQenterPipelineMode(c->pg);
    return st;
}

enum status pg_script(struct pg_conn *c, str sql, const char *doing, struct error *e)
{
    assert(str_find(sql, '\0') == sql.n);
    char *text = strndup(sql.p ? sql.p : "", sql.n);
    if (!text)
        return fail(e, ST_LIMIT, "%s: %s: memory has run out", c->label, doing);
    enum status st = exec(c, text, doing, NULL, 0, e);
    free(text);
    return st;
}

enum status pg_ask(struct pg_conn *c, const char *sql, const char *doing, char *out, size_t room,
                   struct error *e)
{
    return exec(c, sql, doing, out, room, e);
}

/* ---- all statements ----------------------------------------------------------------------- */

static enum status send_parse(struct pg_conn *c, unsigned what, struct error *e)
{
    if (!PQsendPrepare(c->pg, "", text_of(what), 0, NULL))
        return fail_send(c, what, e);
    await(c, what);
    return ST_OK;
}

enum status pg_try_all(struct pg_conn *c, const char *search_path, struct error *e)
{
    const struct value path = V_STR(str_of(search_path));
    struct error ignored = { 0 };
    bool by_server = false;

    enum status st = pg_send(c, PG_BEGIN_READ, NULL, 0, NULL, e);
    if (st == ST_OK)
        st = pg_send(c, PG_SET_READ, &path, 1, NULL, e);
    for (unsigned i = 0; st == ST_OK && i < STMT_COUNT; i++) {
        st = send_parse(c, i, e);
        if (st == ST_OK && stmt_table[i].pg_many)
            st = send_parse(c, PG_MANY + i, e);
    }
    if (st == ST_OK)
        st = pg_sync(c, e);
    if (st == ST_OK)
        st = pg_read(c, NULL, NULL, &by_server, e);
    if (!c->lost && pg_send(c, PG_ROLLBACK, NULL, 0, NULL, &ignored) == ST_OK &&
        pg_sync(c, &ignored) == ST_OK)
        (void)!pg_read(c, NULL, NULL, &by_server, &ignored);
    return st;
}
