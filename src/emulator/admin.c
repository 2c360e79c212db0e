#include "emulator/admin.h"

#include "emulator/auth.h"
#include "emulator/delivery.h"
#include "emulator/faults.h"
#include "emulator/journal.h"
#include "emulator/list.h"
#include "emulator/points.h"
#include "emulator/rooms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what was asked --- */

enum { REQUESTS_KEPT_MAX = 100000, REQUESTS_SHOWN_MAX = 10000 };

struct request_row {
    char *method, *target, *key, *id, *agent;
    const struct space *space;
    msec at;
    int status;
    bool reset;
};

struct request_log {
    struct request_row row[REQUESTS_KEPT_MAX];
    uint64_t n; /* ever */
};

struct request_log *request_log_new(void)
{
    return must_alloc(sizeof(struct request_log));
}

static void row_clear(struct request_row *r)
{
    free(r->method);
    free(r->target);
    free(r->key);
    free(r->id);
    free(r->agent);
    *r = (struct request_row){ 0 };
}

static void log_clear(struct request_log *l)
{
    for (size_t i = 0; i < REQUESTS_KEPT_MAX; i++)
        row_clear(&l->row[i]);
    l->n = 0;
}

void request_log_free(struct request_log *l)
{
    log_clear(l);
    free(l);
}

void request_log_add(struct emulator *e, const struct call *c, const struct http_response *r)
{
    struct request_log *l = e->log;
    const struct http_request *q = c->http;

    if (e->replaying || str_starts(q->path, S("/_emulator/")))
        return;
    struct request_row *row = &l->row[l->n++ % REQUESTS_KEPT_MAX];
    row_clear(row);
    *row = (struct request_row){ .method = must_copy(q->method),
                                 .target = must_copy(q->target),
                                 .key = must_copy(c->idem_key),
                                 .id = must_copy(c->request_id),
                                 .agent = must_copy(http_header_get(q, S("User-Agent"), NULL)),
                                 .space = c->space,
                                 .at = e->now,
                                 .status = r->status,
                                 .reset = r->reset };
}

static json_t *row_document(const struct request_row *r)
{
    json_t *v = json_object();

    set_strz(v, "method", r->method);
    set_strz(v, "path", r->target);
    set_int(v, "time_ms", r->at);
    set_int(v, "status", r->reset ? 0 : r->status);
    set_strz(v, "idempotency_key", *r->key ? r->key : NULL);
    set_strz(v, "request_id", r->id);
    set_strz(v, "user_agent", *r->agent ? r->agent : NULL);
    set_strz(v, "account", r->space ? r->space->account : NULL);
    set_new(v, "livemode", r->space ? json_boolean(r->space->livemode) : json_null());
    return v;
}

static json_t *data_of(json_t *list)
{
    json_t *v = json_object();

    set_new(v, "data", list);
    return v;
}

/* ?method=POST, ?path=/v1/prices (a prefix), ?after=N (how many there had been). */
json_t *admin_requests(struct call *c)
{
    struct args a = args_of(c);
    const struct request_log *l = c->emu->log;
    str method = arg_str(&a, "method"), path = arg_str(&a, "path");
    int64_t after = 0;
    json_t *list = json_array();

    arg_int(&a, "after", &after);
    uint64_t first = l->n > REQUESTS_KEPT_MAX ? l->n - REQUESTS_KEPT_MAX : 0;
    for (uint64_t i = first > (uint64_t)after ? first : (uint64_t)after; i < l->n; i++) {
        const struct request_row *r = &l->row[i % REQUESTS_KEPT_MAX];
        if ((method.n && !str_eqz(method, r->method)) || !str_starts(str_of(r->target), path))
            continue;
        if (json_array_size(list) == REQUESTS_SHOWN_MAX)
            break;
        json_array_append_new(list, row_document(r));
    }
    json_t *v = data_of(list);
    set_int(v, "total", (int64_t)l->n);
    return v;
}

/* --- JSON or form --- */

/* The parameters as JSON; a form's are strings. A new reference, or NULL when refused. */
static json_t *admin_params(struct call *c)
{
    if (!str_starts(str_trim(c->http->body), S("{")))
        return json_incref(c->params);
    json_t *v = json_loadb(c->http->body.p, c->http->body.n, JSON_ALLOW_NUL, NULL);
    return v ? v : refuse(c, 400, NULL, NULL, "The body is not valid JSON.");
}

