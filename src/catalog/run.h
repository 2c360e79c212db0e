/* run.h - one operation in the hands of a worker. For the files of the saga alone. */
#pragma once

#include "catalog/kinds.h"
#include "catalog/moves.h"
#include "catalog/saga.h"

enum {
    RUN_BYTES_MAX = 64 << 20, /* plan, journal and answers of one claim */
    SCRATCH_BYTES_MAX = 16 << 20,
    RUN_SENDS_MAX = 4, /* of one request, before the worker does something else */
    RUN_ROWS_MAX = OP_STEP_ROWS_MAX,
    RUN_FRESH_MS = 1000, /* what was read longer ago is read again before it is written over */
};

struct run {
    struct env *env;
    struct claim *c;
    struct work_report *report;
    struct arena *a;
    struct op op;
    struct op_plan plan;
    struct step_row row[RUN_ROWS_MAX];
    size_t n_rows;
    str made[STEPS_MAX + 1]; /* what each step has made, from 1 */
    msec looked_at; /* monotonic; when Stripe was last read for the next steps; 0: not yet */
    bool ended;     /* the claim is given back: nothing more to do */
    struct refusal no;
};

/* What a step came to. */
enum outcome {
    OUTCOME_DONE,
    OUTCOME_WAIT,    /* `why` in the run's note: later again */
    OUTCOME_REFUSED, /* run.no */
    OUTCOME_MOVED,   /* somebody else has changed it meanwhile: run.no */
    OUTCOME_STUCK,   /* a person must look: run.no */
};

/* ---- journal: each takes the claim for another lease, and draws the ticket of the next request.
 * ST_CONFLICT: somebody else has the operation now; stop. */
enum status run_save(struct run *r, struct error *e) MUST_USE;
enum status run_row_put(struct run *r, struct step_row *row, struct error *e) MUST_USE;
enum status run_row_end(struct run *r, struct step_row *row, struct error *e) MUST_USE;
struct step_row *run_row(struct run *r, int64_t step); /* the latest; NULL */

/* ---- ends: the claim is given back, `ended` is set */
enum status run_wait(struct run *r, str why, bool lock, struct error *e) MUST_USE;
enum status run_end(struct run *r, enum op_state state, bool refetch, struct error *e) MUST_USE;
/* What could not be done because of our side: later again. */
enum status run_put_back(struct run *r, enum status st, const struct error *why,
                         struct error *e) MUST_USE;

/* ---- Stripe */
struct request {
    int64_t step; /* the journal's number: n, or STEP_UNDO + n */
    const char *method;
    str path, form;
};
struct reply {
    enum verdict verdict;
    struct stripe_response http;
    str why; /* of VERDICT_AGAIN */
    bool lock;
};
/* Journals and sends it, the same key again while nobody knows. OUTCOME_WAIT comes as
 * VERDICT_AGAIN. ST_REFUSED: the environment is stopping. */
enum status run_send(struct run *r, const struct request *q, int64_t attempt, struct step_row **row,
                     struct reply *out, struct error *e) MUST_USE;
/* Reads one object, expanded. OUTCOME_WAIT, OUTCOME_REFUSED (run.no; 404 is `*gone` and DONE). */
enum status run_get(struct run *r, bool price, str id, str *doc, bool *gone, enum outcome *out,
                    struct error *e) MUST_USE;
/* Looks for what a step would have made, by its marker. */
enum status run_find_marked(struct run *r, int64_t step, str *id, enum outcome *out,
                            struct error *e) MUST_USE;

/* ---- parts */
enum status run_make_plan(struct run *r, struct error *e) MUST_USE;
enum status run_forward(struct run *r, struct error *e) MUST_USE;
enum status run_back(struct run *r, struct error *e) MUST_USE;
enum status run_verify(struct run *r, enum outcome *out, struct error *e) MUST_USE;
/* Sets the operation's reason and refusal to run.no. */
void run_set_refusal(struct run *r);
/* What is left in Stripe, with what mends it, as JSON. */
void run_set_differences(struct run *r);
str run_filled(struct run *r, str text);
/* The ids of products and prices that it touches, made ones too; at most `most`. */
size_t run_touched(const struct run *r, struct due_key *key, size_t most);
