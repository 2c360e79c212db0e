/* json.h - a strict pull reader for JSON, for the hot path: slices into the text, no allocation.
 *
 * Strict: RFC 8259, one value and nothing behind it, valid UTF-8, limits on depth and size.
 * Numbers stay text. Escapes of lone surrogates and \u0000 are accepted in strings and left as
 * they are: what Stripe sent is kept exactly. Fuzzed, and compared with jansson on the same inputs.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum {
    JSON_DEPTH_MAX = 64,
    JSON_BYTES_MAX = 16 << 20,
    JSON_PATHS_MAX = 64,
};

enum json_type {
    JSON_END, /* the text is used up, and was one whole value */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
    JSON_BAD, /* not JSON, or over a limit; sticks */
};

/* A token. For keys and strings `text` is what stands between the quotes, escapes and all
 * (`escaped` says whether there are any); for the rest, the characters themselves. */
struct json_token {
    enum json_type type;
    str text;
    bool escaped;
};

struct json_reader {
    const char *at, *end, *start;
    unsigned depth;
    unsigned char state;
    bool bad;
    uint64_t arrays; /* bit d: the container at depth d + 1 is an array */
};

void json_init(struct json_reader *r, str text);
struct json_token json_next(struct json_reader *r);

/* Behind a JSON_KEY, or inside an array: the next value whole, as it stands in the text (strings
 * with their quotes), read over and checked. At the end of an array: type JSON_ARRAY_END.
 * Where a key comes next: JSON_BAD. The token's type is the value's first (JSON_OBJECT for "{…}").
 */
struct json_token json_value(struct json_reader *r);

/* True if `text` is one valid JSON value within the limits. */
bool json_valid(str text);

/* A member of an object, by its plain (unescaped) name, in a text that is known to be valid: the
 * last one of that name, as json_value gives it. Type JSON_END when there is none or `object` is
 * no object. */
struct json_token json_member(str object, str name);
/* The same along "a.b.c"; a name that itself holds a dot cannot be reached. */
struct json_token json_path(str object, str path);
/* Several paths in one pass, which also checks the text: out[i] becomes what json_path gives for
 * paths[i]. False when `text` is not one valid object; then all are of type JSON_END. At most
 * JSON_PATHS_MAX. This is how to read an event: it costs little more than json_valid. */
bool json_paths(str text, const str *paths, size_t n, struct json_token *out) MUST_USE;
/* The decoded text of a string member, {NULL, 0} when it is absent, null or no string. A string
 * without escapes is returned as a slice of the text itself. A lone surrogate becomes U+FFFD. */
str json_text(str object, str name, struct arena *a);
/* The integer of a number member without fraction or exponent; false otherwise. */
bool json_int(str object, str name, int64_t *out);
/* JSON_TRUE, JSON_FALSE, or anything else. */
enum json_type json_bool(str object, str name);
/* Decodes the inside of a string token (what json_next gives; or json_value, quotes and all). */
str json_unescape(struct json_token t, struct arena *a);

/* Are these two values the same, apart from white space and the order of members? Both must be
 * valid. Numbers are compared as text, strings after decoding, of members with one name the last.
 * `a` is scratch; when it is full, the answer is false. */
bool json_same(str x, str y, struct arena *a);

/* Writes `s` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD. */
void json_quote(struct buf *b, str s);

/* A writer for what we print ourselves: it puts the commas.
 *     struct json_writer w = { .b = &buf };
 *     jw_object(&w); jw_key(&w, S("id")); jw_str(&w, id); jw_end(&w);
 */
struct json_writer {
    struct buf *b;
    uint64_t arrays;
    unsigned depth;
    bool comma;
};

void jw_object(struct json_writer *w);
void jw_array(struct json_writer *w);
void jw_end(struct json_writer *w); /* the innermost open object or array */
void jw_key(struct json_writer *w, str key);
void jw_str(struct json_writer *w, str s); /* {NULL, 0} is written as null */
void jw_int(struct json_writer *w, int64_t i);
void jw_bool(struct json_writer *w, bool v);
void jw_null(struct json_writer *w);
void jw_raw(struct json_writer *w, str json); /* a value that is already JSON */
/* A key and its value. */
void jw_put_str(struct json_writer *w, const char *key, str value);
void jw_put_int(struct json_writer *w, const char *key, int64_t value);
void jw_put_bool(struct json_writer *w, const char *key, bool value);
