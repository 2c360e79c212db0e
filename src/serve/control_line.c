#include "serve/control_line.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

enum { READ_BYTES = 4096 };

bool control_address(const char *path, struct sockaddr_un *out)
{
    size_t n = strlen(path);

    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (n == 0 || n >= sizeof out->sun_path)
        return false;
    memcpy(out->sun_path, path, n + 1);
    return true;
}

/* Drops the first n bytes of what is to be sent. */
static void advance(struct iovec *io, size_t n)
{
    for (size_t i = 0; i < 2; i++) {
        size_t k = n < io[i].iov_len ? n : io[i].iov_len;
        io[i].iov_base = (char *)io[i].iov_base + k;
        io[i].iov_len -= k;
        n -= k;
    }
}

bool control_write(int fd, str line)
{
    char newline = '\n';
    struct iovec io[2] = { { (void *)(uintptr_t)line.p, line.n }, { &newline, 1 } };

    while (io[0].iov_len + io[1].iov_len) {
        struct msghdr m = { .msg_iov = io, .msg_iovlen = 2 };
        ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        advance(io, (size_t)n);
    }
    return true;
}

void control_end_line(struct buf *out, enum status st, const char *why)
{
    struct json_writer w = { .b = out };

    jw_object(&w);
    jw_put_bool(&w, "end", true);
    jw_put_str(&w, "status", str_of(status_name(st)));
    if (st != ST_OK) {
        jw_put_str(&w, "error", str_of(why));
    }
    jw_end(&w);
}

static enum status read_more(struct control_wire *w)
{
    char piece[READ_BYTES];
    ssize_t n;

    do
        n = recv(w->fd, piece, sizeof piece, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? ST_RETRY : ST_NONE;
    if (n == 0)
        return ST_NONE;
    buf_append(&w->in, (str){ piece, (size_t)n });
    return w->in.failed ? ST_LIMIT : ST_OK;
}

enum status control_read(struct control_wire *w, str *line)
{
    buf_consume(&w->in, w->taken);
    w->taken = 0;
    for (size_t seen = 0;;) {
        str unseen = str_sub(buf_str(&w->in), seen, w->in.n);
        size_t at = str_find(unseen, '\n');
        if (at < unseen.n) {
            *line = (str){ w->in.p, seen + at };
            w->taken = seen + at + 1;
            return ST_OK;
        }
        seen = w->in.n;
        enum status st = read_more(w);
        if (st != ST_OK)
            return st;
    }
}
