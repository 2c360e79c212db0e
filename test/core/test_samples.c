/* MIRROR-11: Stripe's own sample of every type, as its OpenAPI description (MIT) has them in
 * fixtures.json, can be stored, read back, seen through its view, and what it refers to is found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/unit.h"
#include "base/buf.h"
#include "base/json.h"
#include "core/mirror/mirror.h"
#include "small_world.h"

enum { SAMPLES_MAX = 200, SAMPLES_MIN = 145, FILE_BYTES_MAX = 1 << 20, ARENA_BYTES = 1 << 20 };

struct sample {
    const struct resource *r;
    str type, id, data;
    bool deleted;
};

static struct {
    char *text;
    struct arena a;
    struct sample s[SAMPLES_MAX];
    size_t n;
} all = { .a = { .max = ARENA_BYTES } };

static str read_file(void)
{
    FILE *f = fopen(FIXTURES_FILE, "r");

    assert_non_null(f);
    all.text = malloc(FILE_BYTES_MAX);
    assert_non_null(all.text);
    size_t n = fread(all.text, 1, FILE_BYTES_MAX, f);
    assert_true(n < FILE_BYTES_MAX);
    fclose(f);
    return (str){ all.text, n };
}

/* A singleton's id is its type; nothing else without an id can be a row. */
static void add_sample(str data)
{
    struct sample s = { .data = data, .type = json_text(data, S("object"), &all.a) };

    s.r = resource_by_type(s.type);
    assert_non_null(s.r);
    s.id = s.r->flags & RES_SINGLETON ? s.type : resource_object_id(s.r, data, &all.a);
    s.deleted = json_bool(data, S("deleted")) == JSON_TRUE;
    assert_true(all.n < SAMPLES_MAX);
    if (s.id.n)
        all.s[all.n++] = s;
}

static int load(void **state)
{
    struct json_reader r;

    (void)state;
    json_init(&r, json_member(read_file(), S("objects")).text);
    assert_int_equal(json_next(&r).type, JSON_ARRAY);
    for (struct json_token t = json_value(&r); t.type == JSON_OBJECT; t = json_value(&r))
        add_sample(t.text);
    assert_true(all.n >= SAMPLES_MIN);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    arena_free(&all.a);
    free(all.text);
    return 0;
}

/* ---- a mirror of all of them --------------------------------------------------------------- */

/* As the answer to its own GET. */
static enum mirror_result put(struct small_world *w, const struct sample *s)
{
    ARENA(a, ARENA_BYTES);
    CLEANUP(tx_end) struct tx tx = { 0 };
    struct error e = { 0 };
    enum mirror_result result;
    struct answer in = { .resource = s->r,
                         .type = s->type,
                         .id = s->id,
                         .data = s->data,
                         .source = SOURCE_GET,
                         .api_version = S("v"),
                         .cause = "test" };

    assert_int_equal(tx_begin(&tx, w->world.store, TX_WRITE, &e), ST_OK);
    assert_int_equal(sequence_draw(&tx, 1, &in.ticket, &a, &e), ST_OK);
    if (mirror_put(&tx, &w->env, &in, &result, NULL, &a, &e) != ST_OK)
        fail_msg("%.*s: %s", STR_ARG(s->type), e.text);
    assert_int_equal(tx_commit(&tx, &e), ST_OK);
    return result;
}

static struct small_world *mirror_of_all(void)
{
    struct small_world *w = small_world_new();

    for (size_t i = 0; i < all.n; i++)
        if (!all.s[i].deleted)
            put(w, &all.s[i]);
    return w;
}

static void each_sample_is_read_back_as_it_came(void **state)
{
    (void)state;
    struct small_world *w = mirror_of_all();

    for (size_t i = 0; i < all.n; i++) {
        ARENA(a, ARENA_BYTES);
        const struct sample *s = &all.s[i];
        struct error e = { 0 };
        struct object got;
        if (s->deleted)
            continue;
        assert_int_equal(mirror_get(&w->env, s->type, s->id, &got, &a, &e), ST_OK);
        if (!str_eq(got.data, s->data))
            fail_msg("%.*s was changed", STR_ARG(s->type));
        assert_false(got.deleted);
    }
    small_world_free(w);
}

