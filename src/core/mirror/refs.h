/* refs.h - the references and nested lists inside an object, found by the resource table.
 *
 * Pure: it reads the text once, following only what the table names. References are soft: what is
 * found is listed, and nothing is refused because its target is missing. */
#pragma once

#include "core/resource.h"

struct ref {
    str field;   /* the table's path: "default_source" */
    str to_type; /* by the id's prefix or the expanded object's own "object"; empty: cannot be told
                  */
    str to_id;   /* decoded */
    enum ref_kind kind;
};

/* One element of a nested list, as it stands in the text. */
struct ref_member {
    str field; /* "lines" */
    str type;  /* its "object" */
    str id;    /* decoded; empty: it has none and cannot be a row */
    str data;  /* the whole element */
};

/* One nested list. `has_more`: its end is not here, `url` says where to ask. */
struct ref_list {
    str field;
    str url; /* decoded, may be empty */
    bool has_more;
    size_t n_members;
};

struct ref_visitor {
    void *ctx;
    /* Each may be NULL. A status other than ST_OK ends the walk and is returned. */
    enum status (*ref)(void *ctx, const struct ref *r, struct error *e);
    enum status (*member)(void *ctx, const struct ref_member *m, struct error *e);
    enum status (*list)(void *ctx, const struct ref_list *l,
                        struct error *e); /* after its members */
};

/* Visits what `data`, a valid JSON object of the resource `r`, refers to. References inside members
 * of nested lists are not visited here: members are objects of their own. Slices live in `data` or
 * in `a`. ST_LIMIT: the arena is full. ST_INVALID: not an object. */
enum status refs_visit(const struct resource *r, str data, const struct ref_visitor *v,
                       struct arena *a, struct error *e) MUST_USE;
