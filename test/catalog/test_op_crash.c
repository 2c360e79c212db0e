/* Operations that are killed at every point: before and after each request, before and after each
 * commit. The emulator is Stripe, the store is SQLite, the crash is that nothing answers any more
 * until the next start. */
#include "../unit.h"

#include "base/json.h"
#include "catalog/saga.h"
#include "core/mirror/sync.h"
#include "core/small_world.h"
#include "core/work.h"
#include "emulator/emulator.h"
#include "net/http.h"
#include "promoting.h"

#include <stdio.h>
#include <string.h>

enum { POINTS_MAX = 400, WORK_MAX = 200, TEXT_MAX = 128, STEP_CONFIRMS = 3 };

struct wrapped_store {
    struct store store;
    struct store_ops ops;
    struct store *inner;
};

/* Everything of one test; what counts down to the crash, and whether it has come. */
static struct {
    struct small_world *w;
    struct emulator *emulator;
    struct wrapped_store store;
    struct stripe stripe, *scripted;
    int64_t left; /* points until the crash; 0: none */
    int64_t lose; /* requests until answers are lost, and how many are; the process lives on */
    int64_t lost, lost_left;
    bool dead;
    bool requests_alone;    /* commits are no points */
    void (*at_crash)(void); /* what somebody in the Dashboard does then */
    int64_t step;           /* where the operation stood when it came */
    msec asleep;            /* how long nobody goes on */
    bool endless;           /* lists have no end... */
    bool stands;            /* ...and do not even move on */
    unsigned listed;
    char product[TEXT_MAX], old[TEXT_MAX], other[TEXT_MAX];
} t;

/* True: the process dies here. */
static bool dies(void)
{
    if (t.dead)
        return true;
    if (t.left == 0 || --t.left > 0)
        return false;
    t.dead = true;
    t.step = ask_int(t.w, "select step from _ops order by created_at desc limit 1");
    if (t.at_crash)
        t.at_crash();
    return true;
}

/* ---- Stripe --------------------------------------------------------------------------------- */

static int ask(str method, str path, str query, str form, str key, str *body, bool *replayed,
               struct arena *a)
{
    struct error e = { 0 };
    struct http_response r;
    struct http_request q = { .method = method, .path = path, .query = query, .body = form };

    q.target = arena_printf(a, "%.*s%s%.*s", STR_ARG(path), query.n ? "?" : "", STR_ARG(query));
    q.header[q.n_headers++] =
        (struct http_header){ S("Authorization"), S("Bearer sk_test_crash0123456789") };
    if (key.n)
        q.header[q.n_headers++] = (struct http_header){ S("Idempotency-Key"), key };
    assert_int_equal(emulator_handle(t.emulator, &q, a, &r, &e), ST_OK);
    *body = arena_copy(a, r.body);
    for (size_t i = 0; replayed && i < r.n_headers; i++)
        *replayed |= str_eqz(r.header[i].name, "Idempotent-Replayed");
    return r.status;
}

static enum status call(struct stripe *s, const struct stripe_request *q, struct stripe_response *p,
                        struct arena *a, struct error *e)
{
    static const str method[] = { { "GET", 3 }, { "POST", 4 }, { "DELETE", 6 } };

    (void)s;
    if (str_eqz(q->path, "/v1/account") || str_eqz(q->path, "/v1/balance"))
        return t.scripted->ops->call(t.scripted, q, p, a, e);
    if (dies())
        return fail(e, ST_REFUSED, "killed");
    *p = (struct stripe_response){ 0 };
    if (t.endless && q->method == STRIPE_GET && str_eqz(q->path, "/v1/products")) {
        t.listed += !t.stands;
        p->http_status = 200;
        p->body = arena_printf(a,
                               "{\"object\":\"list\",\"has_more\":true,\"data\":[{\"id\":"
                               "\"prod_%u\",\"object\":\"product\",\"metadata\":{}}]}",
                               t.listed);
        return ST_OK;
    }
    p->http_status =
        ask(method[q->method], q->path, q->query, q->form, q->idem_key, &p->body, &p->replayed, a);
    if (t.lose > 0 && --t.lose == 0)
        t.lost_left = t.lost;
    if (t.lost_left > 0) {
        t.lost_left--;
        return fail(e, ST_RETRY, "the connection was reset");
    }
    return dies() ? fail(e, ST_REFUSED, "killed") : ST_OK;
}

