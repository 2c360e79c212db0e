#include "emulator/params.h"

#include "emulator/declared.h"
#include "net/form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { METADATA_KEYS_MAX = 50, METADATA_KEY_CHARS = 40, METADATA_VALUE_CHARS = 500 };

/* --- from the form to the tree --- */

/* Where the value of a pair goes: "[]" opens a new element, unless the last one lacks `next`. */
static str list_slot(struct call *c, const json_t *list, const struct form_pair *p, unsigned i)
{
    size_t n = json_object_size(list);

    if (n && i + 1 < p->n_parts) {
        str last = arena_printf(c->arena, "%zu", n - 1);
        const json_t *v = json_object_getn(list, last.p, last.n);
        if (json_is_object(v) && !json_object_getn(v, p->part[i + 1].p, p->part[i + 1].n))
            return last;
    }
    return arena_printf(c->arena, "%zu", n);
}

static bool tree_put(struct call *c, json_t *tree, const struct form_pair *p)
{
    for (unsigned i = 0; i < p->n_parts; i++) {
        str key = p->part[i].n || !i ? p->part[i] : list_slot(c, tree, p, i);
        if (!key.p)
            return false;
        if (i + 1 == p->n_parts)
            return json_object_setn_new(tree, key.p, key.n, json_str(p->value)) == 0;
        json_t *next = json_object_getn(tree, key.p, key.n);
        if (!json_is_object(next)) {
            next = json_object();
            if (json_object_setn_new(tree, key.p, key.n, next))
                return false;
        }
        tree = next;
    }
    return true;
}

/* What /v2 says in JSON, as a form would say it. */
static json_t *tree_of(const json_t *v)
{
    json_t *tree, *e;
    const char *key;
    size_t i;

    if (json_is_object(v) || json_is_array(v)) {
        tree = json_object();
        json_object_foreach((json_t *)(uintptr_t)v, key, e) set_new(tree, key, tree_of(e));
        json_array_foreach(v, i, e)
        {
            char number[24];
            snprintf(number, sizeof number, "%zu", i);
            set_new(tree, number, tree_of(e));
        }
        return tree;
    }
    if (json_is_string(v))
        return json_incref((json_t *)(uintptr_t)v);
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_NUMBERS);
    tree = json_string(json_is_null(v) || !text ? "" : text);
    free(text);
    return tree;
}

static bool parse_json(struct call *c, str text)
{
    json_t *v = json_loadb(text.p, text.n, 0, NULL), *e;
    const char *key;

    if (!json_is_object(v)) {
        json_decref(v);
        refuse_value(c, NULL, NULL, "The request body is not a JSON object.");
        return false;
    }
    json_object_foreach(v, key, e) set_new(c->params, key, tree_of(e));
    json_decref(v);
    return true;
}

static bool parse_into(struct call *c, str text)
{
    struct form form = { 0 };
    struct error e = { 0 };

    if (!text.n || (c->route->params == NULL && str_starts(str_trim(text), S("{"))))
        return true; /* what is said in JSON is read by the handlers of /_emulator */
    if (str_starts(c->http->path, S("/v2/")) && str_starts(str_trim(text), S("{")))
        return parse_json(c, text);
    if (form_parse(text, &form, c->arena, &e) != ST_OK) {
        refuse_value(c, NULL, NULL,
                     "Invalid request (check that your request is properly encoded)");
        return false;
    }
    for (size_t i = 0; i < form.n; i++) {
        if (!tree_put(c, c->params, &form.pair[i])) {
            refuse_value(c, NULL, NULL, "Invalid string: a parameter is not valid UTF-8");
            return false;
        }
    }
    return true;
}

bool params_parse(struct call *c)
{
    c->params = json_object();
    return parse_into(c, c->http->query) && parse_into(c, c->http->body);
}

/* --- what a route knows --- */

