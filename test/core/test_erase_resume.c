/* An erasure that was interrupted, wherever that was, is ended by somebody. */
#include "erasing.h"

/* How many objects still tell of Ada. */
#define ADAS "select count(*) from objects where deleted < 2 and data like '%ada@%'"

static void an_erasure_that_was_interrupted_is_ended_by_another_one(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, ERASE_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    struct erasure x;

    open_shop(w);
    /* as far as the block, and one object */
    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(erase_object(&tx, &w->env, S("refund"), S("re_ada"), &a, &e), ST_OK);
    assert_int_equal(erase_object(&tx, &w->env, S("customer"), S("cus_ada"), &a, &e), ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
    assert_int_equal(ask_int(w, ADAS), 7);
    arena_free(&a);
    erase(w, "cus_ada", &x, &a);
    assert_false(x.known);
    assert_int_equal(ask_int(w, ADAS), 1); /* Bob's description */
    small_world_free(w);
}

/* ---- killed at any commit ---- */

/* A store that dies with a commit: nothing goes through from there on. */
struct mortal {
    struct store store;
    struct store_ops ops;
    struct store *inner;
    int left; /* commits until then */
};

static struct mortal mortal;

static enum status mortal_begin(struct store *s, enum tx_mode mode, struct tx *tx, struct error *e)
{
    (void)s;
    if (mortal.left <= 0)
        return fail(e, ST_REFUSED, "killed");
    return mortal.inner->ops->begin(mortal.inner, mode, tx, e);
}

static enum status mortal_run(struct tx *tx, enum stmt id, const struct value *args, size_t n,
                              struct rows *rows, struct arena *a, struct error *e)
{
    struct tx inner = *tx;

    inner.store = mortal.inner;
    return mortal.inner->ops->run(&inner, id, args, n, rows, a, e);
}

static void mortal_rollback(struct tx *tx)
{
    struct tx inner = *tx;

    inner.store = mortal.inner;
    mortal.inner->ops->rollback(&inner);
    tx->impl = NULL;
}

static enum status mortal_commit(struct tx *tx, struct error *e)
{
    struct tx inner = *tx;

    inner.store = mortal.inner;
    if (tx->mode == TX_WRITE && --mortal.left <= 0) {
        mortal_rollback(tx);
        return fail(e, ST_REFUSED, "killed");
    }
    enum status st = mortal.inner->ops->commit(&inner, e);
    tx->impl = NULL;
    return st;
}

static enum status mortal_scrub(struct store *s, struct error *e)
{
    (void)s;
    if (--mortal.left <= 0)
        return fail(e, ST_REFUSED, "killed");
    return mortal.inner->ops->scrub(mortal.inner, e);
}

/* It dies at the n-th commit, or at the scrubbing that counts as one. */
static void make_mortal(struct small_world *w, int n)
{
    mortal = (struct mortal){ .inner = w->world.store, .ops = *w->world.store->ops, .left = n };
    mortal.ops.begin = mortal_begin;
    mortal.ops.run = mortal_run;
    mortal.ops.commit = mortal_commit;
    mortal.ops.rollback = mortal_rollback;
    mortal.ops.scrub = mortal_scrub;
    mortal.store.ops = &mortal.ops;
    w->world.store = &mortal.store;
}

#define GUEST ",\"customer\":null,\"billing_details\":{\"email\":\"ada@example.com\"}"

/* Returns whether it was killed. */
static bool killed_at(int n, bool by_the_daemon)
{
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct erasure x;

    open_shop(w);
    put(w, "charge", "ch_guest", OF("charge", "ch_guest", GUEST));
    make_mortal(w, n);
    bool killed = erase_run(&w->env, S("cus_ada"), &x, &a, &e) != ST_OK;
    w->world.store = mortal.inner;
    bool begun = ask_int(w, "select count(*) from _erasing") == 1;
    arena_free(&a);
    error_clear(&e);
    pass(w, ERASE_STALE_MS + 1);
    w->wall += ERASE_STALE_MS + 1;
    if (by_the_daemon && begun)
        assert_int_equal(erase_resume(&w->env, 0, &e), ST_OK);
    else if (killed)
        erase(w, "cus_ada", &x, &a);
    assert_int_equal(erase_resume(&w->env, 0, &e), ST_NONE);
    assert_int_equal(ask_int(w, ADAS), 1); /* Bob's description */
    assert_int_equal(ask_int(w, "select deleted from objects where id = 'ch_guest'"), 2);
    assert_int_equal(ask_int(w, "select count(*) from _erasing"), 0);
    small_world_free(w);
    return killed;
}

static void an_erasure_that_is_killed_anywhere_is_ended_by_the_daemon_or_the_next_run(void **state)
{
    (void)state;
    int n = 1;

    while (killed_at(n, n % 2 == 0))
        n++;
    assert_in_range(n, 6, 100);
}

static void an_erasure_that_somebody_may_be_at_is_left_to_him(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct erasure x;

    open_shop(w);
    make_mortal(w, 5);
    assert_int_equal(erase_run(&w->env, S("cus_ada"), &x, &a, &e), ST_REFUSED);
    w->world.store = mortal.inner;
    error_clear(&e);
    assert_int_equal(erase_resume(&w->env, 0, &e), ST_NONE);
    assert_int_equal(ask_int(w, "select count(*) from _erasing"), 1);
    /* but where everybody of before is known to be dead */
    assert_int_equal(erase_resume(&w->env, w->wall + 1, &e), ST_OK);
    assert_int_equal(ask_int(w, "select count(*) from _erasing"), 0);
    small_world_free(w);
}

/* ---- and one that takes long ---- */

/* A store in which time passes: whoever is at an erasure says so all the while. */
static struct slow {
    struct store store;
    struct store_ops ops;
    struct store *inner;
    struct small_world *w;
    msec spent;
    bool ours; /* the erasure, from the first commit on */
    unsigned scrubs;
} slow;

enum { SLOW_READ_MS = 20 * 1000, SLOW_COMMIT_MS = 3 * 60 * 1000, SLOW_SCRUB_MS = 9 * 60 * 1000 };

static void take_time(msec span)
{
    pass(slow.w, span);
    slow.spent += span;
    assert_in_range(ask_int(slow.w, "select count(*) from _erasing"), 0, 1);
    int64_t touched = ask_int(slow.w, "select coalesce(max(touched_at), -1) from _erasing");
    if (slow.ours && touched >= 0) /* nobody takes it for one that was left */
        assert_in_range(slow.w->wall - touched, 0, ERASE_STALE_MS - 1);
}

static enum status slow_begin(struct store *s, enum tx_mode mode, struct tx *tx, struct error *e)
{
    (void)s;
    if (mode == TX_READ)
        take_time(SLOW_READ_MS);
    return slow.inner->ops->begin(slow.inner, mode, tx, e);
}

static enum status slow_run(struct tx *tx, enum stmt id, const struct value *args, size_t n,
                            struct rows *rows, struct arena *a, struct error *e)
{
    struct tx inner = *tx;

    inner.store = slow.inner;
    return slow.inner->ops->run(&inner, id, args, n, rows, a, e);
}

static void slow_rollback(struct tx *tx)
{
    struct tx inner = *tx;

    inner.store = slow.inner;
    slow.inner->ops->rollback(&inner);
    tx->impl = NULL;
}

static enum status slow_commit(struct tx *tx, struct error *e)
{
    struct tx inner = *tx;

    inner.store = slow.inner;
    enum status st = slow.inner->ops->commit(&inner, e);
    tx->impl = NULL;
    slow.ours = slow.ours || tx->mode == TX_WRITE;
    if (tx->mode == TX_WRITE)
        take_time(SLOW_COMMIT_MS);
    return st;
}

/* One long call: a thread of the engine's says it meanwhile. */
static enum status slow_scrub(struct store *s, struct error *e)
{
    (void)s;
    slow.scrubs++;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(erase_keep(&slow.w->env, e), ST_OK);
        take_time(SLOW_SCRUB_MS - SLOW_COMMIT_MS);
    }
    return slow.inner->ops->scrub(slow.inner, e);
}

