/* run.h - runs the program that was built, as a shell would, and keeps what it said. */
#pragma once

#include "base/base.h"

enum { RUN_SAID_MAX = 4 << 20, RUN_ARGS_MAX = 16 };

struct ran {
    int code;        /* exit code; 128 + the signal that ended it */
    char *out, *err; /* what it said; freed by run_free */
};

/* `env` is NAME=VALUE or NULL at its end; nothing is inherited but PATH. `args` ends in NULL. */
void run_program(struct ran *r, const char *dir, const char *const *env, const char *const *args);
void run_free(struct ran *r);

#define RUN(r, dir, env, ...) \
    run_program((r), (dir), (env), (const char *const[]){ __VA_ARGS__, NULL })

/* One that goes on: its first line on stdout is read (a port is in it), then it runs until
 * run_stop. */
struct running {
    int pid, out;
    char line[512];
};

void run_start(struct running *r, const char *dir, const char *const *env, const char *const *args);
/* Its next line on stdout, into `line`. */
void run_line(struct running *r);
/* The same with what it says on stderr in the file `log`. */
void run_start_logged(struct running *r, const char *dir, const char *const *env,
                      const char *const *args, const char *log);
/* SIGTERM; its exit code. */
int run_stop(struct running *r);
/* Lets it end by itself and keeps what it says, as far as there is room; its exit code. */
int run_wait(struct running *r, char *said, size_t room);
/* The number behind "port": in the line. */
unsigned run_port(const struct running *r);

/* A directory for one test; run_dir_remove takes it away with its files. */
void run_dir_make(char path[64]);
void run_dir_remove(const char *path);
void run_write(const char *dir, const char *name, const char *text, unsigned mode);
