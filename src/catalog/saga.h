/* saga.h - operations on the catalogue that end whole, or not at all, or stuck with a reason.
 *
 * An operation is asked for with its input, which is frozen; as due work of a kind of its own it is
 * carried out by the same workers as everything else, so that a crash is survived by whoever comes
 * next. It reads Stripe, makes its plan (kinds.h), freezes that, and takes one step after the
 * other. Each request stands in the journal before it is sent, under a key of its own,
 * op/<operation>/<step>/<attempt>. What a crash has left in doubt is decided by looking at Stripe.
 * A product is held by one operation at a time.
 *
 *     new ─► forward ─► done
 *      │        └─► back ─► undone          stuck: partial (what could not be undone is listed),
 *      └─► refused, planned                        moved (somebody else was there), operator
 */
#pragma once

#include "catalog/journal.h"
#include "core/work.h"

struct op_order {
    const char *kind; /* "price.replace"; kinds.h */
    str input;        /* a JSON object */
    str actor;        /* who asks: "cli:ann", "api" */
    str caller_key;   /* the caller's Idempotency-Key; may be empty */
    bool dry_run;     /* make the plan, and end as planned */
};

/* Makes it due. `id` gets OP_ID_MAX + 1 bytes, `gen` (may be NULL) the generation of its due key.
 * With a caller's key that was used for the same before, that one's id. ST_CONFLICT: it was used
 * for something else. ST_INVALID: no such kind, no JSON object. ST_LIMIT: too large. */
enum status op_submit(struct env *env, const struct op_order *o, char *id, int64_t *gen,
                      struct error *e) MUST_USE;
struct due_key op_due_key(str id);

/* The whole story as one JSON object: id, kind, state, reason, product, step, steps, at (a
 * sentence), note, actor, input, plan, refusal, differences, made, journal and the times. ST_NONE:
 * no such. */
enum status op_write(struct env *env, str id, struct buf *out, struct error *e) MUST_USE;
/* The latest operations, an object a line, without plan and journal. `open`: only what is under way
 * or stuck. */
enum status op_list_write(struct env *env, size_t limit, bool open, struct buf *out,
                          struct error *e) MUST_USE;
/* Where it stands, for who waits for it. */
struct op_glance {
    enum op_state state;
    int64_t step, waits;
};
enum status op_look(struct env *env, str id, struct op_glance *out, struct error *e) MUST_USE;

/* Goes on at once; a stuck one from where it is stuck. One that is over stays as it is: who has
 * gone on with it was faster than whoever asks. ST_CONFLICT: another one holds its product, or it
 * gave way to a change of somebody else's. */
enum status op_resume(struct env *env, str id, struct error *e) MUST_USE;
/* Undoes it; one that was aborted stays so. ST_CONFLICT: it is over in another way, or past what
 * can be undone. */
enum status op_abort(struct env *env, str id, struct error *e) MUST_USE;

/* The worker's part: env->work_op. Statuses as of work_one. */
enum status saga_work(struct env *env, struct claim *c, struct work_report *report,
                      struct error *e) MUST_USE;
