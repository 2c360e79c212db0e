#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/local.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/projections.h"
#include "core/due.h"
#include "core/mirror/mirror.h"
#include "core/status.h"
#include "serve/control_line.h"

enum {
    STATUS_BYTES_MAX = 16 << 20,
    TELL_MS = 10 * 1000, /* between lines where no bars are drawn */
    TYPE_ARENA_BYTES = 16 << 10,
    SYNC_STUCK_MS = 60 * 1000, /* nothing moved for so long: Stripe is away */
    OBJECT_ARENA_BYTES = 64 << 20,
    DEAD_BYTES_MAX = 16 << 20,
    DEAD_SHOWN_MAX = 10,
    ORDER_BYTES_MAX = 64 << 10,
};

/* How a type stood when a line last spoke of it. */
struct told {
    char view[PROGRESS_NAME_MAX];
    uint32_t print;
};

struct watcher {
    const struct cli *cli;
    struct buf last; /* the line that was heard last; empty when it was told */
    struct told told[PROGRESS_TYPES_MAX];
    size_t n_told;
    msec told_at; /* 0: nothing yet */
    struct progress progress;
    bool draws; /* bars on a terminal; else NDJSON */
    msec started, last_change;
    int64_t last_signature; /* what changes when anything moves */
    bool stuck;
};

static uint32_t fingerprint(str text)
{
    uint32_t number = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < text.n; i++)
        number = (number ^ (unsigned char)text.p[i]) * 16777619u;
    return number;
}

/* One that waits for its first page is no news. */
static bool is_news(struct watcher *w, str type)
{
    ARENA(a, TYPE_ARENA_BYTES);
    str view = json_text(type, S("view"), &a);
    uint32_t print = fingerprint(type);
    size_t i = 0;

    while (i < w->n_told && !str_eqz(view, w->told[i].view))
        i++;
    if (i == w->n_told) {
        if (w->n_told == PROGRESS_TYPES_MAX || view.n >= PROGRESS_NAME_MAX)
            return true;
        snprintf(w->told[w->n_told++].view, PROGRESS_NAME_MAX, "%.*s", STR_ARG(view));
        w->told[i].print = print;
        return !str_eqz(json_text(type, S("state"), &a), "waiting");
    }
    bool news = w->told[i].print != print;
    w->told[i].print = print;
    return news;
}

/* The line as it came, but of its types only those that changed since they were told. */
static void tell_line(struct watcher *w, msec now)
{
    str line = buf_str(&w->last);
    struct json_token types = json_member(line, S("types"));
    struct json_reader r;
    bool first = true;

    if (types.type != JSON_ARRAY) {
        printf("%.*s\n", STR_ARG(line));
    } else {
        size_t at = (size_t)(types.text.p - line.p);
        printf("%.*s[", STR_ARG(str_sub(line, 0, at)));
        json_init(&r, types.text);
        json_next(&r);
        for (struct json_token t = json_value(&r); t.type == JSON_OBJECT; t = json_value(&r)) {
            if (!is_news(w, t.text))
                continue;
            printf("%s%.*s", first ? "" : ",", STR_ARG(t.text));
            first = false;
        }
        printf("]%.*s\n", STR_ARG(str_sub(line, at + types.text.n, line.n)));
    }
    fflush(stdout);
    buf_clear(&w->last);
    w->told_at = now;
}

/* Where nobody watches bars: a line now and then, and the last one. */
static void hear_line(struct watcher *w, str line, msec now)
{
    buf_clear(&w->last);
    buf_append(&w->last, line);
    if (!w->told_at || now - w->told_at >= TELL_MS)
        tell_line(w, now);
}

