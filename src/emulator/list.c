#include "emulator/list.h"

#include "emulator/rooms.h"

#include <string.h>

/* A walk over a table in the order in which its list shows it. */
struct page {
    struct record *row[LIST_LIMIT_MAX + 1];
    size_t n, limit;
    bool has_more;
};

/* The hash is compared first: most records of others are never parsed. */
static bool owned_by(struct record *r, str owner, uint64_t hash)
{
    return r->owner == hash && str_eq(record_owner(r), owner);
}

static bool listed(struct call *c, const struct list_query *q, struct record *r,
                   const struct range *created, uint64_t owner_hash,
                   const struct clock_filter *clocks)
{
    if (!clocks->all && r->clock != clocks->only)
        return false;
    if (r->deleted || r->unlisted || r->created < created->least || r->created > created->most)
        return false;
    if (q->owner.p && !owned_by(r, q->owner, owner_hash))
        return false;
    return !q->keep || q->keep(c, r, q->ctx);
}

static void page_fill(struct call *c, const struct list_query *q, struct page *p, size_t at,
                      int step)
{
    struct args a = args_of(c);
    struct range created = arg_range(&a, "created");
    uint64_t hash = q->owner.p ? hash_str(q->owner, 0) : 0;
    const struct table *t = &c->space->table[q->type];
    struct clock_filter clocks;

    if (!clock_filter(c, q->type, q->owner.p, &clocks))
        return;
    for (; at < t->n && p->n <= p->limit; at += (size_t)step) /* below 0 wraps beyond n */
        if (listed(c, q, t->row[at], &created, hash, &clocks))
            p->row[p->n++] = t->row[at];
    p->has_more = p->n > p->limit;
    if (p->has_more)
        p->n = p->limit;
}

static void page_reverse(struct page *p)
{
    for (size_t i = 0; i < p->n / 2; i++) {
        struct record *r = p->row[i];
        p->row[i] = p->row[p->n - 1 - i];
        p->row[p->n - 1 - i] = r;
    }
}

/* The record that a cursor names; false when it was given and is not there. */
static bool cursor(struct call *c, enum type t, const char *name, struct record **out)
{
    struct args a = args_of(c);
    str id;

    *out = NULL;
    if (!arg_text(&a, name, &id))
        return !c->refused;
    *out = named_record(c, t, id, name);
    return *out;
}

static bool page_read(struct call *c, const struct list_query *q, struct page *p)
{
    struct args a = args_of(c);
    struct record *after, *before;
    const struct table *t = &c->space->table[q->type];
    int64_t limit = LIST_LIMIT;
    int step = type_info[q->type].oldest_first ? 1 : -1;

    arg_int(&a, "limit", &limit);
    p->limit = limit < 1 ? 1 : limit > LIST_LIMIT_MAX ? LIST_LIMIT_MAX : (size_t)limit;
    if (!cursor(c, q->type, "starting_after", &after) ||
        !cursor(c, q->type, "ending_before", &before))
        return false;
    if (after && before) {
        refuse(c, 400, NULL, NULL,
               "Received both starting_after and ending_before parameters. Please pass in only "
               "one.");
        return false;
    }
    if (before) { /* the nearest newer ones, shown in the usual order */
        page_fill(c, q, p, table_find(t, before->seq) - (size_t)step, -step);
        page_reverse(p);
        return !c->refused;
    }
    size_t first = step > 0 ? 0 : t->n - 1;
    page_fill(c, q, p, after ? table_find(t, after->seq) + (size_t)step : first, step);
    return !c->refused;
}

static char *put(char *at, str s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

/* The page as text, copied from the texts of its records. */
static void page_text(struct call *c, struct page *p, str url)
{
    str head = S("{\"object\":\"list\",\"data\":[");
    str tail =
        p->has_more ? S("],\"has_more\":true,\"url\":\"") : S("],\"has_more\":false,\"url\":\"");
    size_t n = head.n + tail.n + url.n + 2 + p->n;

    for (size_t i = 0; i < p->n; i++)
        n += record_text(p->row[i]).n;
    char *text = arena_alloc(c->arena, n);
    char *at = text;
    if (!text)
        return;
    at = put(at, head);
    for (size_t i = 0; i < p->n; i++) {
        if (i)
            *at++ = ',';
        at = put(at, record_text(p->row[i]));
    }
    at = put(at, tail);
    at = put(at, url);
    at = put(at, S("\"}"));
    c->body = (str){ text, (size_t)(at - text) };
}

static json_t *page_document(struct call *c, struct page *p, str url)
{
    json_t *list = json_object();
    json_t *data = json_array();

    for (size_t i = 0; i < p->n; i++) {
        json_t *doc = json_deep_copy(record_doc(p->row[i]));
        expand_document(c, doc, p->row[i], true);
        json_array_append_new(data, doc);
    }
    set_strz(list, "object", "list");
    set_new(list, "data", data);
    set_bool(list, "has_more", p->has_more);
    set_str(list, "url", url);
    return list;
}

json_t *answer_list(struct call *c, const struct list_query *q)
{
    struct page p = { 0 };
    str url = str_of(q->url ? q->url : type_info[q->type].url);

    if (c->refused || !page_read(c, q, &p))
        return NULL;
    if (c->n_expand)
        return page_document(c, &p, url);
    page_text(c, &p, url);
    return NULL;
}

struct record *owned_next(struct space *s, enum type t, str owner, const struct record *after)
{
    const struct table *tab = &s->table[t];
    uint64_t hash = hash_str(owner, 0);

    for (size_t i = after ? table_find(tab, after->seq) + 1 : 0; i < tab->n; i++)
        if (!tab->row[i]->deleted && owned_by(tab->row[i], owner, hash))
            return tab->row[i];
    return NULL;
}

json_t *list_embedded(struct space *s, enum type t, str owner, const char *url)
{
    json_t *list = json_object();
    json_t *data = json_array();
    size_t n = 0;

    for (struct record *r = NULL; n <= LIST_EMBEDDED && (r = owned_next(s, t, owner, r)); n++)
        if (n < LIST_EMBEDDED)
            json_array_append_new(data, json_deep_copy(record_doc(r)));
    set_strz(list, "object", "list");
    set_new(list, "data", data);
    set_bool(list, "has_more", n > LIST_EMBEDDED);
    set_strz(list, "url", url);
    return list;
}
