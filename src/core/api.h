/* api.h - asking Stripe: what an answer means, and when to ask again. */
#pragma once

#include "core/env.h"

enum api_meaning {
    API_OK,          /* 2xx with a JSON object */
    API_GONE,        /* 404 resource_missing: no such object, if the identity is right */
    API_NO_SUCH_URL, /* 404 of another kind: this server has no such address */
    API_AGAIN,       /* 429, 409, 5xx, no JSON in a 200: ask again after a pause */
    API_KEY,         /* 401: the key is refused */
    API_FORBIDDEN,   /* 403: the key lacks a permission, or the account is another's */
    API_BAD,         /* 400 and the rest: the question was wrong; asking again cannot help */
};

/* Pure; the table in test_api.c is its specification. [facts: §4.1, §4.6, §4.7, F-58] */
enum api_meaning api_judge(const struct stripe_response *r);

/* What Stripe says in the body of a refusal. A member that is not there, or does not fit into `a`,
 * is empty, and all are where the body is no error of Stripe's. [facts: §4.1] */
struct api_error {
    str type, code, param, message;
};
struct api_error api_error_of(const struct stripe_response *r, struct arena *a);

/* How long to wait before attempt + 1 (attempt counts from 1): 0.5 s doubling up to 5 s, times a
 * random factor between a half and one, at least 0.5 s. */
msec api_pause(unsigned attempt, struct rng *rng);

struct api_answer {
    enum api_meaning meaning;
    struct stripe_response http;
    char why[320]; /* for people, when meaning is not API_OK: status, code and Stripe's own words */
};

enum { API_ATTEMPTS_MAX = 3 };

/* GET with a few attempts. ST_OK: `out` says what was answered in the end (never API_AGAIN).
 * ST_RETRY: no usable answer; `e` says why. ST_REFUSED: the client is closing. ST_LIMIT: too large.
 */
enum status api_get(struct env *env, str path, str query, enum stripe_lane lane, str cause,
                    struct api_answer *out, struct arena *a, struct error *e) MUST_USE;
/* The same with `expand` ("expand[0]=tiers") behind the query. A server that refuses to expand is
 * asked once more without: better an object without its tiers than none. */
enum status api_get_expanded(struct env *env, str path, str query, str expand,
                             enum stripe_lane lane, str cause, struct api_answer *out,
                             struct arena *a, struct error *e) MUST_USE;
/* POST with an idempotency key, under which a few attempts are one. ST_RETRY: nobody knows whether
 * it was carried out; `out` holds the last answer, if there was one (its http_status is 0
 * otherwise). */
enum status api_post(struct env *env, str path, str form, str idem_key, enum stripe_lane lane,
                     str cause, struct api_answer *out, struct arena *a, struct error *e) MUST_USE;
