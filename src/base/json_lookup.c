#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_scan.h"

/* --- Escapes --- */

static bool is_high(int32_t c)
{
    return c >= 0xd800 && c < 0xdc00;
}

static bool is_low(int32_t c)
{
    return c >= 0xdc00 && c < 0xe000;
}

static char plain_escape(char c)
{
    switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c;
    }
}

/* Decodes the escape at *at, which is valid, and moves behind it. A lone surrogate is given as it
 * is. */
static int32_t take_escape(const char **at, const char *end)
{
    const char *p = *at;

    if (end - p < 2 || p[1] != 'u') {
        *at = end - p < 2 ? end : p + 2;
        return end - p < 2 ? 0xfffd : (unsigned char)plain_escape(p[1]);
    }
    int32_t c = hex4(p + 2, end);
    if (c < 0) {
        *at = end;
        return 0xfffd;
    }
    *at = p + 6;
    if (is_high(c) && end - p >= 12 && p[6] == '\\' && p[7] == 'u' && is_low(hex4(p + 8, end))) {
        *at = p + 12;
        return 0x10000 + ((c - 0xd800) << 10) + (hex4(p + 8, end) - 0xdc00);
    }
    return c;
}

/* As UTF-8; a surrogate too, in three bytes, which no valid text holds. */
static size_t put_point(char to[4], int32_t c)
{
    uint32_t u = (uint32_t)c;

    if (u < 0x80) {
        to[0] = (char)u;
        return 1;
    }
    if (u < 0x800) {
        to[0] = (char)(0xc0 | u >> 6);
        to[1] = (char)(0x80 | (u & 63));
        return 2;
    }
    if (u < 0x10000) {
        to[0] = (char)(0xe0 | u >> 12);
        to[1] = (char)(0x80 | (u >> 6 & 63));
        to[2] = (char)(0x80 | (u & 63));
        return 3;
    }
    to[0] = (char)(0xf0 | u >> 18);
    to[1] = (char)(0x80 | (u >> 12 & 63));
    to[2] = (char)(0x80 | (u >> 6 & 63));
    to[3] = (char)(0x80 | (u & 63));
    return 4;
}

/* The text of a string token without its quotes: they stand there only if json_value gave it. */
static str inside(str text)
{
    return text.n >= 2 && text.p[0] == '"' ? str_sub(text, 1, text.n - 1) : text;
}

str json_unescape(struct json_token t, struct arena *a)
{
    str in = inside(t.text);

    if (!t.escaped)
        return in;
    char *out = arena_alloc(a, in.n + 1); /* decoding never lengthens */
    if (!out)
        return (str){ 0 };
    const char *p = in.p, *end = in.p + in.n;
    size_t n = 0;
    while (p < end) {
        if (*p != '\\') {
            out[n++] = *p++;
            continue;
        }
        int32_t c = take_escape(&p, end);
        char bytes[4];
        size_t k = put_point(bytes, is_high(c) || is_low(c) ? 0xfffd : c);
        memcpy(out + n, bytes, k);
        n += k;
    }
    return (str){ out, n };
}

/* A string read byte by byte in its decoded form. */
struct decoder {
    const char *p, *end;
    char bytes[4];
    size_t i, n;
};

/* The next byte, -1 at the end. */
static int decoder_next(struct decoder *d)
{
    if (d->i == d->n) {
        if (d->p == d->end)
            return -1;
        if (*d->p != '\\')
            return (unsigned char)*d->p++;
        d->n = put_point(d->bytes, take_escape(&d->p, d->end));
        d->i = 0;
    }
    return (unsigned char)d->bytes[d->i++];
}

/* Bytewise order of two string tokens as they decode. */
static int decoded_cmp(const struct json_token *x, const struct json_token *y)
{
    str a = inside(x->text), b = inside(y->text);

    if (!x->escaped && !y->escaped)
        return str_cmp(a, b);
    struct decoder da = { .p = a.p, .end = a.p + a.n }, db = { .p = b.p, .end = b.p + b.n };
    int ca, cb;
    do {
        ca = decoder_next(&da);
        cb = decoder_next(&db);
    } while (ca == cb && ca >= 0);
    return (ca > cb) - (ca < cb);
}