static void make_slow(struct small_world *w)
{
    slow = (struct slow){ .inner = w->world.store, .ops = *w->world.store->ops, .w = w };
    slow.ops.begin = slow_begin;
    slow.ops.run = slow_run;
    slow.ops.commit = slow_commit;
    slow.ops.rollback = slow_rollback;
    slow.ops.scrub = slow_scrub;
    slow.store.ops = &slow.ops;
    w->world.store = &slow.store;
}

static void an_erasure_that_takes_long_is_left_to_whoever_is_at_it(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct erasure x;

    open_shop(w);
    make_slow(w);
    erase(w, "cus_ada", &x, &a);
    assert_true(slow.spent > 3 * ERASE_STALE_MS);
    assert_int_equal(slow.scrubs, 1);
    assert_int_equal(erase_keep(&w->env, &e), ST_OK); /* and afterwards nothing is said */
    assert_int_equal(ask_int(w, "select count(*) from _erasing"), 0);
    w->world.store = slow.inner;
    small_world_free(w);
}

static void one_that_is_gone_on_with_is_left_to_whoever_does(void **state)
{
    (void)state;
    ARENA(a, ERASE_BYTES_MAX);
    struct small_world *w = small_world_new();
    struct error e = { 0 };
    struct erasure x;

    open_shop(w);
    make_mortal(w, 6);
    assert_int_equal(erase_run(&w->env, S("cus_ada"), &x, &a, &e), ST_REFUSED);
    w->world.store = mortal.inner;
    pass(w, ERASE_STALE_MS + 1);
    make_slow(w);
    error_clear(&e);
    assert_int_equal(erase_resume(&w->env, 0, &e), ST_OK);
    assert_true(slow.spent > 3 * ERASE_STALE_MS);
    w->world.store = slow.inner;
    small_world_free(w);
}

