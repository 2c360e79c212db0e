#include "serve/valve.h"

enum { SECOND_MS = 1000 };

bool valve_pass(struct valve *v, msec now, uint64_t *held)
{
    pthread_mutex_lock(&v->lock);
    if (now - v->since >= SECOND_MS) {
        v->since = now;
        v->used = 0;
    }
    bool pass = v->used < VALVE_LINES_A_SECOND;
    if (pass) {
        v->used++;
        *held = v->held;
        v->held = 0;
    } else {
        v->held++;
    }
    pthread_mutex_unlock(&v->lock);
    return pass;
}
