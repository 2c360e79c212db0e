#include <stdio.h>

#include "base/json.h"
#include "cli/local.h"
#include "cli/output.h"
#include "cli/when.h"
#include "core/mirror/history.h"

enum { OBJECT_ARENA_BYTES = 64 << 20, CHANGES_BYTES_MAX = 64 << 10 };

/* By a type's name or its view's; an unknown name stands for itself: the mirror keeps types that
 * nobody told us about. */
static str type_named(const char *name)
{
    const struct resource *r = name ? resource_by_name(str_of(name)) : NULL;

    return r ? str_of(r->type) : str_of(name);
}

static void print_meta(const struct object *o)
{
    BUF(out, OBJECT_ARENA_BYTES);
    struct json_writer w = { .b = &out };

    jw_object(&w);
    jw_put_str(&w, "type", o->type);
    jw_put_str(&w, "id", o->id);
    jw_put_bool(&w, "deleted", o->deleted);
    jw_put_int(&w, "revision", o->revision);
    jw_put_int(&w, "fetched_at", o->fetched_at);
    jw_put_int(&w, "changed_at", o->changed_at);
    jw_put_str(&w, "api_version", o->api_version);
    jw_put_str(&w, "source", o->source);
    jw_put_bool(&w, "lists_complete", o->open_lists == 0);
    jw_key(&w, S("data"));
    jw_raw(&w, o->data);
    jw_end(&w);
    fwrite(out.p, 1, out.n, stdout);
}

/* --- former versions ----------------------------------------------------------------------- */

struct shown {
    bool json;
    struct table table;
};

static void print_version(const struct version *v, str changes)
{
    BUF(out, OBJECT_ARENA_BYTES);
    struct json_writer w = { .b = &out };
    str name;

    jw_object(&w);
    jw_put_int(&w, "revision", v->revision);
    jw_put_int(&w, "since", v->since);
    jw_key(&w, S("until"));
    if (v->until)
        jw_int(&w, v->until);
    else
        jw_null(&w);
    jw_put_bool(&w, "deleted", v->deleted);
    jw_put_str(&w, "cause", v->cause);
    jw_key(&w, S("events"));
    jw_array(&w);
    for (size_t i = 0; i < v->n_events; i++)
        jw_str(&w, v->event[i].id);
    jw_end(&w);
    jw_key(&w, S("changed"));
    jw_array(&w);
    for (str rest = changes; rest.n;) {
        rest = str_cut(rest, ' ', &name);
        jw_str(&w, name);
    }
    jw_end(&w);
    jw_key(&w, S("data"));
    jw_raw(&w, v->data);
    jw_end(&w);
    printf("%.*s\n", STR_ARG(buf_str(&out)));
}

/* The newest event stands for all that came since the version before. */
static str brought_by(const struct version *v, struct arena *a)
{
    if (v->n_events == 0)
        return v->cause.n ? v->cause : S("first seen");
    str id = v->event[v->n_events - 1].id, type = v->event[v->n_events - 1].type;
    return arena_printf(a, "%.*s (%.*s)%s", STR_ARG(id), STR_ARG(type),
                        v->n_events > 1 ? " and others" : "");
}

static enum status show_version(void *ctx, const struct version *v, const struct version *older,
                                struct error *e)
{
    BUF(changes, CHANGES_BYTES_MAX);
    struct shown *s = ctx;
    char since[WHEN_TEXT_MAX];

    (void)e;
    if (older)
        history_changes(v, older, &changes);
    if (s->json) {
        print_version(v, buf_str(&changes));
        return ST_OK;
    }
    when_text(v->since, since);
    table_row(&s->table, (const str[]){ str_of(since), brought_by(v, s->table.arena),
                                        v->deleted ? S("deleted") : buf_str(&changes) });
    return ST_OK;
}

static enum status print_history(struct cli *cli, struct env *env, const struct object *o,
                                 struct error *e)
{
    ARENA(a, OBJECT_ARENA_BYTES);
    struct shown s = {
        .json = cli->json || !is_terminal(stdout),
        .table = { .arena = &a, .head = { "SINCE", "BROUGHT BY", "CHANGED" }, .n_columns = 3 }
    };

    enum status st = history_each(env, o, show_version, &s, e);
    if (st == ST_OK && !s.json)
        table_print(&s.table, stdout);
    return st;
}

/* The object as it was: in `o` from here on. */
static enum status go_back(struct env *env, const char *text, struct object *o, struct arena *a,
                           struct error *e)
{
    struct version v;
    msec at;

    if (!when_read(str_of(text), clock_wall(env->world->clock), &at))
        return fail(e, ST_INVALID,
                    "--at wants a time: 2026-11-22, 2026-11-22T10:30:05Z, seconds since 1970, or "
                    "2h for two hours ago; not \"%.40s\".",
                    text);
    enum status st = history_at(env, o, at, &v, a, e);
    if (st != ST_OK)
        return st;
    o->data = v.data;
    o->deleted = v.deleted;
    o->revision = v.revision;
    o->changed_at = v.since;
    return ST_OK;
}

/* --- the command --------------------------------------------------------------------------- */

static enum status find(struct env *env, const char *type, const char *id, struct object *o,
                        struct arena *a, struct error *e)
{
    enum status st = mirror_get(env, type_named(type), str_of(id), o, a, e);

    if (st != ST_NONE || !type || resource_by_name(str_of(type)))
        return st;
    error_clear(e); /* what is wrong is the type */
    return fail(e, ST_INVALID, "There is no type \"%s\"; `brindle schema` lists them.", type);
}

static void print_object(const struct object *o, bool meta)
{
    if (meta)
        print_meta(o);
    else
        fwrite(o->data.p, 1, o->data.n, stdout);
    putchar('\n');
}

enum status cmd_get(struct cli *cli, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    ARENA(a, OBJECT_ARENA_BYTES);
    const char *type = NULL, *at = NULL;
    bool meta = false, history = false;
    const struct flag flag[] = { { "type", FLAG_TEXT, { .text = &type } },
                                 { "meta", FLAG_SWITCH, { .on = &meta } },
                                 { "at", FLAG_TEXT, { .text = &at } },
                                 { "history", FLAG_SWITCH, { .on = &history } } };
    struct words words = { 0 };
    struct object o;

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 1, 1, e);
    if (st == ST_OK && history && (at || meta))
        st = fail(e, ST_INVALID,
                  "--history shows all versions: it goes with neither --at nor "
                  "--meta.");
    if (st == ST_OK)
        st = reader_open(cli, &w, e);
    if (st == ST_OK)
        st = find(&w.env, type, words.word[0], &o, &a, e);
    if (st == ST_OK && history)
        return print_history(cli, &w.env, &o, e);
    if (st == ST_OK && at)
        st = go_back(&w.env, at, &o, &a, e);
    if (st != ST_OK)
        return st;
    if (o.deleted)
        say("brindle: %s %s deleted; this is its last known state.", words.word[0],
            at ? "was" : "is");
    print_object(&o, meta);
    return ST_OK;
}
