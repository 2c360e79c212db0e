#include "core/erasure/erase.h"

#include "base/json.h"
#include "base/plant.h"
#include "base/url.h"
#include "core/customer/state.h"
#include "core/customer/user.h"
#include "core/due.h"
#include "core/environment/acting.h"
#include "core/erasure/arrival.h"
#include "core/erasure/erase_plan.h"
#include "core/erasure/journal.h"
#include "core/erasure/removal.h"
#include "core/erasure/turn.h"
#include "core/erasure/unfinished.h"
#include "core/mirror/refs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REMAINS_BYTES_MAX = 16 << 10, /* of an erased row: its id and type */
    SMALL_BYTES = 256 << 10,
    TX_RUNS = 400,       /* statements after which a transaction of an erasure ends */
    BODIES_PIECE = 5000, /* events that one transaction looks through */
    FOUND_PIECE = 10,    /* texts that one transaction looks into */
    ERASE_NAME_MAX = 255,
    VERSIONS_PIECE = 200,         /* objects whose former versions one transaction looks through */
    ROUNDS_MAX = 10,              /* for what arrived while we were forgetting */
    HEARD_MS = 2 * ERASE_LOOK_MS, /* by then every process of the store has looked */
    ERASED = MIRROR_ROW_ERASED,
    CALLS_PIECE = 200,
    CALL_PATH_MAX = 384, /* as stripe_logged.c keeps it */
};

/* ---- one object --------------------------------------------------------------------------- */

/* The lists that are walked under it. */
static enum status forget_lists(struct tx *tx, struct env *env, str type, str id, struct arena *a,
                                struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < resource_count && st == ST_OK; i++) {
        const struct resource *r = &resource_table[i];
        if (!r->parent || !str_eqz(type, r->parent))
            continue;
        str list = arena_concat(a, S("parent="), id);
        if (!list.p)
            return fail(e, ST_LIMIT, "the id of a %s is too long", r->parent);
        st = tx_run(tx, STMT_ERASE_DUE, NULL, a, e, V_STR(S("walk")), V_STR(str_of(r->type)),
                    V_STR(list), v_account(env));
        if (st == ST_OK)
            st = tx_run(tx, STMT_ERASE_WALKS, NULL, a, e, V_STR(str_of(r->type)), V_STR(list),
                        v_account(env));
    }
    return st;
}

/* The row itself: what is left of it blocks its id. */
static enum status empty_row(struct tx *tx, struct env *env, str type, str id, struct arena *a,
                             struct error *e)
{
    BUF(remains, REMAINS_BYTES_MAX);
    struct json_writer w = { .b = &remains };
    struct rows r;
    int64_t revision;
    msec now = clock_wall(env->world->clock);

    jw_object(&w);
    jw_put_str(&w, "id", id);
    jw_put_str(&w, "object", type);
    jw_put_bool(&w, "deleted", true);
    jw_end(&w);
    if (remains.failed)
        return fail(e, ST_LIMIT, "the id of a %.*s is too long to be blocked", STR_ARG(type));
    enum status st = sequence_draw(tx, 1, &revision, a, e);
    if (st == ST_OK)
        st = tx_run(tx, STMT_OBJECT_ERASE, &r, a, e, V_STR(buf_str(&remains)), V_INT(revision),
                    V_INT(now), V_STR(type), v_account(env), V_STR(id));
    if (st == ST_OK && r.n_changed == 0)
        st = tx_run(tx, STMT_OBJECT_BLOCK, NULL, a, e, V_STR(type), v_account(env), V_STR(id),
                    V_STR(buf_str(&remains)), V_INT(revision), V_INT(now));
    return st;
}

/* Everything that is kept about it in other tables, but for what it refers to. */
static enum status forget_traces(struct tx *tx, struct env *env, str type, str id,
                                 struct erasure *count, struct arena *a, struct error *e)
{
    struct rows versions, bodies = { 0 };
    enum status st =
        tx_run(tx, STMT_ERASE_HISTORY, &versions, a, e, V_STR(type), v_account(env), V_STR(id));

