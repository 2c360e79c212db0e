#include "backend/pg_batch.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS_MAX = 12,
    SLOTS = 2048,      /* of a set of hashes: more than PG_BATCH_ROWS_MAX */
    HEADER_BYTES = 20, /* in front of an array's elements */
    COLUMN_BYTES_MAX = 64 << 20,
    OID_INT8 = 20,
    OID_TEXT = 25,
};

/* Whose row it is: arguments from `object_at` on. `full` of them tell one row of the table from
 * another. */
struct kind {
    enum stmt id;
    uint8_t object_at, object, full;
};

/* In the order in which they are sent, which is the order in which mirror.c runs them for one
 * object. */
static const struct kind kinds[] = {
    { STMT_HISTORY_ADD, 0, 3, 4 },       { STMT_OBJECT_INSERT, 0, 3, 3 },
    { STMT_OBJECT_UPDATE, 9, 3, 3 },     { STMT_OBJECT_TOUCH, 2, 3, 3 },
    { STMT_REFS_CLEAR, 0, 3, 3 },        { STMT_REF_ADD, 0, 3, 6 },
    { STMT_OBJECT_OPEN_LISTS, 1, 3, 3 }, { STMT_DUE_MARK_ONCE, 0, 4, 4 },
    { STMT_USER_LINK, 0, 2, 2 },         { STMT_USER_PUT, 0, 2, 2 },
    { STMT_STATE_PUT, 0, 2, 2 },
};

/* Hashes; two keys with the same one are taken for the same, which only sends more often. */
struct set {
    uint32_t slot[SLOTS]; /* 0: empty */
    uint16_t used[PG_BATCH_ROWS_MAX];
    size_t n;
};

struct rows_of {
    size_t n;
    struct set objects, full;
    struct buf column[COLUMNS_MAX]; /* arrays as the protocol has them */
    bool has_null[COLUMNS_MAX];
};

static const char no_header[HEADER_BYTES];

struct pg_batch {
    size_t rows, bytes;
    struct rows_of *of[COUNT(kinds)]; /* made when first needed */
};

/* ---- sets --------------------------------------------------------------------------------- */

static uint32_t hash_of(const struct value *args, size_t n)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; args[i].type == VAL_TEXT && k < args[i].s.n; k++)
            h = (h ^ (unsigned char)args[i].s.p[k]) * 16777619u;
        h = (h ^ 0xff ^ (uint32_t)(args[i].type == VAL_INT ? args[i].i : 0)) * 16777619u;
    }
    h ^= h >> 15;
    return h ? h : 1;
}

static uint32_t place_of(const struct set *s, uint32_t hash)
{
    uint32_t at = hash % SLOTS;

    while (s->slot[at] && s->slot[at] != hash)
        at = (at + 1) % SLOTS;
    return at;
}

static bool set_has(const struct set *s, uint32_t hash)
{
    return s->n && s->slot[place_of(s, hash)];
}

static void set_add(struct set *s, uint32_t hash)
{
    uint32_t at = place_of(s, hash);

    if (s->slot[at])
        return;
    assert(s->n < PG_BATCH_ROWS_MAX);
    s->slot[at] = hash;
    s->used[s->n++] = (uint16_t)at;
}

static void set_clear(struct set *s)
{
    while (s->n)
        s->slot[s->used[--s->n]] = 0;
}

/* ---- coming and going --------------------------------------------------------------------- */

struct pg_batch *pg_batch_new(void)
{
    struct pg_batch *b = calloc(1, sizeof *b);

    if (!b)
        abort();
    return b;
}

static void rows_clear(struct rows_of *r)
{
    if (!r || !r->n)
        return;
    r->n = 0;
    set_clear(&r->objects);
    set_clear(&r->full);
    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        buf_free(&r->column[i]);
        r->column[i].max = COLUMN_BYTES_MAX;
        r->has_null[i] = false;
    }
}

void pg_batch_clear(struct pg_batch *b)
{
    if (!b->rows)
        return;
    for (size_t i = 0; i < COUNT(kinds); i++)
        rows_clear(b->of[i]);
    b->rows = b->bytes = 0;
}

void pg_batch_free(struct pg_batch *b)
{
    if (!b)
        return;
    pg_batch_clear(b);
    for (size_t i = 0; i < COUNT(kinds); i++)
        free(b->of[i]);
    free(b);
}

static struct rows_of *rows_of(struct pg_batch *b, size_t rank)
{
    if (b->of[rank])
        return b->of[rank];
    struct rows_of *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        r->column[i].max = COLUMN_BYTES_MAX;
    return b->of[rank] = r;
}

/* ---- adding ------------------------------------------------------------------------------- */

