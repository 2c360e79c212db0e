/* unfinished.h - for erase.c alone: what an erasure leaves behind while it is not done, so that
 * whoever goes on with it finds what the first one would have found. */
#pragma once

#include "core/erasure/erase_plan.h"

/* It begins, or begins once more: addresses and users are kept. NULL: everything is forgotten,
 * these too, and the disk and the key-value server alone are left. */
enum status unfinished_note(struct env *env, str customer, const struct erase_words *words,
                            struct error *e) MUST_USE;
/* What was kept, a JSON object of two lists, "addresses" and "users"; empty when no erasure of his
 * has begun. */
enum status unfinished_words(struct env *env, str customer, str *words, struct arena *a,
                             struct error *e) MUST_USE;
/* Nobody else is to try for a while. */
enum status unfinished_touch(struct env *root, str customer, str account, struct error *e) MUST_USE;
enum status unfinished_done(struct env *env, str customer, struct error *e) MUST_USE;
/* One of any account that nobody has touched since `before` (wall), or for ERASE_STALE_MS. ST_NONE:
 * there is none. */
enum status unfinished_next(struct env *root, msec before, str *customer, str *account,
                            struct arena *a, struct error *e) MUST_USE;
