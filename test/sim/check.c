#include "check.h"

#include "base/json.h"
#include "core/path.h"
#include "core/resource.h"
#include "disk.h"
#include "fibre.h"
#include "ledger.h"
#include "node.h"
#include "orders.h"
#include "stripe.h"
#include "trace.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OBJECTS_MAX = 512,
    STATES_MAX = 256,
    EVENTS_MAX = 8192,
    ANSWER_BYTES_MAX = 64 << 20,
    STARTS_MAX = 4096,
};

struct state {
    int64_t version;
    bool deleted;
};

/* One object as Stripe had it, state after state, and where the mirror stands. */
struct object_story {
    char type[TYPE_BYTES_MAX], id[ID_BYTES_MAX];
    struct state state[STATES_MAX];
    size_t n;
    bool untold;    /* no event speaks of the latest state */
    size_t heard;   /* the latest state that the program was told, plus one */
    size_t at;      /* the state that the mirror is known to have reached, plus one; 0: none */
    uint64_t order; /* the transaction that brought it there */
};

static const struct climate *climate;
static char account[ACCOUNT_ID_MAX + 1];
static struct object_story story[OBJECTS_MAX];
static size_t n_stories;
static struct object_story *latest; /* the one that changed last */
static int64_t last_version;
static char acknowledged[EVENTS_MAX][64];
static size_t n_acknowledged;
static int64_t claim_ticket;
static uint64_t claim_order;
static msec start[STARTS_MAX];
static uint64_t n_starts;
static bool complete;  /* a sync, or a check, has brought what no event tells of */
static bool all_types; /* and it was a sync of everything */
static const char *when_now = "at rest";

void check_begin(const struct climate *c, const char *acct)
{
    climate = c;
    snprintf(account, sizeof account, "%s", acct);
}

/* ---- at Stripe ---------------------------------------------------------------------------- */

int64_t version_of(str data)
{
    ARENA(a, 1 << 10);
    struct json_token metadata = json_member(data, S("metadata"));
    int64_t v = 0;

    if (metadata.type != JSON_OBJECT || !str_to_int(json_text(metadata.text, S("v"), &a), &v))
        return 0;
    return v;
}

int64_t check_next_version(void)
{
    return ++last_version;
}

static struct object_story *find(const char *type, str id)
{
    for (size_t i = 0; i < n_stories; i++)
        if (strcmp(story[i].type, type) == 0 && str_eqz(id, story[i].id))
            return &story[i];
    return NULL;
}

static void add_state(const char *type, str id, struct state s)
{
    struct object_story *o = find(type, id);

    if (!o) {
        assert(n_stories < OBJECTS_MAX);
        o = &story[n_stories++];
        snprintf(o->type, sizeof o->type, "%s", type);
        snprintf(o->id, sizeof o->id, "%.*s", STR_ARG(id));
    }
    assert(o->n < STATES_MAX);
    o->state[o->n++] = s;
    o->untold = false;
    latest = o;
}

void check_untold(void)
{
    latest->untold = true;
}

void check_is(const char *type, str id, int64_t version)
{
    add_state(type, id, (struct state){ .version = version });
}

void check_is_gone(const char *type, str id)
{
    add_state(type, id, (struct state){ .deleted = true });
}

bool check_never_deleted(str path)
{
    str type, rest = str_cut(str_sub(path, 4, path.n), '/', &type);

    if (!str_starts(path, S("/v1/")) || !rest.p || str_find(rest, '/') != rest.n)
        return false;
    for (size_t i = 0; i < n_stories; i++) {
        if (!str_eqz(rest, story[i].id))
            continue;
        for (size_t k = 0; k < story[i].n; k++)
            if (story[i].state[k].deleted)
                return false;
        return true;
    }
    return false;
}

void check_asked(str path, int http_status, str body)
{
    (void)path;
    if (http_status == 400 && str_find(body, '{') != body.n) {
        struct json_token error = json_member(body, S("error"));
        ARENA(a, 4096);
        if (error.type == JSON_OBJECT &&
            str_eq(json_text(error.text, S("param"), &a), S("starting_after")))
            mark(MARK_CURSOR_VANISHED);
    }
}

