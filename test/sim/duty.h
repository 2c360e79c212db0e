/* duty.h - what the daemon does beside claiming work: the loops of serve/engine.c in fibres. */
#pragma once

#include "core/env.h"

struct duty {
    struct env *env;
    struct gate *gate; /* guards what follows */
    bool has_news;     /* a worker has stored something since */
    unsigned n_asking;
    void (*damaged)(void *node, const struct error *e);
    void *node;
};

void duty_init(struct duty *d, struct env *env, void (*damaged)(void *, const struct error *),
               void *node);
void duty_ring(struct duty *d);
/* Somebody asks for a customer and waits, as serve/waiting.c has them wait: an answer says what was
 * so when he asked, or something newer. */
enum status duty_ask(struct duty *d, const char *customer, struct error *e) MUST_USE;
/* Each until the environment stops; `tick`: how often it looks. */
void duty_keep_time(struct duty *d, msec tick);
void duty_deliver(struct duty *d);
void duty_end_erasures(struct duty *d); /* as the engine's eraser */