/* Whose data it is about: that of the key; without a key, the only space there is. */
static struct space *admin_space(struct call *c)
{
    c->space = auth_admin(c);
    if (!c->space)
        return refuse(c, 400, NULL, NULL,
                      "Say whose data you mean: send an API key in the Authorization header.");
    return c->space;
}

static json_t *done(void)
{
    json_t *v = json_object();

    set_bool(v, "ok", true);
    return v;
}

/* --- faults, clock, deliveries --- */

/* {"kind":…,…}, or {"spec":"kind;a=b"}. The fields stand in faults.h. */
json_t *admin_faults_add(struct call *c)
{
    struct error e = { 0 };
    json_t *spec = admin_params(c);

    if (!spec)
        return NULL;
    str text = get_str(spec, "spec");
    enum status st =
        text.n ? emulator_add_fault(c->emu, text, &e) : faults_add(c->emu->faults, spec, &e);
    json_decref(spec);
    if (c->emu->replaying)
        faults_keep_deliveries(c->emu->faults);
    return st == ST_OK ? admin_faults_list(c) : refuse(c, 400, NULL, NULL, "%s", e.text);
}

json_t *admin_faults_list(struct call *c)
{
    return data_of(faults_document(c->emu->faults));
}

json_t *admin_faults_clear(struct call *c)
{
    faults_clear(c->emu->faults);
    return admin_faults_list(c);
}

/* {"spec":"P-5=no"} decides an open point. */
json_t *admin_points_set(struct call *c)
{
    struct error e = { 0 };
    json_t *params = admin_params(c);

    if (!params)
        return NULL;
    enum status st = emulator_assume(c->emu, get_str(params, "spec"), &e);
    json_decref(params);
    c->journaled = true;
    return st == ST_OK ? points_document(c->emu) : refuse(c, 400, NULL, NULL, "%s", e.text);
}

json_t *admin_points(struct call *c)
{
    return points_document(c->emu);
}

json_t *admin_clock_get(struct call *c)
{
    json_t *v = json_object();

    set_int(v, "now", now_s(c->emu));
    set_int(v, "now_ms", c->emu->now);
    set_bool(v, "frozen", c->emu->frozen != 0);
    return v;
}

static int64_t number_of(const json_t *v, const char *name)
{
    int64_t n = get_int(v, name);

    str_to_int(get_str(v, name), &n);
    return n;
}

/* {"advance_seconds": 3600}, {"freeze": true|false}. A frozen clock still advances when told: all
 * that happens in between happens in the same second. */
json_t *admin_clock(struct call *c)
{
    struct emulator *e = c->emu;
    json_t *p = admin_params(c);
    bool freeze = false, thaw = false;

    if (!p)
        return NULL;
    if (json_object_get(p, "freeze")) {
        thaw = !get_bool(p, "freeze") && !is_str(p, "freeze", "true");
        freeze = !thaw;
    }
    msec by = number_of(p, "advance_seconds") * 1000;
    json_decref(p);
    if (by < 0)
        return refuse(c, 400, NULL, "advance_seconds", "The clock only goes forward.");
    journal_request(c); /* before what it brings about, and with the time before */
    c->journaled = true;
    if (thaw && e->frozen && !e->replaying)
        e->offset = e->frozen - clock_wall(e->options.clock);
    if (freeze || thaw)
        e->frozen = freeze ? e->now : 0;
    e->now += by;
    if (e->frozen)
        e->frozen += by;
    else
        e->offset += by;
    if (!e->replaying)
        emulator_advance(e);
    return admin_clock_get(c);
}

json_t *admin_deliveries(struct call *c)
{
    return data_of(deliveries_document(c->emu));
}

json_t *admin_flush(struct call *c)
{
    json_t *v = done();

    set_int(v, "flushed", (int64_t)deliveries_flush(c->emu));
    return v;
}

json_t *admin_reset(struct call *c)
{
    c->space = NULL;
    emulator_forget(c->emu);
    faults_clear(c->emu->faults);
    log_clear(c->emu->log);
    c->emu->offset = c->emu->frozen = 0;
    return done();
}

/* --- looking and meddling --- */

enum { ROLL_S_MAX = 86400 };

static enum type admin_type(struct call *c, str name)
{
    enum type t = type_by_name(name);

    if (t == T_NONE)
        refuse(c, 404, NULL, NULL, "No such type: '%.*s'", STR_ARG(name));
    return t;
}

