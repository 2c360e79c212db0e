/* run_stripe.c - an operation's requests: journaled, sent, judged; and its looks at Stripe. */
#include "catalog/run.h"

#include <stdio.h>

#include "base/plant.h"
#include "base/url.h"
#include "core/api.h"
#include "core/page.h"
#include "core/path.h"

enum {
    FIND_PAGES_MAX = 200,
    FIND_PAGE_BYTES_MAX = 8 << 20,
    FIND_BACK_S = 86400, /* Stripe's clock and ours may differ by less than this */
    LOCK_TRY_MS = 100,
};

static str cause(const struct run *r)
{
    return str_of(r->op.id);
}

static bool is_lock(const struct stripe_response *p, struct arena *a)
{
    return p->http_status == 429 && str_eq(api_error_of(p, a).code, S("lock_timeout"));
}

/* One answer, or none: what it means, and in words when it means to wait. */
static enum status send_once(struct run *r, const struct stripe_request *q, struct reply *out,
                             struct error *e)
{
    struct error why = { 0 };
    enum status st = stripe_call(r->env->world->stripe, q, &out->http, r->a, &why);

    if (st == ST_OK)
        st = env_believe(r->env, out->http.key, &why);
    if (st != ST_OK)
        out->http = (struct stripe_response){ 0 };
    if (st == ST_REFUSED || st == ST_INVALID || st == ST_BROKEN) {
        *e = why;
        return st;
    }
    if (st != ST_OK) { /* nobody knows whether it was carried out */
        out->verdict = VERDICT_AGAIN;
        out->why = arena_copy(r->a, str_of(why.text));
        return ST_OK;
    }
    out->verdict = saga_judge(&out->http);
    out->lock = is_lock(&out->http, r->a);
    if (out->verdict == VERDICT_AGAIN)
        out->why =
            refusal_of(&out->http, q->method == STRIPE_DELETE ? "DELETE" : "POST", q->path, r->a)
                .message;
    return ST_OK;
}

static enum status send_some_times(struct run *r, const struct stripe_request *q, struct reply *out,
                                   struct error *e)
{
    struct stripe_request anew = *q;

    for (unsigned n = 1;; n++) {
        if (planted(PLANT_NEW_KEY_UNKNOWN) && n > 1)
            anew.idem_key = arena_printf(r->a, "%.*s/%u", STR_ARG(q->idem_key), n);
        enum status st = send_once(r, &anew, out, e);
        if (st != ST_OK || out->verdict != VERDICT_AGAIN || n == RUN_SENDS_MAX)
            return st;
        if (env_stopping(r->env))
            return fail(e, ST_REFUSED, "%s is stopping", r->env->name);
        clock_sleep(r->env->world->clock,
                    out->lock ? LOCK_TRY_MS : api_pause(n, r->env->world->rng));
    }
}

/* What is known of it now; an answer that says nothing leaves the row as it is: sent. */
static void note_answer(struct run *r, struct step_row *row, const struct reply *got)
{
    row->http_status = got->http.http_status;
    row->request_id = got->http.request_id;
    row->replayed = got->http.replayed;
    switch (got->verdict) {
    case VERDICT_DONE: row->state = STEP_DONE; break;
    case VERDICT_GONE:
    case VERDICT_REFUSED:
    case VERDICT_OPERATOR: row->state = STEP_REFUSED; break;
    case VERDICT_SETTLED: row->state = STEP_SETTLED; break;
    case VERDICT_AGAIN: row->error = got->why; return;
    }
    if (row->state == STEP_DONE)
        row->object = json_text(got->http.body, S("id"), r->a);
    else
        row->error = refusal_of(&got->http, row->method.p, row->path, r->a).message;
}

/* The row of this attempt: a former one's request is sent as it stands there. */
static enum status take_row(struct run *r, const struct request *q, int64_t attempt,
                            struct step_row **out, struct error *e)
{
    struct step_row *last = run_row(r, q->step);

