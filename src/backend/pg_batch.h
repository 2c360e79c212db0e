/* pg_batch.h - statements of one kind that nobody waits for, kept back and sent as one.
 *
 * A page of a list is a hundred inserts and some hundred references. Each of them as a statement of
 * its own costs the server more than the row does: it opens a dozen indexes for each. So the runs
 * of a statement that has a twin for many rows (name.many.pg.sql) gather here, as the columns of
 * that twin's arrays, until anything else is run, an answer is asked for, or there are enough.
 *
 * The outcome is that of the single runs in their order: rows of different objects do not meet, and
 * what is about the same object goes out in the order in which it came, or before the rest. */
#pragma once

#include "backend/pg_conn.h"

enum {
    PG_BATCH_ROWS_MAX = 1000, /* of one statement */
    PG_BATCH_BYTES_MAX = 1 << 20,
};

struct pg_batch; /* one transaction's at a time */

struct pg_batch *pg_batch_new(void); /* aborts when memory has run out */
void pg_batch_free(struct pg_batch *b);
/* Forgets what is there: the transaction has come to nothing. */
void pg_batch_clear(struct pg_batch *b);

/* Can this run wait? Only while nobody asks for its rows. */
bool pg_batch_takes(enum stmt id);
/* Keeps one run back; what it must not overtake is sent before. The arguments are copied. */
enum status pg_batch_add(struct pg_batch *b, struct pg_conn *c, enum stmt id,
                         const struct value *args, size_t n_args, struct error *e) MUST_USE;
/* Sends everything; nothing is awaited. */
enum status pg_batch_send(struct pg_batch *b, struct pg_conn *c, struct error *e) MUST_USE;
