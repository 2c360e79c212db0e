#include "base/json.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* What may come next. Whether the innermost container is an array says its bit in `arrays`. */
enum {
    AT_VALUE, /* a value: at the start, and behind a key */
    AT_FIRST, /* just behind "{" or "[" */
    AT_NEXT,  /* behind a member or element */
    AT_END,   /* behind the whole value: blanks alone */
};

/* --- Scanning. Each takes the place where a thing begins and gives the place behind it, or NULL
 * when it is not JSON. --- */

#define EACH_BYTE(c) (0x0101010101010101ULL * (c))

/* Eight bytes, the first one lowest. */
static inline uint64_t load8(const char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return le64toh(w);
}

/* The high bit of each byte that ends a run of plain characters: a quote, a backslash, a control
 * character, or the beginning of a longer UTF-8 sequence. A borrow can set bits above the lowest
 * one that is right, so only the lowest is to be believed. */
static inline uint64_t special_bytes(uint64_t w)
{
    return (((w ^ EACH_BYTE('"')) - EACH_BYTE(1)) | ((w ^ EACH_BYTE('\\')) - EACH_BYTE(1)) |
            (w - EACH_BYTE(' ')) | w) &
           EACH_BYTE(0x80);
}

static inline bool is_plain(unsigned char c)
{
    return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

static inline const char *skip_plain(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t special = special_bytes(load8(p));
        if (special)
            return p + __builtin_ctzll(special) / 8;
        p += 8;
    }
    while (p < end && is_plain((unsigned char)*p))
        p++;
    return p;
}

static inline const char *skip_blanks(const char *p, const char *end)
{
    if (p < end && (unsigned char)*p > ' ')
        return p;
    for (;;) {
        while (end - p >= 8) { /* indentation */
            uint64_t other = load8(p) ^ EACH_BYTE(' ');
            if (other) {
                p += __builtin_ctzll(other) / 8;
                break;
            }
            p += 8;
        }
        if (p == end || (*p != ' ' && *p != '\n' && *p != '\r' && *p != '\t'))
            return p;
        p++;
    }
}

static inline bool is_tail(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The length of the UTF-8 sequence at p, 0 when it is none (overlong, a surrogate, beyond
 * U+10FFFF, cut). */
static size_t utf8_length(const char *p, const char *end)
{
    unsigned char c = (unsigned char)p[0], d = end - p > 1 ? (unsigned char)p[1] : 0;
    bool third = end - p > 2 && is_tail(p[2]);

    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4 || !is_tail((char)d))
        return 0;
    if (c < 0xe0)
        return 2;
    if (c < 0xf0)
        return third && !(c == 0xe0 && d < 0xa0) && !(c == 0xed && d > 0x9f) ? 3 : 0;
    bool fourth = end - p > 3 && is_tail(p[3]);
    return third && fourth && !(c == 0xf0 && d < 0x90) && !(c == 0xf4 && d > 0x8f) ? 4 : 0;
}

static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The value of four hexadecimal digits, -1 when they are not. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t value = 0;

    if (end - p < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* p at the backslash. */
static const char *skip_escape(const char *p, const char *end)
{
    if (end - p < 2)
        return NULL;
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return p + 2;
    case 'u': return hex4(p + 2, end) >= 0 ? p + 6 : NULL;
    default: return NULL;
    }
}