    if (st == ST_OK)
        st = tx_run(tx, STMT_ERASE_CONFLICTS, NULL, a, e, V_STR(type), V_STR(id), v_account(env));
    if (st == ST_OK && !planted(PLANT_INBOX_REMEMBERS))
        st = tx_run(tx, STMT_ERASE_BODIES, &bodies, a, e, V_STR(type), V_STR(id), v_account(env));
    if (st == ST_OK)
        st = tx_run(tx, STMT_ERASE_DROPPED, NULL, a, e, V_STR(type), v_account(env), V_STR(id));
    if (st == ST_OK)
        st = tx_run(tx, STMT_ERASE_DUE, NULL, a, e, V_STR(S("object")), V_STR(type), V_STR(id),
                    v_account(env));
    if (st == ST_OK && str_eq(type, S("customer"))) /* as a whole */
        st = tx_run(tx, STMT_ERASE_DUE, NULL, a, e, V_STR(S("customer")), V_STR(type), V_STR(id),
                    v_account(env));
    if (st == ST_OK)
        st = tx_run(tx, STMT_DRIFT_DROP, NULL, a, e, V_STR(type), v_account(env), V_STR(id));
    if (st == ST_OK)
        st = forget_lists(tx, env, type, id, a, e);
    if (st == ST_OK && count) {
        count->versions += versions.n_changed;
        count->events += bodies.n_changed;
    }
    return st;
}

static enum status forget_object(struct tx *tx, struct env *env, const struct erase_key *k,
                                 struct erasure *count, struct arena *a, struct error *e)
{
    enum status st = empty_row(tx, env, k->type, k->id, a, e);

    if (st == ST_OK)
        st = forget_traces(tx, env, k->type, k->id, count, a, e);
    if (st == ST_OK)
        st = tx_run(tx, STMT_ERASE_REFS, NULL, a, e, V_STR(k->type), v_account(env), V_STR(k->id));
    if (st == ST_OK && str_eq(k->type, S("customer"))) /* by now nothing is left to be told */
        st = state_follow(tx, env, k->type, k->id, (str){ 0 }, S("{}"), NULL, a, e);
    if (st == ST_OK && str_eq(k->type, S("customer")))
        st = user_erase(tx, env, k->id, a, e);
    return st;
}

enum status erase_object(struct tx *tx, struct env *env, str type, str id, struct arena *a,
                         struct error *e)
{
    const struct erase_key k = { type, id };

    return forget_object(tx, env, &k, NULL, a, e);
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* One transaction: objects from *left - 1 downwards, until it is large enough. */
static enum status forget_some(struct env *env, struct erasure *x, size_t *left, struct error *e)
{
    ARENA(a, ERASE_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct erasure count = { 0 };
    size_t at = *left;

    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);
    while (st == ST_OK && at && tx.n_runs < TX_RUNS)
        st = forget_object(&tx, env, &x->key[--at], &count, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        return st;
    *left = at;
    x->events += count.events;
    x->versions += count.versions;
    return ST_OK;
}

static enum status forget_all(struct env *env, struct erasure *x, struct error *e)
{
    enum status st = ST_OK;
    unsigned attempt = 1;