/* ---- its view -------------------------------------------------------------------------------- */

static void put_time(struct buf *b, int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    char text[32];

    assert_non_null(gmtime_r(&t, &tm));
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    buf_append(b, str_of(text));
}

/* "typeof|value" as the column must have it; JSON columns by their type alone: what is secret is
 * not in them. */
static void expect(const struct column *c, str data, struct buf *b)
{
    ARENA(a, ARENA_BYTES);
    struct json_token t = json_path(data, str_of(c->path));
    int64_t n = 0;

    if (t.type == JSON_NULL || t.type == JSON_END) {
        buf_append(b, S("null|"));
        return;
    }
    switch (c->kind) {
    case COL_TEXT: buf_printf(b, "text|%.*s", STR_ARG(json_unescape(t, &a))); return;
    case COL_REF:
        buf_printf(
            b, "text|%.*s",
            STR_ARG(t.type == JSON_OBJECT ? json_text(t.text, S("id"), &a) : json_unescape(t, &a)));
        return;
    case COL_INT: buf_printf(b, "integer|%.*s", STR_ARG(t.text)); return;
    case COL_BOOL: buf_printf(b, "integer|%d", t.type == JSON_TRUE); return;
    case COL_TIME:
        assert_true(str_to_int(t.text, &n));
        buf_append(b, S("text|"));
        put_time(b, n);
        return;
    case COL_NUMBER: buf_append(b, S("number")); return;
    case COL_JSON: buf_append(b, S("text")); return;
    }
}

static void check_column(struct small_world *w, const struct sample *s, const struct column *c)
{
    BUF(sql, 1024);
    BUF(want, ARENA_BYTES);

    expect(c, s->data, &want);
    buf_printf(&sql,
               "select case when t in ('real', 'integer') and %d then 'number' else t end || case "
               "when %d then '' else '|' || coalesce(v, '') end from (select typeof(\"%s\") as t, "
               "\"%s\" as v from \"%s\" where id = '%.*s')",
               c->kind == COL_NUMBER, c->kind >= COL_JSON, c->name, c->name, s->r->view,
               STR_ARG(s->id));
    buf_char(&sql, '\0');
    buf_char(&want, '\0');
    const char *have = ask_text(w, sql.p);
    bool is_null = strcmp(want.p, "null|") == 0 && strncmp(have, "null", 4) == 0;
    if (strcmp(have, want.p) != 0 && !is_null)
        fail_msg("%s.%s is %s and not %s", s->r->view, c->name, have, want.p);
}

static void each_sample_is_seen_through_its_view(void **state)
{
    (void)state;
    struct small_world *w = mirror_of_all();
    size_t columns = 0;

    for (size_t i = 0; i < all.n; i++) {
        const struct sample *s = &all.s[i];
        for (size_t k = 0; k < s->r->n_columns && !s->deleted; k++, columns++)
            check_column(w, s, &s->r->column[k]);
    }
    assert_true(columns > 1000);
    small_world_free(w);
}

/* ---- what it refers to --------------------------------------------------------------------- */

/* Where an id stands that is no reference of this object. */
static const struct {
    const char *from, *to;
} no_reference[] = {
    { "event", "plan" }, /* a signal: what it holds is a copy */
    { "event", "product" },
    { "file", "file_link" }, /* a list that may not show all of them; they have one of their own */
    { "item", "product" },   /* of the copy of a price; the price itself refers to it */
    { "subscription", "product" },
    { "subscription_item", "product" },
    { "issuing.authorization", "issuing.cardholder" }, /* of the copy of a card */
};

