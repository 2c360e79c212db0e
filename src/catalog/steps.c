#include "catalog/steps.h"

#include <stdio.h>
#include <string.h>

#include "base/url.h"

enum { TEXT_BYTES_MAX = 64 << 10 };

static const char *const kind_name[] = {
    [STEP_PRODUCT_CREATE] = "product.create",
    [STEP_PRODUCT_UPDATE] = "product.update",
    [STEP_PRODUCT_DELETE] = "product.delete",
    [STEP_PRICE_CREATE] = "price.create",
    [STEP_PRICE_UPDATE] = "price.update",
    [STEP_CONFIRM] = "confirm",
    [STEP_VERIFY] = "verify",
};

const char *step_kind_name(enum step_kind k)
{
    return kind_name[k];
}

bool step_creates(enum step_kind k)
{
    return k == STEP_PRODUCT_CREATE || k == STEP_PRICE_CREATE;
}

bool step_reads(enum step_kind k)
{
    return k == STEP_CONFIRM || k == STEP_VERIFY;
}

bool step_on_price(enum step_kind k)
{
    return k == STEP_PRICE_CREATE || k == STEP_PRICE_UPDATE;
}

static struct json_token element(str array, int64_t index)
{
    struct json_reader r;

    json_init(&r, array);
    json_next(&r);
    for (struct json_token t = json_value(&r); t.type != JSON_ARRAY_END && t.type != JSON_BAD;
         t = json_value(&r))
        if (index-- == 0)
            return t;
    return (struct json_token){ .type = JSON_END };
}

/* ---- plans --------------------------------------------------------------------------------- */

struct step *plan_add(struct op_plan *p, enum step_kind kind, str target)
{
    if (p->n == STEPS_MAX)
        return NULL;
    p->step[p->n] = (struct step){ .kind = kind, .target = target };
    return &p->step[p->n++];
}

void plan_note(struct op_plan *p, str note)
{
    if (p->n_notes < NOTES_MAX)
        p->note[p->n_notes++] = note;
}

static void write_pairs(struct json_writer *w, const char *key, const struct pairs *p)
{
    jw_key(w, str_of(key));
    jw_array(w);
    for (size_t i = 0; i < p->n; i++) {
        jw_array(w);
        jw_str(w, p->at[i].name);
        jw_str(w, p->at[i].value);
        jw_end(w);
    }
    jw_end(w);
}

static void write_text(struct json_writer *w, const char *key, str text)
{
    if (!text.n)
        return;
    jw_key(w, str_of(key));
    jw_str(w, text);
}

static void write_flag(struct json_writer *w, const char *key, bool on)
{
    if (!on)
        return;
    jw_key(w, str_of(key));
    jw_bool(w, true);
}

static void write_step(struct json_writer *w, const struct step *s)
{
    jw_object(w);
    jw_key(w, S("do"));
    jw_str(w, str_of(step_kind_name(s->kind)));
    write_text(w, "target", s->target);
    write_pairs(w, "set", &s->set);
    write_text(w, "is", s->is);
    write_text(w, "until", s->until);
    write_text(w, "undo_target", s->undo_target);
    if (s->undo_target.n)
        write_pairs(w, "undo", &s->undo);
    write_text(w, "undo_needs", s->undo_needs);
    write_text(w, "mend", s->mend);
    write_flag(w, "no_way_back", s->no_way_back);
    write_flag(w, "gone_is_done", s->gone_is_done);
    jw_end(w);
}

void plan_write(const struct op_plan *p, struct json_writer *w)
{
    jw_object(w);
    jw_key(w, S("product"));
    jw_str(w, p->product.p ? p->product : S(""));
    write_flag(w, "own", p->own);
    jw_key(w, S("notes"));
    jw_array(w);
    for (size_t i = 0; i < p->n_notes; i++)
        jw_str(w, p->note[i]);
    jw_end(w);
    jw_key(w, S("steps"));
    jw_array(w);
    for (size_t i = 0; i < p->n; i++)
        write_step(w, &p->step[i]);
    jw_end(w);
    jw_end(w);
}

static enum status unreadable(struct error *e)
{
    return fail(e, ST_INVALID, "the plan of the operation cannot be read");
}

static enum status read_pairs(str step, const char *key, struct pairs *out, struct arena *a,
                              struct error *e)
{
    struct json_token list = json_member(step, str_of(key));
    struct json_reader r;
    enum status st = ST_OK;

    if (list.type == JSON_END)
        return ST_OK;
    if (list.type != JSON_ARRAY)
        return unreadable(e);
    json_init(&r, list.text);
    json_next(&r);
    for (struct json_token t = json_value(&r); st == ST_OK && t.type == JSON_ARRAY;
         t = json_value(&r)) {
        struct json_token name = element(t.text, 0), value = element(t.text, 1);
        if (name.type != JSON_STRING || value.type != JSON_STRING)
            return unreadable(e);
        st = pairs_add(out, json_unescape(name, a), json_unescape(value, a), a, e);
    }
    return st;
}