static void close_nothing(struct stripe *s)
{
    (void)s;
}

static const struct stripe_ops stripe_ops = { "emulator", call, close_nothing };

static void text_of(str doc, const char *name, char out[TEXT_MAX])
{
    ARENA(a, 1 << 20);
    snprintf(out, TEXT_MAX, "%.*s", STR_ARG(json_text(doc, str_of(name), &a)));
}

/* What somebody does in the Dashboard; the answer's id goes to `id` unless that is NULL. */
static void dashboard(const char *path, const char *form, char *id)
{
    ARENA(a, 8 << 20);
    str body;

    assert_int_equal(ask(S("POST"), str_of(path), S(""), str_of(form), S(""), &body, NULL, &a),
                     200);
    if (id)
        text_of(body, "id", id);
}

static str look(const char *path, const char *query, struct arena *a)
{
    str body;

    assert_int_equal(ask(S("GET"), str_of(path), str_of(query), S(""), S(""), &body, NULL, a), 200);
    return body;
}

/* ---- the store ------------------------------------------------------------------------------ */

static enum status begin(struct store *s, enum tx_mode mode, struct tx *tx, struct error *e)
{
    (void)s;
    if (t.dead)
        return fail(e, ST_REFUSED, "killed");
    return t.store.inner->ops->begin(t.store.inner, mode, tx, e);
}

static enum status run(struct tx *tx, enum stmt id, const struct value *args, size_t n,
                       struct rows *rows, struct arena *a, struct error *e)
{
    tx->store = t.store.inner;
    enum status st = tx->store->ops->run(tx, id, args, n, rows, a, e);
    tx->store = &t.store.store;
    return st;
}

static void roll_back(struct tx *tx)
{
    tx->store = t.store.inner;
    tx->store->ops->rollback(tx);
    tx->store = &t.store.store;
}

static enum status commit(struct tx *tx, struct error *e)
{
    bool writes = tx->mode == TX_WRITE;
    bool point = writes && (t.dead || !t.requests_alone);

    if (point && dies()) {
        roll_back(tx);
        return fail(e, ST_REFUSED, "killed");
    }
    tx->store = t.store.inner;
    enum status st = tx->store->ops->commit(tx, e);
    tx->store = &t.store.store;
    return point && dies() ? fail(e, ST_REFUSED, "killed") : st;
}

/* ---- the world ------------------------------------------------------------------------------ */

static int open_world(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.w = small_world_new();
    struct emulator_options o = { .seed = 1, .clock = t.w->world.clock };
    t.emulator = emulator_new(&o);
    t.store.inner = t.w->world.store;
    t.store.ops = *t.store.inner->ops;
    t.store.ops.begin = begin;
    t.store.ops.run = run;
    t.store.ops.commit = commit;
    t.store.ops.rollback = roll_back;
    t.store.store.ops = &t.store.ops;
    t.w->world.store = &t.store.store;
    t.scripted = t.w->world.stripe;
    t.stripe.ops = &stripe_ops;
    t.w->world.stripe = &t.stripe;
    t.w->env.work_op = saga_work;
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    t.w->world.store = t.store.inner;
    t.w->world.stripe = t.scripted;
    emulator_free(t.emulator);
    small_world_free(t.w);
    return 0;
}