static bool is_reference(str from, str to)
{
    for (size_t i = 0; i < COUNT(no_reference); i++)
        if (str_eqz(from, no_reference[i].from) && str_eqz(to, no_reference[i].to))
            return false;
    return true;
}

/* One that is alive; of any type, unless one is named. */
static const struct sample *sample_of(str type, str id)
{
    for (size_t i = 0; i < all.n; i++)
        if (!all.s[i].deleted && str_eq(all.s[i].id, id) &&
            (!type.n || str_eq(all.s[i].type, type)))
            return &all.s[i];
    return NULL;
}

/* Does the object, or a member of one of its lists, refer to it? */
static bool refers(struct small_world *w, const struct sample *s, str id)
{
    BUF(sql, 1024);

    buf_printf(&sql,
               "select exists (select 1 from _refs where to_id = '%.*s' and (from_id = '%.*s' or "
               "from_id in (select to_id from _refs where from_id = '%.*s' and member = 1)))",
               STR_ARG(id), STR_ARG(s->id), STR_ARG(s->id));
    buf_char(&sql, '\0');
    return ask_int(w, sql.p) != 0;
}

/* Every id of another sample that stands anywhere in this one. */
static size_t check_references(struct small_world *w, const struct sample *s)
{
    ARENA(a, ARENA_BYTES);
    struct json_reader r;
    struct json_token t;
    size_t n = 0;

    json_init(&r, s->data);
    for (t = json_next(&r); t.type != JSON_END && t.type != JSON_BAD; t = json_next(&r)) {
        str id = t.type == JSON_STRING ? json_unescape(t, &a) : (str){ 0 };
        const struct sample *other = str_find(id, '_') < id.n ? sample_of((str){ 0 }, id) : NULL;
        if (!other || str_eq(id, s->id) || str_eqz(id, "obj_123"))
            continue; /* obj_123 is everybody's name */
        n++;
        if (refers(w, s, id) != is_reference(s->type, other->type))
            fail_msg("%.*s: %.*s %.*s", STR_ARG(s->type), STR_ARG(other->type), STR_ARG(id));
    }
    return n;
}

static void each_id_in_a_sample_is_found_as_a_reference(void **state)
{
    (void)state;
    struct small_world *w = mirror_of_all();
    size_t n = 0;

    for (size_t i = 0; i < all.n; i++)
        if (!all.s[i].deleted)
            n += check_references(w, &all.s[i]);
    assert_true(n > 50);
    small_world_free(w);
}

/* ---- its end ------------------------------------------------------------------------------- */

static void each_deleted_stub_makes_a_tombstone(void **state)
{
    (void)state;
    struct small_world *w = mirror_of_all();
    size_t n = 0;

    for (size_t i = 0; i < all.n; i++) {
        const struct sample *s = &all.s[i];
        BUF(sql, 1024);
        if (!s->deleted)
            continue;
        bool known = sample_of(s->type, s->id) != NULL;
        assert_int_equal(put(w, s), MIRROR_DELETED);
        buf_printf(
            &sql,
            "select (select count(*) from \"%s\" where id = '%.*s') || ' ' || deleted || ' ' "
            "|| (data not like '%%\"deleted\":true%%') from \"%s_all\" where id = '%.*s'",
            s->r->view, STR_ARG(s->id), s->r->view, STR_ARG(s->id));
        buf_char(&sql, '\0');
        if (strcmp(ask_text(w, sql.p), known ? "0 1 1" : "0 1 0") != 0)
            fail_msg("%.*s %.*s: %s", STR_ARG(s->type), STR_ARG(s->id), ask_text(w, sql.p));
        n++;
    }
    assert_true(n > 20);
    small_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sample_is_read_back_as_it_came),
        cmocka_unit_test(each_sample_is_seen_through_its_view),
        cmocka_unit_test(each_id_in_a_sample_is_found_as_a_reference),
        cmocka_unit_test(each_deleted_stub_makes_a_tombstone),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
