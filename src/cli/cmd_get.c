#include <stdio.h>

#include "base/json.h"
#include "cli/local.h"
#include "cli/output.h"
#include "core/mirror.h"

enum { OBJECT_ARENA_BYTES = 64 << 20 };

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
    jw_key(&w, S("type"));
    jw_str(&w, o->type);
    jw_key(&w, S("id"));
    jw_str(&w, o->id);
    jw_key(&w, S("deleted"));
    jw_bool(&w, o->deleted);
    jw_key(&w, S("revision"));
    jw_int(&w, o->revision);
    jw_key(&w, S("fetched_at"));
    jw_int(&w, o->fetched_at);
    jw_key(&w, S("api_version"));
    jw_str(&w, o->api_version);
    jw_key(&w, S("source"));
    jw_str(&w, o->source);
    jw_key(&w, S("lists_complete"));
    jw_bool(&w, o->open_lists == 0);
    jw_key(&w, S("data"));
    jw_raw(&w, o->data);
    jw_end(&w);
    fwrite(out.p, 1, out.n, stdout);
}

enum status cmd_get(struct cli *cli, struct error *e)
{
    CLEANUP(wire_close) struct wire w = { 0 };
    ARENA(a, OBJECT_ARENA_BYTES);
    const char *type = NULL;
    bool meta = false;
    const struct flag flag[] = { { "type", FLAG_TEXT, { .text = &type } },
                                 { "meta", FLAG_SWITCH, { .on = &meta } } };
    struct words words = { 0 };
    struct object o;

    enum status st = flags_read(cli, flag, COUNT(flag), &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 1, 1, e);
    if (st == ST_OK)
        st = reader_open(cli, &w, e);
    if (st != ST_OK)
        return st;
    st = mirror_get(&w.env, type_named(type), str_of(words.word[0]), &o, &a, e);
    if (st == ST_NONE && type && !resource_by_name(str_of(type)))
        return fail(e, ST_INVALID, "There is no type \"%s\"; `brindle status --types` lists them.",
                    type);
    if (st == ST_NONE && !type && !resource_by_id(str_of(words.word[0])))
        return fail(e, ST_NONE,
                    "%s does not look like an id of Stripe; the mirror of %s has no such.",
                    words.word[0], w.env.name);
    if (st == ST_NONE)
        return fail(e, ST_NONE, "The mirror of %s has no %s; `brindle sync %s` asks Stripe for it.",
                    w.env.name, words.word[0], words.word[0]);
    if (st != ST_OK)
        return st;
    if (o.deleted)
        say("brindle: %s is deleted; this is its last known state.", words.word[0]);
    if (meta)
        print_meta(&o);
    else
        fwrite(o.data.p, 1, o.data.n, stdout);
    putchar('\n');
    return ST_OK;
}
