#include "core/mirror/references.h"

#include "base/json.h"
#include "core/resource.h"

#include <stdio.h>
#include <string.h>

enum {
    REFERENCES_BYTES_MAX = 16 << 20,
    PIECE = 200,
    ANSWER_BYTES_MAX = 300,
    ID_MAX = 255,
};

/* ---- what Stripe does not have ---- */

bool references_foreign(const char *why)
{
    return strstr(why, "a similar object exists in") || strstr(why, "account_invalid");
}

/* Until the next look, after so many: an hour, then longer and longer. 0: no further look. */
static msec pause_after(int64_t looks)
{
    static const int hours[] = { 1, 6, 24, 72, 168 };

    if (looks < 1 || looks >= ABSENT_LOOKS_MAX)
        return 0;
    return (msec)hours[looks - 1] * 3600 * 1000;
}

enum status references_absent(struct tx *tx, struct env *env, str type, str id, int http_status,
                              const char *why, struct arena *a, struct error *e)
{
    msec now = clock_wall(env->world->clock);
    bool foreign = references_foreign(why);
    str answer = str_of(why);
    struct rows r;
    enum status st = tx_run(tx, STMT_ABSENT_GET, &r, a, e, V_STR(type), v_account(env), V_STR(id));

    if (st != ST_OK)
        return st;
    int64_t looks = r.n_rows ? row_int(&r, 0, 0) + 1 : 1;
    msec first = r.n_rows ? row_int(&r, 0, 1) : now;
    msec pause = foreign ? 0 : pause_after(looks);
    if (answer.n > ANSWER_BYTES_MAX)
        answer = str_sub(answer, 0, ANSWER_BYTES_MAX);
    return tx_run(tx, STMT_ABSENT_PUT, NULL, a, e, V_STR(type), v_account(env), V_STR(id),
                  V_STR(foreign ? S("foreign") : S("absent")), V_INT(http_status), V_STR(answer),
                  V_INT(first), V_INT(now), V_INT(pause ? now + pause : 0), V_INT(looks));
}

static enum status look_piece(struct env *env, size_t *n, struct error *e)
{
    ARENA(a, REFERENCES_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_ABSENT_NEXT, &r, &a, e, V_INT(clock_wall(env->world->clock)),
                    v_account(env), V_INT(PIECE));
    for (size_t i = 0; st == ST_OK && i < r.n_rows; i++) {
        struct due_mark m = { .key = { DUE_OBJECT, row_str(&r, i, 0), row_str(&r, i, 1) },
                              .lane = LANE_BACKFILL,
                              .cause = "reference" };
        st = due_mark(&tx, env, &m, &a, e);
        if (st == ST_OK)
            st = tx_run(&tx, STMT_ABSENT_LATER, NULL, &a, e, V_STR(m.key.type), v_account(env),
                        V_STR(m.key.id));
    }
    *n = r.n_rows;
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

enum status references_look_again(struct env *env, struct error *e)
{
    size_t n = PIECE;
    enum status st = ST_OK;

    while (st == ST_OK && n == PIECE && !env_stopping(env))
        st = look_piece(env, &n, e);
    return st;
}

/* ---- what dangles ---- */

/* The columns of refs_dangling.sql. */
enum dangling_column {
    C_ID,
    C_COUNT,
    C_EXAMPLE,
    C_GEN,
    C_DONE,
    C_DEAD,
    C_ERROR,
    C_STATE,
    C_STATUS,
    C_ANSWER,
    C_FIRST,
    C_LAST,
    C_NEXT,
    C_LOOKS
};

static bool is_known(const struct rows *r, size_t i, enum dangling_column c)
{
    return row_cell(r, i, c)->type != VAL_NULL;
}

static bool is_dead(const struct rows *r, size_t i)
{
    return row_int(r, i, C_DEAD) && row_int(r, i, C_DONE) < row_int(r, i, C_GEN);
}

/* Work that is pending will tell; until then what Stripe said last counts. */
static str state_of(const struct rows *r, size_t i, struct dangling *n)
{
    bool dead = is_dead(r, i);

    if (!is_known(r, i, C_STATE) || dead) {
        n->wanted++;
        n->dead += dead;
        return S("wanted");
    }
    if (str_eqz(row_str(r, i, C_STATE), "foreign"))
        n->foreign++;
    else
        n->absent++;
    return row_str(r, i, C_STATE);
}

static void write_dangling(const struct rows *r, size_t i, const char *type, struct dangling *n,
                           struct buf *out)
{
    struct json_writer w = { .b = out };
    str from_type, field, from_id = str_cut(row_str(r, i, C_EXAMPLE), ' ', &from_type);

