/* shapes.h - what each object looks like, in the API version that is spoken, before anything is
 * set. */
#pragma once

#include "emulator/model.h"

#define API_VERSION "2026-10-28.endive"

extern const char *const shapes_money[T_COUNT]; /* those of routes_money.c; NULL: none */
json_t *shape_new(enum type t); /* an empty object for types that have no records of their own */
/* A shape by its text, written with single quotes. */
json_t *shape_parse(const char *text);
/* The shapes of the rooms, beside those in shapes.c. */
extern const char *const shapes_billing[T_COUNT];
extern const char shape_card[];           /* payment_method.card */
extern const char shape_charge_details[]; /* charge.payment_method_details */
extern const char shape_plan[];           /* the legacy view of a price inside of an item */
