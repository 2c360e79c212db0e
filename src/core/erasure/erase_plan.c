/* What hangs on a customer. */
#include "core/erasure/erase_plan.h"
#include "core/erasure/turn.h"
#include "core/erasure/unfinished.h"

#include "base/json.h"
#include "core/customer/user.h"

#include <string.h>

enum {
    PIECE = 500,
    PIECE_BYTES_MAX = 16 << 20,
    OBJECT_BYTES_MAX = 64 << 20,
    VERSIONS_PIECE = 10,
    FORMER_PIECE = 50,
    WORDS_AT_FIRST = 8,
    PLACE_BYTES_MAX = 64 << 10,
    TABLE_SIZE = ERASE_OBJECTS_MAX * 2,
};

static_assert((TABLE_SIZE & (TABLE_SIZE - 1)) == 0, "a power of two");

/* The set while it grows, and the open-addressed table by which a member is found. */
struct closure {
    struct env *env;
    struct erasure *out;
    struct arena *a;
    uint32_t *slot; /* index + 1 into out->key; 0: free */
};

bool erase_is_the_shops(str type)
{
    static const char *const shops[] = { "account",
                                         "application",
                                         "application_fee",
                                         "balance",
                                         "billing.meter",
                                         "coupon",
                                         "payment_link",
                                         "payout",
                                         "person",
                                         "plan",
                                         "price",
                                         "product",
                                         "shipping_rate",
                                         "tax_code",
                                         "tax_rate",
                                         "test_helpers.test_clock",
                                         "topup",
                                         "transfer",
                                         "transfer_reversal" };

    for (size_t i = 0; i < COUNT(shops); i++)
        if (str_eqz(type, shops[i]))
            return true;
    return false;
}

/* What an object of somebody's may refer to that is theirs, too, although it may not say whose. */
static bool is_a_persons(str type)
{
    static const char *const theirs[] = {
        "payment_method", "card",           "bank_account",        "source",
        "mandate",        "setup_attempt",  "setup_intent",        "payment_intent",
        "charge",         "discount",       "balance_transaction", "review",
        "file",           "payment_record", "checkout.session",    "financial_connections.account"
    };

    for (size_t i = 0; i < COUNT(theirs); i++)
        if (str_eqz(type, theirs[i]))
            return true;
    return false;
}

/* ---- the set ------------------------------------------------------------------------------ */

static uint32_t *find_slot(struct closure *c, str type, str id)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < type.n; i++)
        h = (h ^ (unsigned char)type.p[i]) * 1099511628211u;
    for (size_t i = 0; i < id.n; i++)
        h = (h ^ (unsigned char)id.p[i]) * 1099511628211u;
    for (size_t at = h & (TABLE_SIZE - 1);; at = (at + 1) & (TABLE_SIZE - 1)) {
        const struct erase_key *k = c->slot[at] ? &c->out->key[c->slot[at] - 1] : NULL;
        if (!k || (str_eq(k->type, type) && str_eq(k->id, id)))
            return &c->slot[at];
    }
}

static enum status add(struct closure *c, str type, str id, struct error *e)
{
    uint32_t *slot = find_slot(c, type, id);

    if (*slot)
        return ST_OK;
    if (c->out->n == ERASE_OBJECTS_MAX)
        return fail(
            e, ST_LIMIT,
            "more than %d objects hang on %.*s, and nothing was forgotten: that is more than this "
            "version can erase; report it, with what `brindle refs %.*s` counts",
            ERASE_OBJECTS_MAX, STR_ARG(c->out->id), STR_ARG(c->out->id));
    struct erase_key *k = &c->out->key[c->out->n];
    *k = (struct erase_key){ arena_copy(c->a, type), arena_copy(c->a, id) };
    if (!k->id.p || !k->type.p)
        return fail(e, ST_LIMIT, "out of memory for what hangs on %.*s", STR_ARG(c->out->id));
    *slot = (uint32_t)++c->out->n;
    return ST_OK;
}

static void mention(struct closure *c, str type, str id)
{
    struct erasure *x = c->out;

    for (size_t i = 0; i < x->n_mentions; i++)
        if (str_eq(x->mention[i].type, type) && str_eq(x->mention[i].id, id))
            return;
    if (x->n_mentions < ERASE_MENTIONS_MAX)
        x->mention[x->n_mentions++] =
            (struct erase_key){ arena_copy(c->a, type), arena_copy(c->a, id) };
}