static void hear_one(str body)
{
    ARENA(a, 4096);
    int64_t version = version_of(body);

    if (!version)
        return;
    str type = json_text(body, S("object"), &a), id = json_text(body, S("id"), &a);
    struct object_story *o = find(arena_copy(&a, type).p, id);
    for (size_t i = 0; o && i < o->n; i++)
        if (o->state[i].version == version && i + 1 > o->heard)
            o->heard = i + 1;
}

void check_heard(str body)
{
    if (!json_valid(body))
        return;
    hear_one(body);
    struct json_token data = json_member(body, S("data"));
    if (data.type != JSON_ARRAY)
        return;
    struct json_reader r;
    json_init(&r, data.text);
    (void)json_next(&r);
    for (struct json_token t; (t = json_value(&r)).type == JSON_OBJECT;)
        hear_one(t.text);
}

/* ---- those who wait ------------------------------------------------------------------------ */

static void ask_about(struct question *q, const char *type, str id)
{
    struct object_story *o = find(type, id);

    if (o && o->n && q->n < QUESTION_OBJECTS_MAX) {
        q->of[q->n].story = o;
        q->of[q->n++].at = o->n - 1;
    }
}

void check_question(const char *customer, struct question *q)
{
    ARENA(a, ANSWER_BYTES_MAX);
    str body;

    *q = (struct question){ 0 };
    ask_about(q, "customer", str_of(customer));
    if (emu_ask("GET", S("/v1/subscriptions"),
                arena_printf(&a, "status=all&limit=%d&customer=%s", QUESTION_OBJECTS_MAX, customer),
                S(""), &body, &a) != 200)
        return;
    struct json_reader r;
    json_init(&r, json_member(body, S("data")).text);
    (void)json_next(&r);
    for (struct json_token t; (t = json_value(&r)).type == JSON_OBJECT;)
        ask_about(q, "subscription", json_text(t.text, S("id"), &a));
}

void check_new_life(void)
{
    n_starts = 0;
}

/* No second has more starts than the budget allows. */
void check_rate(void)
{
    unsigned limit = climate->requests_per_second;
    msec now = fibre_now();

    assert(limit < STARTS_MAX);
    if (n_starts >= limit && now - start[(n_starts - limit) % STARTS_MAX] < 1000)
        broke(PROMISE_BUDGET, "%u requests started within %lld ms, but the budget is %u a second",
              limit + 1, (long long)(now - start[(n_starts - limit) % STARTS_MAX]), limit);
    if (n_starts >= limit && now - start[(n_starts - limit) % STARTS_MAX] < 1100)
        mark(MARK_BUSY_BUDGET);
    start[n_starts++ % STARTS_MAX] = now;
}

/* ---- what the mirror shows ---------------------------------------------------------------- */

void check_acknowledged(str event)
{
    for (size_t i = 0; i < n_acknowledged; i++)
        if (str_eqz(event, acknowledged[i]))
            return;
    assert(n_acknowledged < EVENTS_MAX);
    snprintf(acknowledged[n_acknowledged++], sizeof acknowledged[0], "%.*s", STR_ARG(event));
}

/* The state of the story that this is, not before `from`; -1: there is none. */
static int place(const struct object_story *o, size_t from, int64_t version, bool deleted)
{
    for (size_t i = from; i < o->n; i++)
        if (deleted ? o->state[i].deleted : o->state[i].version == version)
            return (int)i;
    return -1;
}

static void note_arrival(struct object_story *o, size_t i)
{
    if (o->state[i].deleted)
        mark(MARK_BURIED);
    else if (o->at && o->state[o->at - 1].deleted)
        mark(MARK_REVIVED);
    o->at = i + 1;
}

/* Burials that no event announced, as the fuse counts them: by the hour. */
static struct {
    msec since;
    int64_t n;
    bool permitted;
} fuse;

void check_fuse_mended(void)
{
    fuse.permitted = true;
}

