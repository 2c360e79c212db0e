/* fuzz_json.c - our JSON reader against jansson, on the same bytes.
 *
 * Where they may differ: we bound the depth at JSON_DEPTH_MAX; jansson refuses numbers that do not
 * fit its types, lone surrogates, and NUL in a name; and it reads over a NUL byte that stands
 * behind a number (2.14), which is no JSON. */
#include <string.h>

#include "../jansson_apart.h"
#include "base/json.h"
#include "fuzz.h"

enum { SCRATCH_BYTES = 64 << 20 };

/* Reads token by token; the type of the last, JSON_END or JSON_BAD. Counts numbers. */
static enum json_type pull_all(str text, size_t *numbers)
{
    struct json_reader r;
    struct json_token t;

    json_init(&r, text);
    for (size_t i = 0;; i++) {
        t = json_next(&r);
        *numbers += t.type == JSON_NUMBER;
        if (t.type == JSON_END || t.type == JSON_BAD)
            break;
        must(t.text.p >= text.p && t.text.p + t.text.n <= text.p + text.n, "a token is in bounds");
        must(i <= 2 * text.n, "every token moves on");
    }
    must(json_next(&r).type == t.type, "the end sticks");
    return t.type;
}

static unsigned depth_of(const json_t *value)
{
    unsigned deepest = 0;
    const char *key;
    json_t *inner;
    size_t i;

    if (json_typeof(value) == JANSSON_OBJECT) {
        json_object_foreach((json_t *)value, key, inner)
        {
            unsigned depth = depth_of(inner);
            deepest = depth > deepest ? depth : deepest;
        }
    } else if (json_typeof(value) == JANSSON_ARRAY) {
        json_array_foreach(value, i, inner)
        {
            unsigned depth = depth_of(inner);
            deepest = depth > deepest ? depth : deepest;
        }
    } else {
        return 0;
    }
    return deepest + 1;
}

/* A member overtaken by another of its name is not in jansson's tree, but was deep all the same:
 * so the brackets are counted when the tree is not deep enough. */
static bool may_be_too_deep(str text, const json_t *theirs)
{
    size_t brackets = 0;

    for (size_t i = 0; i < text.n; i++)
        brackets += text.p[i] == '{' || text.p[i] == '[';
    return depth_of(theirs) > JSON_DEPTH_MAX || brackets > JSON_DEPTH_MAX;
}

static bool may_be_refused_by_jansson(const json_error_t *e)
{
    enum json_error_code code = json_error_code(e);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
           strncmp(e->text, "invalid Unicode", 15) == 0;
}

static void same_as_theirs(struct json_token ours, json_t *theirs, struct arena *a);

static void same_object(str object, json_t *theirs, struct arena *a)
{
    const char *key;
    json_t *value;
    struct json_reader r;

    json_object_foreach(theirs, key, value)
        same_as_theirs(json_member(object, str_of(key)), value, a);
    json_init(&r, object);
    (void)json_next(&r);
    for (struct json_token t = json_next(&r); t.type == JSON_KEY; t = json_next(&r)) {
        str name = json_unescape(t, a);
        must(name.p && json_object_getn(theirs, name.p, name.n), "jansson has our member too");
        (void)json_value(&r);
    }
}

static void same_array(str array, json_t *theirs, struct arena *a)
{
    struct json_reader r;
    json_t *value;
    size_t i;

    json_init(&r, array);
    must(json_next(&r).type == JSON_ARRAY, "an array begins as one");
    json_array_foreach(theirs, i, value) same_as_theirs(json_value(&r), value, a);
    must(json_value(&r).type == JSON_ARRAY_END && json_next(&r).type == JSON_END,
         "an array has no more elements than jansson's");
}

