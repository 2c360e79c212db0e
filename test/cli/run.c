#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int spawn(const char *dir, const char *const *env, const char *const *args, int out, int err)
{
    const char *program = getenv("BRINDLE");
    const char *argv[RUN_ARGS_MAX + 2] = { program };
    const char *vars[RUN_ARGS_MAX + 4];
    size_t n = 0, v = 0;

    assert(program);
    for (; args[n]; n++) {
        assert(n < RUN_ARGS_MAX);
        argv[n + 1] = args[n];
    }
    vars[v++] = "PATH=/usr/bin:/bin";
    vars[v++] = "ASAN_OPTIONS=detect_leaks=1";
    for (; env && *env; env++)
        vars[v++] = *env;
    vars[v] = NULL;
    int pid = fork();
    assert(pid >= 0);
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    if (out >= 0)
        dup2(out, STDOUT_FILENO);
    dup2(err >= 0 ? err : open("/dev/null", O_WRONLY), STDERR_FILENO);
    if (chdir(dir) == 0)
        execve(program, (char *const *)argv, (char *const *)vars);
    _exit(126);
}

static int await(int pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0)
        assert(errno == EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Reads both until both have ended, so that neither fills and blocks. */
static void read_both(const int fd[2], char *text[2])
{
    struct pollfd p[2] = { { fd[0], POLLIN, 0 }, { fd[1], POLLIN, 0 } };
    size_t n[2] = { 0, 0 };

    while (p[0].fd >= 0 || p[1].fd >= 0) {
        poll(p, 2, -1);
        for (int i = 0; i < 2; i++) {
            if (p[i].fd < 0 || !p[i].revents)
                continue;
            ssize_t got = read(p[i].fd, text[i] + n[i], RUN_SAID_MAX - n[i]);
            if (got <= 0)
                p[i].fd = -1;
            else
                n[i] += (size_t)got;
        }
    }
    for (int i = 0; i < 2; i++)
        text[i][n[i]] = '\0';
}

void run_program(struct ran *r, const char *dir, const char *const *env, const char *const *args)
{
    int out[2], err[2];
    char *text[2] = { malloc(RUN_SAID_MAX + 1), malloc(RUN_SAID_MAX + 1) };

    int failed = pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC);
    assert(!failed && text[0] && text[1]);
    int pid = spawn(dir, env, args, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    read_both((int[2]){ out[0], err[0] }, text);
    close(out[0]);
    close(err[0]);
    *r = (struct ran){ await(pid), text[0], text[1] };
}

void run_free(struct ran *r)
{
    free(r->out);
    free(r->err);
    *r = (struct ran){ 0 };
}

void run_line(struct running *r)
{
    size_t n = 0;

    while (n + 1 < sizeof r->line && read(r->out, r->line + n, 1) == 1 && r->line[n] != '\n')
        n++;
    r->line[n] = '\0';
}

static void start(struct running *r, const char *dir, const char *const *env,
                  const char *const *args, int err)
{
    int out[2];

    int failed = pipe2(out, O_CLOEXEC);
    assert(!failed);
    *r = (struct running){ .pid = spawn(dir, env, args, out[1], err), .out = out[0] };
    close(out[1]);
    run_line(r);
}

void run_start(struct running *r, const char *dir, const char *const *env, const char *const *args)
{
    start(r, dir, env, args, STDERR_FILENO);
}

void run_start_logged(struct running *r, const char *dir, const char *const *env,
                      const char *const *args, const char *log)
{
    int err = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    assert(err >= 0);
    start(r, dir, env, args, err);
    close(err);
}

int run_stop(struct running *r)
{
    kill(r->pid, SIGTERM);
    close(r->out);
    return await(r->pid);
}

int run_wait(struct running *r, char *said, size_t room)
{
    size_t n = 0;
    ssize_t got;

    while (n + 1 < room && (got = read(r->out, said + n, room - 1 - n)) > 0)
        n += (size_t)got;
    said[n] = '\0';
    close(r->out);
    return await(r->pid);
}

unsigned run_port(const struct running *r)
{
    const char *at = strstr(r->line, "\"port\":");

    return at ? (unsigned)strtoul(at + 7, NULL, 10) : 0;
}

void run_dir_make(char path[64])
{
    snprintf(path, 64, "/tmp/brindle-cli-XXXXXX");
    char *made = mkdtemp(path);
    assert(made);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about, (void)kind, (void)walk;
    return remove(path);
}

void run_dir_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void run_write(const char *dir, const char *name, const char *text, unsigned mode)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert(fd >= 0);
    ssize_t n = write(fd, text, strlen(text));
    assert(n == (ssize_t)strlen(text));
    fchmod(fd, mode);
    close(fd);
}
