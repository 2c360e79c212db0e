#include "cli/switch/continuing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"

#define LISTEN_NAME "BRINDLE_LISTEN="

enum { LISTEN_MAX = 256, ARGS_MAX = 16 };

extern char **environ;

/* Where the daemon listens, for the signed ping: an address with port 0 alone would not say. */
static void listen_variable(struct serving *s, char out[LISTEN_MAX])
{
    size_t colon = s->listen.n;

    while (colon && s->listen.p[colon - 1] != ':')
        colon--;
    snprintf(out, LISTEN_MAX, LISTEN_NAME "%.*s%u", (int)colon, s->listen.p, atomic_load(&s->port));
}

/* The environment of this process, but for one variable. NULL: no memory. */
static char **environment_with(char *variable)
{
    size_t n = 0, kept = 0;

    while (environ[n])
        n++;
    char **all = calloc(n + 2, sizeof *all);
    for (size_t i = 0; all && i < n; i++)
        if (strncmp(environ[i], LISTEN_NAME, strlen(LISTEN_NAME)) != 0)
            all[kept++] = environ[i];
    if (all)
        all[kept] = variable;
    return all;
}

static void arguments(const struct serving *s, const char *target, const char *argv[ARGS_MAX])
{
    const struct config_flags *f = &s->cli->flags;
    size_t n = 0;

    argv[n++] = s->cli->program;
    if (f->path) {
        argv[n++] = "--config";
        argv[n++] = f->path;
    }
    if (f->data_dir) {
        argv[n++] = "--data";
        argv[n++] = f->data_dir;
    }
    const char *const rest[] = { "env", "switch", target, "--resume", "--json", NULL };
    for (size_t i = 0; i < COUNT(rest); i++)
        argv[n++] = rest[i];
    assert(n <= ARGS_MAX);
}

/* Our threads have all signals blocked, and the daemon its own handlers. */
static int spawn(int out, const char *const *argv, char **vars, int *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, usual;

    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    sigaddset(&usual, SIGHUP);
    int failed = posix_spawn_file_actions_init(&files);
    if (failed)
        return failed;
    failed = posix_spawnattr_init(&attr);
    if (failed) {
        posix_spawn_file_actions_destroy(&files);
        return failed;
    }
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &usual);
    failed = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    failed = failed ? failed : posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    failed = failed ? failed : posix_spawn_file_actions_adddup2(&files, out, STDERR_FILENO);
    if (!failed)
        failed = posix_spawn(pid, "/proc/self/exe", &files, &attr, (char *const *)argv, vars);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

enum status continuing_begin(struct continuing *c, struct serving *s, const char *target,
                             struct error *e)
{
    const char *argv[ARGS_MAX];
    char listen[LISTEN_MAX];
    int fd[2], pid = 0;

    assert(!c->pid);
    listen_variable(s, listen);
    arguments(s, target, argv);
    char **vars = environment_with(listen);
    if (!vars)
        return fail(e, ST_LIMIT, "out of memory");
    if (pipe2(fd, O_CLOEXEC | O_NONBLOCK)) {
        free(vars);
        return fail(e, ST_LIMIT, "cannot make a pipe: %s", strerror(errno));
    }
    int failed = spawn(fd[1], argv, vars, &pid);
    free(vars);
    close(fd[1]);
    if (failed) {
        close(fd[0]);
        return fail(e, ST_LIMIT, "cannot start a process: %s", strerror(failed));
    }
    *c = (struct continuing){ .pid = pid, .out = fd[0] };
    log_say(&s->log, LOG_INFO, LOG_switch_goes_on, LF("to", str_of(target)));
    return ST_OK;
}

/* A line of the checklist, or a remark. */
static void tell(struct serving *s, str line)
{
    ARENA(a, CONTINUING_LINE_MAX * 4);
    str step = json_text(line, S("step"), &a), outcome = json_text(line, S("outcome"), &a);

    if (step.n)
        log_say(&s->log, str_eqz(outcome, "failed") ? LOG_WARN : LOG_INFO, LOG_switch_step,
                LF("step", step), LF("outcome", outcome),
                LF("text", json_text(line, S("text"), &a)));
    else if (json_text(line, S("error"), &a).n)
        log_say(&s->log, LOG_WARN, LOG_switch_step, LF("error", json_text(line, S("error"), &a)));
    else if (line.n)
        log_say(&s->log, LOG_INFO, LOG_switch_step, LF("text", line));
}

/* What has come; false behind its last word. */
static bool read_some(struct continuing *c, struct serving *s)
{
    for (;;) {
        ssize_t got = read(c->out, c->line + c->n, sizeof c->line - c->n);
        if (got <= 0)
            return got < 0 && (errno == EAGAIN || errno == EINTR);
        c->n += (size_t)got;
        str rest = { c->line, c->n };
        for (size_t end = str_find(rest, '\n'); end < rest.n; end = str_find(rest, '\n')) {
            tell(s, str_sub(rest, 0, end));
            rest = str_sub(rest, end + 1, rest.n);
        }
        bool too_long = rest.n == sizeof c->line;
        if (!too_long)
            memmove(c->line, rest.p, rest.n);
        c->n = too_long ? 0 : rest.n;
    }
}

static void reap(struct continuing *c)
{
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    close(c->out);
    *c = (struct continuing){ .pid = 0 };
}

bool continuing_look(struct continuing *c, struct serving *s)
{
    if (!c->pid)
        return false;
    if (read_some(c, s))
        return true;
    reap(c);
    return false;
}

void continuing_end(struct continuing *c)
{
    if (!c->pid)
        return;
    kill(c->pid, SIGKILL);
    reap(c);
}