    from_id = str_cut(from_id, ' ', &field);
    jw_object(&w);
    jw_put_str(&w, "type", str_of(type));
    jw_put_str(&w, "id", row_str(r, i, C_ID));
    jw_put_str(&w, "state", state_of(r, i, n));
    jw_put_int(&w, "references", row_int(r, i, C_COUNT));
    jw_key(&w, S("from"));
    jw_object(&w);
    jw_put_str(&w, "type", from_type);
    jw_put_str(&w, "id", from_id);
    jw_put_str(&w, "field", field);
    jw_end(&w);
    if (is_known(r, i, C_STATE)) {
        jw_put_str(&w, "answer", row_str(r, i, C_ANSWER));
        jw_put_int(&w, "status", row_int(r, i, C_STATUS));
        jw_put_int(&w, "first_at", row_int(r, i, C_FIRST));
        jw_put_int(&w, "last_at", row_int(r, i, C_LAST));
        jw_put_int(&w, "next_at", row_int(r, i, C_NEXT));
        jw_put_int(&w, "looks", row_int(r, i, C_LOOKS));
    }
    if (is_dead(r, i))
        jw_put_str(&w, "error", row_str(r, i, C_ERROR));
    jw_end(&w);
    buf_char(out, '\n');
}

static enum status find_dangling(struct env *env, const char *type, const char *after,
                                 struct rows *r, struct arena *a, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    return st == ST_OK ? tx_run(&tx, STMT_REFS_DANGLING, r, a, e, v_account(env),
                                V_STR(str_of(type)), V_STR(str_of(after)), V_INT(PIECE))
                       : st;
}

static void move_on(char after[ID_MAX + 1], const struct rows *r)
{
    if (r->n_rows)
        snprintf(after, ID_MAX + 1, "%.*s", STR_ARG(row_str(r, r->n_rows - 1, 0)));
}

static enum status list_type(struct env *env, const char *type, struct buf *out,
                             const struct pages *pages, struct dangling *counts, struct error *e)
{
    char after[ID_MAX + 1] = "";
    size_t n = PIECE;

    while (n == PIECE) {
        ARENA(a, REFERENCES_BYTES_MAX);
        struct rows r;
        enum status st = find_dangling(env, type, after, &r, &a, e);
        if (st != ST_OK)
            return st;
        for (size_t i = 0; i < r.n_rows; i++)
            write_dangling(&r, i, type, counts, out);
        pages_turn(pages, out);
        n = r.n_rows;
        move_on(after, &r);
    }
    if (out->failed)
        return fail(e, ST_LIMIT,
                    "more references dangle than fit into one answer: `brindle check refs` lists "
                    "them page after page");
    return ST_OK;
}

enum status references_dangling(struct env *env, struct buf *out, const struct pages *pages,
                                struct dangling *counts, struct error *e)
{
    enum status st = ST_OK;

