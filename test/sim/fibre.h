/* fibre.h - everything that runs beside something else, on one thread, in virtual time.
 *
 * A fibre gives way only where the program calls out of itself: a pause, a gate, the disk. Which
 * one goes on, of those whose time has come, the seed decides; time passes when none can. */
#pragma once

#include "world/clock.h"
#include "world/sched.h"

enum { FIBRES_MAX = 160 };

/* Outside of all processes; their lives count from 1. */
enum { OUTSIDE = 0, LIVES_MAX = 4096 };

msec fibre_now(void); /* since the seed began */
const char *fibre_name(void);
/* Which of two environments the running fibre belongs to (side.h); those that it spawns belong
 * there, too. The harness and a fibre may go over to the other one. */
unsigned fibre_side(void);
void fibre_go_to(unsigned side);
unsigned fibre_life(void); /* the life that the running fibre belongs to */
bool fibre_inside(void);   /* false: the harness itself runs */

/* `name` is copied. */
void fibre_spawn(unsigned life, const char *name, void (*run)(void *), void *arg);
void fibre_pause(msec span);
/* All fibres of this life are gone, without another step. If the caller is one of them, this does
 * not return. */
void fibre_end_life(unsigned life);
/* A number of the running fibre's own; 0 at first. */
void fibre_note(uint64_t n);
uint64_t fibre_noted(void);
/* Ends the running fibre. */
void fibre_exit(void) __attribute__((noreturn));

/* One step of the first whose time comes before `until`. False: there is none. */
bool fibre_step(msec until);
void fibre_pass_to(msec when);  /* nobody runs until then: time passes */
void fibre_begin_at(msec when); /* nobody lives: time may go back */

/* How often a fibre gives way at a lock that is free: in 1000. */
void fibre_preempt(unsigned per_mille);

extern struct sched sim_sched;

/* The node's clocks. The monotonic one begins anew, anywhere, when a machine starts. */
extern struct clock sim_clock;
void clock_boot(msec mono); /* the monotonic clock stands here now */
void clock_skew(msec span); /* the wall clock is wrong by so much from now on */
msec clock_skew_now(void);
/* Stripe's clock: right. */
extern struct clock stripe_clock;