/* Is `name` among the words? A star behind a word is not part of it. */
static bool word_in(const char *words, str name)
{
    while (*words) {
        size_t n = strcspn(words, " ");
        size_t word = n && words[n - 1] == '*' ? n - 1 : n;
        if (word == name.n && memcmp(words, name.p, word) == 0)
            return true;
        words += n + (words[n] == ' ');
    }
    return false;
}

static bool check_required(struct call *c, const char *words)
{
    while (*words) {
        size_t n = strcspn(words, " ");
        if (n && words[n - 1] == '*' && !json_object_getn(c->params, words, n - 1)) {
            refuse_param_missing(c, arena_copy(c->arena, (str){ words, n - 1 }).p);
            return false;
        }
        words += n + (words[n] == ' ');
    }
    return true;
}

/* [facts] */
bool params_check(struct call *c)
{
    str unknown = { 0 };
    size_t n = 0;
    const char *key;
    json_t *value;

    if (!c->route->params)
        return true;
    json_object_foreach(c->params, key, value)
    {
        if (word_in(c->route->params, str_of(key)) || strcmp(key, "expand") == 0)
            continue;
        unknown = n++ ? arena_printf(c->arena, "%.*s, %s", STR_ARG(unknown), key)
                      : arena_copy(c->arena, str_of(key));
    }
    if (!n)
        unknown = nested_unknown(c, &n);
    if (n) {
        refuse_value(c, "parameter_unknown", unknown.p, "Received unknown parameter%s: %.*s",
                     n > 1 ? "s" : "", STR_ARG(unknown));
        return false;
    }
    return check_required(c, c->route->params);
}

/* --- reading --- */

struct args args_of(struct call *c)
{
    return (struct args){ c, c->params, "" };
}

const char *arg_name(const struct args *a, const char *name)
{
    str s = *a->prefix ? arena_printf(a->c->arena, "%s[%s]", a->prefix, name)
                       : arena_copy(a->c->arena, str_of(name));
    return s.p ? s.p : name;
}

bool arg_given(const struct args *a, const char *name)
{
    return json_object_get(a->hash, name) != NULL;
}

bool arg_emptied(const struct args *a, const char *name)
{
    str s = get_str(a->hash, name);

    return s.p && !s.n;
}

bool args_sub(const struct args *a, const char *name, struct args *out)
{
    const json_t *v = json_object_get(a->hash, name);

    if (!v)
        return false;
    if (!json_is_object(v)) {
        if (!arg_emptied(a, name))
            refuse_value(a->c, NULL, arg_name(a, name), "Invalid object");
        return false;
    }
    *out = (struct args){ a->c, v, arg_name(a, name) };
    return true;
}

/* Elements may come in any order of their numbers. */
static size_t list_sorted(const json_t *list, const char **key, size_t max)
{
    size_t n = 0;
    const char *k;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)list, k, v)
    {
        if (n == max)
            break;
        size_t at = n++;
        while (at && strtoul(key[at - 1], NULL, 10) > strtoul(k, NULL, 10)) {
            key[at] = key[at - 1];
            at--;
        }
        key[at] = k;
    }
    return n;
}

size_t args_list(const struct args *a, const char *name, struct args *out, size_t max)
{
    struct args list;
    const char *key[ARGS_LIST_MAX];

    if (!args_sub(a, name, &list))
        return 0;
    size_t n = list_sorted(list.hash, key, max < ARGS_LIST_MAX ? max : ARGS_LIST_MAX);
    for (size_t i = 0; i < n; i++)
        if (!args_sub(&list, key[i], &out[i]))
            return 0;
    return n;
}

size_t args_strings(const struct args *a, const char *name, str *out, size_t max)
{
    const json_t *v = json_object_get(a->hash, name);
    const char *key[ARGS_LIST_MAX];

    if (json_is_string(v)) {
        out[0] = get_str(a->hash, name);
        return out[0].n ? 1 : 0;
    }
    size_t n = list_sorted(v, key, max < ARGS_LIST_MAX ? max : ARGS_LIST_MAX);
    for (size_t i = 0; i < n; i++)
        out[i] = get_str(v, key[i]);
    return n;
}

