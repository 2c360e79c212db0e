#include "core/mirror/clocks.h"

#include "base/url.h"
#include "core/mirror/walk.h"
#include "core/path.h"

#include <string.h>

enum {
    SMALL_BYTES_MAX = 64 << 10,
    CLOCKS_PIECE = 50, /* test clocks, or customers on one, whose lists one transaction wants */
    ID_BYTES_MAX = 64 << 10,
};

#define CLOCK "test_helpers.test_clock"
#define ON_CLOCK "test_clock="
#define OF_CUSTOMER "customer="

static const struct walk_order behind_a_list = { .lane = LANE_BACKFILL };

static bool is_on_clock(str variant)
{
    return variant.n && memmem(variant.p, variant.n, ON_CLOCK, strlen(ON_CLOCK)) != NULL;
}

bool clocks_bind(str variant)
{
    return is_on_clock(variant) || str_starts(variant, S(OF_CUSTOMER));
}

bool clocks_hold(const struct resource *r)
{
    return r->flags & (RES_TEST_CLOCK | RES_CLOCK_CUSTOMER);
}

static bool lists_clocks(const struct resource *r)
{
    return strcmp(r->type, CLOCK) == 0;
}

bool clocks_lead(const struct resource *r, str variant)
{
    return lists_clocks(r) || (strcmp(r->type, "customer") == 0 && is_on_clock(variant));
}

static enum status want_clock_lists(struct tx *tx, struct env *env, str clock, struct arena *a,
                                    struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < resource_count && st == ST_OK; i++) {
        const struct resource *r = &resource_table[i];
        if (!(r->flags & RES_TEST_CLOCK) || !r->list_path)
            continue;
        str on_clock = arena_concat(a, S(ON_CLOCK), url_escape_in(a, clock));
        for (str rest = str_of(r->list_query), variant; rest.p && st == ST_OK;) {
            rest = str_cut(rest, '|', &variant);
            st = walk_want(tx, env, r, query_join(variant, on_clock, a), &behind_a_list, a, e);
        }
    }
    return st;
}

/* Some lists know no test_clock=: they are asked for by each customer on the clock. */
static enum status want_customer_lists(struct tx *tx, struct env *env, str customer,
                                       struct arena *a, struct error *e)
{
    str of_customer = arena_concat(a, S(OF_CUSTOMER), url_escape_in(a, customer));
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < resource_count; i++)
        if (resource_table[i].flags & RES_CLOCK_CUSTOMER)
            st = walk_want(tx, env, &resource_table[i], of_customer, &behind_a_list, a, e);
    return st;
}

/* Behind what lists are wanted, piece by piece: all clocks, or the customers on one of them. */
struct on_clocks {
    str clock; /* empty: all clocks */
    str after; /* the last one that was seen */
    size_t n;
};

static enum status want_piece(struct env *env, struct on_clocks *o, struct arena *keep,
                              struct error *e)
{
    ARENA(a, 1 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    const struct value clocks = V_STR(S(CLOCK));
    struct rows r = { 0 };

    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);
    if (st == ST_OK && o->clock.n)
        st = tx_run(&tx, STMT_REFS_FROM, &r, &a, e, clocks, v_account(env), V_STR(o->clock),
                    V_STR(S("customer")), V_STR(o->after), V_INT(CLOCKS_PIECE));
    else if (st == ST_OK)
        st = tx_run(&tx, STMT_OBJECT_IDS, &r, &a, e, clocks, v_account(env), V_STR(o->after),
                    V_INT(CLOCKS_PIECE));
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
        st = o->clock.n ? want_customer_lists(&tx, env, row_str(&r, i, 0), &a, e)
                        : want_clock_lists(&tx, env, row_str(&r, i, 0), &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        return st;
    o->n = r.n_rows;
    arena_free(keep);
    o->after = o->n ? arena_copy(keep, row_str(&r, o->n - 1, 0)) : S("");
    return o->after.p ? ST_OK : fail(e, ST_LIMIT, "the id of a test clock is too long");
}

/* What was wanted before a crash is wanted once more: the walk has not ended. */
static enum status want_all(struct env *env, struct on_clocks *o, struct error *e)
{
    ARENA(keep, ID_BYTES_MAX);
    enum status st = ST_OK;
    unsigned attempt = 1;

    while (st == ST_OK && o->n == CLOCKS_PIECE) {
        st = want_piece(env, o, &keep, e);
        bool again = tx_again(env->world->store, st, attempt);
        attempt = again ? attempt + 1 : 1;
        if (again) {
            error_clear(e);
            st = ST_OK;
        }
    }
    return st;
}

/* One that is under way comes to its end by itself: Stripe says that there is no such clock. */
static enum status forget_lists(struct env *env, struct error *e)
{
    ARENA(a, SMALL_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_CLOCK_WALKS_DROP, NULL, &a, e, v_account(env));
    if (st == ST_OK)
        st = tx_run(&tx, STMT_CLOCK_WALKS_SETTLE, NULL, &a, e, v_account(env));
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status clocks_follow(struct env *env, const struct resource *r, str variant, struct error *e)
{
    ARENA(a, SMALL_BYTES_MAX);
    struct on_clocks o = { .after = S(""), .n = CLOCKS_PIECE };

    if (!clocks_lead(r, variant))
        return ST_OK;
    if (!lists_clocks(r)) {
        str clock = str_sub(variant, strlen(ON_CLOCK), variant.n);
        if (!str_starts(variant, S(ON_CLOCK)) || !url_unescape(&a, clock, false, &o.clock) ||
            !o.clock.n)
            return ST_OK;
    }
    enum status st = want_all(env, &o, e);
    return st == ST_OK && lists_clocks(r) ? forget_lists(env, e) : st;
}

enum status clocks_open(struct tx *tx, const struct env *env, bool *open, struct arena *a,
                        struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_CLOCK_WALKS_OPEN, &r, a, e, v_account(env));

    if (st == ST_OK)
        *open = row_int(&r, 0, 0) != 0;
    return st;
}