static bool on_line(void *ctx, str line)
{
    struct watcher *w = ctx;
    msec now = clock_mono(wire_clock());

    if (json_bool(line, S("end")) == JSON_TRUE)
        return true; /* ours comes last, when it is known what was not found */
    if (!w->draws)
        hear_line(w, line, now);
    if (!progress_read(&w->progress, line))
        return true;
    int64_t signature = progress_signature(&w->progress);
    /* Who looks through the mirror moves no number; when he pauses, the time has not stood still.
     */
    if (signature != w->last_signature || w->progress.looking) {
        w->last_signature = signature;
        w->last_change = now;
    }
    if (w->draws)
        progress_draw(&w->progress, now - w->started);
    w->stuck = w->progress.due > 0 && now - w->last_change > SYNC_STUCK_MS;
    return !w->stuck;
}

static void write_order(struct buf *line, const struct words *words, bool again, bool detach)
{
    struct json_writer w = { .b = line };

    jw_object(&w);
    jw_put_str(&w, "op", S("sync"));
    jw_key(&w, S("args"));
    jw_array(&w);
    for (size_t i = 0; i < words->n_words; i++)
        jw_str(&w, str_of(words->word[i]));
    jw_end(&w);
    jw_put_bool(&w, "again", again);
    jw_put_bool(&w, "watch", !detach);
    jw_end(&w);
}

/* --- what it came to ----------------------------------------------------------------------- */

static void say_dead(void *ctx, str page)
{
    ARENA(a, DEAD_BYTES_MAX);
    size_t *n = ctx;

    for (str line; page.n;) {
        page = str_cut(page, '\n', &line);
        if (!line.n || ++*n > DEAD_SHOWN_MAX)
            continue;
        str type = json_text(line, S("type"), &a), id = json_text(line, S("id"), &a);
        str why = json_text(line, S("last_error"), &a);
        say("  given up: %.*s %.*s: %.*s", STR_ARG(type), STR_ARG(id), STR_ARG(why));
    }
}

static size_t name_dead(struct env *env, struct error *e)
{
    BUF(out, DEAD_BYTES_MAX);
    size_t n = 0;
    const struct pages pages = { say_dead, &n };

    if (due_list_dead(env, &out, &pages, e) != ST_OK)
        return 0;
    if (n > DEAD_SHOWN_MAX)
        say("  … and %zu more; `brindle inbox dead` lists all", n - DEAD_SHOWN_MAX);
    return n;
}

static void say_missing(struct env *env, const char *asked, str type, str id)
{
    struct error ignored = { 0 };
    bool erased = false;

    if (mirror_is_erased(env, type, id, &erased, &ignored) == ST_OK && erased)
        say("  %s was erased here: its id is blocked", asked);
    else
        say("  Stripe has no %s", asked);
}

/* An id that was asked for and that the mirror does not have is one that Stripe does not have, or
 * one that was erased. */
static size_t name_missing(struct env *env, const struct words *words)
{
    size_t missing = 0;

    for (size_t i = 0; i < words->n_words; i++) {
        ARENA(a, OBJECT_ARENA_BYTES);
        struct error ignored = { 0 };
        struct object o;
        str word = str_of(words->word[i]), type;
        if (resource_by_name(word))
            continue;
        str id = str_cut(word, ':', &type);
        const struct resource *r = id.p ? resource_by_name(type) : NULL;
        if (mirror_get(env, r ? str_of(r->type) : S(""), r ? id : word, &o, &a, &ignored) ==
            ST_NONE) {
            say_missing(env, words->word[i], r ? str_of(r->type) : S(""), r ? id : word);
            missing++;
        }
    }
    return missing;
}

struct trouble {
    size_t dead, missing;
};

/* Reads the store once more, for the names of what went wrong. */
static struct trouble name_trouble(struct cli *cli, const struct env_config *conf,
                                   const struct words *words, bool dead)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    struct error ignored = { 0 };

    if (reader_of(cli, conf, &w, &ignored) != ST_OK)
        return (struct trouble){ 0 };
    return (struct trouble){ .dead = dead ? name_dead(&w.env, &ignored) : 0,
                             .missing = name_missing(&w.env, words) };
}

