#include "backend/pg_facts.h"

#include <stdio.h>
#include <string.h>

#include "backend/pg_conn.h"

enum { ANSWER_MAX = 256, NUMBERS = 3 };

/* Six words: four that are on or off, and the connections that server, role and database permit;
 * what a session sets for itself does not count. */
static const char question[] =
    "select concat_ws(' ', current_setting('fsync'), current_setting('full_page_writes'), "
    "(select reset_val from pg_settings where name = 'synchronous_commit'), "
    "case when pg_is_in_recovery() or (select reset_val from pg_settings "
    "where name = 'default_transaction_read_only') = 'on' then 'on' else 'off' end, "
    "current_setting('max_connections')::int "
    "- current_setting('superuser_reserved_connections')::int, r.rolconnlimit, d.datconnlimit) "
    "from pg_roles r, pg_database d "
    "where r.rolname = current_user and d.datname = current_database()";

/* The smallest that is no -1, which means "as many as there are". */
static void take_limits(struct pg_facts *f, str left)
{
    static const char *const name[NUMBERS] = { "max_connections", "the role's connection limit",
                                               "the database's connection limit" };
    int64_t n;

    f->connections = INT64_MAX;
    for (size_t i = 0; i < NUMBERS; i++) {
        str word;
        left = str_cut(left, ' ', &word);
        if (!str_to_int(word, &n) || n < 0 || n >= f->connections)
            continue;
        f->connections = n;
        f->connections_by = name[i];
    }
}

static void take(struct pg_facts *f, str left)
{
    str word;

    left = str_cut(left, ' ', &word);
    f->fsync = str_eqz(word, "on");
    left = str_cut(left, ' ', &word);
    f->full_page_writes = str_eqz(word, "on");
    left = str_cut(left, ' ', &word);
    f->synchronous_commit = !str_eqz(word, "off");
    left = str_cut(left, ' ', &word);
    f->read_only = str_eqz(word, "on");
    take_limits(f, left);
}

enum status pg_facts_read(const char *url, struct pg_facts *out, struct error *e)
{
    struct pg_conn c = { 0 };
    char answer[ANSWER_MAX] = "";

    *out = (struct pg_facts){ .connections_by = "" };
    enum status st = pg_conn_open(&c, url, "PostgreSQL", e);
    if (c.pg)
        out->version = PQserverVersion(c.pg);
    if (st == ST_OK)
        st = pg_ask(&c, question, "ask the server", answer, sizeof answer, e);
    if (st == ST_OK)
        take(out, str_of(answer));
    pg_conn_close(&c);
    return st;
}
