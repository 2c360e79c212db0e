/* A story names what was dropped, what failed and what is due. */
#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include "core/due.h"
#include "core/event.h"
#include "core/inbox.h"
#include "core/trace.h"
#include "small_world.h"

/* What the steps are called, blanks between them; `text` gets the last one's sentence. */
static void steps(struct small_world *w, char names[256], char text[256])
{
    ARENA(a, 16 << 20);
    struct error e = { 0 };
    struct trace t;

    names[0] = '\0';
    assert_int_equal(trace_object(&w->env, S(""), S("prod_1"), &t, &a, &e), ST_OK);
    for (size_t i = 0; i < t.n_steps; i++) {
        strcat(names, i ? " " : "");
        strcat(names, t.step[i].what);
    }
    str last = t.step[t.n_steps - 1].text;
    memcpy(text, last.p, last.n);
    text[last.n] = '\0';
}

static void an_answer_that_was_overtaken_is_told_as_dropped(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    char names[256], text[256];

    put_product(w, "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"new\"}", 0, "webhook");
    pass(w, 1000);
    put_product(w, "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"old\"}", 1, "webhook");
    steps(w, names, text);
    assert_string_equal(names, "stored dropped due");
    assert_string_equal(text, "waits for stale");
    script(w, "/v1/products/prod_1", 200,
           "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"newest\"}");
    pass(w, 1000);
    work_off(w);
    steps(w, names, text);
    assert_string_equal(names, "stored dropped stored done");
    assert_string_equal(text, "nothing is due");
    small_world_free(w);
}

static void what_failed_and_what_was_given_up_is_told(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    char names[256], text[256];

    put_product(w, "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"new\"}", 0, "webhook");
    put_product(w, "{\"id\":\"prod_1\",\"object\":\"product\",\"name\":\"old\"}", 1, "webhook");
    script(w, "/v1/products/prod_1", 500, "{\"error\":{\"message\":\"down\"}}");
    w->env.set.attempts_max = 2;
    work_off(w);
    steps(w, names, text);
    assert_non_null(strstr(text, "waits for its next attempt for stale, 1 have failed"));
    pass(w, 3600 * 1000);
    work_off(w);
    steps(w, names, text);
    assert_string_equal(strrchr(names, ' '), " dead");
    small_world_free(w);
}

static void must(enum status st, const struct error *e)
{
    if (st != ST_OK)
        print_error("%s: %s", status_name(st), e->text);
    assert_int_equal(st, ST_OK);
}

/* What trace_event says first of an event about prod_1, or about nothing. */
static void told_of(struct small_world *w, const char *event, char text[256])
{
    ARENA(a, 16 << 20);
    struct error e = { 0 };
    struct trace t;

    must(trace_event(&w->env, str_of(event), &t, &a, &e), &e);
    snprintf(text, 256, "%.*s", STR_ARG(t.step[0].text));
}

static void put_listed(struct small_world *w, const char *body)
{
    ARENA(a, 1 << 20);
    struct error e = { 0 };
    struct inbox_result result;
    struct event ev;

    must(event_parse(str_of(body), &ev, &a, &e), &e);
    ev.received_at = w->wall;
    ev.via = EVENT_VIA_LIST;
    must(inbox_put_many(&w->env, &ev, 1, &result, &e), &e);
}

static void an_event_of_the_list_has_no_signature_and_a_delivery_has(void **state)
{
    static const char listed[] =
        "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"product.updated\","
        "\"livemode\":false,\"data\":{\"object\":{\"id\":\"prod_1\","
        "\"object\":\"product\"}}}",
                      alone[] = "{\"id\":\"evt_2\",\"object\":\"event\",\"type\":\"wand.waved\","
                                "\"livemode\":false,\"data\":{\"object\":{\"object\":\"wand\"}}}";
    (void)state;
    struct small_world *w = small_world_new();
    char text[256];

    put_listed(w, listed);
    told_of(w, "evt_1", text);
    assert_string_equal(
        text, "product.updated was read from the list of events; its object was made due");
    deliver_event(w, "evt_1", "product.updated", "product", "prod_1");
    told_of(w, "evt_1", text);
    assert_non_null(strstr(text, "was read from the list of events; delivered later 1 time;"));
    put_listed(w, alone);
    told_of(w, "evt_2", text);
    assert_non_null(strstr(text, "wand.waved was read from the list of events; "));
    deliver_event(w, "evt_3", "product.updated", "product", "prod_2");
    told_of(w, "evt_3", text);
    assert_non_null(strstr(text, "arrived, its signature fits secret 1; "));
    small_world_free(w);
}

static void of_what_nobody_has_heard_there_is_no_story(void **state)
{
    (void)state;
    struct small_world *w = small_world_new();
    ARENA(a, 16 << 20);
    struct error e = { 0 };
    struct trace t;

    assert_int_equal(trace_object(&w->env, S(""), S("prod_2"), &t, &a, &e), ST_NONE);
    assert_int_equal(trace_event(&w->env, S("evt_2"), &t, &a, &e), ST_NONE);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_was_overtaken_is_told_as_dropped),
        cmocka_unit_test(what_failed_and_what_was_given_up_is_told),
        cmocka_unit_test(an_event_of_the_list_has_no_signature_and_a_delivery_has),
        cmocka_unit_test(of_what_nobody_has_heard_there_is_no_story),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