str arg_str(const struct args *a, const char *name)
{
    if (json_is_object(json_object_get(a->hash, name)))
        refuse_value(a->c, NULL, arg_name(a, name), "Invalid string: must be a string");
    return get_str(a->hash, name);
}

bool arg_text(const struct args *a, const char *name, str *out)
{
    str s = arg_str(a, name);

    if (!s.p)
        return false;
    if (!s.n) {
        const char *full = arg_name(a, name);
        refuse_value(
            a->c, "parameter_invalid_empty", full,
            "You passed an empty string for '%s'. We assume empty values are an attempt to "
            "unset a parameter; however '%s' cannot be unset. You should remove '%s' from your "
            "request or supply a non-empty value.",
            full, full, full);
        return false;
    }
    *out = s;
    return true;
}

bool arg_bool(const struct args *a, const char *name, bool *out)
{
    str s;

    if (!arg_text(a, name, &s))
        return false;
    bool yes = str_eq(s, S("true")), no = str_eq(s, S("false"));
    if (!yes && !no) {
        refuse_value(a->c, NULL, arg_name(a, name), "Invalid boolean: %.*s", STR_ARG(s));
        return false;
    }
    *out = yes;
    return true;
}

bool arg_int(const struct args *a, const char *name, int64_t *out)
{
    str s;

    if (!arg_text(a, name, &s))
        return false;
    if (!str_to_int(s, out)) {
        refuse_value(a->c, "parameter_invalid_integer", arg_name(a, name), "Invalid integer: %.*s",
                     STR_ARG(s));
        return false;
    }
    return true;
}

bool arg_number(const struct args *a, const char *name, double *out)
{
    enum { NUMBER_CHARS_MAX = 40 };
    char text[NUMBER_CHARS_MAX + 1] = { 0 }, *end;
    str s;

    if (!arg_text(a, name, &s))
        return false;
    memcpy(text, s.p, s.n > NUMBER_CHARS_MAX ? NUMBER_CHARS_MAX : s.n);
    double v = strtod(text, &end);
    if (*end || s.n > NUMBER_CHARS_MAX || strspn(text, "-+.0123456789") != s.n) {
        refuse(a->c, 400, NULL, arg_name(a, name), "Invalid decimal: %.*s", STR_ARG(s));
        return false;
    }
    *out = v;
    return true;
}

json_t *json_number(double v)
{
    bool whole = v > -1e15 && v < 1e15 && (double)(int64_t)v == v;

    return whole ? json_integer((int64_t)v) : json_real(v);
}

bool arg_word(const struct args *a, const char *name, const char *words, str *out)
{
    str s;

    if (!arg_text(a, name, &s))
        return false;
    if (!word_in(words, s)) {
        refuse_value(a->c, NULL, arg_name(a, name), "Invalid %s: must be one of %s", name, words);
        return false;
    }
    *out = s;
    return true;
}

static bool range_known(const struct args *a)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)a->hash, key, v)
    {
        if (word_in("gt gte lt lte", str_of(key)))
            continue;
        const char *name = arg_name(a, key);
        refuse_value(a->c, "parameter_unknown", name, "Received unknown parameter: %s", name);
    }
    return !a->c->refused;
}

struct range arg_range(const struct args *a, const char *name)
{
    struct range r = { INT64_MIN, INT64_MAX };
    struct args sub;
    int64_t at;

    if (json_is_string(json_object_get(a->hash, name))) {
        if (arg_int(a, name, &at))
            r = (struct range){ at, at };
        return r;
    }
    if (!args_sub(a, name, &sub) || !range_known(&sub))
        return r;
    if (arg_int(&sub, "gte", &at))
        r.least = at;
    if (arg_int(&sub, "gt", &at) && at < INT64_MAX)
        r.least = at + 1;
    if (arg_int(&sub, "lte", &at))
        r.most = at;
    if (arg_int(&sub, "lt", &at) && at > INT64_MIN)
        r.most = at - 1;
    return r;
}

