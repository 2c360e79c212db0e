/* base.h - slices, statuses and errors: the words that every other file is written in. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Milliseconds. Wall time counts from 1970, monotonic time from some fixed point of this boot. */
typedef int64_t msec;

/* A borrowed run of bytes: never freed, never assumed NUL-terminated. `p` may be NULL when n is 0.
 */
typedef struct str {
    const char *p;
    size_t n;
} str;

#define S(lit) ((str){ "" lit, sizeof(lit) - 1 })
#define STR_ARG(s) (int)(s).n, (s).p

bool str_eq(str a, str b);
bool str_eqz(str a, const char *z);
bool str_starts(str s, str prefix);
bool str_ends(str s, str suffix);
int str_cmp(str a, str b); /* bytewise; a prefix sorts before what it begins */
str str_of(const char *z); /* NULL gives the empty slice */
str str_sub(str s, size_t from, size_t to);
str str_trim(str s); /* without blanks, tabs, CR and LF at both ends */
/* Cuts `s` at the first `c`: `head` gets what is before it, the rest (without `c`) is returned.
 * Without a `c`, head is all of `s` and the rest has p == NULL. */
str str_cut(str s, char c, str *head);
/* Index of the first `c`, or s.n when there is none. */
size_t str_find(str s, char c);
/* A decimal integer, the whole slice and nothing else; false on anything other or on overflow. */
bool str_to_int(str s, int64_t *out);
/* Same length, same bytes, in a time that depends on the lengths alone. */
bool str_eq_constant_time(str a, str b);

/* What the caller can do about it, not what went wrong: `struct error` tells that to people. */
enum status {
    ST_OK = 0,
    ST_NONE,     /* nothing there: no such row, empty queue */
    ST_CONFLICT, /* somebody else got there first: reload and decide again */
    ST_RETRY,    /* transient: the same call may work later; its outcome may be unknown */
    ST_REFUSED,  /* the other side said no: retrying cannot help */
    ST_INVALID,  /* the input is malformed */
    ST_LIMIT,    /* one of our own bounds was reached, or memory or disk ran out */
    ST_BROKEN,   /* damaged data or a bug: stop this process */
};

const char *status_name(enum status st); /* "ok", "none", …, for logs and tests */

enum { ERROR_TEXT_MAX = 512 };

/* What went wrong, for people: the thing, the reason, the next step. Never a secret, never a body.
 */
struct error {
    enum status status;
    bool restart;   /* of ST_BROKEN: nothing is known to be damaged, and a new process goes on */
    bool disk_full; /* of ST_LIMIT: it was the store's disk */
    bool sealed;    /* of ST_REFUSED: the store's environment was switched away from */
    bool foreign;   /* of ST_REFUSED: it is readable, and no store of ours */
    const char *file;
    int line;
    char text[ERROR_TEXT_MAX];
};

/* Records the first failure and returns `status`, so that one line both reports and returns. */
#define fail(e, status, ...) error_set((e), (status), __FILE__, __LINE__, __VA_ARGS__)
enum status error_set(struct error *e, enum status status, const char *file, int line,
                      const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Puts words before the text that is there: "sync of prices: " + what went wrong below. */
void error_prefix(struct error *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
void error_clear(struct error *e);
