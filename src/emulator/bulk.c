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

enum { BULK_MAX = 5000000, TEXT_BYTES_MAX = 16384, SET_BYTES_MAX = 4096 };

/* A text with places for the id and, unless it is given, the name; everything else is the same in
 * each. */
struct mould {
    char *text;
    const char *prefix;
    uint64_t owner;
};

#define ID_MARK "%ID%"
#define NAME_MARK "%NAME%"

static void name_it(json_t *doc, enum type t, const char *product)
{
    if (t == T_PRICE) {
        set_strz(doc, "product", product);
        set_strz(doc, "currency", "usd");
        set_strz(doc, "nickname", NAME_MARK);
        set_int(doc, "unit_amount", 1000);
        set_strz(doc, "unit_amount_decimal", "1000");
    } else if (t == T_PRODUCT || t == T_CUSTOMER) {
        set_strz(doc, "name", NAME_MARK);
    }
}

static struct mould mould_new(struct call *c, enum type t, const char *product, json_t *set)
{
    json_t *doc = record_shape(c->emu, c->space, t, ID_MARK);

    name_it(doc, t, product);
    if (t == T_PRODUCT)
        set_int(doc, "updated", now_s(c->emu));
    if (set)
        json_object_update(doc, set);
    set_strz(doc, "id", ID_MARK);
    str owner = type_info[t].owner ? get_str(doc, type_info[t].owner) : (str){ 0 };
    struct mould m = { .text = json_dumps(doc, JSON_COMPACT | JSON_NUMBERS),
                       .prefix = type_info[t].prefix,
                       .owner = owner.p ? hash_str(owner, 0) : 0 };
    json_decref(doc);
    return m;
}

/* Copies `from` up to the mark and then `value`; returns what follows the mark. Without a mark
 * nothing is copied. */
static const char *fill(struct buf *b, const char *from, const char *mark, str value)
{
    const char *at = strstr(from, mark);

    if (!at)
        return from;
    buf_append(b, (str){ from, (size_t)(at - from) });
    buf_append(b, value);
    return at + strlen(mark);
}

static void make_one(struct call *c, enum type t, const struct mould *m, int64_t number, str given)
{
    BUF(text, TEXT_BYTES_MAX);
    char id[ID_BYTES], name[32];

    if (given.n)
        snprintf(id, sizeof id, "%.*s", STR_ARG(given));
    else
        make_id(c->emu, m->prefix, ID_RANDOM, id);
    int n = snprintf(name, sizeof name, "Bulk %lld", (long long)number);
    const char *rest = fill(&text, m->text, ID_MARK, str_of(id));
    rest = fill(&text, rest, NAME_MARK, (str){ name, (size_t)n });
    buf_append(&text, str_of(rest));
    struct record *r =
        record_add_text(c->emu, c->space, t, str_of(id), now_s(c->emu), buf_str(&text));
    r->owner = m->owner;
    r->active = t != T_CUSTOMER;
}

/* Objects that have a life of their own in more than one record are not made in bulk. */
static bool has_mould(enum type t)
{
    return t != T_NONE && t != T_EVENT && t != T_ACCOUNT && t != T_BALANCE && *type_info[t].prefix;
}

static const char *product_for(struct call *c, str given)
{
    if (given.n)
        return given.p;
    json_t *doc = record_shape(c->emu, c->space, T_PRODUCT, NULL);
    set_strz(doc, "name", "Bulk");
    return record_add(c->emu, c->space, T_PRODUCT, doc)->id;
}

static void make_all(struct call *c, enum type t, json_t *p)
{
    str given = arena_copy(c->arena, get_str(p, "product")), id = get_str(p, "id");
    const char *product = t == T_PRICE ? product_for(c, given) : NULL;
    struct mould m = mould_new(c, t, product, json_object_get(p, "set"));

    assert(strlen(m.text) + ID_BYTES + 32 < TEXT_BYTES_MAX);
    for (int64_t i = 0; i < get_int(p, "count"); i++)
        make_one(c, t, &m, i, id);
    free(m.text);
}

/* An id that was chosen is one object's, and nobody's yet. */
static bool may_be_named(struct space *s, enum type t, str id, int64_t count)
{
    return !id.n || (count == 1 && id.n < ID_BYTES && !record_any(s, t, id));
}

/* {"type": "invoice", "count": N, "set": {...}}: so many of a type, whose members are those of
 * `set`, for the rest as a new one's; with "id" one of that id, which Stripe lets nobody choose.
 * Prices belong to one product made for them, or to {"product": …}. */
json_t *admin_bulk(struct call *c)
{
    struct space *s = auth_admin(c);
    json_t *p = json_loadb(c->http->body.p, c->http->body.n, 0, NULL);
    enum type t = type_by_name(get_str(p, "type"));
    json_t *set = json_object_get(p, "set");
    int64_t count = get_int(p, "count");
    bool good = s && has_mould(t) && count >= 1 && count <= BULK_MAX &&
                may_be_named(s, t, get_str(p, "id"), count) &&
                json_dumpb(set, NULL, 0, JSON_ENCODE_ANY) < SET_BYTES_MAX;

    if (good) {
        c->space = s;
        make_all(c, t, p);
    }
    json_decref(p);
    if (!good)
        return refuse(
            c, 400, NULL, NULL,
            "Send a key and {\"type\": \"invoice\", \"count\": 1 to %d, \"set\": {...}} as "
            "JSON, of at most %d bytes; \"id\" for one object of an id that is free.",
            BULK_MAX, SET_BYTES_MAX);
    json_t *answer = json_object();
    set_int(answer, "made", count);
    return answer;
}