/* --- writing into documents --- */

static bool is_list(const json_t *v)
{
    const char *k;
    json_t *e;

    json_object_foreach((json_t *)(uintptr_t)v, k,
                        e) if (strspn(k, "0123456789") != strlen(k)) return false;
    return json_object_size(v) > 0;
}

static json_t *scalar_document(str s)
{
    int64_t i;

    if (!s.n)
        return json_null();
    if (str_eq(s, S("true")) || str_eq(s, S("false")))
        return json_boolean(str_eq(s, S("true")));
    bool plain = s.n < 19 && (s.p[0] != '0' || s.n == 1) && s.p[0] != '+';
    return plain && str_to_int(s, &i) ? json_integer(i) : json_str(s);
}

json_t *args_document(const json_t *v)
{
    const char *key[ARGS_LIST_MAX], *k;
    json_t *e;

    if (json_is_string(v))
        return scalar_document((str){ json_string_value(v), json_string_length(v) });
    if (is_list(v)) {
        json_t *list = json_array();
        size_t n = list_sorted(v, key, ARGS_LIST_MAX);
        for (size_t i = 0; i < n; i++)
            json_array_append_new(list, args_document(json_object_get(v, key[i])));
        return list;
    }
    json_t *hash = json_object();
    json_object_foreach((json_t *)(uintptr_t)v, k, e) set_new(hash, k, args_document(e));
    return hash;
}

void args_merge(json_t *into, const json_t *v)
{
    const char *k;
    json_t *e;

    json_object_foreach((json_t *)(uintptr_t)v, k, e)
    {
        json_t *old = json_object_get(into, k);
        if (json_is_object(old) && json_is_object(e) && !is_list(e))
            args_merge(old, e);
        else
            set_new(into, k, args_document(e));
    }
}

static size_t chars(str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

/* [facts: 4.3] */
static bool metadata_one(const struct args *a, json_t *meta, const char *key, str value)
{
    struct call *c = a->c;

    if (chars(str_of(key)) > METADATA_KEY_CHARS)
        refuse_value(
            c, NULL, "metadata",
            "Metadata keys can have up to 40 characters, but you passed in a key that is %zu "
            "characters. Invalid key: %s",
            chars(str_of(key)), key);
    else if (chars(value) > METADATA_VALUE_CHARS)
        refuse_value(
            c, NULL, "metadata",
            "Metadata values can have up to 500 characters, but you passed in a value that is "
            "%zu characters. Invalid value: %.*s",
            chars(value), STR_ARG(value));
    else if (value.n)
        set_str(meta, key, value);
    else
        json_object_del(meta, key);
    return !c->refused;
}

bool metadata_apply(const struct args *a, json_t *doc)
{
    json_t *meta = json_object_get(doc, "metadata");
    struct args sub;
    const char *key;
    json_t *v;

    if (!arg_given(a, "metadata"))
        return true;
    if (!json_is_object(meta) || arg_emptied(a, "metadata")) {
        meta = json_object();
        set_new(doc, "metadata", meta);
    }
    if (!args_sub(a, "metadata", &sub))
        return !a->c->refused;
    json_object_foreach((json_t *)(uintptr_t)sub.hash, key,
                        v) if (!metadata_one(a, meta, key, arg_str(&sub, key))) return false;
    if (json_object_size(meta) > METADATA_KEYS_MAX) {
        refuse_value(
            a->c, NULL, "metadata",
            "Metadata can have up to 50 keys, but you've set %zu. You can delete individual "
            "keys by setting the value to an empty string.",
            json_object_size(meta));
        return false;
    }
    return true;
}

json_t *shape_with_metadata(const struct args *a, enum type t)
{
    json_t *doc = record_shape(a->c->emu, a->c->space, t, NULL);

    if (metadata_apply(a, doc))
        return doc;
    json_decref(doc);
    return NULL;
}

static void apply_text(const struct args *a, json_t *doc, const struct field *f)
{
    str s = { 0 };

    if (f->kind == F_TEXT_NULL && arg_emptied(a, f->name)) {
        set_null(doc, f->name);
        return;
    }
    if (f->kind == F_WORD ? !arg_word(a, f->name, f->words, &s) : !arg_text(a, f->name, &s))
        return;
    if (f->max && chars(s) > f->max)
        refuse_value(a->c, NULL, arg_name(a, f->name),
                     "Invalid string: %.*s…; must be at most %zu characters",
                     s.n > 20 ? 20 : (int)s.n, s.p, f->max);
    else
        set_str(doc, f->name, s);
}

static void apply_list(const struct args *a, json_t *doc, const struct field *f)
{
    str text[ARGS_LIST_MAX];
    size_t n = args_strings(a, f->name, text, ARGS_LIST_MAX);
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_str(text[i]));
    if (f->max && n > f->max)
        refuse_value(a->c, NULL, f->name, "Invalid array: too many elements; %s can have up to %zu",
                     f->name, f->max);
    set_new(doc, f->name, list);
}

