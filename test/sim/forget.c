#include "forget.h"

#include "base/buf.h"
#include "base/json.h"
#include "check.h"
#include "disk.h"
#include "kv.h"
#include "look.h"
#include "seed.h"
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Around a number, in a name, an address and a user's id: no id of Stripe's has a hyphen. */
#define WORD_HEAD "person-"
#define WORD_TAIL "-x"

enum {
    PEOPLE_MAX = 64,
    THINGS_MAX = 1024,
    WORD_BYTES_MAX = 32,
    SQL_BYTES_MAX = 4096,
};

enum standing {
    KNOWN,
    ASKED, /* somebody wants it erased: it may be under way */
    GONE,  /* that is done */
};

static struct person {
    char customer[ID_BYTES_MAX]; /* empty: Stripe has refused it */
    enum standing standing;
    bool begun; /* and not done yet */
    unsigned addresses;
} people[PEOPLE_MAX];
static unsigned n_people;

/* What the merchant has made for somebody. */
static struct thing {
    char id[ID_BYTES_MAX];
    unsigned of;
} things[THINGS_MAX];
static size_t n_things;

static const struct climate *climate;

void forget_open(const struct climate *c)
{
    climate = c;
    n_people = 0;
    n_things = 0;
}

/* ---- at Stripe ---------------------------------------------------------------------------- */

void forget_somebody(char *form, size_t size)
{
    assert(n_people < PEOPLE_MAX);
    unsigned n = n_people++;
    people[n] = (struct person){ .standing = KNOWN };
    snprintf(form, size,
             "email=" WORD_HEAD "%u" WORD_TAIL "@example.com&name=" WORD_HEAD "%u" WORD_TAIL
             "&metadata[userId]=" WORD_HEAD "%u" WORD_TAIL
             "&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
             n, n, n);
}

static struct person *find(str customer)
{
    for (unsigned i = 0; i < n_people; i++)
        if (people[i].customer[0] && str_eqz(customer, people[i].customer))
            return &people[i];
    return NULL;
}

void forget_new_address(str customer, char *form, size_t size)
{
    struct person *p = find(customer);

    assert(p);
    snprintf(form, size, "email=" WORD_HEAD "%u" WORD_TAIL "%u@example.com", (unsigned)(p - people),
             ++p->addresses);
}

static struct thing *find_thing(str id)
{
    for (size_t i = 0; i < n_things; i++)
        if (str_eqz(id, things[i].id))
            return &things[i];
    return NULL;
}

/* The number of the word that begins here; -1: none does. */
static int number_at(str text, size_t at)
{
    const size_t head = strlen(WORD_HEAD), tail = strlen(WORD_TAIL);
    int n = 0;

    if (!str_starts(str_sub(text, at, text.n), S(WORD_HEAD)))
        return -1;
    for (at += head; at < text.n && text.p[at] >= '0' && text.p[at] <= '9' && n < PEOPLE_MAX; at++)
        n = n * 10 + (text.p[at] - '0');
    return n < (int)n_people && str_eqz(str_sub(text, at, at + tail), WORD_TAIL) ? n : -1;
}

/* The next word at or behind `*at`. */
static int next_number(str text, size_t *at)
{
    while (*at < text.n) {
        const char *next = memchr(text.p + *at, WORD_HEAD[0], text.n - *at);
        if (!next)
            break;
        *at = (size_t)(next - text.p) + 1;
        int n = number_at(text, *at - 1);
        if (n >= 0)
            return n;
    }
    *at = text.n;
    return -1;
}

static void own(str id, unsigned person)
{
    if (find_thing(id))
        return;
    assert(n_things < THINGS_MAX);
    things[n_things].of = person;
    snprintf(things[n_things++].id, ID_BYTES_MAX, "%.*s", STR_ARG(id));
}

void forget_meet(const char *type, str id, str body)
{
    ARENA(a, 1 << 16);
    size_t at = 0;

    if (!climate || !climate->erasures)
        return;
    if (strcmp(type, "customer") == 0) {
        int n = next_number(body, &at);
        if (n < 0)
            return;
        snprintf(people[n].customer, ID_BYTES_MAX, "%.*s", STR_ARG(id));
        own(id, (unsigned)n);
        return;
    }
    struct json_token customer = json_member(body, S("customer"));
    const struct person *p =
        customer.type == JSON_STRING ? find(json_unescape(customer, &a)) : NULL;
    if (p)
        own(id, (unsigned)(p - people));
}