/* Everything of a type, oldest first, what was deleted with "deleted": true. */
json_t *admin_state(struct call *c)
{
    enum type t = admin_type(c, c->part[0]);
    json_t *list = json_array();

    if (t == T_NONE || !admin_space(c)) {
        json_decref(list);
        return NULL;
    }
    const struct table *tab = &c->space->table[t];
    for (size_t i = 0; i < tab->n; i++) {
        str text = record_text(tab->row[i]);
        json_t *doc = json_loadb(text.p, text.n, JSON_ALLOW_NUL, NULL);
        if (tab->row[i]->deleted)
            set_bool(doc, "deleted", true);
        json_array_append_new(list, doc);
    }
    if (t == T_BALANCE)
        json_array_append_new(list, balance_get(c));
    return data_of(list);
}

/* {"set": {…}, "event": "product.updated"}: the members of `set` replace those of the object; no
 * event unless one is named. An object that is not there is made. */
json_t *admin_edit(struct call *c)
{
    enum type t = admin_type(c, c->part[0]);
    json_t *p = t == T_NONE || !admin_space(c) ? NULL : admin_params(c);

    if (!p)
        return NULL;
    struct record *r = record_any(c->space, t, c->part[1]);
    json_t *set = json_object_get(p, "set");
    str event = get_str(p, "event");
    if (!r)
        r = record_add(c->emu, c->space, t,
                       record_shape(c->emu, c->space, t, arena_copy(c->arena, c->part[1]).p));
    r->deleted = false;
    json_t *before = change_begin(r);
    if (json_is_object(set))
        json_object_update(record_doc(r), set);
    set_strz(r->doc, "id", r->id);
    if (get_int(r->doc, "created"))
        r->created = get_int(r->doc, "created");
    record_touch(r);
    if (event.n)
        change_end(c, r, before, arena_copy(c->arena, event).p);
    else
        json_decref(before);
    json_decref(p);
    return answer_record(c, r);
}

/* ?event=price.deleted */
json_t *admin_remove(struct call *c)
{
    struct args a = args_of(c);
    enum type t = admin_type(c, c->part[0]);
    str event = arg_str(&a, "event");

    if (t == T_NONE || !admin_space(c))
        return NULL;
    struct record *r = record_live(c->space, t, c->part[1]);
    if (!r)
        return refuse_missing(c, t, c->part[1], NULL);
    record_delete(r);
    if (event.n)
        emit(c, r, arena_copy(c->arena, event).p);
    return deleted_form(t, str_of(r->id));
}

/* {"permissions": {"plan": "read", "customer": "write"}}: all that the restricted key (rk_…) of
 * this account and mode may do; null: everything. Writing includes reading. */
json_t *admin_permissions(struct call *c)
{
    json_t *p = admin_space(c) ? admin_params(c) : NULL, *level;
    json_t *given = json_object_get(p, "permissions");
    const char *name;

    json_object_foreach(given, name, level)
    {
        const char *word = json_string_value(level);
        if (!word ||
            (strcmp(word, "read") != 0 && strcmp(word, "write") != 0 && strcmp(word, "none") != 0))
            refuse(c, 400, NULL, name, "A permission is \"read\", \"write\" or \"none\".");
    }
    if (p && !c->refused) {
        json_decref(c->space->permissions);
        c->space->permissions = json_is_object(given) ? json_deep_copy(given) : NULL;
    }
    json_decref(p);
    return p && !c->refused ? done() : NULL;
}

/* {"expires_in_seconds": 3600}: a new secret; the one before signs, too, for so long, a day unless
 * it is said. [facts: 4.8] */
json_t *admin_roll(struct call *c)
{
    json_t *p = admin_space(c) ? admin_params(c) : NULL;
    char secret[ID_BYTES];

    if (!p)
        return NULL;
    int64_t span =
        json_object_get(p, "expires_in_seconds") ? number_of(p, "expires_in_seconds") : ROLL_S_MAX;
    json_decref(p);
    if (span < 0 || span > ROLL_S_MAX)
        return refuse(c, 400, NULL, "expires_in_seconds",
                      "The old secret expires at once or within a day: 0 to %d.", ROLL_S_MAX);
    struct record *r = record_live(c->space, T_V2_CORE_EVENT_DESTINATION, c->part[0]);
    if (!r)
        r = path_record(c, T_WEBHOOK_ENDPOINT);
    if (!r)
        return NULL;
    make_id(c->emu, "whsec_", 32, secret);
    record_hide(r, "old_secret", json_incref(json_object_get(r->hidden, "secret")));
    record_hide(r, "old_until", json_integer(wall_s(c->emu) + span));
    record_hide(r, "secret", json_string(secret));
    json_t *v = json_object();
    set_strz(v, "secret", secret);
    return v;
}
