#include "serve/control.h"

#include "base/json.h"
#include "serve/control_line.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static enum status connect_to(const char *path, int fd, struct error *e)
{
    struct sockaddr_un address;

    if (!control_address(path, &address))
        return fail(e, ST_NONE, "%s is too long for a socket: nobody can listen there", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return ST_OK;
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ENOTSOCK:
    case ECONNREFUSED: return fail(e, ST_NONE, "nobody listens on %s", path);
    case EAGAIN: return fail(e, ST_RETRY, "whoever listens on %s has its hands full", path);
    }
    return fail(e, ST_REFUSED, "cannot speak to the daemon on %s: %s. Is this its user?", path,
                strerror(errno));
}

static enum status status_of(str name)
{
    for (enum status st = ST_OK; st <= ST_BROKEN; st++)
        if (str_eqz(name, status_name(st)))
            return st;
    return ST_BROKEN;
}

static enum status read_end(str line, struct error *e)
{
    ARENA(a, CONTROL_LINE_BYTES_MAX);
    enum status st = status_of(json_text(line, S("status"), &a));

    if (st == ST_OK)
        return ST_OK;
    str why = json_text(line, S("error"), &a);
    return fail(e, st, "%.*s", STR_ARG(why));
}

static enum status broke_off(struct error *e)
{
    return fail(e, ST_RETRY,
                "the daemon ended before the command did; what was asked for is kept "
                "and goes on at its next start");
}

/* Hands on line after line, up to the one that is the end. */
static enum status hear(struct control_wire *w, control_emit *emit, void *ctx, struct error *e)
{
    str line;

    for (;;) {
        enum status st = control_read(w, &line);
        if (st == ST_LIMIT)
            return fail(e, ST_LIMIT, "the daemon's answer is longer than a line may be");
        if (st != ST_OK || !json_valid(line))
            return broke_off(e);
        bool listening = emit(ctx, line);
        if (json_bool(line, S("end")) == JSON_TRUE)
            return read_end(line, e);
        if (!listening)
            return fail(e, ST_RETRY, "stopped listening; what was asked for goes on");
    }
}

enum status control_send(const char *path, str line, control_emit *emit, void *ctx, struct error *e)
{
    struct control_wire wire = { .in = { .max = 2 * CONTROL_LINE_BYTES_MAX } };

    if (line.n >= CONTROL_LINE_BYTES_MAX || str_find(line, '\n') != line.n)
        return fail(e, ST_INVALID, "a command is one line of at most %d bytes",
                    CONTROL_LINE_BYTES_MAX - 1);
    wire.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (wire.fd < 0)
        return fail(e, ST_LIMIT, "cannot open a socket: %s", strerror(errno));
    enum status st = connect_to(path, wire.fd, e);
    if (st == ST_OK && !control_write(wire.fd, line))
        st = broke_off(e);
    if (st == ST_OK)
        st = hear(&wire, emit, ctx, e);
    buf_free(&wire.in);
    close(wire.fd);
    return st;
}