enum { MANY_ADDRESSES = 900, LONG_NAME = 300 };

/* Of somebody who had so many addresses that they fill more than a small arena. */
static void leave_one_of_many_words(struct small_world *w, const char *customer, msec touched_at)
{
    ARENA(a, 4 << 20);
    BUF(words, 2 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };

    buf_append(&words, S("{\"addresses\":["));
    for (int i = 0; i < MANY_ADDRESSES; i++)
        buf_printf(&words, "%s\"%0*d@ada.example\"", i ? "," : "", LONG_NAME, i);
    buf_append(&words, S("],\"users\":[]}"));
    assert_false(words.failed);
    assert_true(words.n > 256 << 10);
    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(tx_run(&tx, STMT_ERASING_PUT, NULL, &a, &e, V_STR(str_of(customer)),
                            v_account(&w->env), V_STR(buf_str(&words)), V_INT(touched_at)),
                     ST_OK);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
}

static void one_of_many_words_is_ended_and_so_is_the_one_behind_it(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct error e = { 0 };

    open_shop(w);
    leave_one_of_many_words(w, "cus_ada", w->wall - 2);
    leave_one_of_many_words(w, "cus_bob", w->wall - 1);
    assert_int_equal(erase_resume(&w->env, w->wall, &e), ST_OK);
    assert_int_equal(ask_int(w, "select count(*) from _erasing where customer = 'cus_bob'"), 1);
    assert_int_equal(ask_int(w, "select count(*) from _erasing"), 1);
    assert_int_equal(erase_resume(&w->env, w->wall, &e), ST_OK);
    assert_int_equal(ask_int(w, "select count(*) from _erasing"), 0);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_erasure_that_was_interrupted_is_ended_by_another_one),
        cmocka_unit_test(an_erasure_that_is_killed_anywhere_is_ended_by_the_daemon_or_the_next_run),
        cmocka_unit_test(an_erasure_that_somebody_may_be_at_is_left_to_him),
        cmocka_unit_test(an_erasure_that_takes_long_is_left_to_whoever_is_at_it),
        cmocka_unit_test(one_that_is_gone_on_with_is_left_to_whoever_does),
        cmocka_unit_test(one_of_many_words_is_ended_and_so_is_the_one_behind_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
