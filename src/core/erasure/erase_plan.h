/* erase_plan.h - for erase.c alone: the plan together with the words that texts are searched for.
 */
#pragma once

#include "core/erasure/erase.h"
#include "core/erasure/naming.h"

enum {
    ERASE_ADDRESSES_MAX = 999,
    /* The id, and each address as it is and as URLs write it; a pair is a walk through all texts */
    ERASE_WORDS_MAX = 1 + 2 * ERASE_ADDRESSES_MAX,
    ERASE_USERS_MAX = 1000,
    ERASE_NAMING_BYTES_MAX = 256 << 20, /* a piece of texts that name somebody */
};

/* The customer's id, and behind it every e-mail address that the mirror knows it had, the latest
 * first; and the users of the application whose customer it is or was. A user's id that is an
 * address is one of the words. */
struct erase_words {
    struct name *name;
    str *hint; /* what statements look for */
    size_t n, room;
    str *user; /* ERASE_USERS_MAX */
    size_t n_users;
};

/* Statements look for two words at once. */
static inline str erase_hint(const struct erase_words *w, size_t i)
{
    return i < w->n ? w->hint[i] : S("");
}

/* Is one of the two in this text, which a statement has found? */
static inline bool erase_named(const struct erase_words *w, size_t i, str text)
{
    return (i < w->n && name_in(&w->name[i], text)) ||
           (i + 1 < w->n && name_in(&w->name[i + 1], text));
}

/* As erase_plan. */
enum status erase_plan_named(struct env *env, str customer, struct erasure *out,
                             struct erase_words *words, struct arena *a, struct error *e) MUST_USE;

/* The next former version of an object, behind revision *at, that holds one of two words: *at is
 * its revision. ST_NONE: there is no more. */
enum status erase_next_version(struct tx *tx, struct env *env, const struct erase_key *k,
                               const struct erase_words *words, size_t word, int64_t *at,
                               struct error *e) MUST_USE;