static void open_shop(int number)
{
    char form[512], path[256];

    dashboard("/v1/products", "name=A", t.product);
    snprintf(form, sizeof form,
             "product=%s&currency=usd&unit_amount=1000&recurring[interval]=month&lookup_key=pro%d",
             t.product, number);
    dashboard("/v1/prices", form, t.old);
    snprintf(form, sizeof form, "product=%s&currency=usd&unit_amount=9000", t.product);
    dashboard("/v1/prices", form, t.other);
    snprintf(path, sizeof path, "/v1/products/%s", t.product);
    snprintf(form, sizeof form, "default_price=%s", t.old);
    dashboard(path, form, NULL);
}

/* Works until the process dies or nothing is left to do; time passes where something waits. */
static void work(void)
{
    struct work_report report;

    for (int n = 0, idle = 0; n < WORK_MAX && idle < 3 && !t.dead; n++) {
        struct error e = { 0 };
        enum status st = work_one(&t.w->env, &report, &e);
        idle = st == ST_OK ? 0 : idle + 1;
        pass(t.w, 1000);
    }
}

static void restart(void)
{
    struct error e = { 0 };

    t.dead = false;
    t.left = 0;
    pass(t.w, t.asleep);
    assert_int_equal(due_restart(&t.w->env, &e), ST_OK);
    work();
}

static bool submit(const char *kind, const char *input, char id[OP_ID_MAX + 1])
{
    struct error e = { 0 };
    const struct op_order o = { .kind = kind, .input = str_of(input), .actor = S("test") };

    return op_submit(&t.w->env, &o, id, NULL, &e) == ST_OK;
}

static enum op_state state_of(const char *id)
{
    struct error e = { 0 };
    struct op_glance g;

    assert_int_equal(op_look(&t.w->env, str_of(id), &g, &e), ST_OK);
    return g.state;
}

/* ---- what must hold ------------------------------------------------------------------------- */

static str price(const char *id, struct arena *a)
{
    char path[256];

    snprintf(path, sizeof path, "/v1/prices/%s", id);
    return look(path, "", a);
}

static str default_price(struct arena *a)
{
    char path[256];

    snprintf(path, sizeof path, "/v1/products/%s", t.product);
    return arena_copy(a, json_text(look(path, "", a), S("default_price"), a));
}

/* Prices of the product that carry a mark; *active of them are on sale. */
static size_t marked(size_t *active, char id[TEXT_MAX], struct arena *a)
{
    char query[256];
    struct json_reader r;
    size_t n = 0;

    snprintf(query, sizeof query, "limit=100&product=%s", t.product);
    *active = 0;
    json_init(&r, json_member(look("/v1/prices", query, a), S("data")).text);
    json_next(&r);
    for (struct json_token x = json_value(&r); x.type == JSON_OBJECT; x = json_value(&r)) {
        if (!json_text(json_member(x.text, S("metadata")).text, S("brindle_op"), a).n)
            continue;
        n++;
        *active += json_bool(x.text, S("active")) == JSON_TRUE;
        text_of(x.text, "id", id);
    }
    return n;
}

static size_t holders(int number, struct arena *a)
{
    char query[256];
    struct json_reader r;
    size_t n = 0;

    snprintf(query, sizeof query, "lookup_keys[0]=pro%d&active=true", number);
    json_init(&r, json_member(look("/v1/prices", query, a), S("data")).text);
    json_next(&r);
    while (json_value(&r).type == JSON_OBJECT)
        n++;
    return n;
}

static void default_is_on_sale(void)
{
    ARENA(a, 8 << 20);
    str id = default_price(&a);

    assert_true(id.n);
    assert_int_equal(json_bool(price(id.p, &a), S("active")), JSON_TRUE);
}

