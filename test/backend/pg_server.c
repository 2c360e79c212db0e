#include "pg_server.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "temp_dir.h"

enum { COMMAND_MAX = 4096, BIN_MAX = 256, STOP_SECONDS = 60, FAMILY_MAX = 256 };

struct pg_server {
    struct temp_dir dir;
    char bin[BIN_MAX];
    char as[64]; /* how to become somebody whom initdb accepts; "" for ordinary users */
    char url[256], database[32];
    unsigned databases;
    int lifeline; /* open as long as this program lives */
    pid_t guard;
};

/* Those that PG_BIN names, or else the newest version there is. */
static bool find_programs(char out[BIN_MAX])
{
    const char *named = getenv("PG_BIN");
    glob_t g;

    if (named && named[0]) {
        snprintf(out, BIN_MAX, "%s", named);
        return true;
    }
    bool found = glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &g) == 0 && g.gl_pathc > 0;
    if (found)
        snprintf(out, BIN_MAX, "%.*s",
                 (int)(strlen(g.gl_pathv[g.gl_pathc - 1]) - strlen("/initdb")),
                 g.gl_pathv[g.gl_pathc - 1]);
    globfree(&g);
    return found;
}

static int shell(const char *command, char *out, size_t room)
{
    FILE *p = popen(command, "re");
    size_t n = 0;

    if (!p)
        abort();
    if (out && room) {
        n = fread(out, 1, room - 1, p);
        while (n && out[n - 1] == '\n')
            n--;
        out[n] = '\0';
    }
    for (char rest[256]; fread(rest, 1, sizeof rest, p) > 0;)
        ;
    return pclose(p);
}

static void must(struct pg_server *s, const char *what, const char *command)
{
    char out[COMMAND_MAX];

    if (shell(command, out, sizeof out) == 0)
        return;
    fprintf(stderr, "%s failed: %s\n%s\n", what, command, out);
    snprintf(out, sizeof out, "tail -20 %s/log >&2", s->dir.path);
    shell(out, NULL, 0);
    abort();
}

static void start(struct pg_server *s)
{
    char command[COMMAND_MAX];

    snprintf(command, sizeof command,
             "%s %s/pg_ctl -D %s/data -l %s/log -w -t 60 start </dev/null >/dev/null 2>&1", s->as,
             s->bin, s->dir.path, s->dir.path);
    must(s, "starting PostgreSQL", command);
}

static void set_up(struct pg_server *s)
{
    char command[COMMAND_MAX];

    /* Without TZ it compares every file of zoneinfo with the machine's own: on a slow disk a
     * minute. */
    snprintf(command, sizeof command,
             "TZ=UTC %s %s/initdb -D %s/data -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N "
             "</dev/null 2>&1",
             s->as, s->bin, s->dir.path);
    must(s, "initdb", command);
    snprintf(command, sizeof command,
             "cat >>%s/data/postgresql.conf <<'EOT'\n"
             "listen_addresses = ''\nunix_socket_directories = '%s'\nmax_connections = 100\n"
             "shared_buffers = 64MB\nlog_min_messages = warning\ndeadlock_timeout = 100ms\nEOT",
             s->dir.path, s->dir.path);
    must(s, "postgresql.conf", command);
}

/* A process that outlives this one, however that ends, and then takes the server with it. The
 * lifeline is nobody's but ours: it closes when we exec. */
