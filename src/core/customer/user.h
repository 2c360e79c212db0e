/* user.h - which customer a user of yours has.
 *
 * Users are the application's own; what ties a customer to one is a member of the customer's
 * metadata (env.user_key, "userId" unless it is set) and a row of `_users`. A user whom only
 * metadata names has the oldest living customer that names it (found). One who was asked for
 * (user_want) is bound: user_bind.h sees to it that there is exactly one customer, and that binding
 * counts, whatever metadata says later, until the customer is deleted. What was before is kept in
 * `_user_history`. */
#pragma once

#include "base/buf.h"
#include "core/env.h"
#include "core/sequence.h"

enum {
    USER_ID_MAX = 200,        /* bytes */
    USER_FORM_MAX = 32 << 10, /* of a customer's parameters, encoded */
    USER_BODY_MAX = 64 << 10, /* as they are sent to us */
    USER_METADATA_MAX = 49,   /* Stripe takes fifty; one is ours */
    USER_CUSTOMERS_MAX = 100, /* of one user, in a report */
};

/* What the reason begins with for which a user's work was given up when the customer is of another
 * mode or account: whoever asked is not to be told its id. */
#define USER_WRONG_MODE "wrong_mode"

enum user_state {
    USER_NONE,     /* no customer is known */
    USER_FOUND,    /* a customer's metadata names the user */
    USER_CREATING, /* an operation is under way, or was refused midway and goes on */
    USER_BOUND,
};

struct user {
    enum user_state state;
    str customer; /* with USER_FOUND and USER_BOUND */
    int64_t bindings;
    msec bound_at;
    str wanted; /* what the latest caller wishes a new customer to be */
    str op, form;
    int64_t attempt;
    msec started_at, key_at;
    int64_t revision;
};

const char *user_state_name(enum user_state s);
/* One to USER_ID_MAX bytes of UTF-8 without control characters. */
bool user_id_valid(str user);

/* A request's body {"email","name","metadata":{…}} (all may be absent; an empty body is one without
 * any) as Stripe's parameters. `key` is our own member of the metadata, which must not be among
 * them. Pure. ST_INVALID says what is wrong, ST_LIMIT that it is too much. */
enum status user_form(str json, const char *key, struct buf *form, struct error *e) MUST_USE;

/* Everything about a user; without a row it is USER_NONE. */
enum status user_read(struct tx *tx, const struct env *env, str user, struct user *out,
                      struct arena *a, struct error *e) MUST_USE;
/* The same in a transaction of its own. ST_NONE: the user has no customer that is known here. */
enum status user_find(struct env *env, str user, struct user *out, struct arena *a,
                      struct error *e) MUST_USE;
/* One JSON object: userId, customerId, state, boundAt, revision, history. ST_NONE: nobody has ever
 * heard of the user. */
enum status user_show(struct env *env, str user, struct buf *out, struct error *e) MUST_USE;

/* The user is to have a customer: due work, which goes before everything else. `*gen` is the
 * generation of its key {DUE_USER, "user", user} to wait for. */
enum status user_want(struct env *env, str user, str form, int64_t *gen, struct error *e) MUST_USE;

/* A customer has changed in this transaction: `before` and `after` are its contents, either may be
 * empty; with an empty `after` it was deleted, and who was bound to it is so no more. */
enum status user_follow(struct tx *tx, struct env *env, str customer, str before, str after,
                        struct sequence_pool *pool, struct arena *a, struct error *e) MUST_USE;
/* The customer was erased: nothing here names it any more, and users who had no other are
 * forgotten. */
enum status user_erase(struct tx *tx, struct env *env, str customer, struct arena *a,
                       struct error *e) MUST_USE;
/* Nothing knows of the user any more, unless there is a customer of theirs, or somebody is asking
 * for one. Where there is a key-value server, or ever was one, the row stays, without content,
 * until the pair is removed there (outbox.h). */
enum status user_forget(struct tx *tx, struct env *env, str user, struct arena *a,
                        struct error *e) MUST_USE;
#define USER_SEARCH_PATH "/v1/customers/search"
/* The query of a search for a user's customers. */
str user_search_query(const struct env *env, str user, struct arena *a);
/* Looks through all customers if the member of the metadata is another one than last time. */
enum status user_rekey(struct env *env, struct error *e) MUST_USE;

/* ---- for derived_users.c */

/* The user whom a customer's metadata names, or empty. Also for erase_plan.c. */
str user_named_by(const struct env *env, str customer, struct arena *a);
/* Makes the link as the customer's object says; `data` empty: it is no more. `*then` gets the user
 * whom the link named before, or empty; `*differs` is false where nothing was to be done. */
enum status user_relink(struct tx *tx, struct env *env, str customer, str data, str *then,
                        bool *differs, struct arena *a, struct error *e) MUST_USE;
/* Makes the row of a user who was not asked for as the links say. */
enum status user_project(struct tx *tx, struct env *env, str user, bool *differs, struct arena *a,
                         struct error *e) MUST_USE;

/* ---- for user_bind.c; in a transaction that holds user_lock ---- */

enum status user_lock(struct tx *tx, struct env *env, str user, struct error *e) MUST_USE;
/* `op` is the operation that is to be under way; empty: none is. `*bound` says whether it was so.
 */
enum status user_bind_to(struct tx *tx, struct env *env, str user, const struct user *now, str op,
                         str customer, bool *bound, struct arena *a, struct error *e) MUST_USE;
/* The binding is over (with a line in the history), or the operation is; metadata may name another
 * customer. */
enum status user_let_go(struct tx *tx, struct env *env, str user, const struct user *now,
                        const char *why, struct arena *a, struct error *e) MUST_USE;
