/* rest.c - in a lull and at rest the mirror is compared with Stripe. */
#include "story.h"

#include "base/buf.h"
#include "base/json.h"
#include "core/path.h"
#include "core/resource.h"
#include "disk.h"
#include "forget.h"
#include "ids.h"
#include "ledger.h"
#include "look.h"
#include "orders.h"
#include "side.h"
#include "stripe.h"
#include "trace.h"

#include <stdio.h>
#include <string.h>

enum { ANSWER_BYTES_MAX = 64 << 20 };

static bool complete;  /* a sync, or a check, has brought what no event tells of */
static bool all_types; /* and it was a sync of everything */
static const char *when_now = "at rest";

/* Without a sync only what events speak of is told to be equal. */
static bool is_told(str type)
{
    static const char *const told[] = { "product", "price", "customer", "subscription", "invoice" };

    for (size_t i = 0; i < COUNT(told); i++)
        if (str_eqz(type, told[i]))
            return true;
    return false;
}

static int ask_stripe(const struct resource *r, str id, str *body, struct arena *a)
{
    return emu_ask("GET", path_fill(r->get_path, id, S(""), a), path_expand(r->expand, "", a),
                   S(""), body, a);
}

/* What was heard and is newer than the row is not forgotten, although no event tells of it. */
static void compare_untold(const struct object_story *o, str data, bool deleted)
{
    int at = -1;

    for (int i = 0; (i = story_place(o, (size_t)i, version_of(data), deleted)) >= 0; i++)
        at = i; /* of several deletions, the last one */

    if (at < 0 || (size_t)at + 1 < o->heard)
        broke(PROMISE_EQUAL,
              "%s: %s %s is older than what Stripe has told the program: version %lld", when_now,
              o->type, o->id, (long long)o->state[o->heard - 1].version);
}

static void compare_erased(str type, str id)
{
    ARENA(a, ANSWER_BYTES_MAX);
    const struct resource *r = resource_by_type(type);
    str body = { 0 };

    if (r && r->get_path && !strstr(r->get_path, "{parent}"))
        (void)ask_stripe(r, id, &body, &a);
    forget_check_erased(type, id, body, when_now);
}

static void compare_row(str type, str id, str data, bool deleted, bool open)
{
    ARENA(a, ANSWER_BYTES_MAX);
    const struct resource *r = resource_by_type(type);
    const struct object_story *o = story_find(arena_copy(&a, type).p, id);
    str body;

    if (o && o->untold && !complete) {
        compare_untold(o, data, deleted);
        return;
    }

    if (!r || !r->get_path || strstr(r->get_path, "{parent}"))
        return;
    if (!all_types && !is_told(type))
        return;
    int status = ask_stripe(r, id, &body, &a);
    bool gone = status == 404 || json_bool(body, S("deleted")) == JSON_TRUE;
    if (gone && !deleted)
        broke(PROMISE_EQUAL, "%s: %.*s %.*s is deleted at Stripe and alive in the mirror", when_now,
              STR_ARG(type), STR_ARG(id));
    if (gone)
        return;
    if (status != 200)
        broke(PROMISE_SOUND, "%s: the emulator answers %d for %.*s %.*s", when_now, status,
              STR_ARG(type), STR_ARG(id));
    if (deleted)
        broke(PROMISE_EQUAL, "%s: %.*s %.*s is alive at Stripe and buried in the mirror", when_now,
              STR_ARG(type), STR_ARG(id));
    if (!json_same(str_trim(body), data, &a)) {
        trace("Stripe has %.*s", STR_ARG(body));
        trace("the mirror has %.*s", STR_ARG(data));
        broke(PROMISE_EQUAL, "%s: %.*s %.*s differs from what Stripe has", when_now, STR_ARG(type),
              STR_ARG(id));
    }
    if (open)
        broke(PROMISE_EQUAL, "%s: %.*s %.*s has a nested list that was never read to its end",
              when_now, STR_ARG(type), STR_ARG(id));
}

/* Of whom the harness speaks for. */
static sqlite3_stmt *ask_owned(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = look_ask(db, sql);

    sqlite3_bind_text(q, sqlite3_bind_parameter_count(q), owner_account(), -1, SQLITE_STATIC);
    return q;
}

static void compare_rows(sqlite3 *db)
{
    sqlite3_stmt *q = ask_owned(db, "select type, id, data, deleted, open_lists from objects "
                                    "where account = ?1 order by type, id");

    while (look_next(db, q))
        if (sqlite3_column_int(q, 3) == ROW_ERASED)
            compare_erased(look_text(q, 0), look_text(q, 1));
        else
            compare_row(look_text(q, 0), look_text(q, 1), look_text(q, 2), sqlite3_column_int(q, 3),
                        sqlite3_column_int(q, 4));
    sqlite3_finalize(q);
}

