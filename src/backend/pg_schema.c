#include "backend/pg_schema.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"

enum { SQL_MAX = 1024, MIGRATIONS_BYTES_MAX = 1 << 20 };

/* For pg_advisory_xact_lock: a number of the schema's name, the same in every process. */
static int64_t lock_of(const char *schema)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */

    for (const char *p = schema; *p; p++)
        h = (h ^ (unsigned char)*p) * 1099511628211u;
    return (int64_t)h;
}

void pg_schema_begin(const char *schema, char *out, size_t room)
{
    int n = snprintf(out, room,
                     "begin;"
                     "set local search_path to \"%s\", pg_temp;"
                     "set local client_min_messages to warning;"
                     "select pg_advisory_xact_lock(%" PRId64 ");",
                     schema, lock_of(schema));

    assert(n > 0 && (size_t)n < room);
}

static enum status ask_int(struct pg_conn *c, const char *sql, int64_t *out, struct error *e)
{
    char text[32];
    enum status st = pg_ask(c, sql, "look at the schema", text, sizeof text, e);

    if (st != ST_OK)
        return st;
    *out = 0;
    if (text[0] && !str_to_int(str_of(text), out))
        return fail(e, ST_BROKEN, "%s: \"%s\" is no number", c->label, text);
    return ST_OK;
}

enum status pg_schema_look(struct pg_conn *c, const char *schema, int64_t *version, struct error *e)
{
    char sql[SQL_MAX];
    int64_t things = 0, found = 0, ours = 0;

    snprintf(sql, sizeof sql,
             "select count(*) from pg_class r join pg_namespace n on n.oid = r.relnamespace "
             "where n.nspname = '%s'",
             schema);
    enum status st = ask_int(c, sql, &things, e);
    snprintf(sql, sizeof sql,
             "select count(*) from pg_class r join pg_namespace n on n.oid = r.relnamespace "
             "where n.nspname = '%s' and r.relname = '_brindle'",
             schema);
    if (st == ST_OK)
        st = ask_int(c, sql, &ours, e);
    snprintf(sql, sizeof sql, "select version from \"%s\"._brindle", schema);
    if (st == ST_OK && ours)
        st = ask_int(c, sql, &found, e);
    if (st != ST_OK)
        return st;
    e->foreign = things && !ours;
    if (e->foreign)
        return fail(e, ST_REFUSED,
                    "%s: tables of another program are in this schema; give Brindle one of its own "
                    "(setting schema)",
                    c->label);
    if (found > migration_count)
        return fail(e, ST_REFUSED,
                    "%s has tables of version %" PRId64 ", this program knows up to version %d; "
                    "use a newer brindle",
                    c->label, found, migration_count);
    if (ours && found < 1)
        return fail(e, ST_BROKEN, "%s has tables of version %" PRId64 "; restore a backup",
                    c->label, found);
    *version = found;
    return ST_OK;
}

static enum status schema_is_there(struct pg_conn *c, const char *schema, bool *there,
                                   struct error *e)
{
    char sql[SQL_MAX];
    int64_t n = 0;

    snprintf(sql, sizeof sql, "select count(*) from pg_namespace where nspname = '%s'", schema);
    enum status st = ask_int(c, sql, &n, e);
    if (st == ST_OK)
        *there = n != 0;
    return st;
}

/* "if not exists" asks for the right to make schemas even where there is one. */
static enum status make_schema(struct pg_conn *c, const char *schema, struct error *e)
{
    char sql[SQL_MAX];
    bool there = false;
    enum status st = schema_is_there(c, schema, &there, e);

    if (st != ST_OK || there)
        return st;
    snprintf(sql, sizeof sql, "create schema \"%s\"", schema);
    return pg_script(c, str_of(sql), "create schema", e);
}

static enum status run_migrations(struct pg_conn *c, int64_t version, struct error *e)
{
    BUF(sql, MIGRATIONS_BYTES_MAX);

    for (int64_t v = version + 1; v <= migration_count; v++) {
        if (!migration_table[v - 1].pg)
            return fail(e, ST_BROKEN, "migration %" PRId64 " has no text for PostgreSQL: a bug", v);
        buf_append(&sql, str_of(migration_table[v - 1].pg));
        buf_char(&sql, '\n');
    }
    buf_printf(&sql, "update _brindle set version = %d;\ncommit;", migration_count);
    if (sql.failed)
        return fail(e, ST_LIMIT, "%s: the migrations do not fit into memory", c->label);
    return pg_script(c, buf_str(&sql), "migration", e);
}

enum status pg_schema_migrate(struct pg_conn *c, const char *schema, struct error *e)
{
    char begin[SQL_MAX];
    struct error ignored = { 0 };
    int64_t version = 0;

    pg_schema_begin(schema, begin, sizeof begin);
    enum status st = pg_script(c, str_of(begin), "migration", e);
    if (st == ST_OK)
        st = make_schema(c, schema, e);
    if (st == ST_OK)
        st = pg_schema_look(c, schema, &version, e);
    if (st == ST_OK && version < migration_count)
        return run_migrations(c, version, e);
    if (!c->lost)
        (void)!pg_script(c, S("rollback"), "migration", &ignored);
    return st;
}
