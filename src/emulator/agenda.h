/* agenda.h - what time alone will change, the earliest first: a heap for each space, and one for
 * each test clock. A record knows its own place in it. */
#pragma once

#include "emulator/model.h"

/* Time will do something about the record at `due` (seconds of its clock); INT64_MAX: never. */
void agenda_set(struct record *r, int64_t due);
/* The earliest, in the order in which they were made when it is the same second; NULL: none. */
struct record *agenda_first(const struct agenda *a);
/* Moves the record from the agenda it is in to that of `clock` (NULL: of its space). */
void agenda_move(struct record *r, struct test_clock *clock);
