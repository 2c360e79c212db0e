/* document.c - reading and setting members of documents. */
#include "emulator/model.h"

#include <stdlib.h>
#include <string.h>

str get_str(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_string(v))
        return (str){ 0 };
    return (str){ json_string_value(v), json_string_length(v) };
}

int64_t get_int(const json_t *o, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(o, key));
}

bool get_bool(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key));
}

json_t *get_path(const json_t *o, const char *dotted)
{
    const json_t *v = o;

    while (v && *dotted) {
        size_t n = strcspn(dotted, ".");
        v = json_object_getn(v, dotted, n);
        dotted += n + (dotted[n] == '.');
    }
    return (json_t *)(uintptr_t)v;
}

void set_new(json_t *o, const char *key, json_t *value)
{
    if (!value || json_object_set_new_nocheck(o, key, value))
        abort();
}

json_t *json_str(str s)
{
    if (!s.p)
        return json_null();
    json_t *v = json_stringn(s.p, s.n);
    /* What is no UTF-8 cannot be said in JSON. */
    return v ? v : json_string("\xef\xbf\xbd");
}

void set_str(json_t *o, const char *key, str value)
{
    set_new(o, key, json_str(value));
}

void set_strz(json_t *o, const char *key, const char *value)
{
    set_str(o, key, str_of(value));
}

void set_int(json_t *o, const char *key, int64_t value)
{
    set_new(o, key, json_integer(value));
}

void set_bool(json_t *o, const char *key, bool value)
{
    set_new(o, key, json_boolean(value));
}

void set_null(json_t *o, const char *key)
{
    set_new(o, key, json_null());
}

bool is_str(const json_t *o, const char *key, const char *value)
{
    return str_eqz(get_str(o, key), value);
}

str json_text_in(struct arena *a, const json_t *v, size_t flags)
{
    flags |= JSON_ENCODE_ANY | JSON_NUMBERS;
    size_t n = json_dumpb(v, NULL, 0, flags);
    char *p = arena_alloc(a, n + 1);

    if (!p)
        return (str){ 0 };
    json_dumpb(v, p, n, flags);
    return (str){ p, n };
}