static void count_burial(const struct object_story *o)
{
    enum { HOUR_MS = 3600000 - 60000 }; /* theirs begins a little before ours */

    if (!o->untold || fuse.permitted)
        return;
    if (!fuse.n || fibre_now() - fuse.since >= HOUR_MS) {
        fuse.since = fibre_now();
        fuse.n = 0;
    }
    if (++fuse.n > climate->set.fuse_max)
        broke(PROMISE_FUSE, "%s %s was buried, the %lldth within an hour that no event announced",
              o->type, o->id, (long long)fuse.n);
}

void check_applied(const struct mirror_change *c, uint64_t order)
{
    struct object_story *o = find(c->type, str_of(c->id));

    if (!o || (!c->deleted && !c->version) || order < o->order)
        return;
    int i = place(o, o->at ? o->at - 1 : 0, c->version, c->deleted);
    if (i < 0 && c->deleted && place(o, 0, 0, true) < 0)
        broke(PROMISE_ALIVE, "%s %s was buried, but Stripe never deleted it", c->type, c->id);
    if (i < 0 && c->deleted)
        broke(PROMISE_ALIVE, "%s %s was buried, but Stripe has brought it back before", c->type,
              c->id);
    if (i < 0 && o->state[o->at - 1].deleted)
        broke(PROMISE_BURIED,
              "%s %s rose from the dead: the mirror shows version %lld, from before its deletion",
              c->type, c->id, (long long)c->version);
    if (i < 0)
        broke(PROMISE_FORWARD,
              "%s %s went back: the mirror had version %lld and now shows version %lld", c->type,
              c->id, (long long)o->state[o->at - 1].version, (long long)c->version);
    o->order = order;
    if (climate->cull && c->deleted && !(o->at && o->state[o->at - 1].deleted))
        count_burial(o);
    note_arrival(o, (size_t)i);
}

void check_claim(int64_t ticket, uint64_t order)
{
    if (ticket == claim_ticket)
        broke(PROMISE_TICKETS, "two claims have ticket %lld", (long long)ticket);
    if (order > claim_order ? ticket < claim_ticket : ticket > claim_ticket)
        broke(PROMISE_TICKETS, "ticket %lld was given out behind ticket %lld", (long long)ticket,
              (long long)claim_ticket);
    if (order > claim_order) {
        claim_order = order;
        claim_ticket = ticket;
    }
}

/* ---- the disk ----------------------------------------------------------------------------- */

static sqlite3 *look_open(void)
{
    sqlite3 *db = NULL;

    disk_hold(true);
    int rc = sqlite3_open_v2(NODE_PATH, &db, SQLITE_OPEN_READWRITE, DISK_VFS);
    if (rc == SQLITE_OK)
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "pragma wal_autocheckpoint = 0; pragma query_only = 1", NULL, NULL,
                          NULL);
    if (rc == SQLITE_OK)
        return db;
    sqlite3_close(db);
    disk_hold(false);
    return NULL;
}

static void look_close(sqlite3 *db)
{
    sqlite3_close(db);
    disk_hold(false);
}

static sqlite3_stmt *ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        broke(PROMISE_SOUND, "the database cannot be read: %s", sqlite3_errmsg(db));
    return q;
}

static bool next(sqlite3 *db, sqlite3_stmt *q)
{
    int rc = sqlite3_step(q);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        broke(PROMISE_SOUND, "the database cannot be read: %s", sqlite3_errmsg(db));
    return rc == SQLITE_ROW;
}

static str text(sqlite3_stmt *q, int col)
{
    const char *p = (const char *)sqlite3_column_text(q, col);

    return (str){ p ? p : "", (size_t)sqlite3_column_bytes(q, col) };
}

static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = ask(db, sql);
    int64_t n = next(db, q) ? sqlite3_column_int64(q, 0) : 0;

    sqlite3_finalize(q);
    return n;
}

static void check_events(sqlite3 *db, const char *when)
{
    sqlite3_stmt *q = ask(db, "select 1 from _inbox where event = ?1");

    for (size_t i = 0; i < n_acknowledged; i++) {
        sqlite3_bind_text(q, 1, acknowledged[i], -1, SQLITE_STATIC);
        if (!next(db, q))
            broke(PROMISE_KEPT, "%s: event %s was answered 200 and is not in the inbox", when,
                  acknowledged[i]);
        sqlite3_reset(q);
    }
    sqlite3_finalize(q);
}

