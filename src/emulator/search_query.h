/* search_query.h - the language of search: `status:"active" AND -metadata["a"]:null`.
 *
 * Up to ten clauses, joined by AND (or a blank) or by OR, never both. A clause is a field, ":" for
 * the same, "~" for a part (three characters at least) or a comparison of numbers, and a value; a
 * minus in front negates it. Texts are compared without case. */
#pragma once

#include "emulator/call.h"

enum { CLAUSES_MAX = 10, SEARCH_PART_MIN = 3 };

enum search_kind {
    SEARCH_TOKEN,  /* ":" */
    SEARCH_TEXT,   /* ":" and "~" */
    SEARCH_NUMBER, /* ":" and comparisons */
};

struct search_field {
    const char *name, *path; /* path NULL: the name */
    enum search_kind kind;
};

struct clause {
    const struct search_field *field; /* NULL: metadata, of this key */
    str key, value;
    char op; /* ':' '~' '<' '>', 'l' for "<=", 'g' for ">=" */
    bool negated, null;
    int64_t number;
};

struct search_query {
    struct clause clause[CLAUSES_MAX];
    size_t n;
    bool any; /* OR */
};

/* What a resource can be searched by; `plural` names it in errors. */
struct searchable {
    enum type type;
    const char *plural;
    const struct search_field *field;
    size_t n_fields;
};

/* False when refused. Slices are of `text` and of the call's arena. */
bool search_parse(struct call *c, const struct searchable *s, str text, struct search_query *out);
bool search_matches(const struct search_query *q, const json_t *doc);
