#include "story.h"

#include "look.h"

#include "base/json.h"
#include "disk.h"
#include "fibre.h"
#include "forget.h"
#include "ids.h"
#include "ledger.h"
#include "node.h"
#include "side.h"
#include "stripe.h"
#include "trace.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EVENTS_MAX = 8192,
    ANSWER_BYTES_MAX = 64 << 20,
    STARTS_MAX = 4096,
    VERSIONS_MAX = 1 << 16,
};

const struct climate *the_climate;
static int64_t last_version; /* of all owners: none is ever of two */

/* What one owner was told, and has shown. */
static struct book {
    struct object_story story[OBJECTS_MAX];
    size_t n_stories;
    struct object_story *latest; /* the one that changed last */
    char acknowledged[EVENTS_MAX][64];
    size_t n_acknowledged;
    int64_t claim_ticket;
    uint64_t claim_order;
    msec start[STARTS_MAX];
    uint64_t n_starts;
    struct { /* burials that no event announced, as the fuse counts them: by the hour */
        msec since;
        int64_t n;
        bool permitted;
    } fuse;
} books[OWNERS];
static unsigned char owner_of_version[VERSIONS_MAX];

static struct book *book(void)
{
    return &books[owner()];
}

struct object_story *stories(size_t *n)
{
    *n = book()->n_stories;
    return book()->story;
}

void check_begin(const struct climate *c)
{
    struct book *b = book();

    the_climate = c;
    b->claim_ticket = 0;
    b->claim_order = 0;
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
    assert(last_version + 1 < VERSIONS_MAX);
    owner_of_version[++last_version] = (unsigned char)owner();
    return last_version;
}

struct object_story *story_find(const char *type, str id)
{
    struct book *b = book();

    for (size_t i = 0; i < b->n_stories; i++)
        if (strcmp(b->story[i].type, type) == 0 && str_eqz(id, b->story[i].id))
            return &b->story[i];
    return NULL;
}

static void add_state(const char *type, str id, struct state s)
{
    struct book *b = book();
    struct object_story *o = story_find(type, id);

    if (!o) {
        assert(b->n_stories < OBJECTS_MAX);
        o = &b->story[b->n_stories++];
        snprintf(o->type, sizeof o->type, "%s", type);
        snprintf(o->id, sizeof o->id, "%.*s", STR_ARG(id));
    }
    assert(o->n < STATES_MAX);
    o->state[o->n++] = s;
    o->untold = false;
    b->latest = o;
}