/* The last line where no bars are drawn; its status is the one that the exit code stands for. */
static void tell_end(struct watcher *w, enum status st, const char *why)
{
    BUF(line, CONTROL_END_BYTES_MAX);

    if (w->draws)
        return;
    if (w->last.n)
        tell_line(w, clock_mono(wire_clock()));
    control_end_line(&line, st, why);
    printf("%.*s\n", STR_ARG(buf_str(&line)));
    fflush(stdout);
}

static enum exit_code end_with(struct watcher *w, enum status st, const char *why)
{
    tell_end(w, st, why);
    return exit_code_for(st);
}

/* Was this type's list asked for, and not left over from an earlier sync? */
static bool is_asked(const struct words *words, str view)
{
    for (size_t i = 0; i < words->n_words; i++) {
        const struct resource *r = resource_by_name(str_of(words->word[i]));
        if (r && str_eqz(view, r->view))
            return true;
    }
    return words->n_words == 0;
}

/* What is in the mirror now of the types that were asked for. False: nobody can tell. */
static bool count_asked(struct cli *cli, const struct env_config *conf, const struct words *words,
                        int64_t *n)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    ARENA(a, STATUS_BYTES_MAX);
    BUF(json, STATUS_BYTES_MAX);
    struct error ignored = { 0 };
    struct json_reader r;

    *n = 0;
    if (reader_of(cli, conf, &w, &ignored) != ST_OK ||
        status_json(&w.env, &json, &ignored) != ST_OK)
        return false;
    json_init(&r, json_member(buf_str(&json), S("types")).text);
    if (json_next(&r).type != JSON_ARRAY)
        return false;
    for (struct json_token t = json_value(&r); t.type == JSON_OBJECT; t = json_value(&r)) {
        int64_t objects = 0, deleted = 0;
        if (!is_asked(words, json_text(t.text, S("view"), &a)))
            continue;
        json_int(t.text, S("objects"), &objects);
        json_int(t.text, S("tombstones"), &deleted);
        *n += objects - deleted;
    }
    return true;
}

/* Lists that an earlier sync left behind go along; they are named, and their objects not counted.
 */
static void say_lists(struct cli *cli, const struct env_config *conf, const struct progress *p,
                      const struct words *words, const char *span)
{
    size_t asked = 0, left = 0;
    int64_t n = 0;
    char objects[32], there[96] = "";

    for (size_t i = 0; i < p->n_types; i++)
        *(is_asked(words, str_of(p->type[i].name)) ? &asked : &left) += 1;
    bool known = count_asked(cli, conf, words, &n);
    count_text(n, objects);
    if (known)
        snprintf(there, sizeof there, ", %s object%s there now", objects, n == 1 ? " is" : "s are");
    say("%s: %zu list%s in %s%s%s", conf->name, asked, asked == 1 ? "" : "s", span, there,
        p->walks_skipped ? "; some types are not here:" : ".");
    if (!left)
        return;
    fprintf(stderr, "  left by an earlier sync, and gone on with:");
    for (size_t i = 0; i < p->n_types; i++)
        if (!is_asked(words, str_of(p->type[i].name)))
            fprintf(stderr, " %s", p->type[i].name);
    fputc('\n', stderr);
}

static enum exit_code summarize(struct cli *cli, const struct env_config *conf, struct watcher *w,
                                const struct words *words)
{
    const struct progress *p = &w->progress;
    char span[32];

    duration_text(clock_mono(wire_clock()) - w->started, span);
    if (p->walks)
        say_lists(cli, conf, p, words, span);
    else
        say("%s: done in %s.", conf->name, span);
    progress_say_skipped(p);
    struct trouble t = name_trouble(cli, conf, words, p->dead > 0);
    size_t failed = progress_say_failed(p);
    if (progress_forbidden_core(p)) {
        static const char why[] =
            "The key may not list some core types: give it the permission, or use another key.";
        say("%s", why);
        return end_with(w, ST_REFUSED, why);
    }
    if (t.dead || failed)
        return end_with(w, ST_LIMIT, "Some work was given up: `brindle inbox dead` lists it.");
    if (t.missing)
        return end_with(w, ST_NONE, "Not all that was asked for can be in the mirror: see above.");
    return end_with(w, ST_OK, "");
}

