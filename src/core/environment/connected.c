#include "core/environment/connected.h"

#include "core/environment/acting.h"
#include "core/mirror/catchup.h"
#include "core/mirror/drift.h"
#include "core/mirror/followup.h"
#include "core/mirror/sync.h"

enum {
    CONNECTED_BYTES_MAX = 1 << 20,
    BEGIN_PIECE = 5,      /* accounts whose walks begin in one second */
    CHECKS_TRIED = 5,     /* accounts in which a check is looked for at once */
    ABSENT_ACCOUNTS = 50, /* that are chased at once */
    LIST_LOOK_MS = 60 * 1000,
};

/* A read of the store that answers a few rows. */
static enum status look(struct env *root, enum stmt id, const struct value *args, size_t n,
                        struct rows *r, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, root->world->store, TX_READ, e);

    return st == ST_OK ? tx_run_args(&tx, id, args, n, r, a, e) : st;
}

/* ---- the list of accounts ---- */

/* Never walked; or its last walk began too long ago, however it ended. */
static enum status list_is_due(struct env *root, bool *due, struct error *e)
{
    ARENA(a, CONNECTED_BYTES_MAX);
    const struct value key[] = { V_STR(S("account")), V_STR(S("")), v_account(root) };
    msec now = clock_wall(root->world->clock), every = root->set.relist_ms;
    struct rows r;
    enum status st = look(root, STMT_WALK_LAST, key, COUNT(key), &r, &a, e);

    if (st != ST_OK)
        return st;
    str state = r.n_rows ? row_str(&r, 0, 0) : (str){ 0 };
    msec since = r.n_rows ? row_int(&r, 0, 1) : 0;
    bool open = str_eqz(state, "waiting") || str_eqz(state, "walking");
    *due = !r.n_rows || (!open && every && (now - since >= every || since > now + every));
    return ST_OK;
}

static enum status want_list(struct env *root, struct error *e)
{
    const str accounts = S("accounts");
    struct sync s;
    bool due = false;
    enum status st = list_is_due(root, &due, e);

    return st == ST_OK && due ? sync_start(root, &accounts, 1, false, LANE_OPERATION, &s, e) : st;
}

/* ---- the walks of each ---- */

/* The walks first, then the note: a crash between the two asks once more, and they go on. */
static enum status begin(struct env *root, str account, struct error *e)
{
    ARENA(a, CONNECTED_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct acting act;
    struct sync s;

    acting_init(&act, root, account);
    enum status st = sync_start(&act.env, NULL, 0, false, LANE_BACKFILL, &s, e);
    if (st == ST_OK)
        st = tx_begin(&tx, root->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = tx_run(&tx, STMT_ACCOUNT_WALKED, NULL, &a, e, V_INT(clock_wall(root->world->clock)),
                    V_STR(account));
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* How many more may begin. */
static enum status find_room(struct env *root, int64_t *room, struct error *e)
{
    ARENA(a, CONNECTED_BYTES_MAX);
    const struct value args[] = { v_account(root), V_INT(CONNECTED_WALKING_MAX) };
    struct rows r;
    enum status st = look(root, STMT_ACCOUNTS_WALKING, args, COUNT(args), &r, &a, e);

    if (st == ST_OK)
        *room = CONNECTED_WALKING_MAX - row_int(&r, 0, 0);
    return st;
}

static enum status begin_some(struct env *root, struct error *e)
{
    ARENA(a, CONNECTED_BYTES_MAX);
    const struct value piece = V_INT(BEGIN_PIECE);
    int64_t room = 0;
    struct rows r;
    enum status st = look(root, STMT_ACCOUNTS_UNWALKED, &piece, 1, &r, &a, e);

    if (st == ST_OK && r.n_rows)
        st = find_room(root, &room, e);
    for (size_t i = 0; st == ST_OK && i < r.n_rows && (int64_t)i < room; i++)
        st = begin(root, row_str(&r, i, 0), e);
    return st;
}

/* ---- what comes round ---- */

/* Wants something for one account, in a transaction of its own. */
static enum status want(struct env *root, str account,
                        enum status (*mark)(struct tx *, struct env *, struct arena *,
                                            struct error *),
                        struct error *e)
{
    ARENA(a, CONNECTED_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct acting act;

    acting_init(&act, root, account);
    enum status st = tx_begin(&tx, root->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = mark(&tx, &act.env, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status want_events(struct env *root, str account, struct error *e)
{
    return want(root, account, catchup_want, e);
}

/* A round through all accounts takes as long as there are many: the next one begins behind it. */
static enum status events_round(struct env *root, bool begins, struct error *e)
{
    struct schedule_times *t = &root->scheduled;
    bool end = false;

    t->events_round |= begins;
    if (!t->events_round)
        return ST_OK;
    enum status st =
        accounts_some(root, t->events_after, CONNECTED_EVENTS_MAX, &end, want_events, e);
    if (st == ST_OK) {
        t->events_round = !end;
        env_ring(root);
    }
    return st;
}

/* ST_NONE: one was found. */
static enum status want_check(struct env *root, str account, struct error *e)
{
    struct acting act;
    bool wanted;

    acting_init(&act, root, account);
    enum status st = drift_schedule(&act.env, &wanted, e);
    return st == ST_OK && wanted ? ST_NONE : st;
}

static enum status checks_round(struct env *root, struct error *e)
{
    ARENA(a, CONNECTED_BYTES_MAX);
    const struct value own = v_account(root);
    struct rows r;
    bool end;
    enum status st = look(root, STMT_ACCOUNTS_CHECKING, &own, 1, &r, &a, e);

    if (st != ST_OK || row_int(&r, 0, 0) >= CONNECTED_CHECKS_MAX)
        return st;
    st = accounts_some(root, root->scheduled.checks_after, CHECKS_TRIED, &end, want_check, e);
    return st == ST_NONE ? ST_OK : st;
}

static enum status chase_some(struct env *root, struct error *e)
{
    ARENA(a, CONNECTED_BYTES_MAX);
    const struct value args[] = { V_INT(clock_wall(root->world->clock)), v_account(root),
                                  V_INT(ABSENT_ACCOUNTS) };
    struct rows r;
    enum status st = look(root, STMT_ACCOUNTS_ABSENT, args, COUNT(args), &r, &a, e);

    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
        st = want(root, row_str(&r, i, 0), followup_want_chase, e);
    return st;
}

/* ---- the whole ---- */

enum status connected_schedule(struct env *root, bool events, bool absent, bool checks,
                               struct error *e)
{
    msec now = clock_mono(root->world->clock);
    enum status st = ST_OK;

    if (!root->connect)
        return ST_OK;
    if (!root->scheduled.accounts || now - root->scheduled.accounts >= LIST_LOOK_MS) {
        st = want_list(root, e);
        root->scheduled.accounts = now;
    }
    if (st == ST_OK)
        st = accounts_release(root, e);
    if (st == ST_OK)
        st = begin_some(root, e);
    if (st == ST_OK)
        st = events_round(root, events, e);
    if (st == ST_OK && absent)
        st = chase_some(root, e);
    return st == ST_OK && checks ? checks_round(root, e) : st;
}
