/* listen.h - the websockets of `stripe listen`: for each connection a thread that tells what
 * listeners.h has for it, and hears what is acknowledged. */
#pragma once

#include "emulator/emulator.h"

#include <pthread.h>

struct listen;

/* `lock` is the emulator's. */
struct listen *listen_new(struct emulator *e, pthread_mutex_t *lock);
/* Ends all connections and waits for their threads. NULL is fine. */
void listen_free(struct listen *l);
/* The request wants such a connection: fills *out and returns true. Under the lock. */
bool listen_upgrade(struct listen *l, const struct http_request *q, struct arena *a,
                    struct http_response *out);
/* There may be something to tell. */
void listen_wake(struct listen *l);