    for (size_t left = x->n; left && st == ST_OK;) {
        st = forget_some(env, x, &left, e);
        turn_piece_done(env, &st, &attempt, e);
    }
    return st;
}

/* From here on nothing about the customer comes in. What it refers to is needed until the end. */
static enum status block(struct env *env, struct erasure *x, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct erasure count = { 0 };

    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = empty_row(&tx, env, S("customer"), x->id, &a, e);
    if (st == ST_OK)
        st = forget_traces(&tx, env, S("customer"), x->id, &count, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        return st;
    x->events += count.events;
    x->versions += count.versions;
    erase_note(env);
    return ST_OK;
}

static enum status last_event(struct env *env, int64_t *last, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run0(&tx, STMT_INBOX_LAST, &r, &a, e);
    if (st == ST_OK)
        *last = row_int(&r, 0, 0);
    return st;
}

/* Looks for `word` and the one behind it, and forgets what names somebody. `*from`: the last one
 * that was looked at. */
static enum status forget_bodies_piece(struct env *env, const struct erase_words *words,
                                       size_t word, int64_t *from, int64_t *events, struct error *e)
{
    ARENA(a, ERASE_NAMING_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    int64_t n = 0;
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_BODIES_NAMING, &r, &a, e, V_INT(*from), V_INT(*from + BODIES_PIECE),
                    v_account(env), V_STR(erase_hint(words, word)),
                    V_STR(erase_hint(words, word + 1)), V_INT(FOUND_PIECE));
    for (size_t i = 0; st == ST_OK && i < r.n_rows && !planted(PLANT_INBOX_REMEMBERS); i++) {
        if (!erase_named(words, word, row_str(&r, i, 1)))
            continue;
        st = tx_run(&tx, STMT_ERASE_BODY, NULL, &a, e, V_INT(row_int(&r, i, 0)));
        n++;
    }
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        return st;
    *from = r.n_rows == FOUND_PIECE ? row_int(&r, r.n_rows - 1, 0) : *from + BODIES_PIECE;
    *events += n;
    return ST_OK;
}

/* The same among deliveries that were kept aside. `*from` ends below 0. */
static enum status forget_conflicts_piece(struct env *env, const struct erase_words *words,
                                          size_t word, int64_t *from, struct error *e)
{
    ARENA(a, ERASE_NAMING_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_CONFLICTS_NAMING, &r, &a, e, V_INT(*from),
                    V_STR(erase_hint(words, word)), V_STR(erase_hint(words, word + 1)),
                    v_account(env), V_INT(FOUND_PIECE));
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
        if (erase_named(words, word, row_str(&r, i, 1)))
            st = tx_run(&tx, STMT_ERASE_CONFLICT, NULL, &a, e, V_INT(row_int(&r, i, 0)));
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        *from = r.n_rows == FOUND_PIECE ? row_int(&r, r.n_rows - 1, 0) : -1;
    return st;
}

static enum status forget_bodies(struct env *env, struct erasure *x,
                                 const struct erase_words *words, size_t word, struct error *e)
{
    int64_t last = 0, from = 0;
    unsigned attempt = 1;
    enum status st = last_event(env, &last, e);

    while (st == ST_OK && from <= last) {
        st = forget_bodies_piece(env, words, word, &from, &x->events, e);
        turn_piece_done(env, &st, &attempt, e);
    }
    for (from = 0; st == ST_OK && from >= 0;) {
        st = forget_conflicts_piece(env, words, word, &from, e);
        turn_piece_done(env, &st, &attempt, e);
    }
    return st;
}

static int by_key(const void *x, const void *y)
{
    const struct erase_key *a = x, *b = y;
    int type = str_cmp(a->type, b->type);

    return type ? type : str_cmp(a->id, b->id);
}

/* Where the look through former versions stands. */
struct looking_back {
    struct erase_key *taken; /* sorted */
    size_t n_taken;
    char type[ERASE_NAME_MAX + 1], id[ERASE_NAME_MAX + 1];
    bool more;
};

static bool is_taken(const struct looking_back *l, str type, str id)
{
    const struct erase_key key = { type, id };

    return bsearch(&key, l->taken, l->n_taken, sizeof key, by_key) != NULL;
}

/* Those versions of one object that name somebody. */
static enum status forget_versions_of(struct tx *tx, struct env *env, const struct erase_key *k,
                                      const struct erase_words *words, size_t word, int64_t *n,
                                      struct error *e)
{
    ARENA(a, SMALL_BYTES);
    int64_t at = 0;
    enum status st = ST_OK;

    while (st == ST_OK) {
        st = erase_next_version(tx, env, k, words, word, &at, e);
        if (st == ST_OK)
            st = tx_run(tx, STMT_ERASE_VERSION, NULL, &a, e, V_STR(k->type), v_account(env),
                        V_STR(k->id), V_INT(at));
        *n += st == ST_OK;
    }
    return st == ST_NONE ? ST_OK : st;
}

static enum status forget_versions_piece(struct env *env, struct erasure *x,
                                         const struct erase_words *words, size_t word,
                                         struct looking_back *l, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows named;
    int64_t versions = 0;
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_HISTORY_NAMING, &named, &a, e, v_account(env), V_STR(str_of(l->type)),
                    V_STR(str_of(l->id)), V_STR(erase_hint(words, word)),
                    V_STR(erase_hint(words, word + 1)), V_INT(VERSIONS_PIECE));
    for (size_t i = 0; st == ST_OK && i < named.n_rows; i++) {
        const struct erase_key k = { row_str(&named, i, 0), row_str(&named, i, 1) };
        if (!is_taken(l, k.type, k.id))
            st = forget_versions_of(&tx, env, &k, words, word, &versions, e);
    }
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        return st;
    x->versions += versions;
    l->more = named.n_rows == VERSIONS_PIECE;
    if (l->more) {
        snprintf(l->type, sizeof l->type, "%.*s", STR_ARG(row_str(&named, named.n_rows - 1, 0)));
        snprintf(l->id, sizeof l->id, "%.*s", STR_ARG(row_str(&named, named.n_rows - 1, 1)));
    }
    return ST_OK;
}

/* Former versions of what is not taken: a product that was made for her, renamed since. Those of
 * what is taken stay until it is forgotten: by them an interrupted erasure finds it again. */
static enum status forget_versions(struct env *env, struct erasure *x,
                                   const struct erase_words *words, size_t word, struct error *e)
{
    ARENA(a, ERASE_BYTES_MAX);
    struct looking_back l = { .n_taken = x->n, .more = true };
    enum status st = ST_OK;
    unsigned attempt = 1;

    l.taken = arena_alloc(&a, x->n * sizeof *l.taken + 1);
    if (!l.taken)
        return fail(e, ST_LIMIT, "out of memory for %zu objects", x->n);
    memcpy(l.taken, x->key, x->n * sizeof *l.taken);
    qsort(l.taken, l.n_taken, sizeof *l.taken, by_key);
    while (st == ST_OK && l.more) {
        st = forget_versions_piece(env, x, words, word, &l, e);
        turn_piece_done(env, &st, &attempt, e);
    }
    return st;
}

/* ---- users and the calls that name somebody ----------------------------------------------------
 */

/* What of a call's address says which list or search it was, and nothing of the one who is named.
 */
static str without_name(str path, const struct name *n)
{
    str head;

    (void)str_cut(path, '?', &head);
    return n && name_in(n, head) ? S("(erased)") : head;
}

/* Whom calls may name: a user whose customers were searched for, or an address. */
struct caller {
    str search;  /* path and query of the search, as long as one is kept; or empty */
    str quoted;  /* as it stands in a search by another member of the metadata; or empty */
    size_t word; /* of an address; words->n: none */
};

static enum status forget_calls_piece(struct env *env, const struct erase_words *words,
                                      const struct caller *of, int64_t *from, struct error *e)
{
    ARENA(a, 4 << 20);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_CALLS_NAMING, &r, &a, e, V_INT(*from), V_STR(of->search),
                    V_STR(erase_hint(words, of->word)), V_STR(of->quoted), V_INT(CALLS_PIECE));
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        const struct name *n = of->word < words->n ? &words->name[of->word] : NULL;
        str path = row_str(&r, i, 1);
        if (n && !name_in(n, path))
            continue;
        st = tx_run(&tx, STMT_ERASE_CALL, NULL, &a, e, V_STR(without_name(path, n)),
                    V_INT(row_int(&r, i, 0)));
    }
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st == ST_OK)
        *from = r.n_rows == CALLS_PIECE ? row_int(&r, r.n_rows - 1, 0) : -1;
    return st;
}