    if (last && last->attempt == attempt) {
        *out = last;
        return run_row_put(r, last, e);
    }
    if (r->n_rows == RUN_ROWS_MAX)
        return fail(e, ST_LIMIT, "the journal of operation %s is full", r->op.id);
    struct step_row *row = &r->row[r->n_rows];
    *row = (struct step_row){ .step = q->step,
                              .attempt = attempt,
                              .method = str_of(q->method),
                              .path = q->path,
                              .form = q->form,
                              .state = STEP_SENT,
                              .began_at = clock_wall(r->env->world->clock) };
    if (*q->method == 'P')
        row->key =
            arena_printf(r->a, "op/%s/%lld/%lld", r->op.id, (long long)q->step, (long long)attempt);
    if (planted(PLANT_KEY_OF_CONTENT) && *q->method == 'P' && q->form.n < 200)
        row->key = arena_printf(r->a, "%.*s?%.*s", STR_ARG(q->path), STR_ARG(q->form));
    enum status st = run_row_put(r, row, e);
    if (st == ST_OK)
        r->n_rows++;
    *out = row;
    return st;
}

enum status run_send(struct run *r, const struct request *q, int64_t attempt, struct step_row **row,
                     struct reply *out, struct error *e)
{
    *out = (struct reply){ 0 };
    enum status st = take_row(r, q, attempt, row, e);
    if (st != ST_OK)
        return st;
    const struct stripe_request request = {
        .method = *q->method == 'D' ? STRIPE_DELETE : STRIPE_POST,
        .path = (*row)->path,
        .form = (*row)->form,
        .idem_key = (*row)->key,
        .lane = LANE_OPERATION,
        .cause = cause(r),
    };
    msec began = clock_mono(r->env->world->clock);
    st = send_some_times(r, &request, out, e);
    if (st != ST_OK)
        return st;
    (*row)->duration_ms = clock_mono(r->env->world->clock) - began;
    note_answer(r, *row, out);
    return ST_OK;
}

/* ---- looking -------------------------------------------------------------------------------- */

static enum status ask(struct run *r, str path, str query, str expand, struct api_answer *got,
                       enum outcome *out, struct arena *a, struct error *e)
{
    struct error why = { 0 };
    enum status st =
        api_get_expanded(r->env, path, query, expand, LANE_OPERATION, cause(r), got, a, &why);

    *out = OUTCOME_DONE;
    if (st == ST_RETRY || st == ST_LIMIT) {
        *out = OUTCOME_WAIT;
        r->no.message = arena_copy(r->a, str_of(why.text));
        return ST_OK;
    }
    if (st != ST_OK) {
        *e = why;
        return st;
    }
    if (got->meaning == API_OK || got->meaning == API_GONE)
        return ST_OK;
    r->no = refusal_of(&got->http, "GET", path, r->a);
    *out = got->meaning == API_KEY || got->meaning == API_AGAIN ? OUTCOME_WAIT : OUTCOME_REFUSED;
    return ST_OK;
}

enum status run_get(struct run *r, bool price, str id, str *doc, bool *gone, enum outcome *out,
                    struct error *e)
{
    const struct resource *res = resource_by_type(price ? S("price") : S("product"));
    struct api_answer got;
    enum status st = ask(r, path_fill(res->get_path, id, S(""), r->a), S(""),
                         path_expand(res->expand, "", r->a), &got, out, r->a, e);

    *gone = false;
    if (st != ST_OK || *out != OUTCOME_DONE)
        return st;
    *gone = got.meaning == API_GONE;
    *doc = *gone ? (str){ 0 } : str_trim(got.http.body);
    if (!*gone && !str_eq(json_text(*doc, S("id"), r->a), id)) {
        r->no.message = S("Stripe answered with another object than the one asked for");
        *out = OUTCOME_WAIT;
    }
    return ST_OK;
}