static void same_as_theirs(struct json_token ours, json_t *theirs, struct arena *a)
{
    int64_t i = 0;
    str s;

    switch (json_typeof(theirs)) {
    case JANSSON_OBJECT:
        must(ours.type == JSON_OBJECT, "an object is one");
        same_object(ours.text, theirs, a);
        return;
    case JANSSON_ARRAY:
        must(ours.type == JSON_ARRAY, "an array is one");
        same_array(ours.text, theirs, a);
        return;
    case JANSSON_STRING:
        s = json_unescape(ours, a);
        must(ours.type == JSON_STRING &&
                 str_eq(s, (str){ json_string_value(theirs), json_string_length(theirs) }),
             "a string decodes alike");
        return;
    case JANSSON_INTEGER:
        must(ours.type == JSON_NUMBER && str_to_int(ours.text, &i) &&
                 i == json_integer_value(theirs),
             "an integer reads alike");
        return;
    case JANSSON_REAL: must(ours.type == JSON_NUMBER, "a number is one"); return;
    case JANSSON_TRUE: must(ours.type == JSON_TRUE, "true is true"); return;
    case JANSSON_FALSE: must(ours.type == JSON_FALSE, "false is false"); return;
    case JANSSON_NULL: must(ours.type == JSON_NULL, "null is null"); return;
    }
}

/* What holds for any valid text: it is the same as itself, and as jansson would write it (without
 * numbers, which jansson writes anew). */
static void same_as_rewritten(str text, json_t *theirs, bool numbers, struct arena *a)
{
    must(json_same(text, text, a), "a value is the same as itself");
    if (numbers)
        return;
    char *rewritten = json_dumps(theirs, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    must(rewritten && json_valid(str_of(rewritten)), "what jansson writes is valid");
    must(json_same(text, str_of(rewritten), a), "a value is the same however it is written");
    free(rewritten);
}

/* On valid text, the ways to look something up agree; on any text they stay in bounds. */
static void look_up(str text, bool valid)
{
    static const char *const names[] = { "a", "id", "data", "", "b" };
    static const str paths[] = { { "a", 1 }, { "data", 4 }, { "data.a", 6 }, { "a.a.b", 5 } };
    struct json_token found[COUNT(paths)];
    bool object = json_paths(text, paths, COUNT(paths), found);
    int64_t i;

    for (size_t k = 0; k < COUNT(names); k++) {
        struct json_token t = json_member(text, str_of(names[k]));
        must(t.type == JSON_END || (t.text.p > text.p && t.text.p + t.text.n <= text.p + text.n),
             "a member is in bounds");
        (void)json_int(text, str_of(names[k]), &i);
    }
    must(object == (valid && *str_trim(text).p == '{'), "a valid object, and only that, has paths");
    if (!valid)
        return;
    struct json_token data = json_member(text, paths[1]);
    struct json_token data_a = json_member(data.text, paths[0]);
    must(found[0].type == json_member(text, paths[0]).type, "paths find what member finds");
    must(found[1].type == data.type && str_eq(found[1].text, data.text), "a path of one name");
    must(found[2].type == data_a.type && str_eq(found[2].text, data_a.text), "a path of two");
    must(found[3].type == json_path(text, paths[3]).type, "paths find what path finds");
}

/* Any bytes can be quoted, and come back unless they were no UTF-8. */
static void quote_and_back(str bytes, struct arena *a)
{
    BUF(once, SCRATCH_BYTES);
    BUF(twice, SCRATCH_BYTES);

    json_quote(&once, bytes);
    must(!once.failed && json_valid(buf_str(&once)), "what is quoted is valid");
    struct json_reader r;
    json_init(&r, buf_str(&once));
    str back = json_unescape(json_value(&r), a);
    json_quote(&twice, back);
    must(str_eq(buf_str(&once), buf_str(&twice)), "quoting again changes nothing");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA(a, SCRATCH_BYTES);
    str text = { (const char *)data, size };
    size_t numbers = 0;
    json_error_t e = { .line = 0 };
    bool ours = json_valid(text);

    must(ours == (pull_all(text, &numbers) == JSON_END), "valid, whole or token by token");
    look_up(text, ours);
    quote_and_back(text, &a);
    json_t *theirs = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (ours && theirs) {
        struct json_reader r;
        json_init(&r, text);
        same_as_theirs(json_value(&r), theirs, &a);
        same_as_rewritten(text, theirs, numbers > 0, &a);
    } else if (ours) {
        must(may_be_refused_by_jansson(&e), "we take no more than jansson");
        must(json_same(text, text, &a), "a value is the same as itself");
    } else if (theirs) {
        must(may_be_too_deep(text, theirs) || str_find(text, '\0') < text.n,
             "we take no less than jansson");
    }
    json_decref(theirs);
    return 0;
}
