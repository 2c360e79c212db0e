/* bulk.c - many plain objects at once, without events: for backfills and benchmarks. Only their
 * texts are kept, so that a million of them fits. */
#include "base/buf.h"
#include "emulator/admin.h"
#include "emulator/auth.h"
#include "emulator/list.h"
#include "emulator/rooms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BULK_MAX = 5000000, TEXT_BYTES_MAX = 8192 };

/* A text with places for the id and the name; everything else is the same in each. */
struct mould {
    char *text;
    const char *prefix;
};

#define ID_MARK "%ID%"
#define NAME_MARK "%NAME%"

static struct mould mould_new(struct call *c, enum type t, const char *product)
{
    json_t *doc = record_shape(c->emu, c->space, t, ID_MARK);

    if (t == T_PRICE) {
        set_strz(doc, "product", product);
        set_strz(doc, "currency", "usd");
        set_strz(doc, "nickname", NAME_MARK);
        set_int(doc, "unit_amount", 1000);
        set_strz(doc, "unit_amount_decimal", "1000");
    } else {
        set_strz(doc, "name", NAME_MARK);
    }
    if (t == T_PRODUCT)
        set_int(doc, "updated", now_s(c->emu));
    struct mould m = { json_dumps(doc, JSON_COMPACT), type_info[t].prefix };
    json_decref(doc);
    return m;
}

/* Copies `from` up to the mark and then `value`; returns what follows the mark. */
static const char *fill(struct buf *b, const char *from, const char *mark, str value)
{
    const char *at = strstr(from, mark);

    assert(at);
    buf_append(b, (str){ from, (size_t)(at - from) });
    buf_append(b, value);
    return at + strlen(mark);
}

static void make_one(struct call *c, enum type t, const struct mould *m, int64_t number,
                     uint64_t owner)
{
    BUF(text, TEXT_BYTES_MAX);
    char id[ID_BYTES], name[32];

    make_id(c->emu, m->prefix, ID_RANDOM, id);
    int n = snprintf(name, sizeof name, "Bulk %lld", (long long)number);
    const char *rest = fill(&text, m->text, ID_MARK, str_of(id));
    rest = fill(&text, rest, NAME_MARK, (str){ name, (size_t)n });
    buf_append(&text, str_of(rest));
    struct record *r =
        record_add_text(c->emu, c->space, t, str_of(id), now_s(c->emu), buf_str(&text));
    r->owner = owner;
    r->active = t != T_CUSTOMER;
}

/* {"type": "product"|"price"|"customer", "count": N}; prices belong to one product made for them,
 * or to {"product": …}. */
json_t *admin_bulk(struct call *c)
{
    struct space *s = auth_admin(c);
    json_t *p = json_loadb(c->http->body.p, c->http->body.n, 0, NULL);
    enum type t = type_by_name(get_str(p, "type"));
    int64_t count = get_int(p, "count");
    str product = arena_copy(c->arena, get_str(p, "product"));

    json_decref(p);
    if (!s || (t != T_PRODUCT && t != T_PRICE && t != T_CUSTOMER) || count < 1 || count > BULK_MAX)
        return refuse(
            c, 400, NULL, NULL,
            "Send a key and {\"type\": \"product\", \"price\" or \"customer\", \"count\": "
            "1 to %d} as JSON.",
            BULK_MAX);
    c->space = s;
    if (t == T_PRICE && !product.n) {
        json_t *doc = record_shape(c->emu, s, T_PRODUCT, NULL);
        set_strz(doc, "name", "Bulk");
        product = str_of(record_add(c->emu, s, T_PRODUCT, doc)->id);
    }
    struct mould m = mould_new(c, t, product.p);
    for (int64_t i = 0; i < count; i++)
        make_one(c, t, &m, i, t == T_PRICE ? hash_str(product, 0) : 0);
    free(m.text);
    json_t *answer = json_object();
    set_int(answer, "made", count);
    return answer;
}