static void set_guard(struct pg_server *s)
{
    static const char script[] =
        "cat; pid=$(head -1 \"$1/data/postmaster.pid\") && kill -QUIT \"$pid\" &&"
        "while kill -0 \"$pid\"; do sleep 0.05; done; rm -rf \"$1\"";
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        abort();
    s->guard = fork();
    if (s->guard < 0)
        abort();
    if (s->guard == 0) {
        int none = open("/dev/null", O_WRONLY | O_CLOEXEC);
        setsid(); /* whoever kills our group spares it */
        dup2(ends[0], STDIN_FILENO);
        dup2(none, STDOUT_FILENO);
        dup2(none, STDERR_FILENO);
        execl("/bin/sh", "sh", "-c", script, "guard", s->dir.path, (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    s->lifeline = ends[1];
}

struct pg_server *pg_server_start(void)
{
    static struct pg_server server;
    struct pg_server *s = &server;
    struct passwd *user = NULL;

    *s = (struct pg_server){ 0 };
    if (!find_programs(s->bin)) {
        fprintf(stderr, "skipped on PostgreSQL: its programs are not installed (apt-get install "
                        "postgresql)\n");
        return NULL;
    }
    temp_dir_make(&s->dir);
    if (geteuid() == 0) { /* initdb refuses root */
        user = getpwnam("postgres");
        user = user ? user : getpwnam("nobody");
        if (!user || chown(s->dir.path, user->pw_uid, user->pw_gid) != 0)
            abort();
        snprintf(s->as, sizeof s->as, "setpriv --reuid=%u --regid=%u --clear-groups", user->pw_uid,
                 user->pw_gid);
    }
    set_guard(s);
    set_up(s);
    start(s);
    return s;
}

static pid_t postmaster_of(const struct pg_server *s)
{
    char path[160], line[32] = "";

    snprintf(path, sizeof path, "%s/data/postmaster.pid", s->dir.path);
    FILE *f = fopen(path, "re");
    if (!f || !fgets(line, sizeof line, f))
        abort();
    fclose(f);
    return (pid_t)strtol(line, NULL, 10);
}

/* The parent of a process, and whether it is more than a dead one's name. 0: it is gone. */
static pid_t parent_of(pid_t pid)
{
    char path[64], line[512] = "", state = 'Z';
    int parent = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    const char *behind = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    if (!behind || sscanf(behind, ") %c %d", &state, &parent) != 2)
        parent = 0;
    fclose(f);
    return state == 'Z' ? 0 : (pid_t)parent;
}

static size_t children_of(pid_t parent, pid_t out[FAMILY_MAX])
{
    DIR *all = opendir("/proc");
    size_t n = 0;

    if (!all)
        abort();
    for (const struct dirent *one; (one = readdir(all)) && n < FAMILY_MAX;) {
        pid_t pid = (pid_t)strtol(one->d_name, NULL, 10);
        if (pid > 0 && parent_of(pid) == parent)
            out[n++] = pid;
    }
    closedir(all);
    return n;
}

void pg_server_kill(struct pg_server *s)
{
    pid_t postmaster = postmaster_of(s), family[FAMILY_MAX];

    kill(postmaster, SIGSTOP); /* it makes no more children */
    size_t n = children_of(postmaster, family);
    for (size_t i = 0; i < n; i++)
        kill(family[i], SIGKILL); /* at once: none has the time to write what is in memory */
    kill(postmaster, SIGKILL);
    while (parent_of(postmaster))
        usleep(1000);
    for (size_t i = 0; i < n; i++)
        while (parent_of(family[i]))
            usleep(1000);
}

void pg_server_restart(struct pg_server *s)
{
    char command[COMMAND_MAX];

    snprintf(command, sizeof command,
             "%s %s/pg_ctl -D %s/data -m fast -w -t %d stop </dev/null >/dev/null 2>&1", s->as,
             s->bin, s->dir.path, STOP_SECONDS);
    shell(command, NULL, 0);
    for (int i = 0; i < 100; i++) { /* children of a killed one hold its memory for a moment */
        snprintf(command, sizeof command,
                 "%s %s/pg_ctl -D %s/data -l %s/log -w -t 60 start </dev/null >/dev/null 2>&1",
                 s->as, s->bin, s->dir.path, s->dir.path);
        if (shell(command, NULL, 0) == 0)
            return;
        usleep(100 * 1000);
    }
    start(s);
}

void pg_server_stop(struct pg_server *s)
{
    char command[COMMAND_MAX];

    if (!s)
        return;
    snprintf(command, sizeof command,
             "%s %s/pg_ctl -D %s/data -m immediate -w stop </dev/null >/dev/null 2>&1", s->as,
             s->bin, s->dir.path);
    shell(command, NULL, 0);
    close(s->lifeline);
    waitpid(s->guard, NULL, 0);
    temp_dir_remove(&s->dir);
}

bool pg_server_sql(struct pg_server *s, const char *sql, char *out, size_t room)
{
    char command[COMMAND_MAX];

    snprintf(command, sizeof command,
             "psql -h %s -U postgres -d %s -v ON_ERROR_STOP=1 -qAtX 2>&1 <<'EOT'\n%s\nEOT",
             s->dir.path, s->database[0] ? s->database : "postgres", sql);
    return shell(command, out, room) == 0;
}

const char *pg_server_fresh(struct pg_server *s)
{
    char sql[128], out[512];

    s->database[0] = '\0';
    snprintf(sql, sizeof sql, "create database t%u strategy wal_log", ++s->databases);
    if (!pg_server_sql(s, sql, out, sizeof out)) {
        snprintf(sql, sizeof sql, "create database t%u", s->databases);
        if (!pg_server_sql(s, sql, out, sizeof out)) {
            fprintf(stderr, "%s\n", out);
            abort();
        }
    }
    snprintf(s->database, sizeof s->database, "t%u", s->databases);
    snprintf(s->url, sizeof s->url, "postgresql:///%s?host=%s&user=postgres", s->database,
             s->dir.path);
    return s->url;
}