static void is_whole(int number)
{
    ARENA(a, 32 << 20);
    char made[TEXT_MAX];
    size_t active;

    assert_int_equal(marked(&active, made, &a), 1);
    assert_int_equal(active, 1);
    assert_string_equal(default_price(&a).p, made);
    assert_int_equal(json_bool(price(t.old, &a), S("active")), JSON_FALSE);
    assert_int_equal(holders(number, &a), 1);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void replace_input(char out[256])
{
    snprintf(out, 256, "{\"price\":\"%s\",\"set\":{\"unit_amount\":1200}}", t.old);
}

/* CAT-11, at every point. */
static void killed_anywhere_it_ends_whole(void)
{
    int64_t point = 1;
    bool died = true;

    for (; died && point < POINTS_MAX; point++) {
        char input[256], id[OP_ID_MAX + 1];
        open_shop((int)point);
        replace_input(input);
        assert_true(submit("price.replace", input, id));
        t.left = point;
        work();
        died = t.dead;
        default_is_on_sale();
        restart();
        if (state_of(id) != OP_DONE)
            print_error("killed at point %lld\n", (long long)point);
        assert_int_equal(state_of(id), OP_DONE);
        is_whole((int)point);
    }
    assert_in_range(point, 40,
                    POINTS_MAX - 1); /* there were many points, and they came to an end */
}

static void a_replacement_that_is_killed_anywhere_ends_whole(void **state)
{
    (void)state;
    killed_anywhere_it_ends_whole();
}

/* CAT-13: Stripe has forgotten every key by then. */
static void and_so_it_does_when_it_goes_on_a_day_later(void **state)
{
    (void)state;
    t.asleep = 25 * 3600 * 1000;
    killed_anywhere_it_ends_whole();
}

/* CAT-12, CAT-21: once, and so often that the worker lets go of it. */
static void answers_that_are_lost_anywhere_are_asked_for_again(void **state)
{
    (void)state;
    for (t.lost = 1; t.lost <= 9; t.lost += 4) {
        int64_t n = 1;
        for (t.lose = 0; t.lose == 0 && n < POINTS_MAX; n++) {
            char input[256], id[OP_ID_MAX + 1];
            open_shop((int)(n + POINTS_MAX * t.lost));
            replace_input(input);
            assert_true(submit("price.replace", input, id));
            t.lose = n;
            work();
            assert_int_equal(state_of(id), OP_DONE);
            is_whole((int)(n + POINTS_MAX * t.lost));
        }
        assert_in_range(n, 8, 40); /* each request had its turn */
    }
}

static void make_other_the_default(void)
{
    char path[256], form[256];

    snprintf(path, sizeof path, "/v1/products/%s", t.product);
    snprintf(form, sizeof form, "default_price=%s", t.other);
    dashboard(path, form, NULL);
}

/* CAT-08, CAT-19: whoever comes between at whatever point. */
static void an_edit_in_the_dashboard_at_any_point_leaves_no_orphan(void **state)
{
    (void)state;
    bool died = true;
    unsigned n_done = 0, n_moved = 0;

    t.at_crash = make_other_the_default;
    for (int64_t point = 1; died && point < POINTS_MAX; point++) {
        ARENA(a, 32 << 20);
        char input[256], id[OP_ID_MAX + 1], made[TEXT_MAX];
        size_t active;
        open_shop((int)point);
        replace_input(input);
        assert_true(submit("price.replace", input, id));
        t.left = point;
        work();
        died = t.dead;
        restart();
        default_is_on_sale();
        marked(&active, made, &a);
        enum op_state s = state_of(id);
        n_done += s == OP_DONE;
        n_moved += s == OP_STUCK;
        assert_true(s == OP_DONE || s == OP_STUCK);
        if (died)
            assert_string_equal(default_price(&a).p, t.other); /* theirs was the last word */
        if (s == OP_DONE)
            assert_int_equal(active, 1);
        if (s == OP_STUCK && t.step <= STEP_CONFIRMS) { /* it was seen in time */
            assert_int_equal(active, 0);
            assert_int_equal(json_bool(price(t.old, &a), S("active")), JSON_TRUE);
        }
        assert_int_equal(holders((int)point, &a), 1);
    }
    assert_true(n_done > 2 && n_moved > 10);
}

static void archive_old(void)
{
    ARENA(a, 8 << 20);
    char path[256];
    str body;

    snprintf(path, sizeof path, "/v1/prices/%s", t.old); /* refused while it is the default */
    ask(S("POST"), str_of(path), S(""), S("active=false"), S(""), &body, NULL, &a);
}

/* What stood in the way is mended: it is undone now, and says why. */
static void abort_once_more(const char *id)
{
    ARENA(a, 8 << 20);
    BUF(doc, 1 << 20);
    char path[256];
    struct error e = { 0 };

    snprintf(path, sizeof path, "/v1/prices/%s", t.old);
    dashboard(path, "active=true", NULL);
    assert_int_equal(op_abort(&t.w->env, str_of(id), &e), ST_OK);
    restart();
    assert_int_equal(state_of(id), OP_UNDONE);
    assert_int_equal(op_abort(&t.w->env, str_of(id), &e), ST_OK); /* asked again: so it is */
    assert_int_equal(op_resume(&t.w->env, str_of(id), &e), ST_OK);
    restart();
    assert_int_equal(state_of(id), OP_UNDONE);
    assert_int_equal(op_write(&t.w->env, str_of(id), &doc, &e), ST_OK);
    assert_true(str_eqz(json_text(buf_str(&doc), S("reason"), &a), "aborted"));
}

/* CAT-22: what cannot be given back is listed, and the product keeps its default. */
static void an_abort_at_any_point_undoes_or_lists_what_is_left(void **state)
{
    (void)state;
    bool died = true;
    unsigned n_undone = 0, n_partial = 0;

    t.at_crash = archive_old;
    for (int64_t point = 1; died && point < POINTS_MAX; point++) {
        ARENA(a, 32 << 20);
        BUF(doc, 1 << 20);
        char input[256], id[OP_ID_MAX + 1], made[TEXT_MAX];
        struct error e = { 0 };
        size_t active;
        open_shop((int)point);
        replace_input(input);
        assert_true(submit("price.replace", input, id));
        t.left = point;
        work();
        died = t.dead;
        t.dead = false;
        enum status st = op_abort(&t.w->env, str_of(id), &e);
        assert_true(st == ST_OK || st == ST_CONFLICT);
        restart();
        default_is_on_sale();
        marked(&active, made, &a);
        assert_int_equal(op_write(&t.w->env, str_of(id), &doc, &e), ST_OK);
        str reason = json_text(buf_str(&doc), S("reason"), &a);
        enum op_state s = state_of(id);
        n_undone += s == OP_UNDONE;
        if (s == OP_UNDONE)
            assert_int_equal(active, 0);
        if (s == OP_STUCK && str_eqz(reason, "partial")) {
            n_partial++;
            assert_true(memmem(doc.p, doc.n, "brindle price archive", 21));
        }
        assert_true(op_state_ended(s));
        if (t.step > STEP_CONFIRMS) /* the key had left what they archived, and stays on sale */
            assert_int_equal(holders((int)point, &a), 1);
        if (s == OP_STUCK && str_eqz(reason, "partial"))
            abort_once_more(id);
    }
    assert_true(n_undone > 3 && n_partial > 3);
}

static void killed_anywhere_a_product_is_made_once(void **state)
{
    (void)state;
    bool died = true;

    for (int64_t point = 1; died && point < POINTS_MAX; point++) {
        ARENA(a, 32 << 20);
        char input[256], id[OP_ID_MAX + 1];
        struct json_reader r;
        unsigned n = 0;
        snprintf(input, sizeof input, "{\"set\":{\"name\":\"made %lld\"}}", (long long)point);
        assert_true(submit("product.create", input, id));
        t.left = point;
        work();
        died = t.dead;
        restart();
        assert_int_equal(state_of(id), OP_DONE);
        json_init(&r, json_member(look("/v1/products", "limit=100", &a), S("data")).text);
        json_next(&r);
        snprintf(input, sizeof input, "made %lld", (long long)point);
        for (struct json_token x = json_value(&r); x.type == JSON_OBJECT; x = json_value(&r))
            n += str_eqz(json_text(x.text, S("name"), &a), input);
        assert_int_equal(n, 1);
    }
}

static size_t images(str *metadata, struct arena *a)
{
    char path[256];
    struct json_reader r;
    size_t n = 0;

    snprintf(path, sizeof path, "/v1/products/%s", t.product);
    str product = look(path, "", a);
    if (metadata)
        *metadata = json_member(product, S("metadata")).text;
    json_init(&r, json_member(product, S("images")).text);
    json_next(&r);
    while (json_value(&r).type == JSON_STRING)
        n++;
    return n;
}

static void update_product(const char *set, char id[OP_ID_MAX + 1])
{
    char input[256];

    snprintf(input, sizeof input, "{\"product\":\"%s\",\"set\":{%s}}", t.product, set);
    assert_true(submit("product.update", input, id));
}

static void what_is_cleared_is_done_and_no_edit_of_somebody_else(void **state)
{
    static const char *const set[] = { "\"images\":null", "\"images\":[]", "\"images\":\"\"",
                                       "\"metadata\":null" };

    (void)state;
    for (size_t i = 0; i < COUNT(set); i++) {
        ARENA(a, 32 << 20);
        char id[OP_ID_MAX + 1];
        str metadata;
        dashboard("/v1/products", "name=A&images[0]=https://x.test/a&metadata[k]=v", t.product);
        update_product(set[i], id);
        work();
        if (state_of(id) != OP_DONE)
            print_error("%s\n", set[i]);
        assert_int_equal(state_of(id), OP_DONE);
        bool cleared = str_starts(str_of(set[i]), S("\"images"));
        assert_int_equal(images(&metadata, &a), cleared ? 0 : 1);
        assert_true(str_eqz(metadata, cleared ? "{\"k\":\"v\"}" : "{}"));
    }
}

static void a_list_that_is_killed_anywhere_ends_as_it_was_asked(void **state)
{
    bool died = true;
    int64_t point = 1;

    (void)state;
    for (; died && point < POINTS_MAX; point++) {
        ARENA(a, 32 << 20);
        char id[OP_ID_MAX + 1];
        dashboard("/v1/products", "name=A&images[0]=https://x.test/a&images[1]=https://x.test/b",
                  t.product);
        update_product("\"images\":[\"https://x.test/a\"]", id);
        t.left = point;
        work();
        died = t.dead;
        restart();
        assert_int_equal(state_of(id), OP_DONE);
        assert_int_equal(images(NULL, &a), 1);
    }
    assert_in_range(point, 8, POINTS_MAX - 1);
}

/* A product whose creation got no answer, and which is not found, may be there all the same. */
static void what_a_search_does_not_reach_is_not_made_once_more(void **state)
{
    (void)state;

    for (t.stands = true;; t.stands = false) {
        ARENA(a, 32 << 20);
        BUF(doc, 1 << 20);
        struct error e = { 0 };
        char id[OP_ID_MAX + 1];
        struct json_reader r;
        unsigned n = 0;
        assert_true(submit("product.create", "{\"set\":{\"name\":\"one\"}}", id));
        t.lose = 1;
        t.lost = 100;
        t.dead = false;
        t.endless = true;
        work();
        t.lost_left = 0;
        t.asleep = 25 * 3600 * 1000; /* Stripe has forgotten the key: only a look can tell */
        restart();
        json_init(&r, json_member(look("/v1/products", "limit=100", &a), S("data")).text);
        json_next(&r);
        for (struct json_token x = json_value(&r); x.type == JSON_OBJECT; x = json_value(&r))
            n += str_eqz(json_text(x.text, S("name"), &a), "one");
        assert_int_equal(n, t.stands ? 1 : 2);
        assert_int_equal(state_of(id), t.stands ? OP_FORWARD : OP_STUCK);
        assert_int_equal(op_write(&t.w->env, str_of(id), &doc, &e), ST_OK);
        assert_non_null(strstr(doc.p, t.stands ? "does not move on" : "brindle_op = op_"));
        t.endless = false;
        if (!t.stands)
            break;
        restart();
        assert_int_equal(state_of(id), OP_DONE);
    }
}

/* ---- from one environment to another ---------------------------------------------------------
 */

/* `brindle catalog promote`, as a person says it: the mirror is read anew, what is still to be done
 * is done, one operation after the other. Returns how many there were. */
static size_t promote(const char *from)
{
    static const str both[] = { { "products", 8 }, { "prices", 6 } };
    struct error e = { 0 };
    struct sync sync;
    struct promoting p = { .from = from };
    char id[OP_ID_MAX + 1];

    if (sync_start(&t.w->env, both, COUNT(both), true, LANE_BACKFILL, &sync, &e) == ST_OK)
        work();
    if (t.dead)
        return 0;
    assert_int_equal(promoting_begin(&p, &t.w->env, &e), ST_OK);
    while (!t.dead && promoting_next(&p)) {
        if (submit(p.kind, p.input, id))
            work();
        if (!t.dead)
            assert_int_equal(state_of(id), OP_DONE);
    }
    promoting_end(&p);
    return p.n;
}

static size_t prices_of(const char *product, size_t *active, struct arena *a)
{
    char query[128];
    struct json_reader r;
    size_t n = 0;

    *active = 0;
    snprintf(query, sizeof query, "limit=100&product=%s", product);
    json_init(&r, json_member(look("/v1/prices", query, a), S("data")).text);
    json_next(&r);
    for (struct json_token x = json_value(&r); x.type == JSON_OBJECT; x = json_value(&r), n++)
        *active += json_bool(x.text, S("active")) == JSON_TRUE;
    return n;
}

/* ENV-18: wherever it was broken off, saying it again ends it, and nothing is there twice. */
static void a_promotion_that_is_killed_anywhere_goes_on_when_it_is_said_again(void **state)
{
    int64_t point = 1;
    bool died = true;

    (void)state;
    t.requests_alone = true;
    for (; died && point < POINTS_MAX; point++) {
        ARENA(a, 32 << 20);
        char from[1024], product[32], path[64];
        size_t active;
        snprintf(product, sizeof product, "carried%lld", (long long)point);
        snprintf(path, sizeof path, "/v1/products/%s", product);
        snprintf(from, sizeof from,
                 "{\"version\":1,\"products\":[{\"id\":\"%s\",\"name\":\"P\",\"active\":true,"
                 "\"default_price\":\"price_a%lld\",\"prices\":[{\"id\":\"price_a%lld\","
                 "\"lookup_key\":\"key%lld\",\"active\":true,\"currency\":\"usd\","
                 "\"unit_amount\":1000},{\"id\":\"price_b%lld\",\"active\":true,"
                 "\"currency\":\"eur\",\"unit_amount\":5}]}]}",
                 product, (long long)point, (long long)point, (long long)point, (long long)point);
        t.left = point;
        (void)promote(from);
        died = t.dead;
        restart();
        (void)promote(from);
        assert_false(t.dead);
        assert_int_equal(promote(from), 0); /* nothing is left to be done */
        assert_int_equal(prices_of(product, &active, &a), 2);
        assert_int_equal(active, 2);
        assert_true(json_text(look(path, "", &a), S("default_price"), &a).n);
    }
    assert_in_range(point, 20, POINTS_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_replacement_that_is_killed_anywhere_ends_whole,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(and_so_it_does_when_it_goes_on_a_day_later, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(answers_that_are_lost_anywhere_are_asked_for_again,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(an_edit_in_the_dashboard_at_any_point_leaves_no_orphan,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(an_abort_at_any_point_undoes_or_lists_what_is_left,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(killed_anywhere_a_product_is_made_once, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(
            a_promotion_that_is_killed_anywhere_goes_on_when_it_is_said_again, open_world,
            close_world),
        cmocka_unit_test_setup_teardown(what_is_cleared_is_done_and_no_edit_of_somebody_else,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(a_list_that_is_killed_anywhere_ends_as_it_was_asked,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(what_a_search_does_not_reach_is_not_made_once_more,
                                        open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
