/* MIRROR-03: objects that refer to each other in a ring, in every order in which Stripe may tell of
 * them. The mirror is the same in the end, and whole. */
#include "core/path.h"
#include "core/resource.h"
#include "small_world.h"

#include "backend/unit.h"
#include "base/buf.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

enum { RING_MAX = 3, OBJECT_BYTES_MAX = 4096, RINGS = 57 + 65, LOOKS_MAX = 10, PAUSE_MS = 3000 };

static const char *const ring_of[][RING_MAX] = {
#define CYCLE(...) { __VA_ARGS__ },
#include "cycles.def"
#undef CYCLE
};

/* Types that this program knows nothing of: their objects are kept as they come and never fetched.
 */
static bool is_known(const char *type)
{
    return resource_by_type(str_of(type)) != NULL;
}

/* What the declarations call a reference and the table does not, on purpose. */
static const struct {
    const char *from, *to;
} not_followed[] = {
    { "customer", "subscription" }, /* the list is only sent when expanded; it has one of its own */
    { "file", "file_link" },        /* nobody says whether the list shows those that expired */
    { "payment_method", "tax_id" }, /* boleto.tax_id is a number of the state's, and no id */
};

static bool is_followed(const char *from, const char *to)
{
    for (size_t i = 0; i < COUNT(not_followed); i++)
        if (strcmp(not_followed[i].from, from) == 0 && strcmp(not_followed[i].to, to) == 0)
            return false;
    return true;
}

struct node {
    const struct resource *r;
    const struct reference *to_next; /* NULL: not followed */
    char id[64], path[128];
    char text[OBJECT_BYTES_MAX];
};

struct ring {
    struct node node[RING_MAX];
    size_t n;
};

static size_t length_of(const char *const type[RING_MAX])
{
    return type[2] ? 3 : 2;
}

/* ---- what each object looks like ---------------------------------------------------------- */

static bool is_among(const char *targets, const char *type)
{
    for (str rest = str_of(targets), one; rest.p;) {
        rest = str_cut(rest, '|', &one);
        if (str_eqz(one, type))
            return true;
    }
    return false;
}

/* Certain ones first. */
static const struct reference *reference_to(const struct resource *from, const char *type)
{
    const struct reference *guess = NULL;

    for (size_t i = 0; i < from->n_references; i++) {
        const struct reference *ref = &from->reference[i];
        if (!is_among(ref->targets, type))
            continue;
        if (ref->kind != REF_GUESS)
            return ref;
        guess = guess ? guess : ref;
    }
    return guess;
}

/* The first prefix of the type, and what is the same in a whole round. */
static void name_node(struct node *n, size_t round, size_t k)
{
    str prefix;

    (void)str_cut(str_of(n->r->prefixes), ' ', &prefix);
    snprintf(n->id, sizeof n->id, "%.*sr%zun%zu", STR_ARG(prefix), round, k);
}

/* A value at the end of a path of the table; behind an opened object. */
static void put_path(struct buf *b, const char *path, str value)
{
    size_t n = strcspn(path, ".[");
    const char *rest = path + n;
    size_t elements = strspn(rest, "[]");

    buf_printf(b, "\"%.*s\":%s", (int)n, path, elements ? "[" : "");
    if (rest[elements] == '.') {
        buf_char(b, '{');
        put_path(b, rest + elements + 1, value);
        buf_char(b, '}');
    } else {
        buf_append(b, value);
    }
    buf_append(b, elements ? S("]") : S(""));
}

/* `depth`: how many lists this object is a member of. */
static void write_node(const struct ring *ring, size_t k, unsigned depth, struct buf *out)
{
    const struct node *n = &ring->node[k], *next = &ring->node[(k + 1) % ring->n];
    BUF(value, OBJECT_BYTES_MAX);

    assert_true(depth < RING_MAX);
    buf_append(out, S("{"));
    if (!n->r->id_field)
        buf_printf(out, "\"id\":\"%s\",", n->id);
    buf_printf(out, "\"object\":\"%s\"", n->r->type);
    if (!n->to_next) {
        buf_char(out, '}');
        return;
    }
    switch (n->to_next->kind) {
    case REF_ID:
    case REF_GUESS:
    case REF_SILENT: buf_printf(&value, "\"%s\"", next->id); break;
    case REF_COPY:
        buf_printf(&value, "{\"id\":\"%s\",\"object\":\"%s\"}", next->id, next->r->type);
        break;
    case REF_MEMBERS:
        buf_append(&value, S("{\"object\":\"list\",\"data\":["));
        write_node(ring, (k + 1) % ring->n, depth + 1, &value);
        buf_append(&value, S("],\"has_more\":false,\"url\":\"/v1/x\"}"));
        break;
    }
    buf_char(out, ',');
    put_path(out, n->to_next->path, buf_str(&value));
    buf_char(out, '}');
    assert_false(value.failed || out->failed);
}

