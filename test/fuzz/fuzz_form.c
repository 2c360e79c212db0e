/* fuzz_form.c - any bytes as a form. What is read and written again, escaped, reads the same. */
#include <string.h>

#include "base/buf.h"
#include "base/url.h"
#include "fuzz.h"
#include "net/form.h"

enum { SCRATCH_BYTES = 8 << 20 };

static void check_pair(const struct form_pair *p)
{
    size_t n = 0;

    must(p->n_parts >= 1 && p->n_parts <= FORM_DEPTH_MAX, "a name has parts");
    must(p->part[0].n > 0, "the first part is not empty");
    must(!memchr(p->name.p, 0, p->name.n) && (!p->value.n || !memchr(p->value.p, 0, p->value.n)),
         "no byte 0");
    for (unsigned i = 0; i < p->n_parts; i++) {
        must(str_find(p->part[i], '[') == p->part[i].n, "a part holds no opening bracket");
        must(str_find(p->part[i], ']') == p->part[i].n, "a part holds no closing bracket");
        n += p->part[i].n + (i ? 2 : 0);
    }
    must(n == p->name.n, "the parts and their brackets are the name");
}

static void write_again(struct buf *b, const struct form *f)
{
    for (size_t i = 0; i < f->n; i++) {
        buf_append(b, i ? S("&") : S(""));
        url_escape(b, f->pair[i].name);
        buf_char(b, '=');
        url_escape(b, f->pair[i].value);
    }
}

static void check_same(const struct form *f, const struct form *g)
{
    must(f->n == g->n, "as many pairs");
    for (size_t i = 0; i < f->n; i++) {
        must(str_eq(f->pair[i].name, g->pair[i].name), "the same name");
        must(str_eq(f->pair[i].value, g->pair[i].value), "the same value");
        must(form_get(f, f->pair[i].name).p != NULL, "a name that is there is found");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA(a, SCRATCH_BYTES);
    BUF(again, SCRATCH_BYTES);
    struct error e = { 0 };
    struct form f = { 0 }, g = { 0 };

    enum status st = form_parse((str){ (const char *)data, size }, &f, &a, &e);
    must(st == ST_OK || st == ST_INVALID || st == ST_LIMIT, "a status that is promised");
    must((st == ST_OK) == (e.text[0] == 0), "a refusal has a reason");
    if (st != ST_OK)
        return 0;
    for (size_t i = 0; i < f.n; i++)
        check_pair(&f.pair[i]);
    write_again(&again, &f);
    must(!again.failed, "memory to write it again");
    must(form_parse(buf_str(&again), &g, &a, &e) == ST_OK, "what was written reads again");
    check_same(&f, &g);
    return 0;
}