/* p behind the opening quote; the answer is the place of the closing one. */
static inline const char *scan_string(const char *p, const char *end, bool *escaped)
{
    for (;;) {
        p = skip_plain(p, end);
        if (p == end)
            return NULL;
        if (*p == '"')
            return p;
        if (*p == '\\') {
            *escaped = true;
            p = skip_escape(p, end);
            if (!p)
                return NULL;
        } else {
            size_t n = (unsigned char)*p < ' ' ? 0 : utf8_length(p, end);
            if (n == 0)
                return NULL;
            p += n;
        }
    }
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* At least one digit. */
static inline const char *skip_digits(const char *p, const char *end)
{
    if (p == end || !is_digit(*p))
        return NULL;
    while (p < end && is_digit(*p))
        p++;
    return p;
}

static inline const char *skip_number(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    p = p < end && *p == '0' ? p + 1 : skip_digits(p, end);
    if (p && p < end && *p == '.')
        p = skip_digits(p + 1, end);
    if (p && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = skip_digits(p, end);
    }
    return p;
}

static inline const char *skip_word(const char *p, const char *end, const char *word, size_t n)
{
    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

/* A string, number or word; p < end. What it is goes to *type, JSON_BAD when it is nothing. */
static inline const char *scan_scalar(const char *p, const char *end, enum json_type *type,
                                      bool *escaped)
{
    const char *behind = NULL;

    switch (*p) {
    case '"':
        *type = JSON_STRING;
        behind = scan_string(p + 1, end, escaped);
        behind = behind ? behind + 1 : NULL;
        break;
    case 't':
        *type = JSON_TRUE;
        behind = skip_word(p, end, "true", 4);
        break;
    case 'f':
        *type = JSON_FALSE;
        behind = skip_word(p, end, "false", 5);
        break;
    case 'n':
        *type = JSON_NULL;
        behind = skip_word(p, end, "null", 4);
        break;
    default:
        *type = JSON_NUMBER;
        behind = skip_number(p, end);
        break;
    }
    if (!behind)
        *type = JSON_BAD;
    return behind;
}

/* A key with its colon, and the blanks behind it: to the beginning of its value. */
static inline const char *skip_key(const char *p, const char *end)
{
    bool escaped;

    if (p == end || *p != '"')
        return NULL;
    p = scan_string(p + 1, end, &escaped);
    if (!p)
        return NULL;
    p = skip_blanks(p + 1, end);
    return p < end && *p == ':' ? skip_blanks(p + 1, end) : NULL;
}

/* Behind a value: closes what ends here. Stops behind the value that `floor` containers hold
 * (*depth == floor), or where the next value begins. */
static inline const char *after_value(const char *p, const char *end, unsigned floor,
                                      unsigned *depth, uint64_t arrays)
{
    while (*depth > floor) {
        bool array = arrays >> (*depth - 1) & 1;
        p = skip_blanks(p, end);
        if (p == end)
            return NULL;
        if (*p == ',') {
            p = skip_blanks(p + 1, end);
            return array ? p : skip_key(p, end);
        }
        if (*p != (array ? ']' : '}'))
            return NULL;
        p++;
        --*depth;
    }
    return p;
}

/* A whole container; p at its "{" or "[", inside `floor` others. */
static const char *skip_container(const char *p, const char *end, unsigned floor)
{
    unsigned depth = floor;
    uint64_t arrays = 0;
    enum json_type type;
    bool escaped;

    do {
        if (p == end)
            return NULL;
        if (*p == '{' || *p == '[') {
            bool array = *p == '[';
            if (depth == JSON_DEPTH_MAX)
                return NULL;
            arrays = (arrays & ~(1ULL << depth)) | (uint64_t)array << depth;
            depth++;
            p = skip_blanks(p + 1, end);
            if (p == end)
                return NULL;
            if (*p != (array ? ']' : '}')) {
                p = array ? p : skip_key(p, end);
                if (!p)
                    return NULL;
                continue;
            }
            p++;
            depth--;
        } else {
            p = scan_scalar(p, end, &type, &escaped);
            if (!p)
                return NULL;
        }
        p = after_value(p, end, floor, &depth, arrays);
        if (!p)
            return NULL;
    } while (depth > floor);
    return p;
}

/* --- The reader --- */

void json_init(struct json_reader *r, str text)
{
    static const char nothing[1];
    const char *p = text.n ? text.p : nothing;

    *r = (struct json_reader){
        .at = p, .start = p, .end = p + text.n, .bad = text.n > JSON_BYTES_MAX
    };
}

static struct json_token bad(struct json_reader *r)
{
    r->bad = true;
    return (struct json_token){ .type = JSON_BAD };
}

static bool in_array(const struct json_reader *r)
{
    return r->depth > 0 && (r->arrays >> (r->depth - 1) & 1);
}

static void value_is_read(struct json_reader *r)
{
    r->state = r->depth ? AT_NEXT : AT_END;
}

static struct json_token open_container(struct json_reader *r)
{
    bool array = *r->at == '[';
    struct json_token t = { .type = array ? JSON_ARRAY : JSON_OBJECT, .text = { r->at, 1 } };

    if (r->depth == JSON_DEPTH_MAX)
        return bad(r);
    r->arrays = (r->arrays & ~(1ULL << r->depth)) | (uint64_t)array << r->depth;
    r->depth++;
    r->at++;
    r->state = AT_FIRST;
    return t;
}

static struct json_token close_container(struct json_reader *r)
{
    struct json_token t = { .type = in_array(r) ? JSON_ARRAY_END : JSON_OBJECT_END,
                            .text = { r->at, 1 } };

    r->at++;
    r->depth--;
    value_is_read(r);
    return t;
}

/* A scalar with its quotes. */
static struct json_token read_scalar(struct json_reader *r)
{
    struct json_token t = { .text.p = r->at };
    const char *p = scan_scalar(r->at, r->end, &t.type, &t.escaped);

    if (!p)
        return bad(r);
    t.text.n = (size_t)(p - r->at);
    r->at = p;
    value_is_read(r);
    return t;
}

static struct json_token read_key(struct json_reader *r)
{
    struct json_token t = { .type = JSON_KEY };
    const char *p = *r->at == '"' ? scan_string(r->at + 1, r->end, &t.escaped) : NULL;

    if (!p)
        return bad(r);
    t.text = (str){ r->at + 1, (size_t)(p - r->at - 1) };
    p = skip_blanks(p + 1, r->end);
    if (p == r->end || *p != ':')
        return bad(r);
    r->at = p + 1;
    r->state = AT_VALUE;
    return t;
}

/* To the first character of the next token, past the comma where one must be. False when there is
 * nothing more, or no comma. */
static bool go_to_token(struct json_reader *r)
{
    r->at = skip_blanks(r->at, r->end);
    if (r->at == r->end || r->state == AT_END)
        return false;
    if (r->state != AT_NEXT || *r->at == (in_array(r) ? ']' : '}'))
        return true;
    if (*r->at != ',')
        return false;
    r->at = skip_blanks(r->at + 1, r->end);
    r->state = AT_VALUE; /* a key or an element: no closing here */
    return r->at < r->end;
}

/* Is the token at hand the end of the innermost container? */
static bool is_closing(const struct json_reader *r)
{
    return r->state != AT_VALUE && r->depth > 0 && *r->at == (in_array(r) ? ']' : '}');
}

static struct json_token no_token(struct json_reader *r)
{
    if (r->bad || r->state != AT_END || r->at < r->end)
        return bad(r);
    return (struct json_token){ .type = JSON_END, .text = { r->end, 0 } };
}

struct json_token json_next(struct json_reader *r)
{
    bool behind_key = r->state == AT_VALUE;

    if (r->bad || !go_to_token(r))
        return no_token(r);
    if (is_closing(r))
        return close_container(r);
    if (r->depth > 0 && !behind_key && !in_array(r))
        return read_key(r);
    if (*r->at == '{' || *r->at == '[')
        return open_container(r);
    struct json_token t = read_scalar(r);
    if (t.type == JSON_STRING)
        t.text = str_sub(t.text, 1, t.text.n - 1);
    return t;
}

struct json_token json_value(struct json_reader *r)
{
    assert(r->bad || r->state == AT_VALUE || r->depth == 0 || in_array(r));
    if (r->bad || !go_to_token(r))
        return no_token(r);
    if (is_closing(r))
        return close_container(r);
    if (*r->at != '{' && *r->at != '[')
        return read_scalar(r);
    const char *p = skip_container(r->at, r->end, r->depth);
    if (!p)
        return bad(r);
    struct json_token t = { .type = *r->at == '[' ? JSON_ARRAY : JSON_OBJECT,
                            .text = { r->at, (size_t)(p - r->at) } };
    r->at = p;
    value_is_read(r);
    return t;
}

bool json_valid(str text)
{
    struct json_reader r;

    json_init(&r, text);
    return json_value(&r).type != JSON_BAD && json_next(&r).type == JSON_END;
}

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
        return str_eq(key->text, name);
    const struct json_token plain = { .type = JSON_KEY, .text = name };
    return decoded_cmp(key, &plain) == 0;
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

struct json_token json_path(str object, str path)
{
    struct json_token t = { .type = JSON_OBJECT, .text = object };

    do {
        str name;
        path = str_cut(path, '.', &name);
        t = json_member(t.text, name);
    } while (path.p && t.type != JSON_END);
    return t;
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

/* --- Writing --- */

static void put_escaped(struct buf *b, unsigned char c)
{
    static const char letter[] = "btnvfr"; /* \v has no letter in JSON */

    if (c == '"' || c == '\\') {
        buf_append(b, (str){ (const char[]){ '\\', (char)c }, 2 });
    } else if (c >= '\b' && c <= '\r' && c != '\v') {
        buf_append(b, (str){ (const char[]){ '\\', letter[c - '\b'] }, 2 });
    } else {
        static const char hex[] = "0123456789abcdef";
        buf_append(b, (str){ (const char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6 });
    }
}

void json_quote(struct buf *b, str s)
{
    const char *p = s.p, *end = s.n ? s.p + s.n : s.p;

    buf_char(b, '"');
    while (p < end) {
        const char *stop = skip_plain(p, end);
        size_t n = stop < end && (unsigned char)*stop >= 0x80 ? utf8_length(stop, end) : 0;
        buf_append(b, (str){ p, (size_t)(stop - p) + n });
        p = stop + n;
        if (n || p == end)
            continue;
        if ((unsigned char)*p >= 0x80)
            buf_append(b, S("\xef\xbf\xbd"));
        else
            put_escaped(b, (unsigned char)*p);
        p++;
    }
    buf_char(b, '"');
}

/* Before a key or a value. */
static void separate(struct json_writer *w)
{
    if (w->comma)
        buf_char(w->b, ',');
    w->comma = true;
}

static void open_with(struct json_writer *w, char c)
{
    assert(w->depth < JSON_DEPTH_MAX);
    separate(w);
    buf_char(w->b, c);
    w->arrays = (w->arrays & ~(1ULL << w->depth)) | (uint64_t)(c == '[') << w->depth;
    w->depth++;
    w->comma = false;
}

void jw_object(struct json_writer *w)
{
    open_with(w, '{');
}

void jw_array(struct json_writer *w)
{
    open_with(w, '[');
}

void jw_end(struct json_writer *w)
{
    assert(w->depth > 0);
    w->depth--;
    buf_char(w->b, w->arrays >> w->depth & 1 ? ']' : '}');
    w->comma = true;
}

void jw_key(struct json_writer *w, str key)
{
    assert(w->depth > 0 && !(w->arrays >> (w->depth - 1) & 1));
    separate(w);
    json_quote(w->b, key);
    buf_char(w->b, ':');
    w->comma = false;
}

void jw_str(struct json_writer *w, str s)
{
    separate(w);
    if (s.p)
        json_quote(w->b, s);
    else
        buf_append(w->b, S("null"));
}

void jw_int(struct json_writer *w, int64_t i)
{
    separate(w);
    buf_printf(w->b, "%lld", (long long)i);
}

void jw_bool(struct json_writer *w, bool v)
{
    separate(w);
    buf_append(w->b, v ? S("true") : S("false"));
}

void jw_null(struct json_writer *w)
{
    separate(w);
    buf_append(w->b, S("null"));
}

void jw_raw(struct json_writer *w, str json)
{
    separate(w);
    buf_append(w->b, json);
}
