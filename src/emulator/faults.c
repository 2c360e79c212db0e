#include "emulator/faults.h"

#include "emulator/auth.h"
#include "emulator/delivery.h"
#include "emulator/limits.h"
#include "emulator/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAULTS_MAX = 64, SHUFFLE_MS = 2000, OLD_MS = 600 * 1000, SLOW_MS = 1000, TRICKLE_MS = 50 };

struct faults {
    struct fault all[FAULTS_MAX];
    size_t n;
    uint64_t rng; /* its own: requests that are struck must not move the ids */
};

static const char *const kind_name[FAULT_KINDS] = {
    [FAULT_NONE] = "",
    [FAULT_RATE_LIMIT] = "rate_limit",
    [FAULT_LOCK_TIMEOUT] = "lock_timeout",
    [FAULT_IN_USE] = "in_use",
    [FAULT_PERMISSION] = "permission",
    [FAULT_ERROR] = "error",
    [FAULT_BAD_GATEWAY] = "bad_gateway",
    [FAULT_RESET] = "reset",
    [FAULT_SLOW] = "slow",
    [FAULT_TRICKLE] = "trickle",
    [FAULT_CUT] = "cut",
    [FAULT_DROP] = "drop",
    [FAULT_DOUBLE] = "double",
    [FAULT_LATE] = "late",
    [FAULT_SHUFFLE] = "shuffle",
    [FAULT_BAD_SIGNATURE] = "bad_signature",
    [FAULT_OLD_SIGNATURE] = "old_signature",
};

struct faults *faults_new(void)
{
    return must_alloc(sizeof(struct faults));
}

void faults_free(struct faults *f)
{
    free(f);
}

void faults_clear(struct faults *f)
{
    f->n = 0;
}

/* --- reading --- */

json_t *fault_spec(str text, struct error *e)
{
    json_t *spec = json_object();
    str part, rest = str_cut(text, ';', &part);

    set_str(spec, "kind", str_trim(part));
    while (rest.p) {
        str name, value;
        rest = str_cut(rest, ';', &part);
        value = str_cut(part, '=', &name);
        name = str_trim(name);
        if (!name.n || !value.p) {
            fail(e, ST_INVALID, "fault '%.*s': '%.*s' is not NAME=VALUE", STR_ARG(text),
                 STR_ARG(part));
            json_decref(spec);
            return NULL;
        }
        json_object_setn_new(spec, name.p, name.n, json_str(str_trim(value)));
    }
    return spec;
}

/* Values come as strings, or as what JSON has for them. */
static int64_t number(const json_t *v)
{
    int64_t n = 0;

    if (json_is_number(v))
        return (int64_t)json_number_value(v);
    if (json_is_true(v))
        return 1;
    str s = json_is_string(v) ? (str){ json_string_value(v), json_string_length(v) } : (str){ 0 };
    if (str_eq(s, S("true")))
        return 1;
    return str_to_int(s, &n) ? n : 0;
}

/* A probability is 0.3 or "0.3": parts of a hundred are kept. */
static int64_t percent(const json_t *v)
{
    double p = json_is_string(v) ? strtod(json_string_value(v), NULL) : json_number_value(v);

    return (int64_t)(p * 100 + 0.5);
}

static void copy_text(char *to, size_t size, const json_t *v)
{
    snprintf(to, size, "%s", json_is_string(v) ? json_string_value(v) : "");
}

static bool set_text_member(struct fault *f, const char *name, const json_t *v)
{
    if (strcmp(name, "method") == 0)
        copy_text(f->method, sizeof f->method, v);
    else if (strcmp(name, "path") == 0)
        copy_text(f->path, sizeof f->path, v);
    else if (strcmp(name, "type") == 0)
        copy_text(f->type, sizeof f->type, v);
    else if (strcmp(name, "reason") == 0)
        copy_text(f->reason, sizeof f->reason, v);
    else if (strcmp(name, "effect") == 0)
        f->after = json_is_string(v) && strcmp(json_string_value(v), "after") == 0;
    else
        return false;
    return true;
}

static bool set_number_member(struct fault *f, const char *name, const json_t *v)
{
    if (strcmp(name, "count") == 0)
        f->count = number(v);
    else if (strcmp(name, "probability") == 0)
        f->percent = percent(v);
    else if (strcmp(name, "delay_ms") == 0)
        f->delay_ms = number(v);
    else if (strcmp(name, "cut_at") == 0)
        f->cut_at = number(v);
    else if (strcmp(name, "late_ms") == 0)
        f->late_ms = number(v);
    else if (strcmp(name, "more") == 0)
        f->more = number(v);
    else if (strcmp(name, "status") == 0)
        f->status = number(v);
    else if (strcmp(name, "stored") == 0)
        f->stored = number(v) != 0;
    else if (strcmp(name, "should_retry") == 0)
        f->should_retry = number(v) != 0;
    else
        return false;
    return true;
}

