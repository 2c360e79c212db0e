/* call.h - one request while it is answered: what a route's handler sees.
 *
 * A handler reads its parameters first (every helper here refuses by itself and remembers it in
 * c->refused), decides, and only then changes state: a refused request has changed nothing. */
#pragma once

#include "emulator/model.h"

enum { PATH_PARTS_MAX = 3, EXPAND_MAX = 32 };

struct route;

struct call {
    struct emulator *emu;
    struct space *space;
    const struct http_request *http;
    struct arena *arena;
    const struct route *route;
    str part[PATH_PARTS_MAX]; /* what stands for the {id}s of the route */
    json_t *params;           /* a tree of strings */
    str key;                  /* the API key; only to be shown shortened */
    str request_id, idem_key;
    str version; /* that the request asks for */
    str expand[EXPAND_MAX];
    size_t n_expand;
    int status;
    str body;      /* the answer, when it is text already */
    json_t *error; /* the error envelope, once refused */
    bool refused;
    bool validation; /* refused before execution began: not kept under the idempotency key */
    bool internal;   /* nobody asked: time did it */
    bool scheduled;  /* a schedule acts: what it begins is billed an hour later, and active */
    bool preview;    /* it only looks: nothing is told, nothing is paid (preview.c) */
    bool journaled;  /* the handler has written its line itself */
};

/* A new reference to the answer; NULL when it was refused, or when c->body holds it. */
typedef json_t *handler(struct call *c);

struct route {
    const char *method, *pattern;
    handler *run;
    enum type type; /* what it answers with; T_NONE: expand is not offered */
    bool list;
    /* Known parameters, blank separated, a star behind required ones; NULL: anything goes. */
    const char *params;
};

/* For the parameters of a list. */
#define PAGE " limit starting_after ending_before"

/* The routes about money, billing and the platform itself, beside those of routes.c. */
extern const struct route money_routes[], billing_routes[], platform_routes[];
extern const size_t n_money_routes, n_billing_routes, n_platform_routes;

/* ST_NONE: no such route. */
enum status route_find(str method, str path, const struct route **out, str part[PATH_PARTS_MAX],
                       struct arena *a);

/* --- errors.c: refusals always return NULL --- */
#define INVALID_REQUEST "invalid_request_error"
void *refuse(struct call *c, int status, const char *code, const char *param, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
/* 400, and the key may be used again: a value that is no such value at all. */
void *refuse_value(struct call *c, const char *code, const char *param, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void *refuse_typed(struct call *c, int status, const char *type, const char *code,
                   const char *param, const char *fmt, ...) PRINTF_LIKE(6, 7);
/* 402. `decline` may be NULL. Further members are set on the result by the caller (borrowed). */
json_t *refuse_card(struct call *c, const char *code, const char *decline, const char *message);
/* The object is not there: `param` NULL means that it stood in the path (404), else 400. With the
 * hint when the other mode of the account has it. */
void *refuse_missing(struct call *c, enum type t, str id, const char *param);
void *refuse_param_missing(struct call *c, const char *param);

/* The record named in the path; refuses with 404. */
struct record *path_record(struct call *c, enum type t);
/* The record named by a parameter's value; refuses with 400. */
struct record *named_record(struct call *c, enum type t, str id, const char *param);

/* Takes back a record that this very request has made, before any event told of it. */
void record_undo(struct call *c, struct record *r);

/* --- answering --- */
json_t *answer_record(struct call *c, struct record *r);
json_t *answer_deleted(struct call *c, enum type t, str id);

/* --- expand.c --- */
/* Reads and checks the parameter expand for this route; false when refused. */
bool expand_read(struct call *c);
/* Expands in place: a document of its own that came from record r (NULL: no record). */
void expand_document(struct call *c, json_t *doc, struct record *r, bool in_list);

/* --- events.c --- */
/* A copy of the document as it is, to be handed to change_end after the change. */
json_t *change_begin(struct record *r);
/* Emits `type` with previous_attributes if anything differs. Takes `before` over. */
void change_end(struct call *c, struct record *r, json_t *before, const char *type);
/* The same, told in another account than the record's. */
void change_end_in(struct call *c, struct space *s, struct record *r, json_t *before,
                   const char *type);
/* Puts everything back as it was. Takes `before` over. */
void change_abort(struct record *r, json_t *before);
void emit(struct call *c, struct record *r, const char *type);
/* For what is no record; takes `object` over. */
void emit_document(struct call *c, struct space *s, json_t *object, const char *type);
/* previous_attributes for a change from `a` to `b`: a new object, empty when they are equal. */
json_t *previous_attributes(const json_t *a, const json_t *b);

/* A call of the emulator's own, for what time brings about. */
struct call call_internal(struct emulator *e, struct space *s, struct arena *a);
void call_free(struct call *c);
