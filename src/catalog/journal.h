/* journal.h - the rows of operations: what was asked, what follows from it, and each request.
 *
 * A request stands here before it is sent, with a key of its own: a crash leaves the row "sent",
 * and who comes next looks what became of it. Rows are never deleted: they are the audit. */
#pragma once

#include "catalog/steps.h"
#include "core/due.h"

enum {
    OP_ID_MAX = 31,
    OP_KEY_MAX = 255, /* of a caller's key; Stripe's limit for its own [facts: 4.6] */
    OP_INPUT_BYTES_MAX = 128 << 10,
    OP_STEP_ROWS_MAX = 512, /* of one operation's journal */
};

enum op_state {
    OP_NEW,     /* asked for; nothing was read yet */
    OP_FORWARD, /* its plan is frozen, and its steps are being taken */
    OP_BACK,    /* what was done is being undone */
    OP_DONE,
    OP_UNDONE,  /* nothing of it is left but, at most, an archived price */
    OP_REFUSED, /* before anything was written */
    OP_PLANNED, /* it was a dry run */
    OP_STUCK,   /* it needs a person: `reason` says why */
};

const char *op_state_name(enum op_state s);
/* Over, for good or until a person decides. */
bool op_state_ended(enum op_state s);

struct op {
    char id[OP_ID_MAX + 1];
    str kind, product, actor, api_key;
    bool dry_run, abort_asked;
    str input, plan; /* JSON; plan is empty until it is made */
    enum op_state state;
    int64_t step;             /* from 1; 0 without a plan */
    str reason;               /* why it was refused, goes back, or is stuck; see refusal.h */
    str note;                 /* what it waits for, or how it ended */
    str refusal, differences; /* JSON, may be empty */
    int64_t waits, rounds;
    msec created_at, changed_at, ended_at;
};

enum step_state {
    STEP_SENT, /* nobody knows what became of it */
    STEP_DONE,
    STEP_FOUND,   /* it was so already: nothing was, or had to be, sent */
    STEP_REFUSED, /* for certain: a new attempt needs a new key */
    STEP_SETTLED, /* Stripe keeps a failure under its key: no use to send that again */
};

struct step_row {
    int64_t step, attempt;
    str method, path, form, key;
    enum step_state state;
    int64_t sends, http_status;
    str request_id, object, error;
    bool replayed;
    msec began_at, ended_at, duration_ms;
};

/* In a transaction of the caller's. ST_NONE: there is no such operation. */
enum status op_read(struct tx *tx, const struct env *env, str id, struct op *out, struct arena *a,
                    struct error *e) MUST_USE;
enum status op_steps_read(struct tx *tx, str id, struct step_row **out, size_t *n, struct arena *a,
                          struct error *e) MUST_USE;
/* Writes where it stands: state, step, reason, note, refusal, waits, rounds. */
enum status op_move(struct tx *tx, const struct env *env, const struct op *op,
                    struct error *e) MUST_USE;
/* The same for one that is over; who has read before, and plans, reads again. */
enum status op_end(struct tx *tx, const struct env *env, const struct op *op, struct arena *a,
                   struct error *e) MUST_USE;
enum status op_step_put(struct tx *tx, const struct env *env, str id, const struct step_row *row,
                        struct error *e) MUST_USE;
enum status op_step_end(struct tx *tx, const struct env *env, str id, const struct step_row *row,
                        struct error *e) MUST_USE;
