/* fuzz_list.c - any bytes as the query of a list: a page of what is there, or a refusal, in JSON
 * and in Stripe's words. The first byte says which list is asked. */
#include <jansson.h>
#include <string.h>

#include "emulator/emulator.h"
#include "fuzz.h"

enum { QUERY_BYTES_MAX = 4096, PAGE_MAX = 100, OBJECTS = 5 };

static msec wall(struct clock *c)
{
    (void)c;
    return 1790000000000;
}

static void no_sleep(struct clock *c, msec span)
{
    (void)c;
    (void)span;
}

static const struct clock_ops clock_ops = { wall, wall, no_sleep };

static int ask(struct emulator *emu, const char *method, str path, str query, str form,
               json_t **answer)
{
    ARENA(a, EMULATOR_ANSWER_BYTES_MAX);
    struct error e = { 0 };
    struct http_response r;
    char target[QUERY_BYTES_MAX + 64];
    int n = snprintf(target, sizeof target, "%.*s%s%.*s", STR_ARG(path), query.n ? "?" : "",
                     STR_ARG(query));
    struct http_request q = { .method = str_of(method),
                              .path = path,
                              .query = query,
                              .body = form,
                              .target = { target, (size_t)n } };

    q.header[q.n_headers++] = (struct http_header){ S("Authorization"), S("Bearer sk_test_fuzz") };
    must(emulator_handle(emu, &q, &a, &r, &e) == ST_OK, "there is an answer");
    *answer = json_loadb(r.body.p, r.body.n, JSON_ALLOW_NUL, NULL);
    must(json_is_object(*answer), "the answer is a JSON object");
    return r.status;
}

static struct emulator *stripe(void)
{
    static struct clock clock = { &clock_ops };
    static struct emulator *emu;
    const struct emulator_options o = { .seed = 1, .clock = &clock };
    json_t *ignored;

    if (emu)
        return emu;
    emu = emulator_new(&o);
    for (int i = 0; i < OBJECTS; i++) {
        must(ask(emu, "POST", S("/v1/products"), S(""), S("name=Thing"), &ignored) == 200, "made");
        json_decref(ignored);
        must(ask(emu, "POST", S("/v1/customers"), S(""), S("email=a%40b.c"), &ignored) == 200,
             "made");
        json_decref(ignored);
    }
    return emu;
}

static void check_page(const json_t *answer)
{
    const json_t *data = json_object_get(answer, "data");

    must(json_is_array(data) && json_array_size(data) <= PAGE_MAX, "a page is no longer than 100");
    must(json_is_boolean(json_object_get(answer, "has_more")), "it says whether there is more");
    for (size_t i = 0; i < json_array_size(data); i++)
        must(json_is_string(json_object_get(json_array_get(data, i), "id")),
             "its objects have ids");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const list[] = { "/v1/products",      "/v1/customers", "/v1/prices",
                                        "/v1/subscriptions", "/v1/invoices",  "/v1/events",
                                        "/v1/charges",       "/v1/refunds" };
    json_t *answer;

    if (!size || size > QUERY_BYTES_MAX || memchr(data, 0, size))
        return 0;
    str query = { (const char *)data + 1, size - 1 };
    int status = ask(stripe(), "GET", str_of(list[data[0] % COUNT(list)]), query, S(""), &answer);
    must(status == 200 || status == 400 || status == 404, "found or refused, and no fault of ours");
    if (status == 200)
        check_page(answer);
    else
        must(json_is_string(json_object_get(json_object_get(answer, "error"), "message")),
             "a refusal has a reason");
    json_decref(answer);
    return 0;
}
