/* Runs that travel together end as the same runs one by one would: pg_batch.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg_fixture.h"

enum { OBJECTS = 5, STEPS = 400, STORIES = 8, TX_STEPS = 90 };

/* A story is told twice: together in one account, one by one in the other. */
struct teller {
    struct tx tx;
    struct value account;
    bool alone; /* whoever asks for the rows is answered at once */
    bool there[OBJECTS];
};

static void run(struct teller *t, enum stmt id, const struct value *args, size_t n)
{
    ARENA(a, 1 << 20);
    struct rows r;

    assert_ok(tx_run_args(&t->tx, id, args, n, t->alone ? &r : NULL, &a, &why));
}

#define RUN(t, id, ...)                                   \
    run((t), (id), (const struct value[]){ __VA_ARGS__ }, \
        sizeof((const struct value[]){ __VA_ARGS__ }) / sizeof(struct value))

/* What a step is made of: the same for both tellers. */
struct step {
    unsigned what, object, other, number;
};

static void tell_of_an_object(struct teller *t, const struct step *s, struct value type,
                              struct value id)
{
    const struct value n = V_INT(s->number), account = t->account, word = V_STR(S("w"));
    const struct value data = V_STR(s->number % 2 ? S("{\"a\":\"\\\"\\u00e9\"}") : S("{}"));
    const struct value mode = s->number % 3 ? V_INT(0) : V_NULL;

    if (!t->there[s->object]) {
        RUN(t, STMT_OBJECT_INSERT, type, account, id, data, V_INT(0), n, n, n, word, word, V_INT(0),
            mode);
        t->there[s->object] = true;
        return;
    }
    RUN(t, STMT_HISTORY_ADD, type, account, id, n, n, n, V_INT(0), word, data);
    RUN(t, STMT_OBJECT_UPDATE, data, V_INT(0), n, n, n, word, word, V_INT(0), mode, type, account,
        id);
    RUN(t, STMT_REFS_CLEAR, type, account, id);
}

static void tell(struct teller *t, const struct step *s)
{
    char text[16], to[16];
    snprintf(text, sizeof text, "o_%u", s->object);
    snprintf(to, sizeof to, "o_%u", s->other);
    const struct value type = V_STR(S("thing")), id = V_STR(str_of(text)), n = V_INT(s->number);
    const struct value other = V_STR(str_of(to)), account = t->account;

    switch (s->what % 8) {
    case 0:
    case 1: tell_of_an_object(t, s, type, id); break;
    case 2: RUN(t, STMT_OBJECT_TOUCH, n, n, type, account, id); break;
    case 3:
    case 4:
        RUN(t, STMT_REF_ADD, type, account, id, V_STR(S("f")), type, other, V_INT(s->what & 1),
            V_INT(1), n);
        break;
    case 5: RUN(t, STMT_OBJECT_OPEN_LISTS, V_INT(s->number % 4), type, account, id); break;
    case 6:
        RUN(t, STMT_DUE_MARK_ONCE, V_STR(S("object")), type, id, account, V_INT(2), n,
            V_STR(S("reference")), V_INT(1), V_INT(0));
        break;
    case 7:
        RUN(t, STMT_STATE_PUT, id, account, other, n, n, V_INT(1));
        RUN(t, STMT_USER_LINK, id, account, other, n);
        RUN(t, STMT_USER_PUT, id, account, V_STR(S("found")), s->number % 2 ? other : V_NULL, n, n);
        break;
    }
}

static void tell_all(struct store *st, struct teller *t, unsigned seed)
{
    for (unsigned i = 0; i < STEPS; i++) {
        struct step s = { .number = i + 1 };
        s.what = (unsigned)rand_r(&seed);
        s.object = (unsigned)rand_r(&seed) % OBJECTS;
        s.other = (unsigned)rand_r(&seed) % OBJECTS;
        if (i % TX_STEPS == 0)
            assert_ok(tx_begin(&t->tx, st, TX_WRITE, &why));
        tell(t, &s);
        if (i % TX_STEPS == TX_STEPS - 1 || i == STEPS - 1)
            assert_ok(tx_commit(&t->tx, &why));
    }
}

/* Everything in a table but the account, of one that is named. */
static void print_of(const char *table, const char *account, char *out, size_t room)
{
    char query[512];

    snprintf(
        query, sizeof query,
        "select count(*) || ' ' || coalesce(md5(string_agg(r, '|' order by r)), '') from (select "
        "(to_jsonb(t) - 'account')::text as r from brindle_test.%s t where account = '%s') x",
        table, account);
    sql(query, out, room);
}

