/* control_line.h - lines over a control socket, shared by its two ends. */
#pragma once

#include "base/buf.h"

struct control_wire {
    int fd;
    struct buf in; /* what was read; its max bounds a line */
    size_t taken;  /* of it, by the line that was given last */
};

/* The address of a path. False: it is too long for a socket. */
struct sockaddr_un;
bool control_address(const char *path, struct sockaddr_un *out);

/* Sends `line` and a newline. False: the other side is gone or does not read. */
bool control_write(int fd, str line);

/* The op of a command, NULL if there is no such op. */
const char *control_op(str line);

/* {"end":true,"status":…}, and "error" unless all went well. */
enum { CONTROL_END_BYTES_MAX = 8 << 10 };
void control_end_line(struct buf *out, enum status st, const char *why);

/* The next line, without its newline; valid until the next call. ST_NONE: the end of the stream.
 * ST_RETRY: the socket's time is up. ST_LIMIT: longer than a line may be. */
enum status control_read(struct control_wire *w, str *line) MUST_USE;
