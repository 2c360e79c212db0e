/* switching.h - `brindle env switch`, as far as it lies in core: the journal, the drain, the seal,
 * the target's identity and store, and the end of it, by a process that may die at each step and is
 * begun again.
 *
 * What cli/switch/env_switch.c does besides is not played here: endpoint and ping, leftovers, the
 * checklist, the dry run. */
#pragma once

#include "core/environment/seal.h"

/* Has this side's store been sealed or opened since, or has a switch begun or ended? */
bool seal_changed(const struct seal *before);
/* Is a switch to this side under way? */
bool switch_leads_here(void);
bool side_is_sealed(void);
bool side_is_left(void); /* or a switch away from it is under way */

/* Somebody switches from this side to the other one. */
void node_switch(void);
/* Somebody wants both, whatever was switched: the journal is taken back, the seal broken. */
void node_open_again(void);
