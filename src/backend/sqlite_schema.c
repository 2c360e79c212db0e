#include "backend/sqlite_schema.h"

#include <inttypes.h>
#include <stdio.h>

enum { DOING_MAX = 96 };

/* Bytes of a file that is no database at all answer NOTADB: damaged, or not ours. */
enum status schema_look(struct conn *c, int64_t *version, struct error *e)
{
    int64_t owner = 0, found = 0, things = 0;

    enum status st = conn_ask(c, "pragma application_id", &owner, e);
    if (st == ST_OK)
        st = conn_ask(c, "pragma user_version", &found, e);
    if (st == ST_OK)
        st = conn_ask(c, "select count(*) from sqlite_schema", &things, e);
    if (st != ST_OK)
        return st;
    bool empty = owner == 0 && found == 0 && things == 0;
    e->foreign = owner != SCHEMA_APPLICATION_ID && !empty;
    if (e->foreign)
        return fail(e, ST_REFUSED,
                    "%s is a database of another program; give Brindle a path of its own", c->path);
    if (found > migration_count)
        return fail(e, ST_REFUSED,
                    "%s has tables of version %" PRId64
                    ", this program knows up to version %d; use "
                    "a newer brindle",
                    c->path, found, migration_count);
    if (found < 0 || (owner == SCHEMA_APPLICATION_ID && found == 0))
        return fail(e, ST_BROKEN, "%s has tables of version %" PRId64 "; restore a backup", c->path,
                    found);
    *version = found;
    return ST_OK;
}

static enum status migrate_to(struct conn *c, int64_t version, struct error *e)
{
    char doing[DOING_MAX], mark[DOING_MAX];
    snprintf(doing, sizeof doing, "migration to version %" PRId64, version);
    int n =
        snprintf(mark, sizeof mark, "pragma user_version = %" PRId64 ";pragma application_id = %d;",
                 version, SCHEMA_APPLICATION_ID);

    enum status st = conn_verb(c, VERB_BEGIN_IMMEDIATE, e);
    if (st != ST_OK)
        return st;
    st = conn_script(c, str_of(migration_table[version - 1].sqlite), doing, e);
    if (st == ST_OK)
        st = conn_script(c, (str){ mark, (size_t)n }, doing, e);
    if (st == ST_OK)
        st = conn_verb(c, VERB_COMMIT, e);
    if (st != ST_OK && !sqlite3_get_autocommit(c->db)) {
        struct error ignored = { 0 };
        (void)!conn_verb(c, VERB_ROLLBACK, &ignored);
    }
    return st;
}

enum status schema_migrate(struct conn *c, int64_t version, struct error *e)
{
    enum status st = ST_OK;

    for (int64_t v = version + 1; st == ST_OK && v <= migration_count; v++)
        st = migrate_to(c, v, e);
    return st;
}
