#include "emulator/declared.h"

#include <string.h>

static const struct nested {
    const char *path, *hashes;
} nested[] = {
#define NESTED(path, hashes) { path, hashes },
#include "emulator/nested_params.def"
#undef NESTED
};

static const struct pair {
    const char *name, *words;
} expandable[] = {
#define EXPANDABLE(object, fields) { object, fields },
#define MEANS(field, objects)
#include "emulator/expandable.def"
#undef EXPANDABLE
#undef MEANS
},
  means[] = {
#define EXPANDABLE(object, fields)
#define MEANS(field, objects) { field, objects },
#include "emulator/expandable.def"
#undef EXPANDABLE
#undef MEANS
  };

/* --- the grammar: "a b* c{d e} f[g]" --- */

/* Behind the bracket that closes the one at `p`. */
static const char *behind(const char *p)
{
    unsigned depth = 0;

    do {
        depth += *p == '{' || *p == '[';
        depth -= *p == '}' || *p == ']';
        p++;
    } while (depth && *p);
    return p;
}

/* What stands behind the name in this level: '*', '{', '[', or the end of a plain word. NULL: the
 * level does not have it. */
static const char *find(const char *level, const char *name)
{
    size_t n = strlen(name);

    while (*level && *level != '}' && *level != ']') {
        size_t word = strcspn(level, " *{}[]");
        if (word == n && memcmp(level, name, n) == 0)
            return level + word;
        level += word;
        if (*level == '{' || *level == '[')
            level = behind(level);
        level += strspn(level, "* ");
    }
    return NULL;
}

struct unknown {
    struct call *c;
    str names;
    size_t n;
};

static void check(struct unknown *u, const char *level, const json_t *hash, str prefix);

static void check_value(struct unknown *u, const char *kind, json_t *value, str name)
{
    const char *key;
    json_t *one;

    if (!json_is_object(value))
        return;
    if (*kind == '{') {
        check(u, kind + 1, value, name);
    } else if (*kind == '[') {
        json_object_foreach(value, key, one) if (json_is_object(one))
            check(u, kind + 1, one, arena_printf(u->c->arena, "%.*s[%s]", STR_ARG(name), key));
    }
}

static void check(struct unknown *u, const char *level, const json_t *hash, str prefix)
{
    struct arena *a = u->c->arena;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)hash, key, value)
    {
        str name = arena_printf(a, "%.*s[%s]", STR_ARG(prefix), key);
        const char *kind = find(level, key);
        if (kind)
            check_value(u, kind, value, name);
        else if (u->n++)
            u->names = arena_printf(a, "%.*s, %.*s", STR_ARG(u->names), STR_ARG(name));
        else
            u->names = name;
    }
}

str nested_unknown(struct call *c, size_t *n)
{
    struct unknown u = { .c = c };
    const char *key;
    json_t *value;

    *n = 0;
    if (!str_eq(c->http->method, S("POST")))
        return u.names;
    for (size_t i = 0; i < COUNT(nested); i++) {
        if (strcmp(nested[i].path, c->route->pattern) != 0)
            continue;
        json_object_foreach(c->params, key, value)
        {
            const char *kind = find(nested[i].hashes, key);
            if (kind)
                check_value(&u, kind, value, str_of(key));
        }
        break;
    }
    *n = u.n;
    return u.names;
}

/* --- expanding --- */

const char *expandable_of(enum type t)
{
    for (size_t i = 0; i < COUNT(expandable); i++)
        if (strcmp(expandable[i].name, type_info[t].name) == 0)
            return expandable[i].words;
    return NULL;
}

/* A name that is no type of ours is stepped over. */
enum type field_means(str field, size_t index)
{
    for (size_t i = 0; i < COUNT(means); i++) {
        str rest = str_of(means[i].words), word;
        while (str_eqz(field, means[i].name) && rest.n) {
            rest = str_cut(rest, ' ', &word);
            enum type t = type_by_name(word);
            if (t != T_NONE && index-- == 0)
                return t;
        }
    }
    return T_NONE;
}