/* What was taken after all is not mentioned. */
static void keep_others(struct closure *c)
{
    struct erasure *x = c->out;
    size_t n = 0;

    for (size_t i = 0; i < x->n_mentions; i++)
        if (!*find_slot(c, x->mention[i].type, x->mention[i].id))
            x->mention[n++] = x->mention[i];
    x->n_mentions = n;
}

/* Does it name a customer, and not this one? */
static enum status names_another(struct closure *c, struct tx *tx, str type, str id, bool *other,
                                 struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_REFS_OTHER, &r, a, e, V_STR(type), v_account(c->env),
                            V_STR(id), V_STR(S("customer")), V_STR(c->out->id));

    if (st == ST_OK)
        *other = r.n_rows != 0;
    return st;
}

/* Takes it unless it is the shop's or another's. What is erased already is left. */
static enum status consider(struct closure *c, struct tx *tx, str type, str id, struct arena *a,
                            struct error *e)
{
    bool other = str_eq(type, S("customer"));
    struct rows state;
    enum status st = ST_OK;

    if (*find_slot(c, type, id))
        return ST_OK;
    if (!other && !erase_is_the_shops(type))
        st = names_another(c, tx, type, id, &other, a, e);
    if (st != ST_OK)
        return st;
    if (other || erase_is_the_shops(type)) {
        mention(c, type, id);
        return ST_OK;
    }
    st = tx_run(tx, STMT_OBJECT_STATE, &state, a, e, V_STR(type), v_account(c->env), V_STR(id));
    if (st != ST_OK || (state.n_rows && row_int(&state, 0, 0) == 2))
        return st;
    return add(c, type, id, e);
}

/* Where reading in pieces stands: behind the key of the last row that was read. */
struct place {
    struct arena held;
    str key[3];
    bool more;
};

static struct place place_at_start(void)
{
    return (struct place){ .held = { .max = PLACE_BYTES_MAX },
                           .key = { S(""), S(""), S("") },
                           .more = true };
}

static void place_free(struct place *at)
{
    arena_free(&at->held);
}

/* The key is the first `n_key` columns of the rows. */
static void place_move(struct place *at, const struct rows *r, size_t n_key)
{
    at->more = r->n_rows == PIECE;
    if (!at->more)
        return;
    arena_free(&at->held);
    for (size_t i = 0; i < n_key; i++)
        at->key[i] = arena_copy(&at->held, row_str(r, PIECE - 1, i));
}

/* ---- along the references ----------------------------------------------------------------- */

static enum status follow_back(struct closure *c, const struct erase_key *k, struct error *e)
{
    CLEANUP(place_free) struct place at = place_at_start();

    while (at.more) {
        ARENA(a, PIECE_BYTES_MAX);
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct rows r;
        enum status st = tx_begin(&tx, c->env->world->store, TX_READ, e);
        if (st == ST_OK)
            st = tx_run(&tx, STMT_REFS_TO_PAGE, &r, &a, e, V_STR(k->type), v_account(c->env),
                        V_STR(k->id), V_STR(at.key[0]), V_STR(at.key[1]), V_INT(PIECE));
        for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
            st = consider(c, &tx, row_str(&r, i, 0), row_str(&r, i, 1), &a, e);
        if (st != ST_OK)
            return st;
        place_move(&at, &r, 2);
    }
    return ST_OK;
}

static enum status follow_out(struct closure *c, const struct erase_key *k, struct error *e)
{
    CLEANUP(place_free) struct place at = place_at_start();

    while (at.more) {
        ARENA(a, PIECE_BYTES_MAX);
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct rows r;
        enum status st = tx_begin(&tx, c->env->world->store, TX_READ, e);
        if (st == ST_OK)
            st = tx_run(&tx, STMT_REFS_OUT_PAGE, &r, &a, e, V_STR(k->type), v_account(c->env),
                        V_STR(k->id), V_STR(at.key[0]), V_STR(at.key[1]), V_STR(at.key[2]),
                        V_INT(PIECE));
        for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
            bool certain = row_int(&r, i, 4) != 0, member = row_int(&r, i, 3) != 0;
            if (member || (certain && is_a_persons(row_str(&r, i, 1))))
                st = consider(c, &tx, row_str(&r, i, 1), row_str(&r, i, 2), &a, e);
        }
        if (st != ST_OK)
            return st;
        place_move(&at, &r, 3);
    }
    return ST_OK;
}

/* Looking through a large store takes minutes: who stops does not wait for it, and others hear that
 * somebody is at it. */
static enum status go_on(const struct closure *c, struct error *e)
{
    turn_keep(c->env);
    return env_stopping(c->env) ? fail(e, ST_RETRY, "%s is stopping", c->env->name) : ST_OK;
}

