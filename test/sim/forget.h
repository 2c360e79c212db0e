/* forget.h - people who are to be forgotten (core/erasure), and what of them must never be seen
 * again.
 *
 * Everybody whom the merchant serves in this weather is somebody: a number stands in the e-mail
 * address, the name and the user of the application, so that a word of theirs is known wherever it
 * stands, and so is what is theirs of what the merchant makes. From the moment that somebody asks
 * for it, an erasure may be under way; once it is done it holds for ever.
 *
 * Not played: erasures in connected accounts and in sealed environments, what was bought as a
 * guest, a user who comes back, a key-value server that is set back or carries out late what was
 * given up: either may have a removed pair again. */
#pragma once

#include "climate.h"

#include <sqlite3.h>

void forget_open(const struct climate *c);

/* ---- at Stripe */
/* The next one, as parameters of a customer: `more` of the same when the address changes. */
void forget_somebody(char *form, size_t size);
void forget_new_address(str customer, char *form, size_t size);
/* Whose it is says its own text. */
void forget_meet(const char *type, str id, str body);

/* ---- erasures */
/* Somebody who is known, whether or not it was asked for before; NULL: nobody is. */
const char *forget_draw(void);
void forget_is_asked(str customer);
/* A commit was told OK: it has begun; it is done. */
void forget_has_begun(str customer);
void forget_is_done(str customer);
/* An erasure was begun and is not done yet, as far as was told. */
bool forget_is_under_way(void);

/* ---- whose is it? Nobody's: false. */
bool forget_may_be_gone(str id); /* it was asked for */
bool forget_is_gone(str id);     /* it is done */
/* The text holds a word of somebody who was forgotten. */
bool forget_knows(str text);

/* ---- checks */
/* A commit has brought an object that is somebody's who was forgotten. */
void forget_check_change(const char *type, const char *id, bool knows);
/* Words of those who were forgotten, in every table; false: only where texts of Stripe's stand. */
void forget_check(sqlite3 *db, bool everywhere, const char *when);
/* A row without content, of which Stripe has `body` (empty: nothing). */
void forget_check_erased(str type, str id, str body, const char *when);
/* Nothing that was begun is left. */
bool forget_is_at_rest(void);
/* Who is at rest is forgotten or is not: what was asked for and has never begun is void. */
void forget_settle(sqlite3 *db);
/* At rest: tables, disk, key-value server. */
void forget_check_rest(sqlite3 *db);
