/* routes.h - what the daemon has open, and which address leads where. */
#pragma once

#include <stdatomic.h>

#include "serve/control.h"
#include "serve/daemon.h"
#include "serve/desk.h"
#include "serve/numbers.h"
#include "serve/waiting.h"
#include "serve/webhook.h"

/* One environment while it is served. */
struct served {
    const struct daemon_env *o;
    struct env *env;
    struct engine *engine; /* NULL: it is closed */
    struct webhook_door *door;
    struct control_server *control;
    struct numbers numbers;
};

struct daemon {
    const struct daemon_options *o;
    struct clock *clock;
    struct http_server *http;
    struct desk *desk;
    struct waiting *waiting;
    struct served env[DAEMON_ENVS_MAX];
    size_t n_envs;
    msec started_at;     /* monotonic */
    atomic_bool refused; /* what is configured now cannot be used: we work with what was */
};

enum { ROUTE_ARGS_MAX = 3 };

/* A request that has found its address. */
struct route_call {
    struct daemon *d;
    struct http_exchange *x;
    str arg[ROUTE_ARGS_MAX]; /* what stood at the pattern's {…}, still escaped */
};

/* For the HTTP loop: `ctx` is the daemon. */
void routes_handle(void *ctx, struct http_exchange *x, const struct http_request *q);
void routes_turn(void *ctx);

struct served *routes_find(struct daemon *d, str name); /* NULL: none of this name */
/* The environment of this name; NULL: none that can be read, and the request has been answered. A
 * closed one has no engine: it is read, and nothing is asked for. */
struct served *routes_env(const struct route_call *c, str name);

/* Does the key reach another account or mode than the store's, found while it ran? */
bool identity_lost(struct env *env);

/* The handlers, each in a file of its own. All but livez run on the desk. */
void health_live(const struct route_call *c);
void health_ready(const struct route_call *c);
void health_ready_env(const struct route_call *c);
void metrics_show(const struct route_call *c);
void api_status(const struct route_call *c);
void customer_state(const struct route_call *c);
void user_state(const struct route_call *c);
void user_customer(const struct route_call *c);
void user_customer_show(const struct route_call *c);
void object_sync(const struct route_call *c);
void catalog_order(const struct route_call *c);
void catalog_show(const struct route_call *c);
void catalog_list(const struct route_call *c);
void catalog_decide(const struct route_call *c);
