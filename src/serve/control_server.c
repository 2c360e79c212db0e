#include "serve/control.h"

#include "serve/control_line.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16, BREATH_MS = 100 };

/* One connection: one command, on a thread of its own. */
struct caller {
    struct control_server *server;
    pthread_t thread;
    int fd;        /* -1: none; guarded by the server's lock */
    bool started;  /* the thread is to be joined; the listening thread's own */
    bool finished; /* it has ended; guarded by the server's lock */
};

struct control_server {
    struct control_host host;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    dev_t dev; /* of the socket's file: another process may have put its own there since */
    ino_t ino;
    int fd, stop_fd;
    atomic_bool closing;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    struct caller caller[CONTROL_CONNECTIONS_MAX];
};

/* ---- one command ---- */

static bool emit_to_caller(void *ctx, str line)
{
    struct caller *c = ctx;
    return !atomic_load(&c->server->closing) && control_write(c->fd, line);
}

static pid_t peer_of(int fd)
{
    struct ucred peer = { 0 };
    socklen_t n = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 ? peer.pid : 0;
}

/* Whoever only asks whether we are there changes nothing. */
static void note_command(const struct caller *c, const char *op)
{
    const struct control_host *h = &c->server->host;

    log_say(h->log, strcmp(op, "ping") == 0 ? LOG_DEBUG : LOG_INFO, LOG_command_accepted,
            LF_ENV(h->env), LF("op", str_of(op)), LF_INT("pid", (int64_t)peer_of(c->fd)));
}

static void carry_out(struct caller *c, str line)
{
    struct control_server *s = c->server;
    const char *op = control_op(line);
    struct error e = { 0 };

    if (op)
        note_command(c, op);
    if (op && s->host.on_handover && strcmp(op, "handover") == 0) {
        s->host.on_handover(s->host.ctx);
        emit_to_caller(c, S("{\"end\":true,\"status\":\"ok\"}"));
        return;
    }
    (void)!control_run(&s->host, line, emit_to_caller, c, &e); /* its end line has said all */
}

static void refuse(int fd, enum status st, const char *why)
{
    BUF(line, CONTROL_END_BYTES_MAX);

    control_end_line(&line, st, why);
    control_write(fd, buf_str(&line));
}

static void serve_caller(struct caller *c)
{
    struct control_wire wire = { .fd = c->fd, .in = { .max = CONTROL_LINE_BYTES_MAX } };
    str line;

    enum status st = control_read(&wire, &line);
    if (st == ST_LIMIT)
        refuse(c->fd, ST_LIMIT, "the command is longer than a line may be");
    else if (st == ST_OK)
        carry_out(c, line);
    buf_free(&wire.in);
}

static void *caller_main(void *arg)
{
    struct caller *c = arg;

    serve_caller(c);
    pthread_mutex_lock(&c->server->lock);
    close(c->fd);
    c->fd = -1;
    c->finished = true;
    pthread_mutex_unlock(&c->server->lock);
    return NULL;
}

/* ---- listening ---- */

static bool is_one_of_us(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static void limit_patience(int fd)
{
    const struct timeval span = { .tv_sec = CONTROL_LISTENER_MS / 1000 };

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &span, sizeof span);
}

/* A place for one more caller; NULL: all are taken. */
static struct caller *free_place(struct control_server *s)
{
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
        struct caller *c = &s->caller[i];
        pthread_mutex_lock(&s->lock);
        bool finished = c->finished;
        pthread_mutex_unlock(&s->lock);
        if (c->started && finished) {
            pthread_join(c->thread, NULL);
            c->started = c->finished = false;
        }
        if (!c->started)
            return c;
    }
    return NULL;
}

static void take_caller(struct control_server *s, int fd)
{
    limit_patience(fd);
    struct caller *c = is_one_of_us(fd) ? free_place(s) : NULL;

    if (c) {
        c->server = s;
        c->fd = fd;
        c->started = pthread_create(&c->thread, NULL, caller_main, c) == 0;
        if (c->started)
            return;
        c->fd = -1;
    }
    if (is_one_of_us(fd))
        refuse(fd, ST_LIMIT, "too many commands are under way; try again later");
    else
        refuse(fd, ST_REFUSED, "this socket serves the daemon's own user and root alone");
    close(fd);
}