/* Nothing moved: of a list that failed, or else of the work that has waited the longest, why. */
static enum status stand_still(struct cli *cli, const struct env_config *conf,
                               const struct watcher *w, struct error *e)
{
    CLEANUP(wire_close) struct wire store = { 0 };
    struct error ignored = { 0 };
    char trouble[DUE_TROUBLE_BYTES] = "";
    const char *why = w->progress.reason;

    if (!why[0] && reader_of(cli, conf, &store, &ignored) == ST_OK &&
        due_trouble(&store.env, trouble, &ignored) == ST_OK)
        why = trouble;
    size_t n = strlen(why);
    while (n && why[n - 1] == '.')
        n--;
    return fail(e, ST_RETRY,
                "Nothing moved for %d s%s%.*s. The work stays due; "
                "the daemon or the next `brindle sync` goes on.",
                SYNC_STUCK_MS / 1000, n ? ": " : "", (int)n, why);
}

static enum status conclude(struct cli *cli, const struct env_config *conf, struct watcher *w,
                            const struct words *words, bool detach, enum status st, struct error *e)
{
    if (cli_interrupted()) {
        error_clear(e);
        return fail(e, ST_LIMIT,
                    "Interrupted. What is done is kept; `brindle sync` goes on where it stands.");
    }
    if (w->stuck) {
        error_clear(e);
        return stand_still(cli, conf, w, e);
    }
    if (st != ST_OK)
        return st;
    if (detach)
        say("%s: asked for; `brindle status` shows how it goes.", conf->name);
    else
        cli_exit_with(summarize(cli, conf, w, words));
    if (detach)
        tell_end(w, ST_OK, "");
    return ST_OK;
}

enum status cmd_sync(struct cli *cli, struct error *e)
{
    BUF(line, ORDER_BYTES_MAX);
    struct env_config *conf = NULL;
    bool again = false, detach = false, projections = false;
    const struct flag flag[] = { { "again", FLAG_SWITCH, { .on = &again } },
                                 { "detach", FLAG_SWITCH, { .on = &detach } },
                                 { "projections", FLAG_SWITCH, { .on = &projections } } };
    struct words words = { 0 };
    struct watcher w = { .cli = cli,
                         .last = { .max = CONTROL_LINE_BYTES_MAX },
                         .draws = !cli->json && is_terminal(stdout) && is_terminal(stderr) };

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = cli_load(cli, e);
    if (st == ST_OK)
        st = config_env(&cli->config, cli->env_name, &conf, e);
    if (st != ST_OK)
        return st;
    if (projections) {
        if (words.n_words || again || detach)
            return fail(e, ST_INVALID, "--projections stands alone: it asks Stripe for nothing.");
        cli_catch_signals(NULL, NULL);
        return projections_rebuild(cli, conf, e);
    }
    write_order(&line, &words, again, detach);
    if (line.failed)
        return fail(e, ST_INVALID, "The arguments are too long.");
    if (detach && !local_is_served(&cli->config, conf->name))
        return fail(e, ST_INVALID, "--detach asks the daemon, but none runs for %s: leave it out.",
                    conf->name);
    cli_catch_signals(NULL, NULL);
    w.started = w.last_change = clock_mono(wire_clock());
    st = local_run(cli, conf, buf_str(&line), on_line, &w, e);
    if (w.draws)
        progress_end(&w.progress);
    st = conclude(cli, conf, &w, &words, detach, st, e);
    if (st != ST_OK)
        tell_end(&w, st, e->text);
    buf_free(&w.last);
    return st;
}
