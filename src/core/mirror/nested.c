#include "core/mirror/nested.h"

#include "base/url.h"
#include "core/api.h"
#include "core/customer/state.h"
#include "core/mirror/known.h"
#include "core/mirror/references.h"
#include "core/mirror/refs.h"
#include "core/page.h"
#include "core/path.h"

#include <string.h>

enum {
    LISTS_MAX = 8,
    NESTED_PAGES_MAX = 10000, /* a million members */
    PAGE_BYTES_MAX = 48 << 20,
    LIST_BYTES_MAX = 64 << 10,
};

/* The nested lists of one object that go on elsewhere. */
struct open_lists {
    struct arena a;
    struct {
        str field, url;
    } list[LISTS_MAX];
    size_t n;
};

static void open_lists_free(struct open_lists *o)
{
    arena_free(&o->a);
}

static enum status note_list(void *ctx, const struct ref_list *l, struct error *e)
{
    struct open_lists *o = ctx;

    if (!l->has_more)
        return ST_OK;
    if (o->n == LISTS_MAX)
        return fail(e, ST_LIMIT, "an object with more than %d open nested lists", LISTS_MAX);
    if (!str_starts(l->url, S("/v1/")))
        return fail(e, ST_INVALID,
                    "the nested list %.*s has more, but no address under /v1/ to ask",
                    STR_ARG(l->field));
    o->list[o->n].field = l->field;
    o->list[o->n].url = arena_copy(&o->a, l->url);
    o->n++;
    return ST_OK;
}

/* Members arrive as the nested part of their parent, under the ticket of this page's request. */
static enum status put_members(struct tx *tx, struct env *env, const struct answer *parent,
                               str field, struct page *page, int64_t ticket, struct page_item *last,
                               size_t *n, struct arena *a, struct error *e)
{
    struct sequence_pool pool = { 0 };
    struct known known = { .n = 0 };
    enum status st = known_find(tx, env, page, PAGE_BYTES_MAX, &known, a, e);

    for (*n = 0; st == ST_OK; ++*n) {
        struct page_item item;
        enum mirror_result result;
        st = page_next(page, &item, a, e);
        if (st != ST_OK)
            break;
        const struct answer in = { .resource = resource_by_type(item.type),
                                   .type = item.type,
                                   .id = item.id,
                                   .data = item.data,
                                   .source = SOURCE_NESTED,
                                   .ticket = ticket,
                                   .api_version = parent->api_version,
                                   .cause = parent->cause,
                                   .depth =
                                       REFS_DEPTH_MAX, /* so many: the chase looks after them */
                                   .pool = &pool,
                                   .known = &known };
        st = mirror_put(tx, env, &in, &result, NULL, a, e);
        if (st == ST_OK)
            st = tx_run(tx, STMT_REF_ADD, NULL, a, e, V_STR(parent->type), v_account(env),
                        V_STR(parent->id), V_STR(field), V_STR(item.type), V_STR(item.id), V_INT(1),
                        V_INT(0), V_INT(ticket));
        *last = item;
    }
    return st == ST_NONE ? ST_OK : st;
}

static enum status follow(struct tx *tx, struct env *env, const struct answer *parent,
                          struct arena *a, struct error *e)
{
    return state_follow(tx, env, parent->type, parent->id, (str){ 0 }, parent->data, NULL, a, e);
}

/* What is made of all members is not made anew behind each of a hundred pages: behind the first,
 * the second, the fourth, the eighth, and the last. */
static bool is_followed(unsigned pages, bool last)
{
    return last || (pages & (pages - 1)) == 0;
}

/* One page, after `pages` others: draws the ticket, asks, stores. `after` moves on; `*more` says
 * whether there is another. */
static enum status one_page(struct env *env, struct claim *c, const struct answer *parent,
                            str field, str url, unsigned pages, char after[256], bool *more,
                            struct error *e)
{
    ARENA(a, PAGE_BYTES_MAX);
    CLEANUP(tx_end) struct tx draw = { 0 };
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct api_answer got;
    struct page page;
    struct page_item last = { 0 };
    size_t n;
    str path;

