/* plain.h - resources without a life of their own: what they are is what was said of them.
 *
 * One struct plain a resource says it all: its fields, the names of its events, and what has to be
 * checked or derived beyond that. The handlers here do the rest. Which parameters create and update
 * take stands in the route, so one table of fields serves both. */
#pragma once

#include "emulator/params.h"

struct plain {
    enum type type;
    const struct field *field;
    size_t n_fields;
    const char *created, *updated, *deleted; /* its events; NULL: none */
    bool own_id;                             /* the caller may choose the id; `taken` when it is */
    const char *taken;
    /* After the fields, at creation: checks, and sets what is derived. Members of `hidden` are only
     * sent when they are expanded. False when refused. NULL: nothing to do. */
    bool (*make)(const struct args *a, json_t *doc, json_t *hidden);
    /* The same for an update, of a document that is put back when refused. */
    bool (*change)(const struct args *a, struct record *r);
    /* Before it is deleted; false when refused. */
    bool (*may_delete)(struct call *c, struct record *r);
    /* Filters whose member has another path than the parameter's name; NULL: `keep` looks at it. */
    const char *alias[2][2];
    /* A filter beyond "the member of this name has this value"; NULL: none. */
    bool (*keep)(const struct args *a, struct record *r);
};

/* Every one of them; each room has its own list. */
extern const struct plain *const plains_billing[], *const plains_money[];
extern const size_t n_plains_billing, n_plains_money;

/* For routes whose type is in one of the lists; get and list take any type. */
handler plain_create, plain_get, plain_list, plain_update, plain_delete;

/* What plain_create does, without event or answer; NULL when refused. */
struct record *plain_make(const struct args *a, enum type t);
/* A list's usual filters: each parameter wants the member of its name, at its path in `alias`. */
bool plain_kept(struct call *c, struct record *r, const struct plain *p);