static bool is_marked(str object, str marker, struct arena *a)
{
    struct json_token m = json_member(object, S("metadata"));

    return m.type == JSON_OBJECT && str_eq(json_text(m.text, S(MARKER_KEY), a), marker);
}

static enum status search_page(struct run *r, str body, str marker, str *id, str *last, bool *more,
                               struct arena *a, struct error *e)
{
    struct page page;
    struct page_item item;
    enum status st = page_open(body, &page, e);
    str item_id = *last;

    while (st == ST_OK && !id->n) {
        st = page_next(&page, &item, a, e);
        if (st == ST_OK && is_marked(item.data, marker, a))
            *id = arena_copy(r->a, item.id);
        if (st == ST_OK)
            item_id = item.id;
    }
    if (st != ST_OK && st != ST_NONE)
        return st;
    error_clear(e);
    *more = page.has_more && !id->n;
    if (*more && str_eq(item_id, *last))
        return fail(e, ST_RETRY, "the list that is searched says has_more but does not move on");
    *last = arena_copy(r->a, item_id);
    return ST_OK;
}

/* Whether it is among what was not looked at, nobody knows: to send it again may make it twice. */
static void give_up_search(struct run *r, str marker, enum outcome *out)
{
    r->no = (struct refusal){
        .name = REASON_OPERATOR,
        .message = arena_printf(r->a,
                                "An answer was lost, and what it may have made was not found among "
                                "the newest %d objects.",
                                FIND_PAGES_MAX * PAGE_LIMIT),
        .next = arena_printf(r->a,
                             "Search the Dashboard for metadata %s = %.*s, and archive what it "
                             "finds; `brindle op show %s` has the request.",
                             MARKER_KEY, STR_ARG(marker), r->op.id),
    };
    *out = OUTCOME_STUCK;
}

/* The list, never the search: that one is behind. [facts: 4.8] */
enum status run_find_marked(struct run *r, int64_t step, str *id, enum outcome *out,
                            struct error *e)
{
    const struct step *s = &r->plan.step[step - 1];
    bool price = s->kind == STEP_PRICE_CREATE;
    str marker = arena_printf(r->a, "%s/%lld", r->op.id, (long long)step), last = { 0 };
    str product = pairs_get(&s->set, S("product"));
    bool more = true;
    enum status st = ST_OK;

    *id = (str){ 0 };
    *out = OUTCOME_DONE;
    for (unsigned n = 0; st == ST_OK && *out == OUTCOME_DONE && more && n < FIND_PAGES_MAX; n++) {
        ARENA(a, FIND_PAGE_BYTES_MAX);
        struct api_answer got;
        str q = arena_printf(&a, "limit=%d&created%%5Bgte%%5D=%lld", PAGE_LIMIT,
                             (long long)(r->op.created_at / 1000 - FIND_BACK_S));
        if (price)
            q = arena_printf(&a, "%.*s&product=%.*s", STR_ARG(q),
                             STR_ARG(url_escape_in(&a, step_text(product, r->made, &a))));
        if (last.n)
            q = arena_printf(&a, "%.*s&starting_after=%.*s", STR_ARG(q),
                             STR_ARG(url_escape_in(&a, last)));
        st = ask(r, price ? S("/v1/prices") : S("/v1/products"), q, S(""), &got, out, &a, e);
        more = got.meaning == API_OK;
        if (st == ST_OK && *out == OUTCOME_DONE && more)
            st = search_page(r, got.http.body, marker, id, &last, &more, &a, e);
    }
    if (st == ST_RETRY || st == ST_INVALID) { /* no list to go by: later again */
        r->no.message = arena_copy(r->a, str_of(e->text));
        error_clear(e);
        *out = OUTCOME_WAIT;
        return ST_OK;
    }
    if (st == ST_OK && *out == OUTCOME_DONE && more && !id->n)
        give_up_search(r, marker, out);
    return st;
}
