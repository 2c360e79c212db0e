/* pg_mark.h - how a transaction proves afterwards that it was committed.
 *
 * Its number alone proves nothing: a server that crashes forgets the numbers of transactions that
 * never reached its disk, and so does a standby that takes over; the same numbers then go to
 * others, and those may commit. So each write transaction leaves a row of its own in _commits,
 * which is there if and only if the transaction is. The row travels with the commit and costs no
 * wait.
 *
 * With it travels what keeps a sealed environment closed (core/environment/seal.h). Whoever commits
 * first takes a lock that those who write share, and that whoever changes the seal has alone
 * (seal_take.pg.sql); then the row looks at the seal, and is refused where there is one. So a seal
 * waits for those who are just committing, and nothing is committed behind it. The lock is held for
 * the commit alone, however long the transaction, or its process stood still, before. */
#pragma once

#include "backend/pg_conn.h"
#include "world/rng.h"

enum {
    PG_MARK_KEY_LENGTH = 32, /* 128 bits in hexadecimal digits */
    PG_MARKS_KEPT = 256,     /* a session's old rows are removed so many at a time */
    PG_MARK_HOURS = 1,       /* what became of a commit is asked for within seconds */
};

/* One session's rows: one after the other, each needed until its commit has been answered. */
struct pg_marks {
    char key[PG_MARK_KEY_LENGTH + 1];
    int64_t n;         /* of the latest */
    int64_t forgotten; /* those below are removed */
};

enum pg_outcome {
    PG_COMMITTED,
    PG_NOT_KEPT,
    PG_RUNNING, /* or the connection broke: ask again */
    PG_UNKNOWN,
};

void pg_marks_init(struct pg_marks *m, struct rng *rng);
/* Sends the row of the transaction that is about to be committed; with `past_seal`, whether the
 * environment is sealed or not. Nothing is awaited. */
enum status pg_mark_send(struct pg_conn *c, struct pg_marks *m, bool past_seal,
                         struct error *e) MUST_USE;
/* The commit behind it was answered. */
void pg_mark_kept(struct pg_marks *m);
/* What became of the latest, whose transaction had this number. */
enum pg_outcome pg_mark_ask(struct pg_conn *c, const struct pg_marks *m, const char *xid,
                            const char *search_path);
/* Removes rows of sessions that ended long ago. Not in a transaction. */
enum status pg_marks_sweep(struct pg_conn *c, const char *schema, struct error *e) MUST_USE;