/* Every object that the merchant made. */
static void compare_stories(sqlite3 *db)
{
    sqlite3_stmt *q =
        ask_owned(db, "select deleted from objects where type = ?1 and id = ?2 and account = ?3");
    size_t n;
    const struct object_story *all = stories(&n);

    for (size_t i = 0; i < n; i++) {
        const struct object_story *o = &all[i];
        bool gone = o->state[o->n - 1].deleted;
        if (o->untold && !complete)
            continue;
        sqlite3_bind_text(q, 1, o->type, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 2, o->id, -1, SQLITE_STATIC);
        bool there = look_next(db, q);
        if (!there && !gone && !forget_may_be_gone(str_of(o->id)))
            broke(PROMISE_EQUAL, "%s: %s %s is at Stripe and not in the mirror", when_now, o->type,
                  o->id);
        if (there && gone && !sqlite3_column_int(q, 0))
            broke(PROMISE_EQUAL, "%s: %s %s is deleted at Stripe and alive in the mirror", when_now,
                  o->type, o->id);
        sqlite3_reset(q);
    }
    sqlite3_finalize(q);
}

/* Members of nested lists that have no address of their own. */
static void compare_list(sqlite3 *db, const char *parents, const char *list, const char *member)
{
    sqlite3_stmt *q =
        ask_owned(db, "select id from objects where type = ?1 and deleted = 0 and account = ?2 "
                      "order by id");
    sqlite3_stmt *row = ask_owned(
        db, "select data, deleted from objects where type = ?1 and id = ?2 and account = ?3");

    sqlite3_bind_text(q, 1, parents, -1, SQLITE_STATIC);
    while (look_next(db, q)) {
        ARENA(a, ANSWER_BYTES_MAX);
        str body, id = look_text(q, 0);
        if (emu_ask("GET", arena_printf(&a, "/v1/%s", list),
                    strcmp(parents, "invoice") == 0
                        ? S("limit=100")
                        : arena_printf(&a, "limit=100&subscription=%.*s", STR_ARG(id)),
                    S(""), &body, &a) != 200 &&
            emu_ask("GET", arena_printf(&a, "/v1/invoices/%.*s/lines", STR_ARG(id)), S("limit=100"),
                    S(""), &body, &a) != 200)
            continue;
        struct json_reader r;
        json_init(&r, json_member(body, S("data")).text);
        (void)json_next(&r);
        for (struct json_token t; (t = json_value(&r)).type == JSON_OBJECT;) {
            str member_id = json_text(t.text, S("id"), &a);
            sqlite3_bind_text(row, 1, member, -1, SQLITE_STATIC);
            sqlite3_bind_text(row, 2, member_id.p, (int)member_id.n, SQLITE_STATIC);
            if (!look_next(db, row) || sqlite3_column_int(row, 1))
                broke(PROMISE_EQUAL, "at rest: %s %.*s of %s %.*s is missing", member,
                      STR_ARG(member_id), parents, STR_ARG(id));
            if (!json_same(t.text, look_text(row, 0), &a))
                broke(PROMISE_EQUAL, "at rest: %s %.*s differs from what Stripe has", member,
                      STR_ARG(member_id));
            sqlite3_reset(row);
        }
    }
    sqlite3_finalize(row);
    sqlite3_finalize(q);
}

/* A reference that is certain, whose target Stripe has and the mirror has not. */
static void compare_references(sqlite3 *db)
{
    sqlite3_stmt *q = ask_owned(
        db, "select distinct to_type, to_id from _refs r where r.account = ?1 and "
            "certain = 1 and not exists (select 1 from objects o where o.type = "
            "r.to_type and o.id = r.to_id and o.account = r.account) "
            "and exists (select 1 from objects f where f.type = r.from_type and f.account "
            "= r.account and f.id = r.from_id and f.deleted = 0) order by 1, 2");

    while (look_next(db, q)) {
        ARENA(a, ANSWER_BYTES_MAX);
        const struct resource *r = resource_by_type(look_text(q, 0));
        str body;
        if (!r || !r->get_path || strstr(r->get_path, "{parent}"))
            continue;
        if (ask_stripe(r, look_text(q, 1), &body, &a) == 200)
            broke(PROMISE_EQUAL,
                  "at rest: %.*s %.*s is referred to and at Stripe, but not in the mirror",
                  STR_ARG(look_text(q, 0)), STR_ARG(look_text(q, 1)));
    }
    sqlite3_finalize(q);
}

/* The versions in the order of their revisions: each row's whole story. */
static void check_history(sqlite3 *db)
{
    sqlite3_stmt *q =
        ask_owned(db, "select type, id, revision, deleted, data from _history where account = ?1 "
                      "union all select type, id, revision, deleted, data from objects where "
                      "account = ?1 order by 1, 2, 3");
    const struct object_story *o = NULL;
    size_t at = 0;

    while (look_next(db, q)) {
        ARENA(a, 1 << 10);
        str type = arena_copy(&a, look_text(q, 0));
        const struct object_story *now = story_find(type.p, look_text(q, 1));
        if (now != o)
            at = 0;
        o = now;
        bool deleted = sqlite3_column_int(q, 3);
        int64_t version = version_of(look_text(q, 4));
        if (!o || (!deleted && !version) || sqlite3_column_int(q, 3) == ROW_ERASED)
            continue;
        int i = story_place(o, at, version, deleted);
        if (i < 0)
            broke(PROMISE_FORWARD, "the history of %s %s goes back to %s %lld", o->type, o->id,
                  deleted ? "a deletion behind version" : "version", (long long)version);
        at = (size_t)i;
    }
    sqlite3_finalize(q);
}