/* ---- erasures ----------------------------------------------------------------------------- */

const char *forget_draw(void)
{
    uint64_t dice = seed_draw();
    const struct person *p = n_people ? &people[dice % n_people] : NULL;

    return p && p->customer[0] ? p->customer : NULL;
}

void forget_is_asked(str customer)
{
    struct person *p = find(customer);

    if (p && p->standing == KNOWN)
        p->standing = ASKED;
}

void forget_has_begun(str customer)
{
    struct person *p = find(customer);

    if (!p)
        broke(PROMISE_GONE, "%.*s is being forgotten, and is nobody", STR_ARG(customer));
    p->begun = true;
}

bool forget_is_under_way(void)
{
    for (unsigned i = 0; i < n_people; i++)
        if (people[i].begun)
            return true;
    return false;
}

static const struct person *whose(str id)
{
    const struct thing *t = find_thing(id);

    return t ? &people[t->of] : NULL;
}

bool forget_may_be_gone(str id)
{
    const struct person *p = whose(id);

    return p && p->standing != KNOWN;
}

bool forget_is_gone(str id)
{
    const struct person *p = whose(id);

    return p && p->standing == GONE;
}

bool forget_knows(str text)
{
    size_t at = 0;

    for (int n; n_people && (n = next_number(text, &at)) >= 0;)
        if (people[n].standing == GONE)
            return true;
    return false;
}

/* ---- checks ------------------------------------------------------------------------------- */

void forget_check_change(const char *type, const char *id, bool knows)
{
    if (knows || forget_is_gone(str_of(id)))
        broke(PROMISE_GONE, "%s %s is stored, and is somebody's who was forgotten", type, id);
}

static void check_column(sqlite3 *db, str table, str column, const char *when)
{
    char sql[SQL_BYTES_MAX];

    snprintf(sql, sizeof sql,
             "select \"%.*s\" from \"%.*s\" where instr(\"%.*s\", '" WORD_HEAD "')",
             STR_ARG(column), STR_ARG(table), STR_ARG(column));
    sqlite3_stmt *q = look_ask(db, sql);
    while (look_next(db, q)) {
        if (!forget_knows(look_text(q, 0)))
            continue;
        trace("there stands %.*s", STR_ARG(look_text(q, 0)));
        broke(PROMISE_GONE, "%s: a word of somebody who was forgotten stands in %.*s.%.*s", when,
              STR_ARG(table), STR_ARG(column));
    }
    sqlite3_finalize(q);
}

static bool anybody_is_gone(void)
{
    for (unsigned i = 0; i < n_people; i++)
        if (people[i].standing == GONE)
            return true;
    return false;
}

static void check_all_columns(sqlite3 *db, const char *when)
{
    sqlite3_stmt *q =
        look_ask(db, "select t.name, c.name from sqlite_master t, pragma_table_info(t.name) c "
                     "where t.type = 'table' and c.type <> 'integer' order by 1, 2");

    while (look_next(db, q))
        check_column(db, look_text(q, 0), look_text(q, 1), when);
    sqlite3_finalize(q);
}

void forget_check(sqlite3 *db, bool everywhere, const char *when)
{
    if (!anybody_is_gone())
        return;
    if (everywhere) {
        check_all_columns(db, when);
        return;
    }
    check_column(db, S("objects"), S("data"), when);
    check_column(db, S("_history"), S("data"), when);
    check_column(db, S("_inbox"), S("body"), when);
    check_column(db, S("_users"), S("user_id"), when);
}