/* --- Looking things up --- */

static bool key_is(const struct json_token *key, str name)
{
    if (!key->escaped)
        return key->text.n == name.n && str_eq(key->text, name);
    struct decoder d = { .p = key->text.p, .end = key->text.p + key->text.n };
    for (size_t i = 0; i < name.n; i++)
        if (decoder_next(&d) != (unsigned char)name.p[i])
            return false;
    return decoder_next(&d) < 0;
}

struct json_token json_member(str object, str name)
{
    struct json_token found = { .type = JSON_END };
    struct json_reader r;

    json_init(&r, object);
    if (json_next(&r).type != JSON_OBJECT)
        return found;
    for (struct json_token key = json_next(&r); key.type == JSON_KEY; key = json_next(&r)) {
        struct json_token value = json_value(&r);
        if (value.type != JSON_BAD && key_is(&key, name))
            found = value;
    }
    return found;
}

/* Paths that are looked for in one object. Those of a deeper one begin with the same names, so
 * that `from` holds for all of them. */
struct search {
    const str *paths;
    struct json_token *out;
    uint64_t which; /* bit i: paths[i] is looked for here */
    size_t from;    /* where the name that counts here begins */
};

/* Is `key` the first name of `path`? Then *n is that name's length. */
static inline bool begins_with(str path, const struct json_token *key, size_t *n)
{
    str name, k = key->text;

    if (key->escaped) {
        (void)str_cut(path, '.', &name);
        *n = name.n;
        return key_is(key, name);
    }
    if (path.n < k.n || (path.n > k.n && path.p[k.n] != '.') || !str_starts(path, k))
        return false;
    *n = k.n;
    return str_find(k, '.') == k.n;
}

/* Which paths name this member; *deeper those that go on inside it. The last member of a name
 * counts, so what an earlier one gave is forgotten. */
static uint64_t match_key(const struct search *s, const struct json_token *key,
                          struct search *deeper)
{
    uint64_t ends_here = 0;

    *deeper = (struct search){ .paths = s->paths, .out = s->out };
    for (uint64_t left = s->which; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        str path = { s->paths[i].p + s->from, s->paths[i].n - s->from };
        size_t n;
        if (!begins_with(path, key, &n))
            continue;
        s->out[i] = (struct json_token){ .type = JSON_END };
        if (n < path.n) {
            deeper->which |= 1ULL << i;
            deeper->from = s->from + n + 1;
        } else {
            ends_here |= 1ULL << i;
        }
    }
    return ends_here;
}

/* Behind the "{" of an object, to its end. Calls itself as deep as the paths are long. */
static void search_object(struct json_reader *r, const struct search *s)
{
    for (struct json_token key = json_next(r); key.type == JSON_KEY; key = json_next(r)) {
        struct search deeper;
        uint64_t ends_here = match_key(s, &key, &deeper);
        struct json_reader before = *r;
        struct json_token value = { .type = JSON_END };
        if (deeper.which)
            value = json_next(r);
        if (value.type == JSON_OBJECT) {
            search_object(r, &deeper);
            value.text.n = (size_t)(r->at - value.text.p);
        } else {
            *r = before;
            value = json_value(r);
        }
        for (; ends_here; ends_here &= ends_here - 1)
            s->out[__builtin_ctzll(ends_here)] = value;
    }
}

static void find_nothing(struct json_token *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (struct json_token){ .type = JSON_END };
}

bool json_paths(str text, const str *paths, size_t n, struct json_token *out)
{
    assert(n > 0 && n <= JSON_PATHS_MAX);
    struct search s = { .paths = paths, .out = out, .which = UINT64_MAX >> (JSON_PATHS_MAX - n) };
    struct json_reader r;

    find_nothing(out, n);
    json_init(&r, text);
    if (json_next(&r).type != JSON_OBJECT)
        return false;
    search_object(&r, &s);
    if (json_next(&r).type == JSON_END)
        return true;
    find_nothing(out, n);
    return false;
}

