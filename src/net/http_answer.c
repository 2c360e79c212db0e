#include "net/http_internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static str reason_phrase(int status)
{
    switch (status) {
    case 101: return S("Switching Protocols");
    case 200: return S("OK");
    case 201: return S("Created");
    case 202: return S("Accepted");
    case 204: return S("No Content");
    case 301: return S("Moved Permanently");
    case 302: return S("Found");
    case 303: return S("See Other");
    case 304: return S("Not Modified");
    case 307: return S("Temporary Redirect");
    case 308: return S("Permanent Redirect");
    case 400: return S("Bad Request");
    case 401: return S("Unauthorized");
    case 402: return S("Payment Required");
    case 403: return S("Forbidden");
    case 404: return S("Not Found");
    case 405: return S("Method Not Allowed");
    case 406: return S("Not Acceptable");
    case 408: return S("Request Timeout");
    case 409: return S("Conflict");
    case 410: return S("Gone");
    case 411: return S("Length Required");
    case 412: return S("Precondition Failed");
    case 413: return S("Content Too Large");
    case 415: return S("Unsupported Media Type");
    case 417: return S("Expectation Failed");
    case 422: return S("Unprocessable Content");
    case 424: return S("Failed Dependency");
    case 429: return S("Too Many Requests");
    case 431: return S("Request Header Fields Too Large");
    case 500: return S("Internal Server Error");
    case 501: return S("Not Implemented");
    case 502: return S("Bad Gateway");
    case 503: return S("Service Unavailable");
    case 504: return S("Gateway Timeout");
    case 505: return S("HTTP Version Not Supported");
    }
    return S(""); /* it may be empty */
}

static void put_number(struct buf *b, uint64_t n)
{
    char digit[20];
    size_t at = sizeof digit;

    do
        digit[--at] = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    buf_append(b, (str){ digit + at, sizeof digit - at });
}

/* A header's text. What could end the line and forge another becomes a blank. */
static void put_text(struct buf *b, str s)
{
    size_t from = b->n;

    buf_append(b, s);
    for (size_t i = from; i < b->n; i++)
        if ((unsigned char)b->p[i] < ' ' && b->p[i] != '\t')
            b->p[i] = ' ';
}

static void put_header(struct buf *b, str name, str value)
{
    put_text(b, name);
    buf_append(b, S(": "));
    put_text(b, value);
    buf_append(b, S("\r\n"));
}

static bool may_have_length(int status)
{
    return status >= 200 && status != 204;
}

static bool may_have_body(int status, const struct http_parse *q)
{
    return may_have_length(status) && status != 304 && !q->is_head;
}

static void write_head(struct http_exchange *x, const struct http_response *r,
                       const struct http_parse *q)
{
    struct buf *b = &x->answer;

    buf_append(b, S("HTTP/1.1 "));
    put_number(b, (uint64_t)r->status);
    buf_char(b, ' ');
    buf_append(b, reason_phrase(r->status));
    buf_append(b, S("\r\nDate: "));
    x->date_at = b->n;
    buf_append(b, S("Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
    if (x->close)
        buf_append(b, S("Connection: close\r\n"));
    else if (q->http_1_0)
        buf_append(b, S("Connection: keep-alive\r\n"));
    if (r->content_type.n)
        put_header(b, S("Content-Type"), r->content_type);
    for (size_t i = 0; i < r->n_headers; i++)
        put_header(b, r->header[i].name, r->header[i].value);
    if (x->label.name.n)
        put_header(b, x->label.name, x->label.value);
    if (may_have_length(r->status)) {
        buf_append(b, S("Content-Length: "));
        put_number(b, r->body.n);
        buf_append(b, S("\r\n"));
    }
    buf_append(b, S("\r\n"));
    x->head_bytes = b->n;
}

void http_answer_write(struct http_exchange *x, const struct http_response *r,
                       const struct http_parse *q, bool close)
{
    static const struct http_response too_large = { .status = 500 };

    assert((r->status >= 200 && r->status <= 999) || (r->status == 101 && r->upgrade));
    x->close = r->status != 101 && (close || r->close || !q->keep_alive || r->cut_at_bytes > 0);
    x->upgrade = r->status == 101 ? r->upgrade : NULL;
    x->upgrade_ctx = r->upgrade_ctx;
    x->upgrade_id = r->upgrade_id;
    x->reset = r->reset;
    x->delay = r->delay;
    x->trickle = r->trickle;
    x->cut_at_bytes = r->cut_at_bytes;
    x->answer.max = HTTP_ANSWER_BYTES_MAX;
    buf_clear(&x->answer);
    write_head(x, r, q);
    if (may_have_body(r->status, q))
        buf_append(&x->answer, r->body);
    if (x->answer.failed) {
        buf_clear(&x->answer);
        write_head(x, &too_large, q);
    }
}

void http_answer_date(struct http_exchange *x, const char date[HTTP_DATE_BYTES])
{
    assert(x->date_at + HTTP_DATE_BYTES <= x->answer.n);
    memcpy(x->answer.p + x->date_at, date, HTTP_DATE_BYTES);
}

void http_date(int64_t unix_s, char out[HTTP_DATE_BYTES])
{
    static const char day[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char month[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    char text[96] = "";
    time_t t = (time_t)unix_s;
    struct tm tm = { 0 };

    gmtime_r(&t, &tm); /* strftime would speak the locale's language */
    snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", day[tm.tm_wday], tm.tm_mday,
             month[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    memcpy(out, text, HTTP_DATE_BYTES);
}