static enum status forget_calls_of(struct env *env, const struct erase_words *words,
                                   const struct caller *of, struct error *e)
{
    enum status st = ST_OK;
    unsigned attempt = 1;

    for (int64_t from = 0; st == ST_OK && from >= 0;) {
        st = forget_calls_piece(env, words, of, &from, e);
        turn_piece_done(env, &st, &attempt, e);
    }
    return st;
}

static enum status forget_calls_of_user(struct env *env, const struct erase_words *words, str user,
                                        struct error *e)
{
    ARENA(a, SMALL_BYTES);
    str search = arena_concat(&a, S(USER_SEARCH_PATH "?"), user_search_query(env, user, &a));
    str term = arena_printf(&a, ":\"%.*s\"", STR_ARG(user));
    struct caller of = { .search = str_sub(search, 0,
                                           search.n < CALL_PATH_MAX ? search.n : CALL_PATH_MAX - 1),
                         .quoted = url_escape_in(&a, term),
                         .word = words->n };

    if (!search.p || !of.quoted.p)
        return fail(e, ST_LIMIT, "out of memory for a user's calls");
    return forget_calls_of(env, words, &of, e);
}

/* The audit keeps addresses of requests. An id of Stripe's in them says nothing of a person any
 * more; an id of a user's does, and an address. */
