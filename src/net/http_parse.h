/* http_parse.h - from bytes to requests, without sockets: what http.c, the tests and the fuzzer
 * share. Private to net/.
 *
 * llhttp reads the header block; it is asked only about blocks that are beyond doubt. Before it
 * sees one, the block is scanned and refused for a CR without LF, an LF without CR, a control
 * character, a folded line, a header name that is no token, or a request line that is not three
 * words with one blank between them: each is something that two parsers in a row can read
 * differently. Bodies are framed here, strictly: one Content-Length of digits, or
 * "Transfer-Encoding: chunked", never both. */
#pragma once

#include "net/http.h"

enum {
    HTTP_CHUNK_LINE_MAX = 256, /* a chunk's size with its extensions */
};

enum http_step { HTTP_STEP_MORE, HTTP_STEP_READY, HTTP_STEP_BAD };

enum http_state {
    HTTP_AT_START, /* nothing but empty lines has come */
    HTTP_AT_HEAD,
    HTTP_AT_BODY, /* with a Content-Length */
    HTTP_AT_CHUNK_SIZE,
    HTTP_AT_CHUNK_DATA,
    HTTP_AT_CHUNK_END,
    HTTP_AT_TRAILER,
    HTTP_AT_END,
};

struct http_parse {
    size_t header_bytes_max, body_bytes_max;
    enum http_state state;
    size_t at;         /* so many bytes are understood */
    size_t line;       /* where the line of the head begins that is being read */
    size_t head_bytes; /* with the empty line at its end */
    uint64_t left;     /* bytes of the body, or of the chunk, that are still to come */
    size_t trailer_bytes;
    bool http_1_0;
    bool keep_alive;
    bool wants_continue; /* "Expect: 100-continue", and nothing of the body has come */
    bool is_head;        /* the method is HEAD: the answer has no body */
    int status;          /* of HTTP_STEP_BAD: what to answer, and why */
    const char *reason;
    struct http_request q;
};

/* Ready for the next request; the limits stay. */
void http_parse_begin(struct http_parse *p);

/* Reads on in a request that begins at `in` and of which *n bytes are there; bytes that were there
 * before must still be there, at the same place (or see http_parse_moved).
 *
 * MORE: call again when more has come. *n may have shrunk: empty lines before the request and the
 * wrapping of chunks are taken out of the buffer. READY: p->q is the request, its slices lie in
 * `in`; p->at bytes belong to it and what is behind them to the next. BAD: see p->status. */
enum http_step http_parse_step(struct http_parse *p, char *in, size_t *n) MUST_USE;

/* The buffer has moved, `delta` = new place - old place. */
void http_parse_moved(struct http_parse *p, ptrdiff_t delta);

/* How many bytes the whole request takes, once that is known; else 0. */
size_t http_parse_total(const struct http_parse *p);