enum status fault_read(const json_t *spec, struct fault *out, struct error *e)
{
    str kind = get_str(spec, "kind");
    const char *name;
    json_t *v;
    struct fault f = { .count = -1,
                       .percent = 100,
                       .should_retry = -1,
                       .more = 1,
                       .reason = "global-rate",
                       .cut_at = 20,
                       .status = 500 };

    for (enum fault_kind k = FAULT_RATE_LIMIT; k < FAULT_KINDS; k++)
        if (str_eqz(kind, kind_name[k]))
            f.kind = k;
    if (f.kind == FAULT_NONE)
        return fail(e, ST_INVALID,
                    "fault '%.*s' is not known; take rate_limit, lock_timeout, in_use, permission, "
                    "error, bad_gateway, reset, slow, trickle, cut, drop, double, late, shuffle, "
                    "bad_signature "
                    "or old_signature",
                    STR_ARG(kind));
    json_object_foreach(
        (json_t *)(uintptr_t)spec, name,
        v) if (strcmp(name, "kind") != 0 && !set_text_member(&f, name, v) &&
               !set_number_member(&f, name, v)) return fail(e, ST_INVALID,
                                                            "fault %.*s: '%s' is not known",
                                                            STR_ARG(kind), name);
    if (!f.delay_ms)
        f.delay_ms = f.kind == FAULT_TRICKLE ? TRICKLE_MS : SLOW_MS;
    if (f.status < 400 || f.status > 599)
        return fail(e, ST_INVALID, "fault %.*s: status must be 400 to 599", STR_ARG(kind));
    *out = f;
    return ST_OK;
}

enum status faults_add(struct faults *f, const json_t *spec, struct error *e)
{
    struct fault one;

    enum status st = fault_read(spec, &one, e);
    if (st != ST_OK)
        return st;
    if (f->n == FAULTS_MAX)
        return fail(e, ST_LIMIT, "at most %d faults can be set; clear them first", FAULTS_MAX);
    f->all[f->n++] = one;
    return ST_OK;
}

enum status emulator_add_fault(struct emulator *e, str spec, struct error *err)
{
    json_t *doc = fault_spec(spec, err);

    if (!doc)
        return ST_INVALID;
    enum status st = faults_add(e->faults, doc, err);
    json_decref(doc);
    return st;
}

json_t *faults_document(const struct faults *f)
{
    json_t *list = json_array();

    for (size_t i = 0; i < f->n; i++) {
        const struct fault *x = &f->all[i];
        json_array_append_new(list,
                              json_pack("{s:s,s:s,s:s,s:I,s:I}", "kind", kind_name[x->kind],
                                        "method", x->method, "path", x->path, "count",
                                        (json_int_t)x->count, "percent", (json_int_t)x->percent));
    }
    return list;
}

/* --- striking --- */

static bool is_delivery_fault(enum fault_kind k)
{
    return k >= FAULT_DROP;
}

void faults_keep_deliveries(struct faults *f)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->n; i++)
        if (is_delivery_fault(f->all[i].kind))
            f->all[kept++] = f->all[i];
    f->n = kept;
}

bool fault_header_fits(struct call *c)
{
    str header = http_header_get(c->http, S("emulator-fault"), NULL);
    struct error e = { 0 };
    struct fault one;

    if (!header.n)
        return true;
    json_t *spec = fault_spec(header, &e);
    enum status st = spec ? fault_read(spec, &one, &e) : ST_INVALID;
    json_decref(spec);
    if (st != ST_OK)
        refuse(c, 400, NULL, NULL, "Emulator-Fault: %s", e.text);
    else if (is_delivery_fault(one.kind))
        refuse(c, 400, NULL, NULL,
               "Emulator-Fault: faults of deliveries cannot be set by a header; "
               "use POST /_emulator/faults");
    return !c->refused;
}

struct fault faults_request(struct emulator *e, const struct http_request *q)
{
    struct faults *f = e->faults;
    str header = http_header_get(q, S("emulator-fault"), NULL);
    struct error ignored = { 0 };
    struct fault one = { 0 };

    if (header.n) {
        json_t *spec = fault_spec(header, &ignored);
        enum status st = spec ? fault_read(spec, &one, &ignored) : ST_INVALID;
        json_decref(spec);
        if (st == ST_OK && !is_delivery_fault(one.kind))
            return one;
    }
    for (size_t i = 0; i < f->n; i++) {
        struct fault *x = &f->all[i];
        if (is_delivery_fault(x->kind) || x->count == 0 ||
            (*x->method && !str_eqz(q->method, x->method)) || !str_starts(q->path, str_of(x->path)))
            continue;
        if (x->percent < 100 && (int64_t)(rng_next(&f->rng) % 100) >= x->percent)
            continue;
        if (x->count > 0)
            x->count--;
        return *x;
    }
    return (struct fault){ 0 };
}

