#include "core/mirror/told.h"

#include "core/mirror/mirror.h"

enum { TOLD_BYTES_MAX = 64 << 20, TICKETS_A_SECOND = 4 };

/* What can come after what in one second: nothing before a creation, nothing behind a deletion. */
static int64_t rank_of(str type)
{
    if (str_ends(type, S(".created")))
        return 0;
    return str_ends(type, S(".deleted")) ? 2 : 1;
}

static int64_t ticket_of(const struct event *ev)
{
    return TICKETS_A_SECOND * (ev->created > 0 ? ev->created : 1) + rank_of(ev->type);
}

static enum status put(struct tx *tx, struct env *env, const struct answer *in, bool gone,
                       struct arena *a, struct error *e)
{
    enum mirror_result ignored;

    return gone ? mirror_bury_as(tx, env, in, a, e) : mirror_put(tx, env, in, &ignored, NULL, a, e);
}

enum status told_put(struct tx *tx, struct env *env, const struct event *ev, const struct plan *p,
                     struct error *e)
{
    const struct answer in = { .resource = resource_by_type(p->told_type),
                               .type = p->told_type,
                               .id = p->told_id,
                               .data = ev->object,
                               .source = SOURCE_EVENT,
                               .ticket = ticket_of(ev),
                               .api_version = ev->api_version.p ? ev->api_version : S(""),
                               .cause = "event" };
    ARENA(a, TOLD_BYTES_MAX);
    struct error why = { 0 };

    if (!p->told_type.n)
        return ST_OK;
    enum status st = put(tx, env, &in, str_ends(ev->type, S(".deleted")), &a, &why);
    if (st == ST_OK || st == ST_REFUSED) /* it contradicts its event's mode: nothing was stored */
        return ST_OK;
    *e = why;
    return st;
}