/* False: the table of resources does not have a reference of the ring, or has one it should not. */
static bool ring_make(struct ring *ring, const char *const type[RING_MAX], size_t round)
{
    ARENA(a, 4096);

    *ring = (struct ring){ .n = length_of(type) };
    for (size_t k = 0; k < ring->n; k++) {
        struct node *n = &ring->node[k];
        n->r = resource_by_type(str_of(type[k]));
        n->to_next = reference_to(n->r, type[(k + 1) % ring->n]);
        if (is_followed(type[k], type[(k + 1) % ring->n]) != (n->to_next != NULL))
            return false;
        name_node(n, round, k);
    }
    for (size_t k = 0; k < ring->n; k++) /* one without an id of its own has its owner's */
        if (ring->node[k].r->id_field)
            memcpy(ring->node[k].id, ring->node[(k + 1) % ring->n].id, sizeof ring->node[k].id);
    for (size_t k = 0; k < ring->n; k++) {
        struct node *n = &ring->node[k];
        BUF(text, OBJECT_BYTES_MAX);
        write_node(ring, k, 0, &text);
        snprintf(n->text, sizeof n->text, "%.*s", STR_ARG(buf_str(&text)));
        if (resource_fetchable(n->r))
            snprintf(n->path, sizeof n->path, "%.*s",
                     STR_ARG(path_object(n->r, str_of(n->id), "acct_1", &a)));
    }
    return true;
}

/* ---- one arrival -------------------------------------------------------------------------- */