struct delivery_fate faults_delivery(struct emulator *e, uint64_t id, str type)
{
    const struct faults *f = e->faults;
    struct delivery_fate fate = { 0 };

    for (size_t i = 0; i < f->n; i++) {
        const struct fault *x = &f->all[i];
        uint64_t dice = e->options.seed ^ id * 0x9e3779b97f4a7c15u ^ (i << 56);
        if (!is_delivery_fault(x->kind) || (*x->type && !event_type_matches(str_of(x->type), type)))
            continue;
        if ((int64_t)(rng_next(&dice) % 100) >= x->percent)
            continue;
        int64_t window = x->late_ms ? x->late_ms : SHUFFLE_MS;
        if (x->kind == FAULT_DROP)
            fate.drop = true;
        else if (x->kind == FAULT_DOUBLE)
            fate.more += (unsigned)x->more;
        else if (x->kind == FAULT_LATE)
            fate.late_ms += window;
        else if (x->kind == FAULT_BAD_SIGNATURE)
            fate.bad_signature = true;
        else if (x->kind == FAULT_OLD_SIGNATURE)
            fate.old_ms += x->late_ms ? x->late_ms : OLD_MS;
        else if (x->kind == FAULT_SHUFFLE)
            fate.late_ms += (msec)(rng_next(&dice) % (uint64_t)window);
    }
    return fate;
}

/* --- answering --- */

static void header_add(struct call *c, struct http_response *out, str name, str value)
{
    struct http_header *h = arena_alloc(c->arena, (out->n_headers + 1) * sizeof *h);

    if (!h)
        return;
    if (out->n_headers)
        memcpy(h, out->header, out->n_headers * sizeof *h);
    h[out->n_headers] = (struct http_header){ name, value };
    out->header = h;
    out->n_headers++;
}

/* The envelope of a refusal that comes instead of the true answer. */
static void envelope(struct call *c, struct http_response *out)
{
    c->body = json_text_in(c->arena, c->error, JSON_INDENT(2));
    out->status = c->status;
    out->body = c->body;
}

static void refuse_anew(struct call *c)
{
    c->refused = false;
    json_decref(c->error);
    c->error = NULL;
}

static void answer_limited(struct call *c, const struct fault *f, struct http_response *out)
{
    if (f->kind == FAULT_RATE_LIMIT)
        refuse(c, 429, "rate_limit", NULL,
               "Request rate limit exceeded. Learn more about rate limits here "
               "https://stripe.com/docs/rate-limits.");
    else
        refuse_locked(c);
    envelope(c, out);
    if (f->kind == FAULT_RATE_LIMIT && *f->reason)
        header_add(c, out, S("Stripe-Rate-Limited-Reason"),
                   arena_copy(c->arena, str_of(f->reason)));
}

static void answer_refused(struct call *c, const struct fault *f, struct http_response *out)
{
    if (f->kind == FAULT_IN_USE)
        refuse_in_use(c);
    else if (f->kind == FAULT_PERMISSION)
        refuse_permission(c);
    else
        refuse_typed(c, (int)f->status, "api_error", NULL, NULL,
                     "An unknown error occurred. Please try again, or contact us if it persists.");
    envelope(c, out);
    if (f->kind == FAULT_ERROR && f->stored && (c->params || params_parse(c)))
        idem_keep(c, (int)f->status, c->body);
}

void fault_answer(struct call *c, const struct fault *f, struct http_response *out)
{
    static const char html[] = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
                               "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx"
                               "</center>\r\n</body>\r\n</html>\r\n";

    switch (f->kind) {
    case FAULT_RATE_LIMIT:
    case FAULT_LOCK_TIMEOUT:
        refuse_anew(c);
        answer_limited(c, f, out);
        break;
    case FAULT_IN_USE:
    case FAULT_PERMISSION:
    case FAULT_ERROR:
        refuse_anew(c);
        answer_refused(c, f, out);
        break;
    case FAULT_BAD_GATEWAY:
        out->status = 502;
        out->content_type = S("text/html");
        c->body = out->body = str_of(html);
        break;
    case FAULT_RESET:
        out->reset = true;
        c->body = out->body = c->body.p ? c->body : S("");
        break;
    case FAULT_SLOW:
        out->delay = f->delay_ms;
        busy_take(c, f->delay_ms);
        break;
    case FAULT_TRICKLE: out->trickle = f->delay_ms; break;
    case FAULT_CUT: out->cut_at_bytes = (size_t)f->cut_at; break;
    case FAULT_NONE:
    case FAULT_DROP:
    case FAULT_DOUBLE:
    case FAULT_LATE:
    case FAULT_SHUFFLE:
    case FAULT_BAD_SIGNATURE:
    case FAULT_OLD_SIGNATURE:
    case FAULT_KINDS: break; /* not faults of requests */
    }
    if (f->should_retry >= 0)
        header_add(c, out, S("Stripe-Should-Retry"), f->should_retry ? S("true") : S("false"));
}