    enum status st = tx_begin(&draw, env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = due_extend(&draw, env, c, &a, e);
    if (st == ST_OK)
        st = tx_commit(&draw, e);
    if (st != ST_OK)
        return st;
    str query = str_cut(url, '?', &path);
    str page_query = arena_printf(&a, "limit=%d%s", PAGE_LIMIT, *after ? "&starting_after=" : "");
    page_query = arena_concat(&a, page_query, url_escape_in(&a, str_of(after)));
    st = api_get(env, path, query_join(query, page_query, &a), c->lane, S("nested"), &got, &a, e);
    if (st != ST_OK)
        return st;
    if (got.meaning != API_OK)
        return fail(e, ST_RETRY, "%s", got.why);
    st = page_open(got.http.body, &page, e);
    if (st == ST_OK)
        st = tx_begin(&tx, env->world->store, TX_WRITE, e);
    if (st == ST_OK)
        st = put_members(&tx, env, parent, field, &page, c->ticket, &last, &n, &a, e);
    if (st == ST_OK && is_followed(pages + 1, !page.has_more))
        st = follow(&tx, env, parent, &a, e);
    if (st == ST_OK)
        st = tx_commit(&tx, e);
    if (st != ST_OK)
        return st;
    if (page.has_more && (!last.id.n || last.id.n > 255 || str_eqz(last.id, after)))
        return fail(e, ST_RETRY, "the nested list %.*s says has_more but does not move on",
                    STR_ARG(field));
    *more = page.has_more;
    if (last.id.n)
        memcpy(after, last.id.p, last.id.n);
    after[last.id.n] = '\0';
    return ST_OK;
}

static enum status close_all(struct env *env, const struct answer *parent, str field,
                             struct error *e)
{
    size_t left = 1;

    while (left) {
        ARENA(a, LIST_BYTES_MAX * 16);
        CLEANUP(tx_end) struct tx tx = { 0 };
        enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);
        if (st == ST_OK)
            st = mirror_close_list(&tx, env, parent, field, parent->ticket, &left, &a, e);
        if (st == ST_OK)
            st = tx_commit(&tx, e);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* Another attempt comes later, or none: what is made of the members tells of those that are here.
 */
static enum status follow_half(struct env *env, const struct answer *parent, struct error *e)
{
    ARENA(a, LIST_BYTES_MAX * 16);
    CLEANUP(tx_end) struct tx tx = { 0 };
    enum status st = tx_begin(&tx, env->world->store, TX_WRITE, e);

    if (st == ST_OK)
        st = follow(&tx, env, parent, &a, e);
    return st == ST_OK ? tx_commit(&tx, e) : st;
}

/* To the list's end. What the object shows of it is read again: its order may have changed
 * meanwhile. */
static enum status all_pages(struct env *env, struct claim *c, const struct answer *parent,
                             str field, str url, struct error *e)
{
    char after[256] = "";
    bool more = true;
    enum status st = ST_OK;

    for (unsigned pages = 0; more && st == ST_OK; pages++) {
        if (pages == NESTED_PAGES_MAX)
            return fail(e, ST_LIMIT, "the nested list %.*s has no end after %d pages",
                        STR_ARG(field), NESTED_PAGES_MAX);
        if (env_stopping(env))
            return fail(e, ST_CONFLICT, "the environment is stopping");
        st = one_page(env, c, parent, field, url, pages, after, &more, e);
    }
    return st;
}

enum status nested_complete(struct env *env, struct claim *c, const struct answer *parent,
                            struct error *e)
{
    CLEANUP(open_lists_free) struct open_lists open = { .a = { .max = PAGE_BYTES_MAX } };
    const struct ref_visitor v = { .ctx = &open, .list = note_list };

    enum status st = refs_visit(parent->resource, parent->data, &v, &open.a, e);
    for (size_t i = 0; i < open.n && st == ST_OK; i++) {
        st = all_pages(env, c, parent, open.list[i].field, open.list[i].url, e);
        if (st == ST_OK)
            st = close_all(env, parent, open.list[i].field, e);
    }
    if (st != ST_OK && st != ST_BROKEN) {
        struct error ignored = { 0 }; /* the first one is told */
        if (follow_half(env, parent, &ignored) == ST_BROKEN) {
            *e = ignored;
            return ST_BROKEN;
        }
    }
    return st;
}