/* The i-th order of n things. */
static void order_of(size_t i, size_t n, size_t out[RING_MAX])
{
    static const size_t of_three[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                           { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

    for (size_t k = 0; k < n; k++)
        out[k] = n == 3 ? of_three[i][k] : k ^ i;
}

static bool is_left(struct small_world *w)
{
    return ask_int(w, "select exists (select 1 from _due where done_gen < gen)");
}

static void answer_all(struct small_world *w, const struct ring *ring)
{
    for (size_t k = 0; k < ring->n; k++)
        if (*ring->node[k].path)
            script(w, ring->node[k].path, 200, ring->node[k].text);
}

static void work_to_the_end(struct small_world *w)
{
    work_off(w);
    for (int i = 0; i < LOOKS_MAX && is_left(w); i++) { /* what is not there is looked at again */
        pass(w, PAUSE_MS);
        work_off(w);
    }
}

static void arrive(struct small_world *w, const struct ring *ring, size_t order, bool at_once)
{
    size_t at[RING_MAX];

    w->n_asked = 0;
    answer_all(w, ring);
    order_of(order, ring->n, at);
    for (size_t i = 0; i < ring->n; i++) {
        deliver_body(w, "", "thing.updated", ring->node[at[i]].text);
        if (!at_once)
            work_off(w);
    }
    work_to_the_end(w);
}

/* ---- what must hold ----------------------------------------------------------------------- */

/* Is its object a row whatever the order? Not so what only stands inside of another one. */
static bool has_row(const struct ring *ring, size_t k)
{
    const struct node *n = &ring->node[k], *before = &ring->node[(k + ring->n - 1) % ring->n];

    return resource_fetchable(n->r) || (before->to_next && before->to_next->kind == REF_MEMBERS &&
                                        resource_fetchable(before->r));
}

static void check_node(struct small_world *w, const struct ring *ring, size_t k, const char *what)
{
    const struct node *n = &ring->node[k], *next = &ring->node[(k + 1) % ring->n];
    char sql[512];

    if (!has_row(ring, k))
        return;
    snprintf(sql, sizeof sql,
             "select data from objects where type = '%s' and id = '%s' and "
             "deleted = 0 and open_lists = 0",
             n->r->type, n->id);
    if (strcmp(ask_text(w, sql), n->text) != 0)
        fail_msg("%s: %s is %s and not %s", what, n->id, ask_text(w, sql), n->text);
    snprintf(sql, sizeof sql,
             "select count(*) from _refs where from_type = '%s' and from_id = '%s' "
             "and to_type = '%s' and to_id = '%s'",
             n->r->type, n->id, next->r->type, next->id);
    if (n->to_next && ask_int(w, sql) != 1)
        fail_msg("%s: %s does not refer to %s", what, n->id, next->id);
    if (*n->path && asked(w, n->path) > 2)
        fail_msg("%s: %s was asked for %zu times", what, n->path, asked(w, n->path));
}

/* How many rows a round has left. */
static int64_t check_round(struct small_world *w, const struct ring *ring, size_t round,
                           const char *what)
{
    char sql[128];

    for (size_t k = 0; k < ring->n; k++)
        check_node(w, ring, k, what);
    if (is_left(w))
        fail_msg("%s: work is left: %s", what,
                 ask_text(w,
                          "select type || ' ' || id || ' ' || coalesce(last_error, '') from _due "
                          "where done_gen < gen"));
    snprintf(sql, sizeof sql, "select count(*) from objects where id like '%%r%zun_'", round);
    return ask_int(w, sql);
}

/* From the one that was told of along its references: as far as they are certain and lead to what
 * has an address of its own, or came as a member. */
static void check_reached(struct small_world *w, const struct ring *ring, size_t first,
                          const char *what)
{
    for (size_t i = 0; i < ring->n; i++) {
        const struct node *n = &ring->node[(first + i) % ring->n];
        if (i == 0 && !*n->path)
            return;
        check_node(w, ring, (first + i) % ring->n, what);
        const struct resource *next = ring->node[(first + i + 1) % ring->n].r;
        if (!n->to_next || n->to_next->kind == REF_GUESS ||
            (n->to_next->kind != REF_MEMBERS && !resource_fetchable(next)))
            return;
    }
}

static bool is_whole(const char *const type[RING_MAX])
{
    for (size_t k = 0; k < length_of(type); k++)
        if (!is_known(type[k]))
            return false;
    return true;
}

struct stand {
    struct small_world *w;
    size_t n_script, round;
};

static void name_what(char what[256], const char *const type[RING_MAX], const char *how, size_t i)
{
    snprintf(what, 256, "%s %s %s, %s %zu", type[0], type[1], type[2] ? type[2] : "", how, i);
}

static void each_order(struct stand *s, const char *const type[RING_MAX])
{
    const size_t orders = length_of(type) == 2 ? 2 : 6;
    int64_t rows = 0;

    for (size_t i = 0; i < 2 * orders; i++) {
        struct ring ring;
        char what[256];
        name_what(what, type, i < orders ? "at once, order" : "order", i % orders);
        if (!ring_make(&ring, type, s->round))
            fail_msg("%s: the table of resources has another reference", what);
        arrive(s->w, &ring, i % orders, i < orders);
        int64_t left = check_round(s->w, &ring, s->round++, what);
        if (i && left != rows)
            fail_msg("%s: %lld rows and not %lld", what, (long long)left, (long long)rows);
        rows = left;
        s->w->n_script = s->n_script;
    }
}

static void only_one_is_told_of(struct stand *s, const char *const type[RING_MAX])
{
    for (size_t k = 0; k < length_of(type); k++) {
        struct ring ring;
        char what[256];
        name_what(what, type, "only", k);
        assert_true(ring_make(&ring, type, s->round++));
        s->w->n_asked = 0;
        answer_all(s->w, &ring);
        deliver_body(s->w, "", "thing.updated", ring.node[k].text);
        work_to_the_end(s->w);
        check_reached(s->w, &ring, k, what);
        s->w->n_script = s->n_script;
    }
}

static void rings_of(size_t length, void (*play)(struct stand *s, const char *const type[RING_MAX]))
{
    struct stand s = { .w = small_world_new() };
    size_t rings = 0;

    s.n_script = s.w->n_script;
    for (size_t i = 0; i < COUNT(ring_of); i++) {
        if (length_of(ring_of[i]) != length || !is_whole(ring_of[i]))
            continue;
        rings++;
        play(&s, ring_of[i]);
    }
    assert_true(rings >= (length == 2 ? 50 : 55));
    small_world_free(s.w);
}

static void two_that_refer_to_each_other_end_the_same_in_every_order(void **state)
{
    (void)state;
    rings_of(2, each_order);
}

static void three_that_refer_to_each_other_end_the_same_in_every_order(void **state)
{
    (void)state;
    rings_of(3, each_order);
}

static void one_that_is_told_of_brings_all_that_it_refers_to(void **state)
{
    (void)state;
    rings_of(2, only_one_is_told_of);
    rings_of(3, only_one_is_told_of);
}

static void the_table_of_rings_is_whole(void **state)
{
    (void)state;
    assert_int_equal(COUNT(ring_of), RINGS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_rings_is_whole),
        cmocka_unit_test(two_that_refer_to_each_other_end_the_same_in_every_order),
        cmocka_unit_test(one_that_is_told_of_brings_all_that_it_refers_to),
        cmocka_unit_test(three_that_refer_to_each_other_end_the_same_in_every_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
