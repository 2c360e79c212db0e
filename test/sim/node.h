/* node.h - the program under test, wired as the daemon wires it, its lives, and other processes
 * beside it: a second daemon, and commands that work themselves while there is none.
 *
 * A life begins with the lock and the store and ends in good order, by a kill, by a power cut, or
 * by its own hand. What a dead life had in memory is left where it lies: its fibres never run
 * again. */
#pragma once

#include "climate.h"
#include "world/sched.h"

enum node_end { END_STOPPED, END_KILLED, END_POWER_CUT };

/* Where there are two environments (side.h), what follows is about the running side's, unless it
 * says otherwise. */

/* `lock_path`: a real file, for the real lock; one more for each further environment. */
void node_open(struct climate *c, const char *lock_path);
void node_boot(
    bool wrong_key); /* with all environments; behind a power cut with the machine and its clock */
bool node_is_up(void); /* there is a process; whether it works yet is another question */
bool node_works(void);
bool node_is_shut(void); /* there is a daemon, and it does not work for this environment */
/* Ends the life, of all environments; from outside of it. */
void node_end(enum node_end how);
/* The process ended itself, or one that was to end in good order did; why, for the trace. */
bool node_has_ended(void);

/* A webhook. The HTTP status; 0: the connection broke. `gate` is woken when the node is gone. */
int node_receive(str body, str signature, struct gate *gate);

/* Commands beside the daemon, sent to it. */
bool node_sync(bool again);
unsigned node_syncs_accepted(void); /* that begin anew, and are on the disk */
bool node_sync_something(void);     /* a type or an object */
bool node_revive(void);
bool node_mend_fuse(void);
bool node_erase(const char *customer);
bool node_order(void); /* an operation on the catalogue is asked for, resumed or aborted */
/* A customer is asked for, and waited for. */
bool node_ask(const char *customer);
/* Other processes: at most one at a time. */
void node_second_daemon(void);                 /* while the daemon works: must be refused */
void node_command(void);                       /* `brindle sync` */
void node_erase_command(const char *customer); /* `brindle erase` */
void node_end_beside(enum node_end how);
