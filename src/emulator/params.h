/* params.h - a form as a tree of strings, read with types.
 *
 * `a[b]=1&c[]=2` becomes {"a":{"b":"1"},"c":{"0":"2"}}. Each reader refuses a value of the wrong
 * kind with Stripe's words and returns as if it had been absent; handlers look at c->refused once,
 * when they have read everything. */
#pragma once

#include "emulator/call.h"

/* The tree of query and body; false when it is malformed (then refused). */
bool params_parse(struct call *c);
/* Unknown and missing parameters of the route. False when refused. */
bool params_check(struct call *c);

/* A place in the tree: the whole (args_of), or a hash in it. `prefix` names it in errors. */
struct args {
    struct call *c;
    const json_t *hash;
    const char *prefix;
};

struct args args_of(struct call *c);
/* False when absent. A value that is no hash is refused. */
bool args_sub(const struct args *a, const char *name, struct args *out);
/* The elements of a list, in order; those that are no hash are refused when `hashes`. */
enum { ARGS_LIST_MAX = 512 }; /* an endpoint may name each of some 280 types of events */
size_t args_list(const struct args *a, const char *name, struct args *out, size_t max);
/* The strings of a list; 0 when absent or empty. */
size_t args_strings(const struct args *a, const char *name, str *out, size_t max);

bool arg_given(const struct args *a, const char *name);
bool arg_emptied(const struct args *a, const char *name); /* given, as "" */
str arg_str(const struct args *a, const char *name); /* {NULL, 0} when absent; "" is not NULL */
/* Given and not empty; an empty one is refused because it cannot be unset. */
bool arg_text(const struct args *a, const char *name, str *out);
bool arg_bool(const struct args *a, const char *name, bool *out);
bool arg_int(const struct args *a, const char *name, int64_t *out);
/* One of blank separated words, or refused. */
bool arg_word(const struct args *a, const char *name, const char *words, str *out);
bool arg_number(const struct args *a, const char *name, double *out);
/* "items[0][price]" in the arena. */
const char *arg_name(const struct args *a, const char *name);

/* How a parameter goes into a field of the same name. "" unsets (null) where the kind says so. */
enum field_kind {
    F_TEXT,      /* not unsettable */
    F_TEXT_NULL, /* "" sets null */
    F_INT,
    F_INT_NULL,
    F_BOOL,
    F_WORD,    /* one of `words` */
    F_LIST,    /* strings */
    F_NUMBER,  /* may have a fraction */
    F_REF,     /* the id of an object of the type in `max`; "" sets null */
    F_HASH,    /* as it comes; "" sets null */
    F_MERGE,   /* member by member into the hash that is there */
    F_ADDRESS, /* all six members, null where not given */
    F_METADATA,
};

struct field {
    const char *name;
    enum field_kind kind;
    const char *words;
    size_t max; /* characters, or elements; 0: no bound of its own. F_REF: the type */
};

/* Sets what is given; false when something was refused (then `doc` is half done: work on a copy or
 * on a new document). */
bool fields_apply(const struct args *a, json_t *doc, const struct field *f, size_t n);
/* The tree as it came, with "true", "false" and plain integers turned into what they say. */
json_t *args_document(const json_t *v);
/* The tree's members into those of `into`, hash by hash. */
void args_merge(json_t *into, const json_t *v);
/* A number as JSON writes it: whole ones without a fraction. */
json_t *json_number(double v);
bool metadata_apply(const struct args *a, json_t *doc);
/* A new document of this type with the metadata that was sent; NULL: refused. */
json_t *shape_with_metadata(const struct args *a, enum type t);
/* `created=5`, `created[gte]=5`, …: both ends included. */
struct range {
    int64_t least, most;
};
struct range arg_range(const struct args *a, const char *name);