static enum status forget_calls(struct env *env, const struct erase_words *words, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < words->n_users && st == ST_OK; i++)
        st = forget_calls_of_user(env, words, words->user[i], e);
    for (size_t i = 1; i < words->n && st == ST_OK; i++) {
        const struct caller of = { .search = S(""), .quoted = S(""), .word = i };
        st = forget_calls_of(env, words, &of, e);
    }
    return st;
}

/* Those whose customer it was once, too. */
static enum status forget_user(struct env *env, str user, struct error *e)
{
    ARENA(a, SMALL_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = user_forget(&tx, env, user, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status forget_users(struct env *env, const struct erase_words *words, struct error *e)
{
    enum status st = ST_OK;
    unsigned attempt = 1;

    for (size_t i = 0; i < words->n_users && st == ST_OK;) {
        st = forget_user(env, words->user[i], e);
        i += st == ST_OK;
        turn_piece_done(env, &st, &attempt, e);
    }
    return st;
}

/* Bodies and former versions that name the customer, whatever they are about. */
static enum status forget_naming(struct env *env, struct erasure *x,
                                 const struct erase_words *words, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < words->n && st == ST_OK; i += 2) {
        st = forget_bodies(env, x, words, i, e);
        if (st == ST_OK)
            st = forget_versions(env, x, words, i, e);
    }
    if (st == ST_OK)
        st = journal_forget(env, words, e);
    return st == ST_OK ? forget_calls(env, words, e) : st;
}

/* What arrived between the look and the block. */
static enum status forget_late_ones(struct env *env, struct erasure *x, struct error *e)
{
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        ARENA(a, ERASE_BYTES_MAX);
        struct erasure late;
        enum status st = erase_plan(env, x->id, &late, &a, e);
        if (st != ST_OK || late.n <= 1)
            return st;
        st = forget_all(env, &late, e);
        if (st != ST_OK)
            return st;
        x->events += late.events;
        x->versions += late.versions;
    }
    return fail(e, ST_RETRY, "new objects of %.*s keep arriving: run it again", STR_ARG(x->id));
}

/* Where other processes work on the store, too, they do not yet look at what arrives if nobody was
 * ever erased before. */
static void let_others_hear(struct env *env, bool is_first)
{
    msec until = clock_mono(env->world->clock) + HEARD_MS;

    while (is_first && env->world->store->ops->crowded && !env_stopping(env) &&
           clock_mono(env->world->clock) < until)
        clock_sleep(env->world->clock, HEARD_MS / 20);
}

/* The last steps, outside the tables. The store is to forget even if the key-value server is away;
 * but not again and again, for that takes long. */
static enum status leave_nothing(struct env *env, str customer, enum unfinished_step step,
                                 struct error *e)
{
    struct error server = { 0 };
    enum status st = ST_OK, removed = removal_await(env, customer, &server);

