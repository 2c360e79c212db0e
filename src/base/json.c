#include "base/json.h"

#include <string.h>

#include "base/json_scan.h"

/* What may come next. Whether the innermost container is an array says its bit in `arrays`. */
enum {
    AT_VALUE, /* a value: at the start, and behind a key */
    AT_FIRST, /* just behind "{" or "[" */
    AT_NEXT,  /* behind a member or element */
    AT_END,   /* behind the whole value: blanks alone */
};

/* --- Scanning. Each takes the place where a thing begins and gives the place behind it, or NULL
 * when it is not JSON. --- */

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

/* Opens the container at p. *first says whether a value follows: at the place that is returned. */
static inline const char *enter(const char *p, const char *end, unsigned *depth, uint64_t *arrays,
                                bool *first)
{
    bool array = *p == '[';

    if (*depth == JSON_DEPTH_MAX)
        return NULL;
    p = skip_blanks(p + 1, end);
    if (p == end)
        return NULL;
    *first = *p != (array ? ']' : '}');
    if (!*first)
        return p + 1;
    *arrays = (*arrays & ~(1ULL << *depth)) | (uint64_t)array << *depth;
    ++*depth;
    return array ? p : skip_key(p, end);
}

/* A whole container; p at its "{" or "[", inside `floor` others. */
static const char *skip_container(const char *p, const char *end, unsigned floor)
{
    unsigned depth = floor;
    uint64_t arrays = 0;

    do {
        bool first = false, escaped;
        enum json_type type;
        if (p == end)
            return NULL;
        if (*p == '{' || *p == '[')
            p = enter(p, end, &depth, &arrays, &first);
        else
            p = scan_scalar(p, end, &type, &escaped);
        if (p && !first)
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
    if (r->state != AT_VALUE && r->depth > 0 && !in_array(r))
        return bad(r); /* a key comes next */
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