static enum status follow_all(struct closure *c, size_t from, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = from; i < c->out->n && st == ST_OK; i++) {
        const struct erase_key k = c->out->key[i];
        st = go_on(c, e);
        if (st == ST_OK)
            st = follow_back(c, &k, e);
        if (st == ST_OK)
            st = follow_out(c, &k, e);
    }
    return st;
}

/* ---- by their text ------------------------------------------------------------------------ */

/* Does an address stand there as a whole, as of a purchase without an account? */
static bool has_address(str data, const struct erase_words *words)
{
    for (size_t i = 1; i < words->n; i++)
        if (name_is_value_in(&words->name[i], data))
            return true;
    return false;
}

/* Objects whose text names the customer although no reference does: of types that nobody told us
 * about, events, and what somebody with that address bought as a guest. Of the others people are
 * told. A second customer with the same e-mail address may be the same person: that is for people
 * to decide. */
static enum status weigh_naming(struct closure *c, struct tx *tx, const struct erase_words *words,
                                size_t word, str type, str id, struct error *e)
{
    ARENA(a, OBJECT_BYTES_MAX);
    struct rows r;

    if (*find_slot(c, type, id))
        return ST_OK;
    enum status st =
        tx_run(tx, STMT_OBJECT_GET, &r, &a, e, V_STR(type), v_account(c->env), V_STR(id));
    if (st != ST_OK || !r.n_rows)
        return st;
    str data = row_str(&r, 0, 2);
    if (!erase_named(words, word, data))
        return ST_OK;
    if (!resource_by_type(type) || str_eq(type, S("event")))
        return add(c, type, id, e);
    if (is_a_persons(type) && has_address(data, words))
        return consider(c, tx, type, id, &a, e);
    mention(c, type, id);
    return ST_OK;
}

static enum status find_naming(struct closure *c, const struct erase_words *words, size_t word,
                               struct error *e)
{
    CLEANUP(place_free) struct place at = place_at_start();

    while (at.more) {
        ARENA(a, ERASE_NAMING_BYTES_MAX);
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct rows r;
        enum status st = go_on(c, e);
        if (st == ST_OK)
            st = tx_begin(&tx, c->env->world->store, TX_READ, e);
        if (st == ST_OK)
            st = tx_run(&tx, STMT_OBJECTS_NAMING, &r, &a, e, v_account(c->env), V_STR(at.key[0]),
                        V_STR(at.key[1]), V_STR(erase_hint(words, word)),
                        V_STR(erase_hint(words, word + 1)), V_INT(PIECE));
        for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
            st = weigh_naming(c, &tx, words, word, row_str(&r, i, 0), row_str(&r, i, 1), e);
        if (st != ST_OK)
            return st;
        place_move(&at, &r, 2);
    }
    return ST_OK;
}

enum status erase_next_version(struct tx *tx, struct env *env, const struct erase_key *k,
                               const struct erase_words *words, size_t word, int64_t *at,
                               struct error *e)
{
    size_t n = VERSIONS_PIECE;

    while (n == VERSIONS_PIECE) {
        ARENA(a, ERASE_NAMING_BYTES_MAX);
        struct rows r;
        enum status st = tx_run(tx, STMT_VERSIONS_NAMING, &r, &a, e, V_STR(k->type), v_account(env),
                                V_STR(k->id), V_INT(*at), V_STR(erase_hint(words, word)),
                                V_STR(erase_hint(words, word + 1)), V_INT(VERSIONS_PIECE));
        if (st != ST_OK)
            return st;
        n = r.n_rows;
        for (size_t i = 0; i < n; i++) {
            *at = row_int(&r, i, 0);
            if (erase_named(words, word, row_str(&r, i, 1)))
                return ST_OK;
        }
    }
    return ST_NONE;
}

/* What was the customer's once, and says so no more: a payment method that was detached. */
static enum status weigh_former(struct closure *c, struct tx *tx, const struct erase_words *id,
                                const struct erase_key *k, struct arena *a, struct error *e)
{
    int64_t at = 0;

    if (*find_slot(c, k->type, k->id))
        return ST_OK;
    enum status st = erase_next_version(tx, c->env, k, id, 0, &at, e);
    return st == ST_OK ? consider(c, tx, k->type, k->id, a, e) : st == ST_NONE ? ST_OK : st;
}

static enum status find_former(struct closure *c, const struct erase_words *words, struct error *e)
{
    CLEANUP(place_free) struct place at = place_at_start();
    const struct erase_words id = { .name = words->name, .hint = words->hint, .n = 1, .room = 1 };

