#include "core/mirror/known.h"

#include "base/json.h"
#include "core/mirror/refs.h"

#include <string.h>

enum {
    IDS_BYTES_MAX = 512 << 10,
    DEPTH_MAX = 3, /* members of members of members */
};

static uint32_t hash_of(str type, str id)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < type.n; i++)
        h = (h ^ (unsigned char)type.p[i]) * 16777619u;
    for (size_t i = 0; i < id.n; i++)
        h = (h ^ (unsigned char)id.p[i]) * 16777619u;
    return h ^ h >> 15;
}

/* Its slot, or the empty one where it belongs. There are more slots than keys. */
static uint16_t *slot_of(struct known *k, str type, str id)
{
    for (uint32_t h = hash_of(type, id);; h++) {
        uint16_t *slot = &k->slot[h % KNOWN_SLOTS];
        if (!*slot)
            return slot;
        const struct known_key *key = &k->key[*slot - 1];
        if (str_eq(key->id, id) && str_eq(key->type, type))
            return slot;
    }
}

static void add(struct known *k, str type, str id)
{
    if (!type.n || !id.n || k->n == KNOWN_MAX)
        return;
    uint16_t *slot = slot_of(k, type, id);
    if (*slot)
        return;
    k->key[k->n] = (struct known_key){ .type = type, .id = id, .row = -1 };
    *slot = (uint16_t)++k->n;
}

/* ---- what the page holds ------------------------------------------------------------------ */

struct look {
    struct known *k;
    struct arena *a;
    unsigned depth;
};

static enum status look_into(struct look *l, str type, str data, struct error *e);

static enum status on_member(void *ctx, const struct ref_member *m, struct error *e)
{
    struct look *l = ctx;
    struct look inner = { l->k, l->a, l->depth + 1 };

    add(l->k, m->type, m->id);
    return inner.depth < DEPTH_MAX ? look_into(&inner, m->type, m->data, e) : ST_OK;
}

static bool has_lists(const struct resource *r)
{
    for (size_t i = 0; i < r->n_references; i++)
        if (r->reference[i].kind == REF_MEMBERS)
            return true;
    return false;
}

static enum status look_into(struct look *l, str type, str data, struct error *e)
{
    const struct ref_visitor v = { .ctx = l, .member = on_member };
    const struct resource *r = resource_by_type(type);

    return r && has_lists(r) ? refs_visit(r, data, &v, l->a, e) : ST_OK;
}

static enum status collect(struct known *k, struct page page, size_t bytes, struct arena *a,
                           struct error *e)
{
    struct look l = { .k = k, .a = a };
    struct page_item item;
    enum status st = ST_OK;

    for (size_t size = 0; st == ST_OK && size < bytes && k->n < KNOWN_MAX; size += item.data.n) {
        st = page_next(&page, &item, a, e);
        if (st != ST_OK)
            break;
        add(k, item.type, item.id);
        st = look_into(&l, item.type, item.data, e);
    }
    return st == ST_NONE ? ST_OK : st;
}

/* ---- what the store has of it ------------------------------------------------------------- */

static bool write_keys(const struct known *k, struct buf *types, struct buf *ids)
{
    struct json_writer t = { .b = types }, i = { .b = ids };

    jw_array(&t);
    jw_array(&i);
    for (size_t n = 0; n < k->n; n++) {
        jw_str(&t, k->key[n].type);
        jw_str(&i, k->key[n].id);
    }
    jw_end(&t);
    jw_end(&i);
    return !types->failed && !ids->failed;
}

enum status known_find(struct tx *tx, struct env *env, const struct page *page, size_t bytes,
                       struct known *out, struct arena *a, struct error *e)
{
    BUF(types, IDS_BYTES_MAX);
    BUF(ids, IDS_BYTES_MAX);

    out->n = 0;
    if (!tx->store->ops->crowded)
        return ST_OK;
    memset(out->slot, 0, sizeof out->slot);
    out->key = arena_alloc(a, KNOWN_MAX * sizeof *out->key);
    if (!out->key)
        return fail(e, ST_LIMIT, "out of memory for the keys of a page");
    enum status st = collect(out, *page, bytes, a, e);
    if (st != ST_OK || !out->n || !write_keys(out, &types, &ids)) {
        out->n = 0; /* asked for one by one, which tells better what is wrong */
        if (st != ST_LIMIT)
            error_clear(e);
        return st == ST_LIMIT ? st : ST_OK;
    }
    st = tx_run(tx, STMT_OBJECTS_FIND, &out->rows, a, e, v_account(env), V_STR(buf_str(&types)),
                V_STR(buf_str(&ids)));
    for (size_t i = 0; st == ST_OK && i < out->rows.n_rows; i++) {
        uint16_t *slot = slot_of(out, row_str(&out->rows, i, 0), row_str(&out->rows, i, 1));
        if (*slot)
            out->key[*slot - 1].row = (int)i;
    }
    return st;
}

bool known_take(struct known *k, str type, str id, int *row)
{
    if (!k || !k->n)
        return false;
    uint16_t *slot = slot_of(k, type, id);
    if (!*slot || k->key[*slot - 1].used)
        return false;
    k->key[*slot - 1].used = true;
    *row = k->key[*slot - 1].row;
    return true;
}
