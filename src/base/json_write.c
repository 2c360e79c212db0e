#include "base/json.h"
#include "base/json_scan.h"

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

void jw_put_str(struct json_writer *w, const char *key, str value)
{
    jw_key(w, str_of(key));
    jw_str(w, value);
}

void jw_put_int(struct json_writer *w, const char *key, int64_t value)
{
    jw_key(w, str_of(key));
    jw_int(w, value);
}

void jw_put_bool(struct json_writer *w, const char *key, bool value)
{
    jw_key(w, str_of(key));
    jw_bool(w, value);
}
