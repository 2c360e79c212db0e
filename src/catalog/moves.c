#include "catalog/moves.h"

#include "catalog/refusal.h"
#include "core/api.h"

enum { PAUSE_MS = 500, PAUSE_MS_MAX = 30 * 1000, LOCK_PAUSE_MS = 200, JUDGE_BYTES = 64 << 10 };

static bool reused_key(const struct stripe_response *r)
{
    ARENA(a, JUDGE_BYTES);

    return r->http_status == 400 && refusal_of(r, "POST", S(""), &a).name == REASON_IDEMPOTENCY;
}

enum verdict saga_judge(const struct stripe_response *r)
{
    if (r->replayed && r->http_status >= 500)
        return VERDICT_SETTLED;
    if (reused_key(r))
        return VERDICT_OPERATOR;
    switch (api_judge(r)) {
    case API_OK: return VERDICT_DONE;
    case API_GONE: return VERDICT_GONE;
    case API_AGAIN: return VERDICT_AGAIN;
    case API_KEY: return VERDICT_AGAIN; /* what was begun waits for a key that is right */
    case API_NO_SUCH_URL:
    case API_FORBIDDEN:
    case API_BAD: break;
    }
    return VERDICT_REFUSED;
}

enum next_try saga_next_try(const struct step_row *last, msec now)
{
    if (!last)
        return TRY_FIRST;
    switch (last->state) {
    case STEP_SENT: return now - last->began_at < SAGA_KEY_MS ? TRY_SAME_KEY : TRY_NEXT_KEY;
    case STEP_SETTLED: return last->attempt < SAGA_ATTEMPTS_MAX ? TRY_NEXT_KEY : TRY_NO_MORE;
    case STEP_REFUSED:
    case STEP_DONE:
    case STEP_FOUND: break;
    }
    return TRY_NEXT_KEY;
}

msec saga_pause(int64_t waits, bool lock)
{
    msec pause = lock ? LOCK_PAUSE_MS : PAUSE_MS;

    for (int64_t i = 1; i < waits && pause < PAUSE_MS_MAX; i++)
        pause *= 2;
    return pause < PAUSE_MS_MAX ? pause : PAUSE_MS_MAX;
}

const struct step_row *saga_row(const struct step_row *rows, size_t n, int64_t step)
{
    const struct step_row *last = NULL;

    for (size_t i = 0; i < n; i++)
        if (rows[i].step == step && (!last || rows[i].attempt > last->attempt))
            last = &rows[i];
    return last;
}

bool saga_is_done(const struct step_row *rows, size_t n, int64_t step)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].step == step && (rows[i].state == STEP_DONE || rows[i].state == STEP_FOUND))
            return true;
    return false;
}

bool saga_can_go_back(const struct op_plan *p, const struct step_row *rows, size_t n)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct step_row *row = saga_row(rows, n, (int64_t)i + 1);
        if (p->step[i].no_way_back && row && (row->state == STEP_DONE || row->state == STEP_FOUND))
            return false;
    }
    return true;
}