static void many_runs_at_once_end_as_one_by_one(void **state)
{
    static const char *const table[] = { "objects", "_refs",  "_history",   "_due",
                                         "_states", "_users", "_user_links" };
    struct store *st = open_store();

    (void)state;
    for (unsigned seed = 1; seed <= STORIES; seed++) {
        char together[32], alone[32], first[64], second[64];
        snprintf(together, sizeof together, "acct_together_%u", seed);
        snprintf(alone, sizeof alone, "acct_alone_%u", seed);
        struct teller x = { .account = V_STR(str_of(together)) };
        struct teller y = { .account = V_STR(str_of(alone)), .alone = true };
        tell_all(st, &x, seed);
        tell_all(st, &y, seed);
        for (size_t i = 0; i < COUNT(table); i++) {
            print_of(table[i], together, first, sizeof first);
            print_of(table[i], alone, second, sizeof second);
            assert_string_equal(first, second);
            assert_true(first[0] != '0');
        }
    }
    st->ops->close(st);
}

/* A page and what it refers to are a few statements, whatever it holds. */
static void a_page_waits_a_few_times(void **state)
{
    struct store *st = open_store();
    struct teller t = { .account = V_STR(S("acct_1")) };

    (void)state;
    assert_ok(tx_begin(&t.tx, st, TX_WRITE, &why));
    for (unsigned i = 0; i < 1000; i++) {
        char id[16];
        snprintf(id, sizeof id, "o_%u", i);
        const struct value type = V_STR(S("thing")), v = V_STR(str_of(id)), word = V_STR(S("w"));
        RUN(&t, STMT_OBJECT_INSERT, type, t.account, v, V_STR(S("{}")), V_INT(0), V_INT(1),
            V_INT(1), V_INT(1), word, word, V_INT(0), V_NULL);
        RUN(&t, STMT_REF_ADD, type, t.account, v, word, type, v, V_INT(0), V_INT(1), V_INT(1));
    }
    const struct pg_conn *c = t.tx.impl; /* a session begins with its connection */
    assert_in_range(c->n_pending, 1, 10);
    assert_ok(tx_commit(&t.tx, &why));
    assert_answer(
        "select count(*) from brindle_test.objects o join brindle_test._refs r on r.from_id = "
        "o.id where o.livemode is null",
        "1000");
    st->ops->close(st);
}

/* What fails among many fails the transaction, in words that name the statement. */
static void a_failure_among_many_is_told_by_commit(void **state)
{
    struct store *st = open_store();
    struct teller t = { .account = V_STR(S("acct_1")) };
    struct error e = { 0 };

    (void)state;
    sql("alter table brindle_test.objects add constraint no_seven check (id <> 'o_7')", NULL, 0);
    assert_ok(tx_begin(&t.tx, st, TX_WRITE, &why));
    for (unsigned i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof id, "o_%u", i);
        RUN(&t, STMT_OBJECT_INSERT, V_STR(S("thing")), t.account, V_STR(str_of(id)), V_STR(S("{}")),
            V_INT(0), V_INT(1), V_INT(1), V_INT(1), V_STR(S("w")), V_STR(S("w")), V_INT(0), V_NULL);
    }
    assert_int_equal(tx_commit(&t.tx, &e), ST_CONFLICT);
    assert_non_null(strstr(e.text, "object_insert"));
    assert_answer("select count(*) from brindle_test.objects", "0");
    st->ops->close(st);
}

/* What was kept back by a transaction that came to nothing is no part of the next one. */
static void nothing_of_a_rollback_is_left(void **state)
{
    struct store *st = open_store();
    struct teller t = { .account = V_STR(S("acct_1")) };

    (void)state;
    for (int i = 0; i < 40; i++) { /* more often than there are sessions */
        assert_ok(tx_begin(&t.tx, st, TX_WRITE, &why));
        if (i % 2)
            RUN(&t, STMT_USER_LINK, V_STR(S("cus_1")), t.account, V_STR(S("u")), V_INT(1));
        if (i % 2)
            tx_end(&t.tx);
        else
            assert_ok(tx_commit(&t.tx, &why));
    }
    assert_answer("select count(*) from brindle_test._user_links", "0");
    st->ops->close(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_a_database(many_runs_at_once_end_as_one_by_one),
        in_a_database(a_page_waits_a_few_times),
        in_a_database(a_failure_among_many_is_told_by_commit),
        in_a_database(nothing_of_a_rollback_is_left),
    };

    if (!pg_fixture_start())
        return 77;
    return pg_fixture_end(cmocka_run_group_tests(tests, NULL, NULL));
}
