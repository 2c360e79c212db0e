#include "stand.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char stand_key[] = "sk_test_stand";

static json_t *last; /* the document that was lent last */

static msec hand_now(struct clock *c)
{
    return ((struct hand_clock *)c)->now;
}

static void hand_sleep(struct clock *c, msec span)
{
    ((struct hand_clock *)c)->now += span;
}

static const struct clock_ops hand_ops = { hand_now, hand_now, hand_sleep };

void stand_open(struct stand *s, uint64_t seed)
{
    *s = (struct stand){ .clock = { { &hand_ops }, 1800000000000 }, .key = stand_key };
    s->arena.max = EMULATOR_ANSWER_BYTES_MAX;
    s->options = (struct emulator_options){ .seed = seed, .clock = &s->clock.base };
    s->emulator = emulator_new(&s->options);
}

void stand_close(struct stand *s)
{
    emulator_free(s->emulator);
    arena_free(&s->arena);
    json_decref(last);
    last = NULL;
}

static void put_header(struct http_request *q, const char *name, const char *value)
{
    if (value)
        q->header[q->n_headers++] = (struct http_header){ str_of(name), str_of(value) };
}

json_t *ask(struct stand *s, const char *method_and_target, const char *form)
{
    struct http_request q = { .body = str_of(form) };
    struct error e = { 0 };

    str whole = arena_copy(&s->arena, str_of(method_and_target));
    q.target = str_cut(whole, ' ', &q.method);
    q.query = str_cut(q.target, '?', &q.path);
    if (s->key)
        put_header(&q, "Authorization", format(s, "Bearer %s", s->key));
    put_header(&q, "Idempotency-Key", s->idem_key);
    put_header(&q, "Emulator-Fault", s->fault);
    put_header(&q, "Stripe-Account", s->account);
    enum status st = emulator_handle(s->emulator, &q, &s->arena, &s->answer, &e);
    if (st != ST_OK)
        fprintf(stderr, "%s: %s\n", method_and_target, e.text);
    assert(st == ST_OK);
    json_decref(last);
    last = json_loadb(s->answer.body.p, s->answer.body.n, JSON_ALLOW_NUL, NULL);
    return last;
}

json_t *ask_for(struct stand *s, int status, const char *method_and_target, const char *form)
{
    json_t *v = ask(s, method_and_target, form);

    if (s->answer.status != status)
        fprintf(stderr, "%s [%s]: %d\n%.*s\n", method_and_target, form ? form : "",
                s->answer.status, STR_ARG(s->answer.body));
    assert(s->answer.status == status);
    return v;
}

void ask_refused(struct stand *s, int status, const char *code, const char *param,
                 const char *method_and_target, const char *form, const char *message)
{
    const json_t *e = at(ask_for(s, status, method_and_target, form), "error");

    assert_string_equal(text_at(e, "message"), message);
    assert_string_equal(text_at(e, "type"), "invalid_request_error");
    assert_string_equal(text_at(e, "code"), code ? code : "");
    assert_string_equal(text_at(e, "param"), param ? param : "");
    assert_int_equal(json_object_get(e, "code") != NULL, code != NULL);
    assert_int_equal(json_object_get(e, "doc_url") != NULL, code != NULL);
}

str answer_header(const struct stand *s, const char *name)
{
    for (size_t i = 0; i < s->answer.n_headers; i++)
        if (str_eqz(s->answer.header[i].name, name))
            return s->answer.header[i].value;
    return (str){ 0 };
}

const json_t *at(const json_t *v, const char *dotted)
{
    while (v && *dotted) {
        size_t n = strcspn(dotted, ".");
        v = json_is_array(v) ? json_array_get(v, strtoul(dotted, NULL, 10))
                             : json_object_getn(v, dotted, n);
        dotted += n + (dotted[n] == '.');
    }
    return v;
}

const char *text_at(const json_t *v, const char *dotted)
{
    const char *s = json_string_value(at(v, dotted));

    return s ? s : "";
}

json_int_t int_at(const json_t *v, const char *dotted)
{
    return json_integer_value(at(v, dotted));
}

const char *keep(struct stand *s, const char *text)
{
    return arena_copy(&s->arena, str_of(text)).p;
}

const char *format(struct stand *s, const char *fmt, ...)
{
    char text[4096];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return keep(s, text);
}

const char *make(struct stand *s, const char *url, const char *form)
{
    return keep(s, text_at(ask_for(s, 200, format(s, "POST %s", url), form), "id"));
}

size_t count_events(struct stand *s, const char *type)
{
    return json_array_size(
        at(ask_for(s, 200, format(s, "GET /v1/events?limit=100&type=%s", type), NULL), "data"));
}

json_t *last_event(struct stand *s, const char *type)
{
    json_t *v = ask_for(s, 200, format(s, "GET /v1/events?limit=1&type=%s", type), NULL);

    return json_array_get(at(v, "data"), 0);
}
