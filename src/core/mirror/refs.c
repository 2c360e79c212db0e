#include "core/mirror/refs.h"

#include <string.h>

#include "base/json.h"

/* The references of a resource are sorted by path, so those that share their first steps stand
 * together. A walk holds the run of references that agree with where it stands in the text, and
 * narrows it at every step; what no path names is read over as a whole. */

struct walk {
    struct json_reader reader;
    const struct reference *reference;
    const struct ref_visitor *visitor;
    struct arena *arena;
    struct error *error;
};

/* The references [from, to) have the bytes before `at` in common: the way to here. */
struct run {
    size_t from, to, at;
};

static bool is_empty(struct run run)
{
    return run.from == run.to;
}

static const char *rest_of(const struct walk *w, size_t reference, struct run run)
{
    return w->reference[reference].path + run.at;
}

static enum status invalid(struct walk *w)
{
    return fail(w->error, ST_INVALID, "the object is not valid JSON: it cannot be read");
}

/* ---- What a reference refers to ---- */

static bool is_among(const char *targets, const char *type)
{
    size_t n = strlen(type);
    for (const char *at = strstr(targets, type); at != NULL; at = strstr(at + 1, type))
        if ((at == targets || at[-1] == '|') && (at[n] == '\0' || at[n] == '|'))
            return true;
    return false;
}

/* Empty when it cannot be told. */
static str target_of(const struct reference *ref, str id)
{
    str targets = str_of(ref->targets);
    if (str_find(targets, '|') == targets.n)
        return targets;
    const struct resource *r = resource_by_id(id);
    return r != NULL && is_among(ref->targets, r->type) ? str_of(r->type) : (str){ 0 };
}

/* `type` is what an expanded object says of itself; empty for a bare id. */
static enum status found(struct walk *w, const struct reference *ref, str type, str id)
{
    if (w->visitor->ref == NULL || id.n == 0)
        return ST_OK;
    struct ref r = { .field = str_of(ref->path),
                     .to_type = type.n > 0 ? type : target_of(ref, id),
                     .to_id = id,
                     .kind = ref->kind };
    return w->visitor->ref(w->visitor->ctx, &r, w->error);
}

static enum status decode(struct walk *w, struct json_token t, str *out)
{
    str text = json_unescape(t, w->arena);
    if (text.p == NULL)
        return fail(w->error, ST_LIMIT, "no memory is left to decode a reference");
    *out = text;
    return ST_OK;
}

/* A name with escapes is compared as it decodes. */
static enum status next_key(struct walk *w, struct json_token *key)
{
    *key = json_next(&w->reader);
    if (key->type != JSON_KEY && key->type != JSON_OBJECT_END)
        return invalid(w);
    return key->escaped ? decode(w, *key, &key->text) : ST_OK;
}

/* ---- Nested lists ---- */

/* An element's own "object" and "id", which Stripe writes first. */
static enum status visit_member(struct walk *w, const struct reference *list, str data)
{
    struct ref_member m = { .field = str_of(list->path), .data = data };
    struct json_reader r;
    enum status st = ST_OK;

    if (w->visitor->member == NULL)
        return ST_OK;
    json_init(&r, data);
    (void)json_next(&r);
    for (struct json_token key = json_next(&r); st == ST_OK && key.type == JSON_KEY;
         key = json_next(&r)) {
        struct json_token value = json_value(&r);
        str *out = str_eq(key.text, S("id"))       ? &m.id
                   : str_eq(key.text, S("object")) ? &m.type
                                                   : NULL;
        if (out != NULL && value.type == JSON_STRING)
            st = decode(w, value, out);
        if (m.id.n > 0 && m.type.n > 0)
            break;
    }
    return st == ST_OK ? w->visitor->member(w->visitor->ctx, &m, w->error) : st;
}

static enum status visit_members(struct walk *w, const struct reference *ref, size_t *n)
{
    for (;;) {
        struct json_token t = json_value(&w->reader);
        if (t.type == JSON_ARRAY_END)
            return ST_OK;
        if (t.type == JSON_BAD)
            return invalid(w);
        if (t.type != JSON_OBJECT)
            continue;
        *n += 1;
        enum status st = visit_member(w, ref, t.text);
        if (st != ST_OK)
            return st;
    }
}

/* Reads to the end of the container that was opened last. */
static enum status skip_rest(struct walk *w)
{
    unsigned depth = w->reader.depth;
    while (w->reader.depth >= depth)
        if (json_next(&w->reader).type == JSON_BAD)
            return invalid(w);
    return ST_OK;
}

static enum status visit_list_member(struct walk *w, const struct reference *ref, str name,
                                     struct ref_list *list)
{
    if (!str_eq(name, S("data")) && !str_eq(name, S("has_more")) && !str_eq(name, S("url")))
        return json_value(&w->reader).type == JSON_BAD ? invalid(w) : ST_OK;
    struct json_token t = json_next(&w->reader);
    if (t.type == JSON_BAD)
        return invalid(w);
    if (t.type == JSON_ARRAY && name.n == 4)
        return visit_members(w, ref, &list->n_members);
    if (t.type == JSON_ARRAY || t.type == JSON_OBJECT)
        return skip_rest(w);
    if (t.type == JSON_TRUE && name.n == 8)
        list->has_more = true;
    if (t.type == JSON_STRING && name.n == 3)
        return decode(w, t, &list->url);
    return ST_OK;
}

