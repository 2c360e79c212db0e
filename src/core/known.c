#include "core/known.h"

#include "base/json.h"
#include "core/resource.h"

#include <string.h>

enum { IDS_BYTES_MAX = 256 << 10 };

/* Rows of such a type are written by whatever holds them in a list. */
static bool lives_in_lists(str type)
{
    str rest, one;

    for (size_t i = 0; i < resource_count; i++)
        for (size_t k = 0; k < resource_table[i].n_references; k++) {
            const struct reference *ref = &resource_table[i].reference[k];
            if (ref->kind != REF_MEMBERS)
                continue;
            for (rest = str_of(ref->targets); rest.p && rest.n;) {
                rest = str_cut(rest, '|', &one);
                if (str_eq(one, type))
                    return true;
            }
        }
    return false;
}

static enum status collect(struct known *k, struct page page, size_t bytes, struct buf *ids,
                           struct arena *a, struct error *e)
{
    struct json_writer w = { .b = ids };
    struct page_item item;
    enum status st = ST_OK;

    jw_array(&w);
    for (size_t size = 0; size < bytes && k->n < KNOWN_MAX; size += item.data.n) {
        st = page_next(&page, &item, a, e);
        if (st != ST_OK)
            break;
        if (!k->n)
            k->type = item.type;
        if (!str_eq(item.type, k->type)) /* the rest is asked for one by one */
            break;
        k->row[k->n] = -1;
        k->id[k->n++] = item.id;
        jw_str(&w, item.id);
    }
    jw_end(&w);
    if (ids->failed)
        k->n = 0;
    return st == ST_NONE ? ST_OK : st;
}

enum status known_find(struct tx *tx, struct env *env, const struct page *page, size_t bytes,
                       struct known *out, struct arena *a, struct error *e)
{
    BUF(ids, IDS_BYTES_MAX);

    out->n = 0;
    if (!tx->store->ops->crowded)
        return ST_OK;
    memset(out->used, 0, sizeof out->used);
    enum status st = collect(out, *page, bytes, &ids, a, e);
    if (st != ST_OK || !out->n || lives_in_lists(out->type)) {
        out->n = 0;
        return st;
    }
    st = tx_run(tx, STMT_OBJECTS_FIND, &out->rows, a, e, V_STR(out->type), v_account(env),
                V_STR(buf_str(&ids)));
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < out->rows.n_rows; i++)
        for (size_t k = 0; k < out->n; k++)
            if (str_eq(out->id[k], row_str(&out->rows, i, 0)))
                out->row[k] = (int)i;
    return ST_OK;
}

bool known_take(struct known *k, str type, str id, int *row)
{
    if (!k || !k->n || !str_eq(type, k->type))
        return false;
    for (size_t i = 0; i < k->n; i++) {
        if (!str_eq(k->id[i], id))
            continue;
        if (k->used[i])
            return false;
        for (size_t j = i; j < k->n; j++) /* the same id may stand twice */
            k->used[j] = k->used[j] || str_eq(k->id[j], id);
        *row = k->row[i];
        return true;
    }
    return false;
}