static void *listen_main(void *arg)
{
    struct control_server *s = arg;

    while (!atomic_load(&s->closing)) {
        struct pollfd p[] = { { s->fd, POLLIN, 0 }, { s->stop_fd, POLLIN, 0 } };
        if (poll(p, 2, -1) <= 0 || p[1].revents)
            continue;
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            take_caller(s, fd);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            poll(&p[1], 1, BREATH_MS); /* until somebody gives a descriptor back */
    }
    return NULL;
}

/* ---- life ---- */

/* What an earlier life left; anything but a socket is not ours to remove. */
static enum status clear_path(const char *path, struct error *e)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return ST_OK; /* nothing there; whatever else is wrong, bind will say */
    if (!S_ISSOCK(st.st_mode))
        return fail(e, ST_REFUSED,
                    "%s is in the way of the control socket and is no socket: move "
                    "it elsewhere",
                    path);
    unlink(path);
    return ST_OK;
}

/* Binds with mode 0600 from the first moment: on Linux the socket's own mode is the file's. */
static enum status listen_on(struct control_server *s, const char *path, struct error *e)
{
    struct sockaddr_un address;
    struct stat st;

    if (!control_address(path, &address))
        return fail(e, ST_LIMIT,
                    "%s is too long for a socket (%zu bytes): use a shorter data "
                    "directory",
                    path, sizeof address.sun_path - 1);
    enum status cleared = clear_path(path, e);
    if (cleared != ST_OK)
        return cleared;
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (s->fd < 0 || s->stop_fd < 0)
        return fail(e, ST_LIMIT, "cannot open the control socket: %s", strerror(errno));
    if (fchmod(s->fd, 0600) != 0 || bind(s->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(path, 0600) != 0 || listen(s->fd, BACKLOG) != 0 || stat(path, &st) != 0)
        return fail(e, ST_REFUSED, "cannot listen on %s: %s", path, strerror(errno));
    memcpy(s->path, address.sun_path, sizeof s->path);
    s->dev = st.st_dev;
    s->ino = st.st_ino;
    return ST_OK;
}

static enum status start_listening(struct control_server *s, struct error *e)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&s->thread, NULL, listen_main, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return fail(e, ST_LIMIT, "cannot start a thread for commands: %s", strerror(failed));
    s->has_thread = true;
    return ST_OK;
}

enum status control_listen(struct control_server **out, const char *path,
                           const struct control_host *host, struct error *e)
{
    struct control_server *s = calloc(1, sizeof *s);

    assert(host->log);
    if (!s)
        return fail(e, ST_LIMIT, "out of memory");
    s->host = *host;
    s->fd = s->stop_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        s->caller[i].fd = -1;
    enum status st = listen_on(s, path, e);
    if (st == ST_OK)
        st = start_listening(s, e);
    if (st != ST_OK) {
        control_close(s);
        return st;
    }
    *out = s;
    return ST_OK;
}

static void stop_listening(struct control_server *s)
{
    uint64_t one = 1;

    atomic_store(&s->closing, true);
    if (s->has_thread) {
        ssize_t told = write(s->stop_fd, &one, sizeof one);
        assert(told == sizeof one);
        pthread_join(s->thread, NULL);
    }
}

static void end_callers(struct control_server *s)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        if (s->caller[i].fd >= 0)
            shutdown(s->caller[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        if (s->caller[i].started)
            pthread_join(s->caller[i].thread, NULL);
}

void control_close(struct control_server *s)
{
    struct stat st;

    if (!s)
        return;
    stop_listening(s);
    end_callers(s);
    if (s->path[0] && stat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
        unlink(s->path);
    if (s->fd >= 0)
        close(s->fd);
    if (s->stop_fd >= 0)
        close(s->stop_fd);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
