/* switcher.h - what core/environment/switch.h needs of this process: stores and a daemon
 * (switch_stores.c), Stripe's endpoints and the daemon's door (switch_verify.c), and a terminal
 * (env_switch.c). */
#pragma once

#include "cli/doctor/door.h"
#include "cli/switch/env_switch.h"
#include "cli/wire.h"
#include "core/environment/switch.h"

enum { SWITCHER_OPEN_MAX = 3 }; /* environments at a time */

struct engine;

struct switcher {
    struct switch_world world; /* first */
    struct cli *cli;
    struct config *c;
    const char *to;
    struct wire wire[SWITCHER_OPEN_MAX];
    bool is_open[SWITCHER_OPEN_MAX];
    struct engine *engine; /* NULL: nobody works */
    struct emulator_sender sender;
    bool sends;
    char door[DOOR_URL_MAX];
    int lock;
};

static inline struct switcher *switcher_of(struct switch_world *w)
{
    return (struct switcher *)w;
}

/* The slots of struct switch_world_ops. */

/* ---- switch_stores.c ---- */

const char *switcher_name(struct switch_world *w, size_t i);
struct env_config *switcher_config(struct switcher *s, const char *env);
struct wire *switcher_wire(struct switcher *s, const struct env *env);
enum status switcher_lock(struct switch_world *w, struct error *e) MUST_USE;
void switcher_unlock(struct switch_world *w);
enum status switcher_look(struct switch_world *w, const char *env, struct seal *seal,
                          struct identity *id, struct error *e) MUST_USE;
enum status switcher_open(struct switch_world *w, const char *env, enum switch_mode mode,
                          bool *locked, struct env **out, struct error *e) MUST_USE;
void switcher_close(struct switch_world *w, struct env *env);
enum status switcher_tell_daemon(struct switch_world *w, const char *env,
                                 const struct switch_plan *plan, struct error *e) MUST_USE;
enum switch_served switcher_served(struct switch_world *w, const char *env);
enum status switcher_start_work(struct switch_world *w, struct env *env, struct error *e) MUST_USE;
void switcher_stop_work(struct switch_world *w, struct env *env, msec grace);
void switcher_settle(struct switch_world *w, struct env *env);

/* ---- switch_verify.c ---- */

void switcher_endpoint(struct switch_world *w, struct env *env, const struct switch_endpoint *wish,
                       bool *right);
size_t switcher_n_secrets(struct switch_world *w, const char *env);
const char *switcher_door(struct switch_world *w, const char *env, struct error *e);
enum status switcher_ping(struct switch_world *w, const char *env, size_t secret, int *http,
                          struct error *e) MUST_USE;
bool switcher_application(struct switch_world *w, const char *env, struct buf *text);