static size_t rank_of(enum stmt id)
{
    size_t rank = 0;

    while (rank < COUNT(kinds) && kinds[rank].id != id)
        rank++;
    return rank;
}

bool pg_batch_takes(enum stmt id)
{
    return rank_of(id) < COUNT(kinds);
}

static void put_u32(struct buf *b, uint32_t n)
{
    uint32_t big = htonl(n);

    buf_append(b, (str){ (const char *)&big, sizeof big });
}

static void put_element(struct buf *b, bool *has_null, const struct value *v)
{
    switch (v->type) {
    case VAL_NULL:
        *has_null = true;
        put_u32(b, UINT32_MAX);
        break;
    case VAL_INT:
        put_u32(b, 8);
        put_u32(b, (uint32_t)((uint64_t)v->i >> 32));
        put_u32(b, (uint32_t)((uint64_t)v->i & UINT32_MAX));
        break;
    case VAL_TEXT:
        put_u32(b, (uint32_t)v->s.n);
        buf_append(b, v->s);
        break;
    }
}

/* Would the row overtake, or meet, one of the same object that waits? */
static bool collides(const struct pg_batch *b, size_t rank, uint32_t object, uint32_t full)
{
    if (b->of[rank] && set_has(&b->of[rank]->full, full))
        return true;
    for (size_t later = rank + 1; later < COUNT(kinds); later++)
        if (b->of[later] && set_has(&b->of[later]->objects, object))
            return true;
    return false;
}

enum status pg_batch_add(struct pg_batch *b, struct pg_conn *c, enum stmt id,
                         const struct value *args, size_t n_args, struct error *e)
{
    size_t rank = rank_of(id);
    const struct kind *k = &kinds[rank];
    uint32_t object = hash_of(args + k->object_at, k->object);
    uint32_t full = hash_of(args + k->object_at, k->full);
    enum status st = ST_OK;

    assert(rank < COUNT(kinds) && n_args <= COLUMNS_MAX && n_args == stmt_table[id].n_args);
    struct rows_of *r = rows_of(b, rank);
    if (r->n == PG_BATCH_ROWS_MAX || b->bytes > PG_BATCH_BYTES_MAX ||
        collides(b, rank, object, full))
        st = pg_batch_send(b, c, e);
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < n_args; i++) {
        const struct value *v = &args[i];
        assert(v->type == VAL_NULL || (v->type == VAL_INT) == (stmt_table[id].pg_types[i] == 'i'));
        if (v->type == VAL_TEXT && v->s.n > COLUMN_BYTES_MAX / 2)
            return fail(e, ST_LIMIT, "%s: a value of %zu bytes is too large", stmt_table[id].name,
                        v->s.n);
        if (!r->n)
            buf_append(&r->column[i], (str){ no_header, HEADER_BYTES });
        put_element(&r->column[i], &r->has_null[i], v);
        b->bytes += 12 + (v->type == VAL_TEXT ? v->s.n : 0);
    }
    set_add(&r->objects, object);
    set_add(&r->full, full);
    r->n++;
    b->rows++;
    return ST_OK;
}

/* ---- sending ------------------------------------------------------------------------------ */

/* In front of its elements: one dimension, whether there are nulls, of what type, how many, from 1.
 */
static str finish_array(struct rows_of *r, size_t column, char type)
{
    const uint32_t header[] = { htonl(1), htonl(r->has_null[column]),
                                htonl(type == 'i' ? OID_INT8 : OID_TEXT), htonl((uint32_t)r->n),
                                htonl(1) };

    static_assert(sizeof header == HEADER_BYTES, "five words");
    if (!r->column[column].failed)
        memcpy(r->column[column].p, header, sizeof header);
    return buf_str(&r->column[column]);
}

static enum status send_arrays(struct rows_of *r, struct pg_conn *c, enum stmt id, struct error *e)
{
    str array[COLUMNS_MAX];

    for (size_t i = 0; i < stmt_table[id].n_args; i++) {
        array[i] = finish_array(r, i, stmt_table[id].pg_types[i]);
        if (r->column[i].failed)
            return fail(e, ST_LIMIT, "%s: more than %d bytes at once", stmt_table[id].name,
                        COLUMN_BYTES_MAX);
    }
    return pg_send_many(c, id, array, e);
}

enum status pg_batch_send(struct pg_batch *b, struct pg_conn *c, struct error *e)
{
    enum status st = ST_OK;

    for (size_t rank = 0; b->rows && rank < COUNT(kinds) && st == ST_OK; rank++)
        if (b->of[rank] && b->of[rank]->n)
            st = send_arrays(b->of[rank], c, kinds[rank].id, e);
    pg_batch_clear(b);
    return st;
}
