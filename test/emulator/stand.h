/* stand.h - an emulator on a test stand: a clock that is moved by hand, requests by one line. */
#pragma once

/* cmocka wants these in front of itself */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#undef fail /* cmocka's, which nothing here uses */

#include "emulator/emulator.h"

#include <jansson.h>

struct hand_clock {
    struct clock base;
    msec now;
};

struct stand {
    struct hand_clock clock;
    struct emulator *emulator;
    struct emulator_options options;
    const char *key;      /* of the requests; sk_test_stand by default */
    const char *idem_key; /* sent when not NULL */
    const char *account;  /* header Stripe-Account when not NULL */
    const char *fault;    /* header Emulator-Fault when not NULL */
    struct arena arena;
    struct http_response answer; /* the last one */
};

extern const char stand_key[];
void stand_open(struct stand *s, uint64_t seed);
void stand_close(struct stand *s);

/* One request; "GET /v1/products?limit=3" and a form (NULL: none). The answer's document, borrowed
 * until the next request, or NULL when it is no JSON. Its status is s->answer.status. */
json_t *ask(struct stand *s, const char *method_and_target, const char *form);
/* The same, and the status must be as said. */
json_t *ask_for(struct stand *s, int status, const char *method_and_target, const char *form);
/* The refusal must be exactly this; `code` and `param` NULL: it has none. */
void ask_refused(struct stand *s, int status, const char *code, const char *param,
                 const char *method_and_target, const char *form, const char *message);
str answer_header(const struct stand *s, const char *name);

const char *text_at(const json_t *v, const char *dotted); /* "" when there is none */
json_int_t int_at(const json_t *v, const char *dotted);
const json_t *at(const json_t *v, const char *dotted); /* "data.0.id" */

/* A copy of a text that lives as long as the stand. */
const char *keep(struct stand *s, const char *text);
const char *format(struct stand *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Makes one and returns its id. */
const char *make(struct stand *s, const char *url, const char *form);
/* How many events of this type there are. */
size_t count_events(struct stand *s, const char *type);
/* The last event of this type, as the API gives it; NULL when there is none. */
json_t *last_event(struct stand *s, const char *type);