/* What a commit has shown was told to be on the disk. */
static void check_objects(sqlite3 *db, const char *when)
{
    sqlite3_stmt *q = ask(db, "select deleted, data from objects where type = ?1 and id = ?2");

    for (size_t i = 0; i < n_stories; i++) {
        struct object_story *o = &story[i];
        if (!o->at)
            continue;
        sqlite3_bind_text(q, 1, o->type, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 2, o->id, -1, SQLITE_STATIC);
        if (!next(db, q))
            broke(PROMISE_KEPT, "%s: %s %s was committed and is not there", when, o->type, o->id);
        bool deleted = sqlite3_column_int(q, 0);
        int64_t version = version_of(text(q, 1));
        if (place(o, o->at - 1, version, deleted) < 0)
            broke(PROMISE_KEPT, "%s: %s %s is older than what was committed: version %lld%s", when,
                  o->type, o->id, (long long)version, deleted ? " (deleted)" : "");
        sqlite3_reset(q);
    }
    sqlite3_finalize(q);
}

void check_answer(const struct question *q)
{
    sqlite3 *db = look_open();

    if (!db)
        return;
    sqlite3_stmt *row = ask(db, "select deleted, data from objects where type = ?1 and id = ?2");
    for (size_t i = 0; i < q->n; i++) {
        const struct object_story *o = q->of[i].story;
        sqlite3_bind_text(row, 1, o->type, -1, SQLITE_STATIC);
        sqlite3_bind_text(row, 2, o->id, -1, SQLITE_STATIC);
        bool there = next(db, row);
        bool deleted = there && sqlite3_column_int(row, 0);
        if (!there || place(o, q->of[i].at, version_of(text(row, 1)), deleted) < 0)
            broke(PROMISE_FRESH, "who asked was told that %s %s is %s", o->type, o->id,
                  !there    ? "not there"
                  : deleted ? "deleted, as it was before"
                            : "as it was before he asked");
        sqlite3_reset(row);
    }
    sqlite3_finalize(row);
    look_close(db);
}

void check_disk(const char *when)
{
    sqlite3 *db = look_open();

    if (!db)
        return; /* not made yet */
    if (number(db, "select count(*) from sqlite_master where name = '_due'")) {
        check_events(db, when);
        check_objects(db, when);
        if (number(db, "select count(*) from _due where done_gen > gen"))
            broke(PROMISE_SOUND, "%s: more generations are done than there were", when);
        if (climate->money)
            ledger_check_store(db, when);
    } else if (n_acknowledged) {
        broke(PROMISE_KEPT, "%s: the database is empty, but events were acknowledged", when);
    }
    look_close(db);
}

void check_states(void)
{
    sqlite3 *db = look_open();

    if (!db)
        return;
    ledger_check_store(db, "behind a commit");
    look_close(db);
}

bool check_idle(int64_t *due, int64_t *dead)
{
    sqlite3 *db = look_open();

    *due = *dead = -1;
    if (!db)
        return false;
    if (number(db, "select count(*) from sqlite_master where name = '_due'")) {
        *due = number(db, "select count(*) from _due where done_gen < gen and dead = 0");
        if (climate->kv)
            *due += number(db, "select count(*) from _states where delivered < revision");
        *dead = number(db, "select count(*) from _due where done_gen < gen and dead = 1");
    }
    look_close(db);
    return *due == 0;
}

static int64_t counter(const char *name)
{
    char sql[120];
    sqlite3 *db = look_open();

    if (!db)
        return 0;
    snprintf(sql, sizeof sql, "select value from _counters where name = '%s'", name);
    int64_t n = number(db, sql);
    look_close(db);
    return n;
}

bool check_caught_up(msec when)
{
    return counter("events_read") >= when;
}

bool check_compared(msec when)
{
    char sql[200];
    sqlite3 *db = look_open();

    if (!db)
        return false;
    snprintf(sql, sizeof sql,
             "select count(*) from _checks where type = 'product' and "
             "state = 'done' and started_at >= %lld",
             (long long)when);
    int64_t n = number(db, sql);
    look_close(db);
    return n == 1;
}

bool check_fuse_blown(void)
{
    return counter("fuse_blown") != 0;
}