static enum status read_step(str json, struct step *s, struct arena *a, struct error *e)
{
    str name = json_text(json, S("do"), a);
    size_t kind = 0;

    while (kind < COUNT(kind_name) && !str_eqz(name, kind_name[kind]))
        kind++;
    if (kind == COUNT(kind_name))
        return unreadable(e);
    *s = (struct step){ .kind = (enum step_kind)kind,
                        .target = json_text(json, S("target"), a),
                        .is = json_text(json, S("is"), a),
                        .until = json_text(json, S("until"), a),
                        .undo_target = json_text(json, S("undo_target"), a),
                        .undo_needs = json_text(json, S("undo_needs"), a),
                        .mend = json_text(json, S("mend"), a),
                        .no_way_back = json_bool(json, S("no_way_back")) == JSON_TRUE,
                        .gone_is_done = json_bool(json, S("gone_is_done")) == JSON_TRUE };
    enum status st = read_pairs(json, "set", &s->set, a, e);
    return st == ST_OK ? read_pairs(json, "undo", &s->undo, a, e) : st;
}

enum status plan_read(str json, struct op_plan *out, struct arena *a, struct error *e)
{
    struct json_reader r;
    struct json_token t;

    *out = (struct op_plan){ 0 };
    if (!json_valid(json))
        return unreadable(e);
    out->product = json_text(json, S("product"), a);
    out->own = json_bool(json, S("own")) == JSON_TRUE;
    struct json_token notes = json_member(json, S("notes"));
    struct json_token steps = json_member(json, S("steps"));
    if (notes.type != JSON_ARRAY || steps.type != JSON_ARRAY)
        return unreadable(e);
    json_init(&r, notes.text);
    json_next(&r);
    for (t = json_next(&r); t.type == JSON_STRING; t = json_next(&r))
        plan_note(out, json_unescape(t, a));
    json_init(&r, steps.text);
    json_next(&r);
    for (t = json_value(&r); t.type == JSON_OBJECT; t = json_value(&r)) {
        if (out->n == STEPS_MAX)
            return fail(e, ST_LIMIT, "an operation has at most %d steps", STEPS_MAX);
        enum status st = read_step(t.text, &out->step[out->n++], a, e);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

/* ---- "@n" ---------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

str step_text(str text, const str *made, struct arena *a)
{
    BUF(b, TEXT_BYTES_MAX);

    if (str_find(text, '@') == text.n)
        return text;
    for (size_t i = 0; i < text.n; i++) {
        size_t number = 0, at = i + 1;
        /* An address of mail in a name is none of ours: a reference stands behind no letter. */
        bool begins = text.p[i] == '@' && (i == 0 || text.p[i - 1] == ' ');
        while (begins && at < text.n && is_digit(text.p[at]) && number <= STEPS_MAX)
            number = number * 10 + (size_t)(text.p[at++] - '0');
        if (at == i + 1 || number == 0 || number > STEPS_MAX) {
            buf_char(&b, text.p[i]);
            continue;
        }
        buf_append(&b, made && made[number].n ? made[number] : S("(new)"));
        i = at - 1;
    }
    return b.failed ? (str){ 0 } : arena_copy(a, buf_str(&b));
}

/* Only a value that is nothing but a reference is one: a nickname may begin with "@1". */
static str filled(str value, const str *made, struct arena *a)
{
    int64_t number;

    if (value.n < 2 || value.p[0] != '@' || !str_to_int(str_sub(value, 1, value.n), &number) ||
        number < 1 || number > STEPS_MAX)
        return value;
    return step_text(value, made, a);
}

/* The only parameters that take the id of something. */
static bool takes_id(str name)
{
    return str_eqz(name, "default_price") || str_eqz(name, "product");
}

struct pairs pairs_filled(const struct pairs *p, const str *made, struct arena *a)
{
    struct pairs out = { .n = p->n, .room = p->n };

    out.at = p->n ? arena_alloc(a, p->n * sizeof *out.at) : NULL;
    if (!out.at)
        return (struct pairs){ 0 };
    for (size_t i = 0; i < p->n; i++)
        out.at[i] =
            (struct pair){ p->at[i].name, takes_id(p->at[i].name) ? filled(p->at[i].value, made, a)
                                                                  : p->at[i].value };
    return out;
}

str step_path(const struct step *s, const str *made, const char **method, struct arena *a)
{
    const char *base = step_on_price(s->kind) ? "/v1/prices" : "/v1/products";

    *method = s->kind == STEP_PRODUCT_DELETE ? "DELETE" : step_reads(s->kind) ? "GET" : "POST";
    if (!s->target.n)
        return str_of(base);
    str id = filled(s->target, made, a);
    if (str_eqz(id, "(new)")) /* for people: nothing is sent there */
        return arena_printf(a, "%s/(new)", base);
    return arena_printf(a, "%s/%.*s", base, STR_ARG(url_escape_in(a, id)));
}