    *counts = (struct dangling){ 0 };
    for (size_t i = 0; i < resource_count && st == ST_OK; i++)
        if (resource_fetchable(&resource_table[i]))
            st = list_type(env, resource_table[i].type, out, pages, counts, e);
    return st;
}

static enum status repair_piece(struct env *env, const char *type, const struct rows *r, int64_t *n,
                                struct error *e)
{
    ARENA(a, REFERENCES_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    for (size_t i = 0; st == ST_OK && i < r->n_rows; i++) {
        struct due_mark m = { .key = { DUE_OBJECT, str_of(type), row_str(r, i, C_ID) },
                              .lane = LANE_BACKFILL,
                              .cause = "reference" };
        if (str_eqz(row_str(r, i, C_STATE), "foreign"))
            continue;
        st = due_mark(&tx, env, &m, &a, e);
        ++*n;
    }
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

static enum status repair_type(struct env *env, const char *type, int64_t *n, struct error *e)
{
    char after[ID_MAX + 1] = "";
    size_t found = PIECE;

    while (found == PIECE && !env_stopping(env)) {
        ARENA(a, REFERENCES_BYTES_MAX);
        struct rows r;
        enum status st = find_dangling(env, type, after, &r, &a, e);
        if (st == ST_OK && r.n_rows)
            st = repair_piece(env, type, &r, n, e);
        if (st != ST_OK)
            return st;
        found = r.n_rows;
        move_on(after, &r);
    }
    return ST_OK;
}

enum status references_repair(struct env *env, int64_t *n, struct error *e)
{
    enum status st = ST_OK;

    *n = 0;
    for (size_t i = 0; i < resource_count && st == ST_OK; i++)
        if (resource_fetchable(&resource_table[i]))
            st = repair_type(env, resource_table[i].type, n, e);
    if (st == ST_OK)
        env_ring(env);
    return st;
}

/* ---- what hangs on an object ---- */

static enum status write_hanging(struct tx *tx, struct env *env, str type, str id,
                                 struct json_writer *w, size_t *n, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st =
        tx_run(tx, STMT_REFS_HANGING, &r, a, e, V_STR(type), v_account(env), V_STR(id));

    if (st != ST_OK)
        return st;
    *n = r.n_rows;
    jw_key(w, S("referred_by"));
    jw_array(w);
    for (size_t i = 0; i < r.n_rows; i++) {
        jw_object(w);
        jw_put_str(w, "type", row_str(&r, i, 0));
        jw_put_str(w, "field", row_str(&r, i, 1));
        if (row_str(&r, i, 2).n)
            jw_put_str(w, "through", row_str(&r, i, 2));
        jw_put_int(w, "count", row_int(&r, i, 3));
        jw_put_int(w, "deleted", row_int(&r, i, 4));
        jw_put_str(w, "example", row_str(&r, i, 5));
        jw_end(w);
    }
    jw_end(w);
    return ST_OK;
}

static str own_state(const struct rows *r, size_t i)
{
    if (row_cell(r, i, 5)->type != VAL_NULL)
        return row_int(r, i, 5) ? S("deleted") : S("resolved");
    if (row_cell(r, i, 6)->type != VAL_NULL)
        return row_str(r, i, 6);
    return resource_fetchable(resource_by_type(row_str(r, i, 1))) ? S("wanted") : S("unfetchable");
}

static enum status write_own(struct tx *tx, struct env *env, str type, str id,
                             struct json_writer *w, size_t *n, struct arena *a, struct error *e)
{
    struct rows r;
    enum status st = tx_run(tx, STMT_REFS_OWN, &r, a, e, V_STR(type), v_account(env), V_STR(id),
                            V_INT(REFERENCES_LIST_MAX));

    if (st != ST_OK)
        return st;
    *n += r.n_rows;
    jw_key(w, S("refers_to"));
    jw_array(w);
    for (size_t i = 0; i < r.n_rows; i++) {
        jw_object(w);
        jw_put_str(w, "field", row_str(&r, i, 0));
        jw_put_str(w, "type", row_str(&r, i, 1));
        jw_put_str(w, "id", row_str(&r, i, 2));
        jw_put_str(w, "state", own_state(&r, i));
        jw_end(w);
    }
    jw_end(w);
    return ST_OK;
}

/* One type's entry, unless nothing is known of the id under it. */
static enum status write_entry(struct tx *tx, struct env *env, const struct resource *res, str id,
                               struct buf *out, bool *first, struct error *e)
{
    ARENA(a, REFERENCES_BYTES_MAX);
    BUF(entry, REFERENCES_BYTES_MAX);
    struct json_writer w = { .b = &entry };
    str type = str_of(res->type);
    struct rows r;
    size_t n = 0;
    enum status st =
        tx_run(tx, STMT_OBJECT_MARK_OF, &r, &a, e, V_STR(type), v_account(env), V_STR(id));

    if (st != ST_OK)
        return st;
    jw_object(&w);
    jw_put_str(&w, "type", type);
    jw_key(&w, S("deleted"));
    if (r.n_rows)
        jw_bool(&w, row_int(&r, 0, 0) != 0);
    else
        jw_null(&w); /* it is not in the mirror */
    st = write_hanging(tx, env, type, id, &w, &n, &a, e);
    if (st == ST_OK)
        st = write_own(tx, env, type, id, &w, &n, &a, e);
    jw_end(&w);
    if (st != ST_OK || (!r.n_rows && !n))
        return st;
    if (!*first)
        buf_char(out, ',');
    buf_append(out, buf_str(&entry));
    *first = false;
    return ST_OK;
}

enum status references_of(struct env *env, str type, str id, struct buf *out, struct error *e)
{
    CLEANUP(tx_end) struct tx tx = { 0 };
    bool first = true;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    buf_append(out, S("{\"id\":"));
    json_quote(out, id);
    buf_append(out, S(",\"objects\":["));
    for (size_t i = 0; i < resource_count && st == ST_OK; i++)
        if (!type.n || str_eqz(type, resource_table[i].type))
            st = write_entry(&tx, env, &resource_table[i], id, out, &first, e);
    buf_append(out, S("]}"));
    if (st == ST_OK && first)
        return fail(e, ST_NONE, "the mirror of environment %s knows nothing of %.*s", env->name,
                    STR_ARG(id));
    if (st == ST_OK && out->failed)
        return fail(e, ST_LIMIT,
                    "more hangs on %.*s than fits into one answer: name a type (`brindle refs "
                    "%.*s --type TYPE`), or list all, one a line (--all)",
                    STR_ARG(id), STR_ARG(id));
    return st;
}

struct place {
    char type[ID_MAX + 1], id[ID_MAX + 1], field[ID_MAX + 1];
};

static void remember(char to[ID_MAX + 1], str s)
{
    snprintf(to, ID_MAX + 1, "%.*s", STR_ARG(s));
}

static enum status list_hanging(struct env *env, str type, str id, struct place *at, size_t *n,
                                struct buf *out, struct error *e)
{
    ARENA(a, REFERENCES_BYTES_MAX);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct rows r;
    enum status st = tx_begin(&tx, env->world->store, TX_READ, e);

    if (st == ST_OK)
        st = tx_run(&tx, STMT_REFS_HANGING_ALL, &r, &a, e, V_STR(type), v_account(env), V_STR(id),
                    V_STR(str_of(at->type)), V_STR(str_of(at->id)), V_STR(str_of(at->field)),
                    V_INT(REFERENCES_LIST_MAX));
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < r.n_rows; i++) {
        struct json_writer w = { .b = out };
        jw_object(&w);
        jw_put_str(&w, "type", row_str(&r, i, 0));
        jw_put_str(&w, "id", row_str(&r, i, 1));
        jw_put_str(&w, "field", row_str(&r, i, 2));
        jw_put_bool(&w, "deleted", row_int(&r, i, 3) != 0);
        jw_end(&w);
        buf_char(out, '\n');
    }
    *n = r.n_rows;
    if (*n) {
        remember(at->type, row_str(&r, *n - 1, 0));
        remember(at->id, row_str(&r, *n - 1, 1));
        remember(at->field, row_str(&r, *n - 1, 2));
    }
    return ST_OK;
}

enum status references_to(struct env *env, str type, str id, struct buf *out,
                          const struct pages *pages, struct error *e)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < resource_count && st == ST_OK; i++) {
        const char *one = resource_table[i].type;
        struct place at = { 0 };
        size_t n = REFERENCES_LIST_MAX;
        if (type.n && !str_eqz(type, one))
            continue;
        while (st == ST_OK && n == REFERENCES_LIST_MAX) {
            st = list_hanging(env, str_of(one), id, &at, &n, out, e);
            pages_turn(pages, out);
        }
    }
    if (st == ST_OK && out->failed)
        return fail(e, ST_LIMIT,
                    "more hangs on %.*s than fits into one answer: `brindle refs %.*s --all` lists "
                    "it page after page",
                    STR_ARG(id), STR_ARG(id));
    return st;
}
