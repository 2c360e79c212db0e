#include "emulator/journal.h"

#include "emulator/points.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 4096, REPLAY_ARENA_BYTES = 64 << 20 };

struct journal {
    int fd;
    bool failed; /* a write failed: what follows would not fit together */
};

void journal_close(struct journal *j)
{
    if (!j)
        return;
    fdatasync(j->fd);
    close(j->fd);
    free(j);
}

/* One line, with one call: a torn one can only be the last. */
static void append(struct journal *j, json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    size_t n = strlen(text);

    text[n] = '\n'; /* over the NUL: the text is not read as a string again */
    for (size_t done = 0; done < n + 1 && !j->failed;) {
        ssize_t w = write(j->fd, text + done, n + 1 - done);
        if (w < 0 && errno != EINTR)
            j->failed = true;
        else if (w > 0)
            done += (size_t)w;
    }
    free(text);
    json_decref(line);
}

static json_t *line_new(struct emulator *e)
{
    json_t *line = json_object();

    set_int(line, "t", e->now);
    return line;
}

static bool silent(const struct emulator *e)
{
    return !e->journal || e->replaying || e->journal->failed;
}

void journal_request(struct call *c)
{
    static const char *const kept[] = { "idempotency-key" };

    if (silent(c->emu))
        return;
    json_t *line = line_new(c->emu);
    json_t *headers = json_object();
    set_str(line, "id", c->request_id);
    set_str(line, "m", c->http->method);
    set_str(line, "p", c->http->path);
    if (c->http->query.n)
        set_str(line, "q", c->http->query);
    if (c->http->body.n)
        set_str(line, "b", c->http->body);
    for (size_t i = 0; i < COUNT(kept); i++) {
        str value = http_header_get(c->http, str_of(kept[i]), NULL);
        if (value.p)
            set_str(headers, kept[i], value);
    }
    set_new(line, "h", headers);
    if (c->space) {
        set_strz(line, "a", c->space->account);
        set_bool(line, "l", c->space->livemode);
    }
    append(c->emu->journal, line);
}

void journal_advance(struct emulator *e)
{
    if (silent(e))
        return;
    json_t *line = line_new(e);
    set_int(line, "advance", 1);
    append(e->journal, line);
}

void journal_point(struct emulator *e, str spec)
{
    if (silent(e))
        return;
    json_t *line = line_new(e);
    set_str(line, "point", spec);
    append(e->journal, line);
}

void journal_delivered(struct emulator *e, uint64_t id, int http_status)
{
    if (silent(e))
        return;
    json_t *line = line_new(e);
    set_int(line, "d", (int64_t)id);
    set_int(line, "s", http_status);
    append(e->journal, line);
}

/* --- replaying --- */

static enum status replay_request(struct emulator *e, const json_t *line, struct error *err)
{
    ARENA(arena, REPLAY_ARENA_BYTES);
    struct http_request q = { .method = get_str(line, "m"),
                              .path = get_str(line, "p"),
                              .query = get_str(line, "q"),
                              .body = get_str(line, "b") };
    struct http_response answer = { 0 };
    const char *name;
    json_t *v;

    q.target = q.path;
    json_object_foreach(json_object_get(line, "h"), name, v) if (q.n_headers < HTTP_HEADERS_MAX)
        q.header[q.n_headers++] =
        (struct http_header){ str_of(name), { json_string_value(v), json_string_length(v) } };
    str account = get_str(line, "a");
    e->replay_space = account.n ? space_get(e, account.p, get_bool(line, "l")) : NULL;
    e->replay_id = get_str(line, "id");
    e->n_requests++;
    return emulator_handle(e, &q, &arena, &answer, err);
}

static enum status replay_line(struct emulator *e, const json_t *line, struct error *err)
{
    e->now = get_int(line, "t");
    if (json_object_get(line, "seed")) {
        e->options.seed = (uint64_t)get_int(line, "seed");
        e->rng = e->options.seed;
    } else if (json_object_get(line, "m")) {
        return replay_request(e, line, err);
    } else if (json_object_get(line, "d")) {
        emulator_delivered(e, (uint64_t)get_int(line, "d"), (int)get_int(line, "s"));
    } else if (json_object_get(line, "point")) {
        return point_set(e, get_str(line, "point"), err);
    } else if (json_object_get(line, "advance")) {
        emulator_advance(e);
    }
    return ST_OK;
}

/* Goes through the whole lines; *good is where the last of them ends. */
static enum status replay(struct emulator *e, FILE *f, const char *path, off_t *good,
                          struct error *err)
{
    char *text = NULL;
    size_t cap = 0;
    ssize_t n;
    int number = 0;
    enum status st = ST_OK;

    while (st == ST_OK && (n = getline(&text, &cap, f)) > 0 && text[n - 1] == '\n') {
        json_t *line = json_loadb(text, (size_t)n, JSON_ALLOW_NUL, NULL);
        number++;
        if (!line)
            st = fail(err, ST_BROKEN, "%s: line %d is damaged; remove the file to begin anew", path,
                      number);
        else
            st = replay_line(e, line, err);
        json_decref(line);
        if (st == ST_OK)
            *good += n;
    }
    free(text);
    return st;
}

static enum status replay_file(struct emulator *e, const char *path, off_t *good, struct error *err)
{
    FILE *f = fopen(path, "re");

    if (!f && errno == ENOENT)
        return ST_OK;
    if (!f)
        return fail(err, ST_REFUSED, "%s: cannot be read: %s", path, strerror(errno));
    e->replaying = true;
    enum status st = replay(e, f, path, good, err);
    e->replaying = false;
    fclose(f);
    /* Time does not go back over a restart, whatever was done to the clock. */
    if (emulator_clock(e) < e->now)
        e->offset = e->now - clock_wall(e->options.clock);
    return st;
}

enum status emulator_journal(struct emulator *e, str dir, struct error *err)
{
    char path[PATH_BYTES_MAX];
    off_t good = 0;

    if (dir.n + sizeof "/journal.jsonl" > sizeof path)
        return fail(err, ST_LIMIT, "%.*s: the path is too long", STR_ARG(dir));
    snprintf(path, sizeof path, "%.*s", STR_ARG(dir));
    if (mkdir(path, 0700) && errno != EEXIST)
        return fail(err, ST_REFUSED, "%s: cannot be made: %s", path, strerror(errno));
    snprintf(path, sizeof path, "%.*s/journal.jsonl", STR_ARG(dir));
    enum status st = replay_file(e, path, &good, err);
    if (st != ST_OK)
        return st;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, good))
        st = fail(err, ST_REFUSED, "%s: cannot be written: %s", path, strerror(errno));
    if (st != ST_OK) {
        if (fd >= 0)
            close(fd);
        return st;
    }
    e->journal = must_alloc(sizeof *e->journal);
    e->journal->fd = fd;
    if (good == 0) {
        json_t *first = json_object();
        set_int(first, "v", 1);
        set_int(first, "seed", (int64_t)e->options.seed);
        append(e->journal, first);
    }
    return ST_OK;
}