void check_untold(void)
{
    book()->latest->untold = true;
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
    const struct book *b = book();
    for (size_t i = 0; i < b->n_stories; i++) {
        if (!str_eqz(rest, b->story[i].id))
            continue;
        for (size_t k = 0; k < b->story[i].n; k++)
            if (b->story[i].state[k].deleted)
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
    struct object_story *o = story_find(arena_copy(&a, type).p, id);
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
    struct object_story *o = story_find(type, id);

    if (o && o->n && q->n < QUESTION_OBJECTS_MAX) {
        q->of[q->n].story = o;
        q->of[q->n++].at = o->n - 1;
    }
}

void check_question(const char *customer, struct question *q)
{
    ARENA(a, ANSWER_BYTES_MAX);
    str body;

    *q = (struct question){ .asked_at = fibre_now() };
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
    book()->n_starts = 0;
}

/* No second has more starts than the budget allows. */
void check_rate(void)
{
    struct book *b = book();
    unsigned limit = the_climate->requests_per_second;
    msec now = fibre_now();

    assert(limit < STARTS_MAX);
    if (b->n_starts >= limit && now - b->start[(b->n_starts - limit) % STARTS_MAX] < 1000)
        broke(PROMISE_BUDGET, "%u requests started within %lld ms, but the budget is %u a second",
              limit + 1, (long long)(now - b->start[(b->n_starts - limit) % STARTS_MAX]), limit);
    if (b->n_starts >= limit && now - b->start[(b->n_starts - limit) % STARTS_MAX] < 1100)
        mark(MARK_BUSY_BUDGET);
    b->start[b->n_starts++ % STARTS_MAX] = now;
}

/* ---- what the mirror shows ---------------------------------------------------------------- */

void check_acknowledged(str event)
{
    struct book *b = book();

    for (size_t i = 0; i < b->n_acknowledged; i++)
        if (str_eqz(event, b->acknowledged[i]))
            return;
    assert(b->n_acknowledged < EVENTS_MAX);
    snprintf(b->acknowledged[b->n_acknowledged++], sizeof b->acknowledged[0], "%.*s",
             STR_ARG(event));
}

/* The state of the story that this is, not before `from`; -1: there is none. */
int story_place(const struct object_story *o, size_t from, int64_t version, bool deleted)
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

void check_fuse_mended(void)
{
    book()->fuse.permitted = true;
}

static void count_burial(const struct object_story *o)
{
    enum { HOUR_MS = 3600000 - 60000 }; /* theirs begins a little before ours */
    struct book *b = book();

    if (!o->untold || b->fuse.permitted)
        return;
    if (!b->fuse.n || fibre_now() - b->fuse.since >= HOUR_MS) {
        b->fuse.since = fibre_now();
        b->fuse.n = 0;
    }
    if (++b->fuse.n > the_climate->set.fuse_max)
        broke(PROMISE_FUSE, "%s %s was buried, the %lldth within an hour that no event announced",
              o->type, o->id, (long long)b->fuse.n);
}

void check_applied(const struct mirror_change *c, uint64_t order)
{
    struct object_story *o = story_find(c->type, str_of(c->id));

    if (ids_foreign(str_of(c->id)).n)
        broke(PROMISE_APART, "%s stores %s %s of %s, which is somebody else's", side()->name,
              c->type, c->id, owner_account());
    if (c->version > 0 && c->version <= last_version && owner_of_version[c->version] != owner())
        broke(PROMISE_APART, "%s stores %s %s of %s in version %lld, which is somebody else's",
              side()->name, c->type, c->id, owner_account(), (long long)c->version);
    if (!o || (!c->deleted && !c->version) || order < o->order)
        return;
    int i = story_place(o, o->at ? o->at - 1 : 0, c->version, c->deleted);
    if (i < 0 && c->deleted && story_place(o, 0, 0, true) < 0)
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
    if (the_climate->cull && c->deleted && !(o->at && o->state[o->at - 1].deleted))
        count_burial(o);
    note_arrival(o, (size_t)i);
}

void check_claim(int64_t ticket, uint64_t order)
{
    struct book *b = book();

    if (ticket == b->claim_ticket)
        broke(PROMISE_TICKETS, "two claims have ticket %lld", (long long)ticket);
    if (order > b->claim_order ? ticket < b->claim_ticket : ticket > b->claim_ticket)
        broke(PROMISE_TICKETS, "ticket %lld was given out behind ticket %lld", (long long)ticket,
              (long long)b->claim_ticket);
    if (order > b->claim_order) {
        b->claim_order = order;
        b->claim_ticket = ticket;
    }
}

/* ---- the disk ----------------------------------------------------------------------------- */

void check_events(sqlite3 *db, const char *when)
{
    const struct book *b = book();
    sqlite3_stmt *q = look_ask(db, "select 1 from _inbox where event = ?1");

    for (size_t i = 0; i < b->n_acknowledged; i++) {
        sqlite3_bind_text(q, 1, b->acknowledged[i], -1, SQLITE_STATIC);
        if (!look_next(db, q))
            broke(PROMISE_KEPT, "%s: event %s was answered 200 and is not in the inbox", when,
                  b->acknowledged[i]);
        sqlite3_reset(q);
    }
    sqlite3_finalize(q);
}

/* What a commit has shown was told to be on the disk. */
void check_objects(sqlite3 *db, const char *when)
{
    const struct book *b = book();
    sqlite3_stmt *q = look_ask(
        db, "select deleted, data from objects where type = ?1 and id = ?2 and account = ?3");

    for (size_t i = 0; i < b->n_stories; i++) {
        const struct object_story *o = &b->story[i];
        if (!o->at)
            continue;
        sqlite3_bind_text(q, 1, o->type, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 2, o->id, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 3, owner_account(), -1, SQLITE_STATIC);
        if (!look_next(db, q))
            broke(PROMISE_KEPT, "%s: %s %s was committed and is not there", when, o->type, o->id);
        int deleted = sqlite3_column_int(q, 0);
        int64_t version = version_of(look_text(q, 1));
        if (deleted == ROW_ERASED ? !forget_may_be_gone(str_of(o->id))
                                  : story_place(o, o->at - 1, version, deleted) < 0)
            broke(PROMISE_KEPT, "%s: %s %s is older than what was committed: version %lld%s", when,
                  o->type, o->id, (long long)version, deleted ? " (deleted)" : "");
        sqlite3_reset(q);
    }
    sqlite3_finalize(q);
}

void check_put_aside(const char *event)
{
    sqlite3 *db = look_open();

    if (!db)
        return;
    sqlite3_stmt *q = look_ask(db, "select outcome from _inbox where event = ?1");
    sqlite3_bind_text(q, 1, event, -1, SQLITE_STATIC);
    if (!look_next(db, q))
        broke(PROMISE_KEPT, "event %s was answered 200 and is not in the inbox", event);
    if (!str_eqz(look_text(q, 0), "quarantined"))
        broke(PROMISE_APART, "event %s is not of %s, and %.*s there", event, side()->name,
              STR_ARG(look_text(q, 0)));
    sqlite3_finalize(q);
    look_close(db);
    mark(MARK_STRAY);
}

void check_hidden(str type, str id)
{
    ARENA(a, 4096);
    struct object_story *o = story_find(arena_copy(&a, type).p, id);

    if (o)
        o->hidden_at = fibre_now();
}

/* What nobody has ever told of, and the list of it lacks, cannot be known. */
void check_answer(const struct question *q)
{
    sqlite3 *db = look_open();

    if (!db)
        return;
    sqlite3_stmt *row = look_ask(
        db, "select deleted, data from objects where type = ?1 and id = ?2 and account = ?3");
    for (size_t i = 0; i < q->n; i++) {
        const struct object_story *o = q->of[i].story;
        sqlite3_bind_text(row, 1, o->type, -1, SQLITE_STATIC);
        sqlite3_bind_text(row, 2, o->id, -1, SQLITE_STATIC);
        sqlite3_bind_text(row, 3, owner_account(), -1, SQLITE_STATIC);
        bool there = look_next(db, row);
        bool deleted = there && sqlite3_column_int(row, 0);
        if (!there && o->hidden_at && o->hidden_at >= q->asked_at)
            trace("%s %s is not there, for its list lacks it", o->type, o->id);
        else if (!there || story_place(o, q->of[i].at, version_of(look_text(row, 1)), deleted) < 0)
            broke(PROMISE_FRESH, "who asked was told that %s %s is %s", o->type, o->id,
                  !there    ? "not there"
                  : deleted ? "deleted, as it was before"
                            : "as it was before he asked");
        sqlite3_reset(row);
    }
    sqlite3_finalize(row);
    look_close(db);
}

static void check_one_disk(const char *when)
{
    sqlite3 *db = look_open();

    if (!db)
        return; /* not made yet */
    if (look_number(db, "select count(*) from sqlite_master where name = '_due'")) {
        check_events(db, when);
        check_objects(db, when);
        for (unsigned g = 1; g <= guests(); g++) {
            guest_is(g);
            check_objects(db, when);
            guest_is(0);
        }
        if (the_climate->erasures)
            forget_check(db, true, when);
        if (look_number(db, "select count(*) from _due where done_gen > gen"))
            broke(PROMISE_SOUND, "%s: more generations are done than there were", when);
        if (the_climate->money)
            ledger_check_store(db, when);
    } else if (book()->n_acknowledged) {
        broke(PROMISE_KEPT, "%s: the database is empty, but events were acknowledged", when);
    }
    look_close(db);
    ids_check_store(when);
}

void check_disk(const char *when)
{
    unsigned here = fibre_side();

    for (unsigned i = 0; i < sides(); i++) {
        fibre_go_to(i);
        check_one_disk(when);
    }
    fibre_go_to(here);
}

void check_states(void)
{
    sqlite3 *db = look_open();

    if (!db)
        return;
    ledger_check_store(db, "behind a commit");
    if (the_climate->erasures)
        forget_check(db, false, "behind a commit");
    look_close(db);
}

/* What was given up for good because Stripe has said no: of strangers, and of who has left. */
static int64_t count_dead(sqlite3 *db)
{
    int64_t n = look_number(db, "select count(*) from _due where done_gen < gen and dead = 1 and "
                                "id <> '" STRANGER "'");

    for (unsigned g = 1; g <= guests(); g++) {
        char sql[200];
        snprintf(sql, sizeof sql,
                 "select count(*) from _due where done_gen < gen and dead = 1 and "
                 "(account = '%s' or id = '%s')",
                 guest_account(g), guest_account(g));
        n -= guest_has_left(g) ? look_number(db, sql) : 0;
    }
    return n;
}

bool check_idle(int64_t *due, int64_t *dead)
{
    sqlite3 *db = look_open();

    *due = *dead = -1;
    if (!db)
        return false;
    if (look_number(db, "select count(*) from sqlite_master where name = '_due'")) {
        *due = look_number(db, "select count(*) from _due where done_gen < gen and dead = 0");
        if (the_climate->kv)
            *due += look_number(db, "select count(*) from _states where delivered < revision");
        *dead = count_dead(db);
    }
    look_close(db);
    return *due == 0;
}

bool check_guests_are_walked(void)
{
    sqlite3 *db = guests() ? look_open() : NULL;

    if (!db)
        return !guests();
    bool known = true;
    sqlite3_stmt *q = look_ask(db, "select state, walked_at from _accounts where account = ?1");
    for (unsigned g = 1; g <= guests(); g++) {
        sqlite3_bind_text(q, 1, guest_account(g), -1, SQLITE_STATIC);
        bool there = look_next(db, q), active = there && str_eqz(look_text(q, 0), "active");
        if (guest_has_left(g)) /* nobody may ever have heard of it */
            known = known && (!there || str_eqz(look_text(q, 0), "unreachable"));
        else
            known = known && active && sqlite3_column_int64(q, 1);
        sqlite3_reset(q);
    }
    sqlite3_finalize(q);
    look_close(db);
    return known;
}

static int64_t counter(const char *name)
{
    char sql[120];
    sqlite3 *db = look_open();

    if (!db)
        return 0;
    snprintf(sql, sizeof sql, "select value from _counters where name = '%s'", name);
    int64_t n = look_number(db, sql);
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
    int64_t n = look_number(db, sql);
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
    sqlite3_stmt *q =
        look_ask(db, "select kind, type, id, claimed, attempts, dead, coalesce(last_error,"
                     "'') from _due where done_gen < gen union all select 'erasure', 'customer', "
                     "customer, 0, 0, 0, '' from _erasing order by 1, 2, 3 limit 5");
    while (look_next(db, q) && n < size)
        n +=
            (size_t)snprintf(out + n, size - n,
                             "%s%.*s %.*s %.*s (claimed %d, attempts %d, "
                             "dead %d: %.60s)",
                             n ? ", " : "", STR_ARG(look_text(q, 0)), STR_ARG(look_text(q, 1)),
                             STR_ARG(look_text(q, 2)), sqlite3_column_int(q, 3),
                             sqlite3_column_int(q, 4), sqlite3_column_int(q, 5), look_text(q, 6).p);
    sqlite3_finalize(q);
    look_close(db);
}
