/* orders.h - operations on the catalogue: what is asked for, and what must hold of it.
 *
 * The merchant opens products that each have an active default price, which a lookup key leads to.
 * Whatever he does in the Dashboard keeps it so; whatever an operation does must. */
#pragma once

#include "climate.h"
#include "world/stripe.h"

#include <sqlite3.h>

enum { ORDER_INPUT_MAX = 256, ORDER_ID_MAX = 40 };

/* What somebody wants of the program. */
struct order {
    enum { ORDER_NEW, ORDER_RESUME, ORDER_ABORT } what;
    unsigned number; /* of a new one: its caller's key */
    const char *kind;
    char input[ORDER_INPUT_MAX];
    char id[ORDER_ID_MAX]; /* of the others */
};

void orders_open(const struct climate *c);
void orders_product(unsigned number);   /* prod_N with key_N is there from now on */
void orders_default_moved(str product); /* by hand */
bool orders_can_be_drawn(void);
void order_draw(struct order *o);
/* Inside of a life. Statuses as of op_submit. */
enum status order_send(struct env *env, const struct order *o, struct error *e) MUST_USE;

/* A request that writes leaves. */
void orders_sent(const struct stripe_request *q);
/* It was carried out, or refused. */
void orders_written(const struct stripe_request *q, const struct stripe_response *p);
void orders_check_rest(sqlite3 *db);
