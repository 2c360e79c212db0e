/* sqlite_conn.h - one connection to SQLite with its prepared statements. One thread at a time. */
#pragma once

#include <sqlite3.h>

#include "world/clock.h"
#include "world/store.h"

enum conn_verb {
    VERB_BEGIN,
    VERB_BEGIN_IMMEDIATE,
    VERB_COMMIT,
    VERB_ROLLBACK,
    VERB_SAVEPOINT,
    VERB_RELEASE,
    VERB_ROLLBACK_TO,
    VERB_COUNT
};

struct conn_options {
    const char *path; /* must outlive the connection */
    const char *vfs;
    struct clock *clock; /* for the pauses when a foreign program has locked the file */
    bool writer;         /* else: opened read-only, and query_only besides */
    bool create;         /* the VFS makes the file when there is none */
};

struct conn {
    sqlite3 *db;
    const char *path;
    struct clock *clock;
    int rc;         /* SQLite's code for the latest failure; SQLITE_OK: one of our own limits */
    bool disk_full; /* whether that failure was for want of space */
    sqlite3_stmt *verb[VERB_COUNT];
    sqlite3_stmt *stmt[STMT_COUNT];
};

/* Opens, without reading or writing anything yet. conn_close also after a failure. */
enum status conn_open(struct conn *c, const struct conn_options *o, struct error *e) MUST_USE;
void conn_close(struct conn *c);

/* Turns a code of SQLite into what the caller can do, and a sentence with the file, what was being
 * done, the reason and the next step; never a bound value. */
enum status conn_fail(struct conn *c, int rc, const char *doing, struct error *e);

/* True if the latest failure was a write for which there was no space: nothing of it counts, nothing
 * is damaged, and it can be tried again when there is space. (A sync that says the same is another
 * thing: what it should have kept may be gone.) */
bool conn_is_full(const struct conn *c);
/* True if the latest failure says that disk or file cannot be trusted any more. */
bool conn_is_sick(const struct conn *c);

enum status conn_verb(struct conn *c, enum conn_verb v, struct error *e) MUST_USE;

/* A typo in any statement fails here and not in the night. */
enum status conn_prepare_all(struct conn *c, struct error *e) MUST_USE;

/* As store_ops.run. Without an arena, rows are counted and not kept. */
enum status conn_run(struct conn *c, enum stmt id, const struct value *args, size_t n_args,
                     struct rows *rows, struct arena *a, struct error *e) MUST_USE;

/* Runs the statements of `sql`, which holds no NUL, and drops what they answer. */
enum status conn_script(struct conn *c, str sql, const char *doing, struct error *e) MUST_USE;

/* The integer that `sql` answers in its first column; 0 when it answers nothing. */
enum status conn_ask(struct conn *c, const char *sql, int64_t *out, struct error *e) MUST_USE;