void check_why_not(char *out, size_t size)
{
    sqlite3 *db = look_open();
    size_t n = 0;

    out[0] = '\0';
    if (!db)
        return;
    sqlite3_stmt *q = ask(db, "select kind, type, id, claimed, attempts, dead, coalesce(last_error,"
                              "'') from _due where done_gen < gen order by 1, 2, 3 limit 5");
    while (next(db, q) && n < size)
        n += (size_t)snprintf(out + n, size - n,
                              "%s%.*s %.*s %.*s (claimed %d, attempts %d, "
                              "dead %d: %.60s)",
                              n ? ", " : "", STR_ARG(text(q, 0)), STR_ARG(text(q, 1)),
                              STR_ARG(text(q, 2)), sqlite3_column_int(q, 3),
                              sqlite3_column_int(q, 4), sqlite3_column_int(q, 5), text(q, 6).p);
    sqlite3_finalize(q);
    look_close(db);
}

/* ---- at rest ------------------------------------------------------------------------------ */

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

    for (int i = 0; (i = place(o, (size_t)i, version_of(data), deleted)) >= 0; i++)
        at = i; /* of several deletions, the last one */

    if (at < 0 || (size_t)at + 1 < o->heard)
        broke(PROMISE_EQUAL,
              "%s: %s %s is older than what Stripe has told the program: version %lld", when_now,
              o->type, o->id, (long long)o->state[o->heard - 1].version);
}

