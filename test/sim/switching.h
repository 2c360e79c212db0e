/* switching.h - `brindle env switch` as a process of the simulated machine: the real one, of
 * core/environment/switch, with a table of functions of this world (switch_world.c). It may die at
 * each of its calls, be told to stop, and is begun again by people or by the daemon.
 *
 * Not played: the dry run, and what an application's own database holds, for there is none here. */
#pragma once

#include "core/environment/switch.h"

/* What stands in this side's store. False: there is none, or it is nobody's yet. */
bool side_seal(struct seal *seal, struct identity *id);
/* Has this side's store been sealed or opened since, or has a switch begun or ended? */
bool seal_changed(const struct seal *before);
/* Is a switch to this side under way? */
bool switch_leads_here(void);
bool side_is_sealed(void);
bool side_is_left(void);       /* or a switch away from it is under way */
bool switch_is_held(void);     /* one away from this side is under way, and rests */
bool switch_is_anywhere(void); /* on either side */

/* Somebody switches to this side, with whatever he asks for besides. */
void node_switch(void);
/* And now without a stop half way. */
void node_switch_through(void);
/* Somebody wants both: by hand, for no command opens two. Not while a switch is under way. */
void node_open_again(void);

struct node;
/* As cli/reopening.c: the daemon goes on with a switch that nobody is at. */
void switch_go_on(struct node *n);
bool switch_is_child_of(const struct node *n); /* the process beside was begun by that daemon */

/* ---- switch_world.c ---- */

struct sim_switch;
struct sim_switch *switch_world_new(struct node *process);
struct switch_world *switch_world_of(struct sim_switch *s);
