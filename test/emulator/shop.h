/* shop.h - the stand that each test of a program has for itself, and what many of them do on it:
 * sell, bill, and let time pass. */
#pragma once

#include "stand.h"

enum { SEED = 7, HOUR = 3600, DAY = 86400 };

extern struct stand stand;

/* Around each test: a fresh stand. */
int set_up(void **state);
int tear_down(void **state);

/* Time passes, and what is due by then happens. */
void pass(int64_t seconds);
/* The object of this id, which must be there. */
json_t *get(const char *url, const char *id);
json_t *post(int status, const char *url, const char *form);
/* The target of a POST to the object of this id. */
const char *post_to(const char *url, const char *id);

/* A customer that pays with a card which is always good. */
const char *payer(const char *more);
/* A price in dollars of a product of its own; interval "": once. */
const char *price_of(int amount, const char *interval);
/* A product and its default price. */
void make_pair(const char **product, const char **price);
const char *subscribe(const char *customer, const char *price, const char *more);
json_t *latest_invoice(const char *sub);
/* Takes what is to be sent next; false when there is nothing. */
bool next(struct emulator_delivery *d);
