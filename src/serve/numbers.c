#include "serve/numbers.h"

static void refresh(struct numbers *n, struct env *env)
{
    msec began = clock_mono(env->world->clock);

    n->error = (struct error){ 0 };
    n->st = status_read(env, &n->last, &n->error);
    msec now = clock_mono(env->world->clock);
    msec keep = (now - began) * NUMBERS_KEPT_FACTOR;
    n->until = now + (keep > NUMBERS_KEPT_MS ? keep : NUMBERS_KEPT_MS);
    n->known = true;
}

enum status numbers_read(struct numbers *n, struct env *env, struct mirror_status *out,
                         struct error *e)
{
    pthread_mutex_lock(&n->lock);
    if (!n->known || clock_mono(env->world->clock) >= n->until)
        refresh(n, env);
    enum status st = n->st;
    if (st == ST_OK)
        *out = n->last;
    else
        *e = n->error;
    pthread_mutex_unlock(&n->lock);
    return st;
}