static void apply_address(const struct args *a, json_t *doc, const struct field *f)
{
    static const char *const part[] = {
        "city", "country", "line1", "line2", "postal_code", "state"
    };
    struct args sub;

    if (arg_emptied(a, f->name))
        set_null(doc, f->name);
    if (!args_sub(a, f->name, &sub))
        return;
    json_t *address = json_object();
    for (size_t i = 0; i < COUNT(part); i++) {
        str s = arg_str(&sub, part[i]);
        set_str(address, part[i], s.n ? s : (str){ 0 });
    }
    set_new(doc, f->name, address);
}

static void apply_hash(const struct args *a, json_t *doc, const struct field *f)
{
    const json_t *v = json_object_get(a->hash, f->name);

    set_new(doc, f->name, args_document(v));
}

static void apply_merge(const struct args *a, json_t *doc, const struct field *f)
{
    json_t *into = json_object_get(doc, f->name);
    struct args sub;

    if (json_is_object(into) && args_sub(a, f->name, &sub))
        args_merge(into, sub.hash);
    else if (!a->c->refused)
        apply_hash(a, doc, f);
}

static void apply_ref(const struct args *a, json_t *doc, const struct field *f)
{
    str id = arg_str(a, f->name);

    if (!id.n)
        set_null(doc, f->name);
    else if (named_record(a->c, (enum type)f->max, id, arg_name(a, f->name)))
        set_str(doc, f->name, id);
}

static void field_apply(const struct args *a, json_t *doc, const struct field *f)
{
    bool yes;
    int64_t i;
    double d;

    switch (f->kind) {
    case F_TEXT:
    case F_TEXT_NULL:
    case F_WORD: apply_text(a, doc, f); break;
    case F_INT_NULL:
        if (arg_emptied(a, f->name)) {
            set_null(doc, f->name);
            break;
        }
        if (arg_int(a, f->name, &i))
            set_int(doc, f->name, i);
        break;
    case F_INT:
        if (arg_int(a, f->name, &i))
            set_int(doc, f->name, i);
        break;
    case F_BOOL:
        if (arg_bool(a, f->name, &yes))
            set_bool(doc, f->name, yes);
        break;
    case F_NUMBER:
        if (arg_number(a, f->name, &d))
            set_new(doc, f->name, json_number(d));
        break;
    case F_REF: apply_ref(a, doc, f); break;
    case F_MERGE: apply_merge(a, doc, f); break;
    case F_LIST: apply_list(a, doc, f); break;
    case F_HASH: apply_hash(a, doc, f); break;
    case F_ADDRESS: apply_address(a, doc, f); break;
    case F_METADATA: metadata_apply(a, doc); break;
    }
}

bool fields_apply(const struct args *a, json_t *doc, const struct field *f, size_t n)
{
    for (size_t i = 0; i < n && !a->c->refused; i++)
        if (arg_given(a, f[i].name))
            field_apply(a, doc, &f[i]);
    return !a->c->refused;
}