    while (at.more) {
        ARENA(a, PIECE_BYTES_MAX);
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct rows r;
        enum status st = go_on(c, e);
        if (st == ST_OK)
            st = tx_begin(&tx, c->env->world->store, TX_READ, e);
        if (st == ST_OK)
            st = tx_run(&tx, STMT_HISTORY_NAMING, &r, &a, e, v_account(c->env), V_STR(at.key[0]),
                        V_STR(at.key[1]), V_STR(id.hint[0]), V_STR(S("")), V_INT(PIECE));
        for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
            const struct erase_key k = { row_str(&r, i, 0), row_str(&r, i, 1) };
            st = weigh_former(c, &tx, &id, &k, &a, e);
        }
        if (st != ST_OK)
            return st;
        place_move(&at, &r, 2);
    }
    return ST_OK;
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* Twice the room; what was there before stays in the arena, which is the plan's. */
static bool grow(struct closure *c, struct erase_words *words)
{
    size_t room = words->room ? 2 * words->room : WORDS_AT_FIRST;
    struct name *name = arena_alloc(c->a, room * sizeof *name);
    str *hint = arena_alloc(c->a, room * sizeof *hint);

    if (!name || !hint)
        return false;
    if (words->n) {
        memcpy(name, words->name, words->n * sizeof *name);
        memcpy(hint, words->hint, words->n * sizeof *hint);
    }
    words->name = name;
    words->hint = hint;
    words->room = room;
    return true;
}

static enum status add_word(struct closure *c, struct erase_words *words, struct name name,
                            str hint, struct error *e)
{
    if (words->n == ERASE_WORDS_MAX)
        return fail(
            e, ST_LIMIT,
            "%.*s has had more than %d e-mail addresses, and each is looked for in all that "
            "is kept: nothing is erased. Let history_days pass, or set it to less",
            STR_ARG(c->out->id), ERASE_ADDRESSES_MAX);
    if (!name.text.n || !hint.p || (words->n == words->room && !grow(c, words)))
        return fail(e, ST_LIMIT, "out of memory for the names of %.*s", STR_ARG(c->out->id));
    words->name[words->n] = name;
    words->hint[words->n++] = hint;
    return ST_OK;
}

static enum status add_address(struct closure *c, struct erase_words *words, str email,
                               struct error *e)
{
    if (!email.n)
        return ST_OK;
    struct name name = name_of_address(email, c->a);
    for (size_t i = 1; i < words->n; i++)
        if (str_eq(words->name[i].text, name.text))
            return ST_OK;
    str in_urls = name_url_hint(&name);
    enum status st = add_word(c, words, name, name_hint(&name, c->a), e);
    return st == ST_OK && in_urls.n ? add_word(c, words, name, in_urls, e) : st;
}

static bool is_address(str user)
{
    const char *sign = memchr(user.p, '@', user.n);

    return sign && sign > user.p && sign < user.p + user.n - 1;
}

static enum status add_user(struct closure *c, struct erase_words *words, str user, struct error *e)
{
    if (!user.n)
        return ST_OK;
    for (size_t i = 0; i < words->n_users; i++)
        if (str_eq(words->user[i], user))
            return ST_OK;
    if (!words->user)
        words->user = arena_alloc(c->a, ERASE_USERS_MAX * sizeof *words->user);
    str kept = arena_copy(c->a, user);
    if (!words->user || !kept.p)
        return fail(e, ST_LIMIT, "out of memory for the users of %.*s", STR_ARG(c->out->id));
    if (words->n_users == ERASE_USERS_MAX)
        return fail(e, ST_LIMIT,
                    "%.*s has been of more than %d users: nothing is erased. Let history_days "
                    "pass, or set it to less",
                    STR_ARG(c->out->id), ERASE_USERS_MAX);
    words->user[words->n_users++] = kept;
    return is_address(kept) ? add_address(c, words, kept, e) : ST_OK;
}

/* What a version of the customer says of who it is. */
static enum status add_version(struct closure *c, struct erase_words *words, str data,
                               struct error *e)
{
    enum status st = add_address(c, words, json_text(data, S("email"), c->a), e);

    return st == ST_OK ? add_user(c, words, user_named_by(c->env, data, c->a), e) : st;
}

static enum status add_users(struct closure *c, struct erase_words *words, struct error *e)
{
    ARENA(a, PIECE_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, c->env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_USERS_OF_CUSTOMER, &r, &a, e, v_account(c->env), V_STR(c->out->id),
                    V_INT(ERASE_USERS_MAX + 1));
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
        st = add_user(c, words, row_str(&r, i, 0), e);
    return st;
}

