/* unfinished.h - for erase.c alone: what an erasure leaves behind while it is not done, so that
 * whoever goes on with it finds what the first one would have found. */
#pragma once

#include "core/erasure/erase_plan.h"

/* What is left of an erasure that has begun. */
enum unfinished_step {
    UNFINISHED_ALL,    /* addresses and users are kept: with them it is found again */
    UNFINISHED_DISK,   /* nothing is kept any more: the disk and the key-value server are left */
    UNFINISHED_SERVER, /* the key-value server alone */
};

/* It begins, or begins once more. */
enum status unfinished_note(struct env *env, str customer, const struct erase_words *words,
                            struct error *e) MUST_USE;
/* It has come to one of the later steps. */
enum status unfinished_move(struct env *env, str customer, enum unfinished_step step,
                            struct error *e) MUST_USE;
/* What was kept, a JSON object of two lists, "addresses" and "users"; of neither in the later
 * steps, empty when no erasure of his
 * has begun. */
enum status unfinished_words(struct env *env, str customer, str *words, struct arena *a,
                             struct error *e) MUST_USE;
/* Nobody else is to try for a while. */
enum status unfinished_touch(struct env *root, str customer, str account, struct error *e) MUST_USE;
enum status unfinished_done(struct env *env, str customer, struct error *e) MUST_USE;
/* One of any account that nobody has touched since `before` (wall), or for ERASE_STALE_MS: it is
 * ours now, and nobody else's for a while. ST_NONE: there is none. */
enum status unfinished_take(struct env *root, msec before, str *customer, str *account,
                            enum unfinished_step *step, struct arena *a, struct error *e) MUST_USE;