static void check_column(sqlite3 *db, const char *table, const char *column)
{
    BUF(sql, 4096);

    buf_printf(&sql, "select count(*) from \"%s\" where false", table);
    for (size_t i = 0; side_secrets[i]; i++)
        buf_printf(&sql, " or instr(\"%s\", '%s')", column, side_secrets[i]);
    buf_char(&sql, '\0');
    if (look_number(db, buf_str(&sql).p))
        broke(PROMISE_SECRET, "a secret stands in %s.%s", table, column);
}

/* Every column of every table, and every byte of every file: what was deleted, too. */
static void check_secrets(sqlite3 *db)
{
    sqlite3_stmt *q =
        look_ask(db, "select t.name, c.name from sqlite_master t, "
                     "pragma_table_info(t.name) c where t.type = 'table' order by 1, 2");

    while (look_next(db, q)) {
        ARENA(a, 1 << 10);
        check_column(db, arena_copy(&a, look_text(q, 0)).p, arena_copy(&a, look_text(q, 1)).p);
    }
    sqlite3_finalize(q);
    for (size_t i = 0; side_secrets[i]; i++)
        if (disk_holds(str_of(side_secrets[i])))
            broke(PROMISE_SECRET, "a secret stands in %s, although in no table",
                  disk_holds(str_of(side_secrets[i])));
    str told = stripe_endpoint_secret();
    if (told.n && disk_holds(told))
        broke(PROMISE_SECRET, "an endpoint's secret stands in %s", disk_holds(told));
    if (look_number(db,
                    "select count(*) from _calls where method <> 'GET' and cause not like 'op!_%' "
                    "escape '!' and (cause <> 'switch' or path <> '/v1/webhook_endpoints')"))
        broke(PROMISE_READ_ONLY, "the mirror has written to Stripe");
}

/* What was heard of an object that no event tells of. */
static void compare_heard(sqlite3 *db)
{
    sqlite3_stmt *q = ask_owned(
        db, "select data, deleted from objects where type = ?1 and id = ?2 and account = ?3");
    size_t n;
    const struct object_story *all = stories(&n);

    for (size_t i = 0; i < n; i++) {
        const struct object_story *o = &all[i];
        if (!o->untold || !o->heard)
            continue;
        sqlite3_bind_text(q, 1, o->type, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 2, o->id, -1, SQLITE_STATIC);
        if (look_next(db, q))
            compare_untold(o, look_text(q, 0), sqlite3_column_int(q, 1));
        sqlite3_reset(q);
    }
    sqlite3_finalize(q);
}

void check_lull(bool all_told)
{
    sqlite3 *db = look_open();

    if (!db)
        return;
    mark(MARK_LULL);
    complete = all_types = false;
    when_now = "in a lull";
    compare_heard(db);
    if (all_told) {
        compare_stories(db);
        compare_rows(db);
    }
    look_close(db);
    ids_check_store("in a lull");
}

/* What a connected account has, by the same measure. */
static void check_guest(sqlite3 *db, unsigned number)
{
    guest_is(number);
    check_objects(db, "at rest");
    check_history(db);
    if (guest_has_left(number)) { /* what was known of it stays, however old */
        guest_is(0);
        return;
    }
    mark(MARK_GUEST);
    compare_stories(db);
    compare_rows(db);
    compare_references(db);
    ledger_check_store(db, "at rest");
    ledger_check_stripe(db);
    if (the_climate->kv)
        ledger_check_projected(db);
    guest_is(0);
}

void check_rest(void)
{
    sqlite3 *db = look_open();

    if (!db)
        broke(PROMISE_KEPT, "at rest: there is no database");
    complete = the_climate->last_sync || the_climate->rot;
    all_types = the_climate->last_sync;
    when_now = "at rest";
    if (the_climate->erasures)
        forget_settle(db);
    check_events(db, "at rest");
    check_objects(db, "at rest");
    check_history(db);
    compare_stories(db);
    compare_rows(db);
    compare_list(db, "subscription", "subscription_items", "subscription_item");
    compare_list(db, "invoice", "invoices/none/lines", "line_item");
    compare_references(db);
    for (unsigned g = 1; g <= guests(); g++)
        check_guest(db, g);
    ledger_check_store(db, "at rest");
    ledger_check_stripe(db);
    if (the_climate->kv)
        ledger_check_projected(db);
    check_secrets(db);
    if (the_climate->erasures)
        forget_check_rest(db);
    if (the_climate->orders)
        orders_check_rest(db);
    look_close(db);
    ids_check_store("at rest");
}
