/* journal.h - for erase.c alone: operations on the catalogue that named somebody, for instance a
 * price that was made for her. They are the audit and stay; the address goes. One that is under way
 * or stuck is left as it is, for it goes on with what it says. */
#pragma once

#include "core/erasure/erase_plan.h"

enum status journal_forget(struct env *env, const struct erase_words *words,
                           struct error *e) MUST_USE;