    if ((removed == ST_OK || step != UNFINISHED_SERVER) && !planted(PLANT_DISK_REMEMBERS))
        st = env->world->store->ops->scrub(env->world->store, e);
    if (st == ST_OK && removed == ST_OK)
        return unfinished_done(env, customer, e);
    if (st == ST_OK && step != UNFINISHED_SERVER)
        st = unfinished_move(env, customer, UNFINISHED_SERVER, e);
    if (st != ST_OK)
        return st;
    *e = server;
    return removed;
}

static enum status forget(struct env *env, str customer, bool resumed, struct erasure *out,
                          struct arena *a, struct error *e)
{
    bool is_first = !erase_any(env);
    struct erase_words words = { 0 };

    if (resumed && planted(PLANT_RESUME_BELIEVES))
        return unfinished_done(env, customer, e);
    enum status st = erase_plan_named(env, customer, out, &words, a, e);

    if (st == ST_OK && !resumed) /* nothing that has ended meanwhile is put back */
        st = unfinished_note(env, customer, &words, e);
    if (st == ST_OK)
        st = forget_naming(env, out, &words, e);
    if (st == ST_OK)
        st = block(env, out, e);
    if (st == ST_OK)
        st = forget_all(env, out, e);
    if (st == ST_OK)
        let_others_hear(env, is_first);
    if (st == ST_OK)
        st = forget_late_ones(env, out, e);
    if (st == ST_OK)
        st = forget_users(env, &words, e);
    if (st == ST_OK)
        st = forget_naming(env, out, &words, e);
    if (st == ST_OK)
        st = unfinished_move(env, customer, UNFINISHED_DISK, e);
    return st == ST_OK ? leave_nothing(env, customer, UNFINISHED_DISK, e) : st;
}

enum status erase_run(struct env *env, str customer, struct erasure *out, struct arena *a,
                      struct error *e)
{
    if (!turn_take(env_root(env), true))
        return fail(e, ST_RETRY, "%s is stopping: nothing of %.*s was erased, run it again",
                    env->name, STR_ARG(customer));
    turn_of(env_root(env), customer, str_of(env->identity.account));
    enum status st = forget(env, customer, false, out, a, e);
    turn_give(env_root(env));
    return st;
}

/* In the later steps nothing is looked for any more: a server that is away for days does not have
 * the whole store read again and again. */
static enum status go_on_with(struct env *root, str customer, str account,
                              enum unfinished_step step, struct error *e)
{
    ARENA(a, ERASE_BYTES_MAX);
    enum account_state state;
    struct acting act;
    struct erasure x;
    struct env *env;
    enum status st = acting_open(&act, root, account, &env, &state, e);

    if (st != ST_OK)
        return st;
    return step == UNFINISHED_ALL ? forget(env, customer, true, &x, &a, e)
                                  : leave_nothing(env, customer, step, e);
}

static enum status resume(struct env *root, msec before, struct arena *a, struct error *e)
{
    struct error ignored = { 0 };
    enum unfinished_step step;
    str customer, account;
    enum status st = unfinished_take(root, before, &customer, &account, &step, a, e);

    if (st != ST_OK)
        return st;
    turn_of(root, customer, account);
    st = go_on_with(root, customer, account, step, e);
    if (st != ST_OK)
        (void)!unfinished_touch(root, customer, account, &ignored);
    return st == ST_NONE ? ST_CONFLICT : st;
}

enum status erase_resume(struct env *root, msec before, struct error *e)
{
    ARENA(a, SMALL_BYTES);

    if (!turn_take(root, false))
        return ST_NONE;
    enum status st = resume(root, before, &a, e);
    turn_give(root);
    return st;
}
