#include "core/api.h"

#include "base/json.h"
#include "base/plant.h"
#include "core/path.h"

#include <stdio.h>
#include <string.h>

enum {
    PAUSE_MS = 500,
    PAUSE_MS_MAX = 5000,
    CALL_MS_MAX = 90 * 1000, /* an attempt, its wait for the rate budget included */
    CODE_BYTES_MAX = 16 << 10,
    MESSAGE_SHOWN_MAX = 160, /* of Stripe's words */
};

static bool is_json_object(str body)
{
    str s = str_trim(body);
    return s.n && s.p[0] == '{' && json_valid(body);
}

struct api_error api_error_of(const struct stripe_response *r, struct arena *a)
{
    struct json_token error = { 0 };

    if (is_json_object(r->body))
        error = json_member(r->body, S("error"));
    if (error.type != JSON_OBJECT)
        return (struct api_error){ 0 };
    struct api_error said = { .type = json_text(error.text, S("type"), a),
                              .code = json_text(error.text, S("code"), a),
                              .param = json_text(error.text, S("param"), a) };
    said.message = json_text(error.text, S("message"), a); /* the longest comes last */
    return said;
}

static bool error_code_is(const struct stripe_response *r, const char *code)
{
    ARENA(a, CODE_BYTES_MAX);

    return str_eqz(api_error_of(r, &a).code, code);
}

enum api_meaning api_judge(const struct stripe_response *r)
{
    int s = r->http_status;
    bool readable = is_json_object(r->body);

    if (s >= 200 && s < 300)
        return readable ? API_OK : API_AGAIN;
    if (r->should_retry == SHOULD_RETRY_YES || s == 409 || s == 429 || s == 408)
        return API_AGAIN;
    if (s >= 500)
        return API_AGAIN;
    if (s < 404 && !readable) /* Stripe's refusals are JSON: this is some proxy's */
        return API_AGAIN;
    if (s == 401)
        return API_KEY;
    if (s == 403)
        return API_FORBIDDEN;
    if (s == 404)
        return readable && error_code_is(r, "resource_missing") ? API_GONE : API_NO_SUCH_URL;
    if (s >= 300 && s < 400) /* a redirect: some proxy, not Stripe */
        return API_AGAIN;
    return API_BAD;
}

msec api_pause(unsigned attempt, struct rng *rng)
{
    msec pause = PAUSE_MS;

    for (unsigned i = 1; i < attempt && pause < PAUSE_MS_MAX; i++)
        pause *= 2;
    if (pause > PAUSE_MS_MAX)
        pause = PAUSE_MS_MAX;
    pause = pause / 2 + (msec)rng_below(rng, (uint64_t)(pause / 2 + 1));
    return pause < PAUSE_MS ? PAUSE_MS : pause;
}

static void explain(struct api_answer *out, const struct stripe_request *q)
{
    ARENA(a, CODE_BYTES_MAX);
    const struct stripe_response *r = &out->http;
    const struct api_error said = api_error_of(r, &a);
    str message = said.message, code = said.code;

    if (!message.n)
        message =
            r->http_status < 300 ? S("a success whose body is no JSON") : S("no reason given");
    if (message.n > MESSAGE_SHOWN_MAX)
        message = str_sub(message, 0, MESSAGE_SHOWN_MAX);
    str request = r->request_id.n > 40 ? str_sub(r->request_id, 0, 40) : r->request_id;
    snprintf(out->why, sizeof out->why, "%s %.*s: %d%s%.*s%s%.*s: %.*s",
             q->method == STRIPE_GET ? "GET" : "POST", (int)(q->path.n < 60 ? q->path.n : 60),
             q->path.p, r->http_status, code.n ? " " : "", (int)(code.n < 30 ? code.n : 30),
             code.n ? code.p : "", request.n ? " " : "", STR_ARG(request), STR_ARG(message));
}

static bool worth_another(const struct api_answer *out)
{
    return out->meaning == API_AGAIN && out->http.should_retry != SHOULD_RETRY_NO;
}

/* Whose answer is it? One that another account's key was given says nothing of this one: neither
 * what it shows, nor a 404. */
static enum status believe(struct env *env, const struct stripe_response *r, struct error *e)
{
    bool unproven_404 = planted(PLANT_404_UNPROVEN) && r->http_status == 404;

    return planted(PLANT_KEY_UNBOUND) || unproven_404 ? ST_OK : env_believe(env, r->key, e);
}

/* Every attempt is the same request; one that may not be carried out twice has its key. */
static enum status call(struct env *env, struct stripe_request *q, struct api_answer *out,
                        struct arena *a, struct error *e)
{
    struct world *w = env->world;
    enum status st = ST_RETRY;

    assert(!tx_writing());
    for (unsigned attempt = 1; attempt <= API_ATTEMPTS_MAX; attempt++) {
        struct error why = { 0 };
        *out = (struct api_answer){ 0 };
        q->deadline = clock_mono(w->clock) + CALL_MS_MAX;
        st = stripe_call(w->stripe, q, &out->http, a, &why);
        if (st == ST_OK)
            st = believe(env, &out->http, &why);
        if (st == ST_OK) {
            out->meaning = api_judge(&out->http);
            if (out->meaning != API_OK)
                explain(out, q);
            if (!worth_another(out))
                break;
        } else {
            *e = why;
            if (st != ST_RETRY)
                return st;
        }
        if (attempt == API_ATTEMPTS_MAX || env_stopping(env))
            break;
        clock_sleep(w->clock, api_pause(attempt, w->rng));
    }
    if (st != ST_OK)
        return st;
    error_clear(e);
    if (out->meaning == API_AGAIN)
        return fail(e, ST_RETRY, "%s", out->why);
    return ST_OK;
}

enum status api_get(struct env *env, str path, str query, enum stripe_lane lane, str cause,
                    struct api_answer *out, struct arena *a, struct error *e)
{
    struct stripe_request q = {
        .method = STRIPE_GET, .path = path, .query = query, .lane = lane, .cause = cause
    };

    return call(env, &q, out, a, e);
}

enum status api_post(struct env *env, str path, str form, str idem_key, enum stripe_lane lane,
                     str cause, struct api_answer *out, struct arena *a, struct error *e)
{
    struct stripe_request q = { .method = STRIPE_POST,
                                .path = path,
                                .form = form,
                                .idem_key = idem_key,
                                .lane = lane,
                                .cause = cause };

    return call(env, &q, out, a, e);
}

/* [facts: F-54] The refusal has no code of its own; to ask again without is harmless. */
static bool refuses_to_expand(const struct api_answer *got, struct arena *a)
{
    if (got->meaning != API_BAD || got->http.http_status != 400)
        return false;
    str message = api_error_of(&got->http, a).message;
    return message.n && memmem(message.p, message.n, "expand", 6) != NULL;
}

enum status api_get_expanded(struct env *env, str path, str query, str expand,
                             enum stripe_lane lane, str cause, struct api_answer *out,
                             struct arena *a, struct error *e)
{
    enum status st = api_get(env, path, query_join(query, expand, a), lane, cause, out, a, e);

    if (st != ST_OK || !expand.n || !refuses_to_expand(out, a))
        return st;
    return api_get(env, path, query, lane, cause, out, a, e);
}