struct json_token json_path(str object, str path)
{
    struct json_token found;

    return json_paths(object, &path, 1, &found) ? found : (struct json_token){ .type = JSON_END };
}

str json_text(str object, str name, struct arena *a)
{
    struct json_token t = json_member(object, name);
    return t.type == JSON_STRING ? json_unescape(t, a) : (str){ 0 };
}

bool json_int(str object, str name, int64_t *out)
{
    struct json_token t = json_member(object, name);
    return t.type == JSON_NUMBER && str_to_int(t.text, out);
}

enum json_type json_bool(str object, str name)
{
    return json_member(object, name).type;
}

/* --- Comparing --- */

struct member {
    struct json_token key, value;
};

static size_t count_members(str object)
{
    struct json_reader r;
    size_t n = 0;

    json_init(&r, object);
    (void)json_next(&r);
    while (json_next(&r).type == JSON_KEY && json_value(&r).type != JSON_BAD)
        n++;
    return n;
}

/* By name; those of one name in the order of the text. */
static int member_cmp(const void *x, const void *y)
{
    const struct member *a = x, *b = y;
    int order = decoded_cmp(&a->key, &b->key);

    return order ? order : (a->key.text.p > b->key.text.p) - (a->key.text.p < b->key.text.p);
}

/* The members of an object by name, the last of each name alone. NULL when the arena is full. */
static struct member *sorted_members(str object, struct arena *a, size_t *n)
{
    size_t count = count_members(object);
    struct member *list = arena_alloc(a, count * sizeof *list);
    struct json_reader r;

    if (!list)
        return NULL;
    json_init(&r, object);
    (void)json_next(&r);
    for (size_t i = 0; i < count; i++) {
        list[i].key = json_next(&r);
        list[i].value = json_value(&r);
    }
    qsort(list, count, sizeof *list, member_cmp);
    *n = 0;
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || decoded_cmp(&list[i].key, &list[i + 1].key) != 0)
            list[(*n)++] = list[i];
    return list;
}

static bool same_value(const struct json_token *x, const struct json_token *y, struct arena *a);

static bool same_objects(str x, str y, struct arena *a)
{
    size_t nx = 0, ny = 0;
    struct member *mx = sorted_members(x, a, &nx), *my = sorted_members(y, a, &ny);

    if (!mx || !my || nx != ny)
        return false;
    for (size_t i = 0; i < nx; i++)
        if (decoded_cmp(&mx[i].key, &my[i].key) != 0 || !same_value(&mx[i].value, &my[i].value, a))
            return false;
    return true;
}

static bool same_arrays(str x, str y, struct arena *a)
{
    struct json_reader rx, ry;

    json_init(&rx, x);
    json_init(&ry, y);
    (void)json_next(&rx);
    (void)json_next(&ry);
    for (;;) {
        struct json_token ex = json_value(&rx), ey = json_value(&ry);
        if (ex.type == JSON_ARRAY_END || ey.type == JSON_ARRAY_END)
            return ex.type == ey.type;
        if (ex.type == JSON_BAD || !same_value(&ex, &ey, a))
            return false;
    }
}

/* As deep as the values are, which is at most JSON_DEPTH_MAX. */
static bool same_value(const struct json_token *x, const struct json_token *y, struct arena *a)
{
    if (x->type != y->type)
        return false;
    if (str_eq(x->text, y->text))
        return true;
    if (x->type == JSON_OBJECT)
        return same_objects(x->text, y->text, a);
    if (x->type == JSON_ARRAY)
        return same_arrays(x->text, y->text, a);
    return x->type == JSON_STRING && decoded_cmp(x, y) == 0;
}

bool json_same(str x, str y, struct arena *a)
{
    struct json_reader rx, ry;

    json_init(&rx, x);
    json_init(&ry, y);
    struct json_token tx = json_value(&rx), ty = json_value(&ry);
    return tx.type != JSON_BAD && same_value(&tx, &ty, a);
}
