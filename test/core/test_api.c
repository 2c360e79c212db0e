/* What an answer of Stripe means, and how often it is asked again. */
#include "../unit.h"

#include "core/api.h"
#include "small_world.h"

static const struct {
    const char *what;
    int http_status;
    const char *body;
    enum stripe_should_retry should_retry;
    enum api_meaning want;
} table[] = {
    { "a success", 200, "{\"id\":\"x\"}", SHOULD_RETRY_UNSAID, API_OK },
    { "a success in HTML", 200, "<html></html>", SHOULD_RETRY_UNSAID, API_AGAIN },
    { "a success that is cut off", 200, "{\"id\":", SHOULD_RETRY_UNSAID, API_AGAIN },
    { "a success that is a list and no object", 200, "[]", SHOULD_RETRY_UNSAID, API_AGAIN },
    { "an empty success", 200, "", SHOULD_RETRY_UNSAID, API_AGAIN },
    { "no such object", 404, "{\"error\":{\"code\":\"resource_missing\"}}", SHOULD_RETRY_UNSAID,
      API_GONE },
    { "no such address", 404, "{\"error\":{\"message\":\"Unrecognized request URL\"}}",
      SHOULD_RETRY_UNSAID, API_NO_SUCH_URL },
    { "a proxy's 404", 404, "<html>not found</html>", SHOULD_RETRY_UNSAID, API_NO_SUCH_URL },
    { "a bad key", 401, "{}", SHOULD_RETRY_UNSAID, API_KEY },
    { "a missing permission", 403, "{}", SHOULD_RETRY_UNSAID, API_FORBIDDEN },
    { "a bad question", 400, "{}", SHOULD_RETRY_UNSAID, API_BAD },
    { "a bad question that may be asked again", 400, "{}", SHOULD_RETRY_YES, API_AGAIN },
    { "a conflict", 409, "{}", SHOULD_RETRY_UNSAID, API_AGAIN },
    { "a limit", 429, "{}", SHOULD_RETRY_UNSAID, API_AGAIN },
    { "Stripe's own trouble", 500, "{}", SHOULD_RETRY_UNSAID, API_AGAIN },
    { "a gateway's", 502, "<html>", SHOULD_RETRY_UNSAID, API_AGAIN },
    { "a redirect, from whomever", 302, "", SHOULD_RETRY_UNSAID, API_AGAIN },
};

static void every_answer_means_what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct stripe_response r = { .http_status = table[i].http_status,
                                           .body = str_of(table[i].body),
                                           .should_retry = table[i].should_retry };
        print_message("  %s\n", table[i].what);
        assert_int_equal(api_judge(&r), table[i].want);
    }
}

static enum status get(struct small_world *w, const char *path, struct api_answer *got)
{
    static struct arena a = { .max = 1 << 20 };
    struct error e = { 0 };

    arena_free(&a);
    return api_get(&w->env, str_of(path), S(""), LANE_USER, S("test"), got, &a, &e);
}

static void trouble_is_asked_again_a_few_times_with_pauses(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct api_answer got;
    msec start = w->mono;

    script(w, "/v1/x", 500, "{}");
    assert_int_equal(get(w, "/v1/x", &got), ST_RETRY);
    assert_int_equal(asked(w, "/v1/x"), API_ATTEMPTS_MAX);
    assert_true(w->mono - start >= 500 * (API_ATTEMPTS_MAX - 1));
    script(w, "/v1/x", 200, "{\"id\":\"x\"}");
    script(w, "/v1/x", 0, "");
    script_last(w)->status = ST_RETRY; /* no answer at all, once */
    script_last(w)->times = 1;
    assert_int_equal(get(w, "/v1/x", &got), ST_OK);
    assert_int_equal(got.meaning, API_OK);
    small_world_free(w);
}

static void a_refusal_is_final_at_once(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    struct api_answer got;

    script(w, "/v1/x", 403, "{\"error\":{\"message\":\"no right\"}}");
    assert_int_equal(get(w, "/v1/x", &got), ST_OK);
    assert_int_equal(got.meaning, API_FORBIDDEN);
    assert_int_equal(asked(w, "/v1/x"), 1);
    small_world_free(w);
}

static void a_server_that_expands_nothing_is_asked_without(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, 1 << 20);
    struct error e = { 0 };
    struct api_answer got;

    script(w, "/v1/x", 200, "{\"id\":\"x\"}");
    script(w, "/v1/x?expand[0]=tiers", 400,
           "{\"error\":{\"message\":\"This property cannot be expanded (tiers).\"}}");
    script(w, "/v1/y", 400, "{\"error\":{\"message\":\"Something else.\"}}");
    assert_int_equal(api_get_expanded(&w->env, S("/v1/x"), S(""), S("expand[0]=tiers"), LANE_USER,
                                      S("test"), &got, &a, &e),
                     ST_OK);
    assert_int_equal(got.meaning, API_OK);
    assert_int_equal(api_get_expanded(&w->env, S("/v1/y"), S(""), S("expand[0]=tiers"), LANE_USER,
                                      S("test"), &got, &a, &e),
                     ST_OK);
    assert_int_equal(got.meaning, API_BAD);
    assert_int_equal(asked(w, "/v1/y"), 1);
    small_world_free(w);
}

static void pauses_grow_but_not_for_ever(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();

    for (unsigned attempt = 1; attempt < 40; attempt++) {
        msec pause = api_pause(attempt, w->world.rng);
        assert_in_range(pause, 500, 5000);
        if (attempt > 5)
            assert_true(pause >= 2500);
    }
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_means_what_the_table_says),
        cmocka_unit_test(trouble_is_asked_again_a_few_times_with_pauses),
        cmocka_unit_test(a_refusal_is_final_at_once),
        cmocka_unit_test(a_server_that_expands_nothing_is_asked_without),
        cmocka_unit_test(pauses_grow_but_not_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