/* Behind the list's opening brace. */
static enum status visit_list(struct walk *w, const struct reference *ref)
{
    struct ref_list list = { .field = str_of(ref->path) };
    struct json_token key;
    enum status st = next_key(w, &key);
    while (st == ST_OK && key.type == JSON_KEY) {
        st = visit_list_member(w, ref, key.text, &list);
        if (st == ST_OK)
            st = next_key(w, &key);
    }
    if (st != ST_OK || w->visitor->list == NULL)
        return st;
    return w->visitor->list(w->visitor->ctx, &list, w->error);
}

/* ---- The walk ---- */

static bool ends_step(char c)
{
    return c == '\0' || c == '.' || c == '[';
}

/* Where in a run of fields those begin whose first letter is a given one; 0: nowhere. Most names
 * of an object are settled by one look here. */
struct letters {
    uint8_t from[32]; /* by the low bits of the letter; 1 is the run's first */
};

static uint8_t *letter(struct letters *l, char c)
{
    return &l->from[(unsigned char)c & 31];
}

static struct letters letters_of(const struct walk *w, struct run fields)
{
    struct letters out = { 0 };
    for (size_t i = fields.to; i > fields.from; i--)
        *letter(&out, rest_of(w, i - 1, fields)[0]) = (uint8_t)(i - fields.from);
    return out;
}

static bool is_step(const char *rest, str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (rest[i] != name.p[i])
            return false;
    return ends_step(rest[name.n]);
}

/* The references whose next step is the field `name`. */
static struct run step(const struct walk *w, struct run fields, struct letters *l, str name)
{
    struct run out = { .at = fields.at + name.n };
    uint8_t from = name.n == 0 ? 0 : *letter(l, name.p[0]);
    if (from == 0)
        return out;
    out.from = fields.from + from - 1;
    while (out.from < fields.to && !is_step(rest_of(w, out.from, fields), name) &&
           rest_of(w, out.from, fields)[0] <= name.p[0])
        out.from++;
    for (out.to = out.from; out.to < fields.to; out.to++)
        if (!is_step(rest_of(w, out.to, fields), name))
            break;
    return out;
}

/* Of the references that stand before a value: those that go on with `mark`, "." or "[]". */
static struct run go_on(const struct walk *w, struct run run, const char *mark)
{
    struct run out = { .from = run.from, .to = run.to, .at = run.at + strlen(mark) };
    while (out.from < out.to && rest_of(w, out.from, run)[0] != mark[0])
        out.from++;
    while (out.from < out.to && rest_of(w, out.to - 1, run)[0] != mark[0])
        out.to--;
    return out;
}

static enum status visit_value(struct walk *w, struct run run);

/* What an expanded object says of itself. */
struct self {
    str id, type;
};

static enum status visit_own_member(struct walk *w, str name, struct self *self)
{
    struct json_token value = json_value(&w->reader);
    if (value.type == JSON_BAD)
        return invalid(w);
    if (self == NULL || value.type != JSON_STRING)
        return ST_OK;
    if (str_eq(name, S("id")))
        return decode(w, value, &self->id);
    if (str_eq(name, S("object")))
        return decode(w, value, &self->type);
    return ST_OK;
}

/* Behind an object's opening brace. `self` may be NULL. */
static enum status visit_fields(struct walk *w, struct run fields, struct self *self)
{
    struct letters letters = letters_of(w, fields);
    struct json_token key;
    enum status st = next_key(w, &key);

    while (st == ST_OK && key.type == JSON_KEY) {
        struct run next = step(w, fields, &letters, key.text);
        st = is_empty(next) ? visit_own_member(w, key.text, self) : visit_value(w, next);
        if (st == ST_OK)
            st = next_key(w, &key);
    }
    return st;
}

/* The same, where `own`, unless NULL, is the reference that this object is the target of. */
static enum status visit_object(struct walk *w, const struct reference *own, struct run fields)
{
    struct self self = { 0 };
    enum status st = visit_fields(w, fields, own == NULL ? NULL : &self);
    return st != ST_OK || own == NULL ? st : found(w, own, self.type, self.id);
}

/* Behind an array's opening bracket. */
static enum status visit_elements(struct walk *w, struct run elements)
{
    if (is_empty(elements))
        return skip_rest(w);
    unsigned depth = w->reader.depth;
    while (w->reader.depth >= depth) {
        enum status st = visit_value(w, elements);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* The next value of the text, which the references of `run` lead to. */
static enum status visit_value(struct walk *w, struct run run)
{
    const struct reference *own = NULL;
    if (rest_of(w, run.from, run)[0] == '\0')
        own = &w->reference[run.from++];
    struct json_token t = json_next(&w->reader);
    str id;
    enum status st;

    if (t.type == JSON_OBJECT && own != NULL && own->kind == REF_MEMBERS)
        return visit_list(w, own);
    if (t.type == JSON_OBJECT)
        return visit_object(w, own, go_on(w, run, "."));
    if (t.type == JSON_ARRAY)
        return visit_elements(w, go_on(w, run, "[]"));
    if (t.type == JSON_BAD)
        return invalid(w);
    if (t.type != JSON_STRING || own == NULL || own->kind == REF_MEMBERS)
        return ST_OK; /* null, mostly */
    st = decode(w, t, &id);
    return st == ST_OK ? found(w, own, (str){ 0 }, id) : st;
}

enum status refs_visit(const struct resource *r, str data, const struct ref_visitor *v,
                       struct arena *a, struct error *e)
{
    struct walk w = { .reference = r->reference, .visitor = v, .arena = a, .error = e };

    assert(r->n_references < UINT8_MAX);
    json_init(&w.reader, data);
    if (json_next(&w.reader).type != JSON_OBJECT)
        return fail(e, ST_INVALID, "the %s is not a JSON object", r->type);
    if (r->n_references == 0)
        return ST_OK;
    return visit_fields(&w, (struct run){ .to = r->n_references }, NULL);
}
