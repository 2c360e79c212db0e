/* erase_plan.h - for erase.c alone: the plan together with the words that texts are searched for.
 */
#pragma once

#include "core/erase.h"

enum { ERASE_WORDS_MAX = 10 };

/* The customer's id, and behind it every e-mail address that the mirror knows it had, the latest
 * first, as they stand between the quotes of JSON. */
struct erase_words {
    str word[ERASE_WORDS_MAX];
    size_t n;
};

/* Statements look for two words at once. */
static inline str erase_word(const struct erase_words *w, size_t i)
{
    return i < w->n ? w->word[i] : S("");
}

/* As erase_plan. */
enum status erase_plan_named(struct env *env, str customer, struct erasure *out,
                             struct erase_words *words, struct arena *a, struct error *e) MUST_USE;
