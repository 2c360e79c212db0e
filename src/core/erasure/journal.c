#include "core/erasure/journal.h"

#include "core/erasure/turn.h"

#include <stdio.h>

enum {
    OPS_PIECE = 10,
    OP_ID_MAX = 255,
    TEXTS = 5, /* of an operation: input, plan, note, refusal, differences */
    STEP_TEXTS = 3,
    TEXT_BYTES_MAX = 32 << 20,
};

/* The text without any of the addresses; `*differs` is left alone where none stands in it. */
static str without(const struct erase_words *words, str text, bool *differs, struct arena *a)
{
    for (size_t i = 1; i < words->n; i++) {
        BUF(out, TEXT_BYTES_MAX);
        if (!name_in(&words->name[i], text))
            continue;
        (void)name_cut(&words->name[i], text, &out);
        text = out.failed ? S("") : arena_copy(a, buf_str(&out));
        *differs = true;
    }
    return text;
}

static enum status forget_step(struct tx *tx, const struct erase_words *words, str op,
                               const struct rows *r, size_t i, struct arena *a, struct error *e)
{
    str text[STEP_TEXTS];
    bool differs = false;

    for (size_t t = 0; t < STEP_TEXTS; t++)
        text[t] = without(words, row_str(r, i, 2 + t), &differs, a);
    return differs
               ? tx_run(tx, STMT_ERASE_OP_STEP, NULL, a, e, V_STR(text[0]), V_STR(text[1]),
                        V_STR(text[2]), V_STR(op), V_INT(row_int(r, i, 0)), V_INT(row_int(r, i, 1)))
               : ST_OK;
}

static enum status forget_op(struct tx *tx, const struct erase_words *words, const struct rows *r,
                             size_t i, struct arena *a, struct error *e)
{
    str op = row_str(r, i, 0), text[TEXTS];
    bool differs = false;
    struct rows steps;
    enum status st = ST_OK;

    for (size_t t = 0; t < TEXTS; t++)
        text[t] = without(words, row_str(r, i, 1 + t), &differs, a);
    if (differs)
        st = tx_run(tx, STMT_ERASE_OP, NULL, a, e, V_STR(text[0]), V_STR(text[1]), V_STR(text[2]),
                    V_STR(text[3]), V_STR(text[4]), V_STR(op));
    if (st == ST_OK)
        st = tx_run(tx, STMT_ERASE_OP_STEPS, &steps, a, e, V_STR(op));
    for (size_t s = 0; st == ST_OK && s < steps.n_rows; s++)
        st = forget_step(tx, words, op, &steps, s, a, e);
    return st;
}

/* `after`: the last one that was looked at. */
static enum status forget_piece(struct env *env, const struct erase_words *words, size_t word,
                                char after[OP_ID_MAX + 1], bool *more, struct error *e)
{
    ARENA(a, ERASE_NAMING_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_OPS_NAMING, &r, &a, e, v_account(env), V_STR(str_of(after)),
                    V_STR(erase_hint(words, word)), V_STR(erase_hint(words, word + 1)),
                    V_INT(OPS_PIECE));
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++)
        st = forget_op(&tx, words, &r, i, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        return st;
    *more = r.n_rows == OPS_PIECE;
    if (*more)
        snprintf(after, OP_ID_MAX + 1, "%.*s", STR_ARG(row_str(&r, r.n_rows - 1, 0)));
    return ST_OK;
}

enum status journal_forget(struct env *env, const struct erase_words *words, struct error *e)
{
    enum status st = ST_OK;
    unsigned attempt = 1;

    for (size_t i = 1; st == ST_OK && i < words->n; i += 2) {
        char after[OP_ID_MAX + 1] = "";
        for (bool more = true; st == ST_OK && more;) {
            st = forget_piece(env, words, i, after, &more, e);
            turn_piece_done(env, &st, &attempt, e);
        }
    }
    return st;
}
