/* websocket.h - the server's side of RFC 6455: the handshake's answer, frames out of bytes and into
 * bytes. No socket, no state: an HTTP answer with `upgrade` (http.h) gives the socket. */
#pragma once

#include "base/buf.h"

enum websocket_opcode {
    WEBSOCKET_CONTINUES = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
};

enum { WEBSOCKET_ACCEPT_BYTES = 28, WEBSOCKET_CONTROL_MAX = 125 };

/* The value of Sec-WebSocket-Accept for the client's Sec-WebSocket-Key; no NUL. */
void websocket_accept(str key, char out[WEBSOCKET_ACCEPT_BYTES]);

struct websocket_frame {
    enum websocket_opcode opcode;
    bool last;    /* of its message */
    str payload;  /* in the bytes that were given, unmasked */
    size_t bytes; /* that the frame takes there */
};

enum websocket_step { WEBSOCKET_MORE, WEBSOCKET_FRAME, WEBSOCKET_BAD };

/* Looks at the first frame of `in`, as a client sends it. MORE: it has not come whole, nothing was
 * changed. FRAME: it was unmasked in place; call for the next with what is behind it. BAD: not
 * masked, an unknown opcode or reserved bit, a control frame in pieces or too long, or more than
 * `payload_max` bytes: end the connection. */
enum websocket_step websocket_read(char *in, size_t n, size_t payload_max,
                                   struct websocket_frame *out) MUST_USE;
/* Appends one whole frame as a server sends it. */
void websocket_write(struct buf *b, enum websocket_opcode opcode, str payload);
