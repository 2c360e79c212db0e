/* pg_conn.h - one connection to PostgreSQL, always in pipeline mode. One thread at a time.
 *
 * What is sent waits in libpq until an answer is asked for: a transaction whose statements nobody
 * asks about is one round trip. Nothing relies on the session: the path to our tables and every
 * other setting is made anew in each transaction, so that a pooler in transaction mode may stand
 * between. Statements are prepared under a name only where no pooler does (its client is told
 * another process id than the server's own). */
#pragma once

#include <libpq-fe.h>

#include "world/store.h"

enum pg_verb { /* numbered behind the statements */
               PG_BEGIN_WRITE = STMT_COUNT,
               PG_BEGIN_READ,
               PG_SET_WRITE, /* $1 the search path; answers the transaction's number */
               PG_SET_READ,  /* $1 the search path */
               PG_COMMIT,
               PG_ROLLBACK,
               PG_XACT_STATUS,  /* $1 a transaction's number */
               PG_SEAL_SHARE,   /* nobody seals the environment until this transaction ends */
               PG_MARK_ADD,     /* $1 a session's key, $2 its n, $3 1: not where the environment is
                                   sealed (error.sealed): see pg_mark.h */
               PG_MARKS_FORGET, /* $1 the key, from n = $2 to below $3 */
               PG_MARK_FIND,    /* $1 the key, $2 its n */
               PG_TEXTS,
               PG_PARSE = PG_TEXTS, /* in the list of what is awaited alone */
               PG_SYNC,
               PG_MANY, /* from here on: a statement for many rows, by its number */
               PG_ALL = PG_MANY + STMT_COUNT,
};

enum {
    PG_PENDING_MAX = 512,           /* answers that may wait to be read */
    PG_PENDING_ROOM = 40,           /* kept for what a batch and a commit send together */
    PG_PENDING_BYTES_MAX = 1 << 20, /* what may be sent before answers are read */
    PG_CONNECT_SECONDS = 5,
    PG_VERSION_MIN = 140000,
};

struct pg_conn {
    PGconn *pg;        /* NULL: not connected */
    const char *label; /* for sentences; outlives the connection */
    bool by_name;      /* statements are prepared */
    bool lost;         /* of no more use: a reconnect is next */
    char sqlstate[6];  /* of the latest failure; "" when no server answered */
    bool known[PG_ALL];
    uint16_t pending[PG_PENDING_MAX];
    int64_t *later[PG_PENDING_MAX]; /* where the number of rows changed goes; NULL: nowhere */
    size_t n_pending, pending_bytes;
    bool committed;  /* a PG_COMMIT was answered so since it was set to false */
    int64_t changed; /* rows since it was set to 0 */
    char xid[24];    /* answered by PG_SET_WRITE; "" before */
};

/* ST_RETRY: the server is away, starting, or full. ST_REFUSED: it does not let us in, is too old,
 * or keeps its texts otherwise than in UTF-8. ST_INVALID: the address is none. */
enum status pg_conn_open(struct pg_conn *c, const char *url, const char *label,
                         struct error *e) MUST_USE;
void pg_conn_close(struct pg_conn *c);
/* Between transactions. False when the other side has hung up since, or speaks unasked: mostly that
 * is the reason why it is about to. */
bool pg_conn_alive(struct pg_conn *c);

/* Sends; nothing is awaited. `what`: an enum stmt or pg_verb. `later` (may be NULL) gets the number
 * of rows that it changed when its answer is read. */
enum status pg_send(struct pg_conn *c, unsigned what, const struct value *args, size_t n_args,
                    int64_t *later, struct error *e) MUST_USE;
/* The statement's twin for many rows (stmt_info.pg_many), with an array for each argument. */
enum status pg_send_many(struct pg_conn *c, enum stmt id, const str *array,
                         struct error *e) MUST_USE;
/* The statement behind a number in `pending`; STMT_COUNT: none. */
enum stmt pg_stmt_of(unsigned what);
/* Asks the server to answer what was sent, without reading it yet. */
enum status pg_sync(struct pg_conn *c, struct error *e) MUST_USE;
/* Reads all answers; the first failure counts. `rows` (may be NULL) and the arena are as in
 * store_ops.run, for the statement that was sent last. `*by_server`: the failure was the server's,
 * so that the transaction is over. */
enum status pg_read(struct pg_conn *c, struct rows *rows, struct arena *a, bool *by_server,
                    struct error *e) MUST_USE;

/* Run a text of several statements outside the pipeline; nothing may be pending. `out` gets the
 * first cell of the last answer, or "". */
enum status pg_script(struct pg_conn *c, str sql, const char *doing, struct error *e) MUST_USE;
enum status pg_ask(struct pg_conn *c, const char *sql, const char *doing, char *out, size_t room,
                   struct error *e) MUST_USE;

/* Has the server parse every statement of ours, in a transaction that is rolled back. */
enum status pg_try_all(struct pg_conn *c, const char *search_path, struct error *e) MUST_USE;

/* What an SQLSTATE means to the caller. "" is a connection that broke. Pure. */
enum status pg_judge(const char *sqlstate);