/* Addresses that it had and has no more stand in other texts, too. */
static enum status find_former_addresses(struct closure *c, struct erase_words *words,
                                         struct error *e)
{
    int64_t before = INT64_MAX;

    for (size_t n = FORMER_PIECE; n == FORMER_PIECE;) {
        ARENA(a, ERASE_NAMING_BYTES_MAX);
        CLEANUP(tx_end) struct tx tx = { 0 };
        struct rows r;
        enum status st = go_on(c, e);
        if (st == ST_OK)
            st = tx_begin(&tx, c->env->world->store, TX_READ, e);
        if (st == ST_OK)
            st = tx_run(&tx, STMT_HISTORY_PAGE, &r, &a, e, V_STR(S("customer")), v_account(c->env),
                        V_STR(c->out->id), V_INT(before), V_INT(FORMER_PIECE));
        if (st != ST_OK)
            return st;
        n = r.n_rows;
        for (size_t i = 0; i < n && st == ST_OK; i++)
            st = add_version(c, words, row_str(&r, i, 5), e);
        if (st != ST_OK)
            return st;
        before = n ? row_int(&r, n - 1, 0) : 0;
    }
    return ST_OK;
}

typedef enum status add_kept(struct closure *, struct erase_words *, str, struct error *);

static enum status add_each(struct closure *c, struct erase_words *words, str list,
                            add_kept *add_one, struct error *e)
{
    struct json_reader r;
    enum status st = ST_OK;

    json_init(&r, list);
    json_next(&r);
    for (struct json_token t = json_next(&r); st == ST_OK && t.type == JSON_STRING;
         t = json_next(&r))
        st = add_one(c, words, json_unescape(t, c->a), e);
    return st;
}

/* What an erasure of his knew that was interrupted. */
static enum status find_kept(struct closure *c, struct erase_words *words, struct error *e)
{
    str kept;
    enum status st = unfinished_words(c->env, c->out->id, &kept, c->a, e);

    if (st != ST_OK || !kept.n)
        return st;
    c->out->begun = true;
    st = add_each(c, words, json_member(kept, S("addresses")).text, add_address, e);
    return st == ST_OK ? add_each(c, words, json_member(kept, S("users")).text, add_user, e) : st;
}

static enum status look_at_customer(struct closure *c, struct erase_words *words, struct error *e)
{
    ARENA(a, 64 << 20);
    struct error why = { 0 };
    struct object o;
    enum status st = mirror_get(c->env, S("customer"), c->out->id, &o, &a, &why);

    *words = (struct erase_words){ 0 };
    if (st != ST_OK && st != ST_NONE) {
        *e = why;
        return st;
    }
    c->out->known = st == ST_OK;
    const struct name id = { c->out->id, false };
    st = add_word(c, words, id, name_hint(&id, c->a), e);
    if (st == ST_OK && c->out->known)
        st = add_version(c, words, o.data, e);
    if (st == ST_OK)
        st = add_users(c, words, e);
    if (st == ST_OK)
        st = find_former_addresses(c, words, e);
    return st == ST_OK ? find_kept(c, words, e) : st;
}

enum status erase_plan_named(struct env *env, str customer, struct erasure *out,
                             struct erase_words *words, struct arena *a, struct error *e)
{
    ARENA(table, TABLE_SIZE * sizeof(uint32_t) + 64);
    struct closure c = { .env = env, .out = out, .a = a };

    *out = (struct erasure){ .id = customer };
    c.slot = arena_alloc(&table, TABLE_SIZE * sizeof *c.slot);
    out->key = arena_alloc(a, ERASE_OBJECTS_MAX * sizeof *out->key);
    out->mention = arena_alloc(a, ERASE_MENTIONS_MAX * sizeof *out->mention);
    if (!c.slot || !out->key || !out->mention)
        return fail(e, ST_LIMIT, "out of memory for what hangs on %.*s", STR_ARG(customer));
    enum status st = look_at_customer(&c, words, e);
    if (st == ST_OK)
        st = add(&c, S("customer"), customer, e);
    if (st == ST_OK)
        st = follow_all(&c, 0, e);
    size_t found = out->n;
    if (st == ST_OK)
        st = find_former(&c, words, e);
    for (size_t i = 0; i < words->n && st == ST_OK; i += 2)
        st = find_naming(&c, words, i, e);
    if (st == ST_OK)
        st = follow_all(&c, found, e);
    keep_others(&c);
    return st;
}

enum status erase_plan(struct env *env, str customer, struct erasure *out, struct arena *a,
                       struct error *e)
{
    struct erase_words words = { 0 };

    return erase_plan_named(env, customer, out, &words, a, e);
}