static void compare_row(str type, str id, str data, bool deleted, bool open)
{
    ARENA(a, ANSWER_BYTES_MAX);
    const struct resource *r = resource_by_type(type);
    const struct object_story *o = find(arena_copy(&a, type).p, id);
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

static void compare_rows(sqlite3 *db)
{
    sqlite3_stmt *q = ask(db, "select type, id, data, deleted, open_lists from objects "
                              "order by type, id");

    while (next(db, q))
        compare_row(text(q, 0), text(q, 1), text(q, 2), sqlite3_column_int(q, 3),
                    sqlite3_column_int(q, 4));
    sqlite3_finalize(q);
}

/* Every object that the merchant made. */
static void compare_stories(sqlite3 *db)
{
    sqlite3_stmt *q = ask(db, "select deleted from objects where type = ?1 and id = ?2");

    for (size_t i = 0; i < n_stories; i++) {
        const struct object_story *o = &story[i];
        bool gone = o->state[o->n - 1].deleted;
        if (o->untold && !complete)
            continue;
        sqlite3_bind_text(q, 1, o->type, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 2, o->id, -1, SQLITE_STATIC);
        bool there = next(db, q);
        if (!there && !gone)
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
    sqlite3_stmt *q = ask(db, "select id from objects where type = ?1 and deleted = 0 order by id");
    sqlite3_stmt *row = ask(db, "select data, deleted from objects where type = ?1 and id = ?2");

    sqlite3_bind_text(q, 1, parents, -1, SQLITE_STATIC);
    while (next(db, q)) {
        ARENA(a, ANSWER_BYTES_MAX);
        str body, id = text(q, 0);
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
            if (!next(db, row) || sqlite3_column_int(row, 1))
                broke(PROMISE_EQUAL, "at rest: %s %.*s of %s %.*s is missing", member,
                      STR_ARG(member_id), parents, STR_ARG(id));
            if (!json_same(t.text, text(row, 0), &a))
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
    sqlite3_stmt *q =
        ask(db, "select distinct to_type, to_id from _refs r where certain = 1 and not exists "
                "(select 1 from objects o where o.type = r.to_type and o.id = r.to_id) "
                "and exists (select 1 from objects f where f.type = r.from_type and "
                "f.id = r.from_id and f.deleted = 0) order by 1, 2");

    while (next(db, q)) {
        ARENA(a, ANSWER_BYTES_MAX);
        const struct resource *r = resource_by_type(text(q, 0));
        str body;
        if (!r || !r->get_path || strstr(r->get_path, "{parent}"))
            continue;
        if (ask_stripe(r, text(q, 1), &body, &a) == 200)
            broke(PROMISE_EQUAL,
                  "at rest: %.*s %.*s is referred to and at Stripe, but not in the mirror",
                  STR_ARG(text(q, 0)), STR_ARG(text(q, 1)));
    }
    sqlite3_finalize(q);
}

/* The versions in the order of their revisions: each row's whole story. */
static void check_history(sqlite3 *db)
{
    sqlite3_stmt *q =
        ask(db, "select type, id, revision, deleted, data from _history union all "
                "select type, id, revision, deleted, data from objects order by 1, 2, 3");
    const struct object_story *o = NULL;
    size_t at = 0;

    while (next(db, q)) {
        ARENA(a, 1 << 10);
        str type = arena_copy(&a, text(q, 0));
        const struct object_story *now = find(type.p, text(q, 1));
        if (now != o)
            at = 0;
        o = now;
        bool deleted = sqlite3_column_int(q, 3);
        int64_t version = version_of(text(q, 4));
        if (!o || (!deleted && !version))
            continue;
        int i = place(o, at, version, deleted);
        if (i < 0)
            broke(PROMISE_FORWARD, "the history of %s %s goes back to %s %lld", o->type, o->id,
                  deleted ? "a deletion behind version" : "version", (long long)version);
        at = (size_t)i;
    }
    sqlite3_finalize(q);
}

static void check_column(sqlite3 *db, const char *table, const char *column)
{
    char sql[400];

    snprintf(sql, sizeof sql,
             "select count(*) from \"%s\" where instr(\"%s\", '%s') or instr(\"%s\", '%s') or "
             "instr(\"%s\", '%s')",
             table, column, SIM_KEY, column, OTHER_KEY, column, SIM_SECRET);
    if (number(db, sql))
        broke(PROMISE_SECRET, "a secret stands in %s.%s", table, column);
}

/* Every column of every table, and every byte of every file: what was deleted, too. */
static void check_secrets(sqlite3 *db)
{
    static const char *const secret[] = { SIM_KEY, OTHER_KEY, SIM_SECRET };
    sqlite3_stmt *q = ask(db, "select t.name, c.name from sqlite_master t, "
                              "pragma_table_info(t.name) c where t.type = 'table' order by 1, 2");

    while (next(db, q)) {
        ARENA(a, 1 << 10);
        check_column(db, arena_copy(&a, text(q, 0)).p, arena_copy(&a, text(q, 1)).p);
    }
    sqlite3_finalize(q);
    for (size_t i = 0; i < COUNT(secret); i++)
        if (disk_holds(str_of(secret[i])))
            broke(PROMISE_SECRET, "a secret stands in %s, although in no table",
                  disk_holds(str_of(secret[i])));
    if (number(db, "select count(*) from _calls where method <> 'GET' and cause not like 'op!_%' "
                   "escape '!'"))
        broke(PROMISE_READ_ONLY, "the mirror has written to Stripe");
}

/* What was heard of an object that no event tells of. */
static void compare_heard(sqlite3 *db)
{
    sqlite3_stmt *q = ask(db, "select data, deleted from objects where type = ?1 and id = ?2");

    for (size_t i = 0; i < n_stories; i++) {
        const struct object_story *o = &story[i];
        if (!o->untold || !o->heard)
            continue;
        sqlite3_bind_text(q, 1, o->type, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 2, o->id, -1, SQLITE_STATIC);
        if (next(db, q))
            compare_untold(o, text(q, 0), sqlite3_column_int(q, 1));
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
}

void check_rest(void)
{
    sqlite3 *db = look_open();

    if (!db)
        broke(PROMISE_KEPT, "at rest: there is no database");
    complete = climate->last_sync || climate->rot;
    all_types = climate->last_sync;
    when_now = "at rest";
    check_events(db, "at rest");
    check_objects(db, "at rest");
    check_history(db);
    compare_stories(db);
    compare_rows(db);
    compare_list(db, "subscription", "subscription_items", "subscription_item");
    compare_list(db, "invoice", "invoices/none/lines", "line_item");
    compare_references(db);
    ledger_check_store(db, "at rest");
    ledger_check_stripe(db);
    if (climate->kv)
        ledger_check_projected(db);
    check_secrets(db);
    if (climate->orders)
        orders_check_rest(db);
    look_close(db);
}
