/* nested.c - what one room asks of another by way of its route. */
#include "emulator/rooms.h"

#include <string.h>

struct record *keep_told(struct call *c, enum type t, json_t *doc, const char *event)
{
    struct record *r = record_add(c->emu, c->space, t, doc);

    emit(c, r, event);
    return r;
}

void *refuse_status(struct call *c, struct record *r, const char *code, const char *what,
                    const char *which)
{
    str status = get_str(record_doc(r), "status");

    return refuse(c, 400, code, NULL,
                  "You cannot %s this %s because it has a status of %.*s. Only one with one of the "
                  "following statuses can be: %s.",
                  what, type_info[r->type].noun, STR_ARG(status), which);
}

/* A form's "a[b][c]" as a path "a.b.c" of the tree of parameters. */
void param_put(json_t *params, const char *path, str value)
{
    json_t *at = params;
    size_t n;

    if (!value.p)
        return;
    while (path[n = strcspn(path, ".")]) {
        json_t *next = json_object_getn(at, path, n);
        if (!next) {
            next = json_object();
            json_object_setn_new(at, path, n, next);
        }
        at = next;
        path += n + 1;
    }
    set_str(at, path, value);
}

void param_append(json_t *list, json_t *value)
{
    char key[24];

    snprintf(key, sizeof key, "%zu", json_object_size(list));
    set_new(list, key, value);
}

json_t *param_int(int64_t v)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)v);
    return json_string(text);
}

struct record *nested_make(struct call *c, const char *path, json_t *params)
{
    struct call n = *c;
    struct record *made = NULL;

    n.params = params;
    n.n_expand = 0;
    n.body = (str){ 0 };
    n.error = NULL;
    if (route_find(S("POST"), str_of(path), &n.route, n.part, c->arena) == ST_OK) {
        json_t *answer = n.route->run(&n);
        if (!answer && n.body.p)
            answer = json_loadb(n.body.p, n.body.n, JSON_ALLOW_NUL, NULL);
        if (answer)
            made = record_live(c->space, n.route->type, get_str(answer, "id"));
        json_decref(answer);
    }
    json_decref(params);
    if (n.refused) {
        c->refused = true;
        c->status = n.status;
        json_decref(c->error);
        c->error = n.error;
        return NULL;
    }
    return made;
}
