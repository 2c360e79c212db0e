/* turn.h - for the files of this floor alone: whose turn it is to forget somebody in this process,
 * and who that is. */
#pragma once

#include "core/env.h"

/* One erasure at a time: two of the same person would only get in each other's way. False: it is
 * another's turn, and nobody is to wait; or the environment is stopping. */
bool turn_take(struct env *root, bool waits) MUST_USE;
/* Whom it is about; the slices live until turn_give. From here on turn_keep works. */
void turn_of(struct env *root, str customer, str account);
void turn_give(struct env *root);

/* Between two pieces: as erase_keep, and what fails is tried again by the next one. */
void turn_keep(struct env *env);
/* After each piece: one that failed in a way that is worth another try (`*attempt`, from 1) leaves
 * `*st` ST_OK. ST_RETRY: the environment is stopping. */
void turn_piece_done(struct env *env, enum status *st, unsigned *attempt, struct error *e);
