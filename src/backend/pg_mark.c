#include "backend/pg_mark.h"

#include <stdio.h>

enum { SWEEP_MAX = 512, KEY_BYTES = PG_MARK_KEY_LENGTH / 2 };

void pg_marks_init(struct pg_marks *m, struct rng *rng)
{
    unsigned char bytes[KEY_BYTES];

    *m = (struct pg_marks){ 0 };
    rng_fill(rng, bytes, sizeof bytes);
    for (size_t i = 0; i < KEY_BYTES; i++)
        snprintf(m->key + 2 * i, 3, "%02x", bytes[i]);
}

static int64_t forgettable(const struct pg_marks *m)
{
    return m->n - m->forgotten >= PG_MARKS_KEPT ? m->n : m->forgotten;
}

enum status pg_mark_send(struct pg_conn *c, struct pg_marks *m, bool past_seal, struct error *e)
{
    const struct value key = V_STR(str_of(m->key));
    const struct value old[] = { key, V_INT(m->forgotten), V_INT(forgettable(m)) };
    enum status st = ST_OK;

    m->n++;
    if (old[2].i > old[1].i)
        st = pg_send(c, PG_MARKS_FORGET, old, COUNT(old), NULL, e);
    /* Two statements: the second one sees what was committed while the first one waited. */
    if (st == ST_OK && !past_seal)
        st = pg_send(c, PG_SEAL_SHARE, NULL, 0, NULL, e);
    const struct value mine[] = { key, V_INT(m->n), V_INT(past_seal ? 0 : 1) };
    return st == ST_OK ? pg_send(c, PG_MARK_ADD, mine, COUNT(mine), NULL, e) : st;
}

void pg_mark_kept(struct pg_marks *m)
{
    if (m->n - 1 - m->forgotten >= PG_MARKS_KEPT)
        m->forgotten = m->n - 1;
}

static enum status ask(struct pg_conn *c, enum pg_verb verb, const struct value *args, size_t n,
                       struct rows *r, struct arena *a)
{
    struct error ignored = { 0 };
    bool by_server = false;
    enum status st = pg_send(c, verb, args, n, NULL, &ignored);

    if (st == ST_OK)
        st = pg_sync(c, &ignored);
    return st == ST_OK ? pg_read(c, r, a, &by_server, &ignored) : st;
}

/* Whether the row is there, in a transaction that began after the number was asked about. */
static enum status find(struct pg_conn *c, const struct pg_marks *m, const char *search_path,
                        bool *there)
{
    ARENA(a, 4096);
    const struct value path = V_STR(str_of(search_path));
    const struct value mark[] = { V_STR(str_of(m->key)), V_INT(m->n) };
    struct error ignored = { 0 };
    struct rows r = { 0 };

    enum status st = pg_send(c, PG_BEGIN_READ, NULL, 0, NULL, &ignored);
    if (st == ST_OK)
        st = pg_send(c, PG_SET_READ, &path, 1, NULL, &ignored);
    if (st == ST_OK)
        st = ask(c, PG_MARK_FIND, mark, COUNT(mark), &r, &a);
    *there = r.n_rows == 1;
    if (!c->lost && ask(c, PG_ROLLBACK, NULL, 0, NULL, NULL) != ST_OK)
        c->lost = true;
    return st;
}

enum pg_outcome pg_mark_ask(struct pg_conn *c, const struct pg_marks *m, const char *xid,
                            const char *search_path)
{
    ARENA(a, 4096);
    const struct value number = V_STR(str_of(xid));
    struct rows r = { 0 };
    bool there = false;

    bool answered = ask(c, PG_XACT_STATUS, &number, 1, &r, &a) == ST_OK && r.n_rows == 1;
    str how = answered ? row_str(&r, 0, 0) : S("");
    if (str_eqz(how, "in progress"))
        return PG_RUNNING;
    enum status st = c->lost ? ST_RETRY : find(c, m, search_path, &there);
    if (there)
        return PG_COMMITTED;
    if (c->lost)
        return PG_RUNNING;
    return st == ST_OK && how.n ? PG_NOT_KEPT : PG_UNKNOWN;
}

enum status pg_marks_sweep(struct pg_conn *c, const char *schema, struct error *e)
{
    char sql[SWEEP_MAX];

    /* Who is at work on rows of his own is not waited for. */
    snprintf(sql, sizeof sql,
             "delete from \"%s\"._commits where (session, n) in (select session, n from "
             "\"%s\"._commits where at < now() - interval '%d hours' for update skip locked)",
             schema, schema, PG_MARK_HOURS);
    return pg_script(c, str_of(sql), "sweep", e);
}