/* Every byte of every file, too, and what the key-value server has. */
static void check_outside(const struct person *p, const char *when)
{
    char word[WORD_BYTES_MAX];

    snprintf(word, sizeof word, WORD_HEAD "%u" WORD_TAIL, (unsigned)(p - people));
    const char *file = disk_holds(str_of(word));
    if (file)
        broke(PROMISE_GONE, "%s: %s was forgotten, and %s stands in %s", when, p->customer, word,
              file);
    for (size_t i = 0; climate->kv && i < kv_server_count(); i++)
        if (strstr(kv_server_key(i), word) || strstr(kv_server_value(kv_server_key(i)), word))
            broke(PROMISE_GONE, "%s: %s was forgotten, and the key-value server has %s", when,
                  p->customer, kv_server_key(i));
}

void forget_is_done(str customer)
{
    struct person *p = find(customer);
    sqlite3 *db = p ? look_open() : NULL;

    if (!db)
        return;
    if (p->standing != GONE) {
        trace("%s is forgotten", p->customer);
        mark(MARK_ERASED);
    }
    p->standing = GONE;
    p->begun = false;
    forget_check(db, true, "behind an erasure");
    check_outside(p, "behind an erasure");
    look_close(db);
}

/* What a person of the trade would not lose with a customer. */
static bool is_the_shops(str type)
{
    static const char *const shops[] = { "product", "price", "plan", "coupon", "account" };

    for (size_t i = 0; i < COUNT(shops); i++)
        if (str_eqz(type, shops[i]))
            return true;
    return false;
}

/* Every customer that a text names was to be erased; whoever names nobody hangs on what does. */
static void check_named(str type, str id, str body, const char *when)
{
    for (unsigned i = 0; i < n_people; i++) {
        const struct person *p = &people[i];
        str name = str_of(p->customer);
        if (p->standing == KNOWN && name.n && body.n && memmem(body.p, body.n, name.p, name.n))
            broke(PROMISE_EQUAL, "%s: %.*s %.*s was forgotten, and is %s's, whom nobody has erased",
                  when, STR_ARG(type), STR_ARG(id), p->customer);
    }
}

void forget_check_erased(str type, str id, str body, const char *when)
{
    const struct person *p = whose(id);

    if (is_the_shops(type) || (p && p->standing == KNOWN))
        broke(PROMISE_EQUAL, "%s: %.*s %.*s was forgotten, although nobody has asked for it", when,
              STR_ARG(type), STR_ARG(id));
    check_named(type, id, body, when);
}

/* ---- at rest ------------------------------------------------------------------------------ */

bool forget_is_at_rest(void)
{
    sqlite3 *db = look_open();

    if (!db)
        return false;
    bool rests = look_number(db, "select (select count(*) from _erasing) + (select count(*) from "
                                 "_users where state = 'forgotten')") == 0;
    look_close(db);
    return rests;
}

void forget_settle(sqlite3 *db)
{
    sqlite3_stmt *q =
        look_ask(db, "select deleted = 2 from objects where type = 'customer' and id = ?1");

    for (unsigned i = 0; i < n_people; i++) {
        struct person *p = &people[i];
        if (p->standing != ASKED)
            continue;
        sqlite3_bind_text(q, 1, p->customer, -1, SQLITE_STATIC);
        p->standing = look_next(db, q) && sqlite3_column_int(q, 0) ? GONE : KNOWN;
        sqlite3_reset(q);
    }
    sqlite3_finalize(q);
}

/* Nothing that has content names who was forgotten: not even by an id. */
static void check_ids(sqlite3 *db, const struct person *p)
{
    sqlite3_stmt *q = look_ask(db, "select type, id from objects where deleted <> 2 and "
                                   "instr(data, ?1) union all select type, id from _history "
                                   "where instr(data, ?1)");

    sqlite3_bind_text(q, 1, p->customer, -1, SQLITE_STATIC);
    if (look_next(db, q))
        broke(PROMISE_GONE, "at rest: %s was forgotten, and %.*s %.*s names it", p->customer,
              STR_ARG(look_text(q, 0)), STR_ARG(look_text(q, 1)));
    sqlite3_finalize(q);
}

void forget_check_rest(sqlite3 *db)
{
    forget_check(db, true, "at rest");
    for (unsigned i = 0; i < n_people; i++) {
        if (people[i].standing != GONE)
            continue;
        check_ids(db, &people[i]);
        check_outside(&people[i], "at rest");
    }
}
