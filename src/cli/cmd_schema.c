#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/command.h"
#include "cli/nearest.h"
#include "cli/output.h"
#include "core/mirror/view_notes.h"
#include "core/mirror/views.h"
#include "core/resource.h"

enum { SCHEMA_BYTES_MAX = 4 << 20, NOTE_BYTES_MAX = 2048 };

static void put_text(struct json_writer *w, const char *key, const char *value)
{
    jw_key(w, str_of(key));
    jw_str(w, str_of(value));
}

/* --- one view ------------------------------------------------------------------------------ */

static void write_targets(const struct reference *ref, struct json_writer *w)
{
    str type;

    jw_key(w, S("references"));
    jw_array(w);
    for (str rest = str_of(ref->targets); rest.p;) {
        rest = str_cut(rest, '|', &type);
        jw_str(w, type);
    }
    jw_end(w);
}

static void write_column(const struct resource *r, const struct column *c, struct json_writer *w)
{
    BUF(note, NOTE_BYTES_MAX);
    const struct reference *ref = column_reference(r, c);
    char index[INDEX_NAME_MAX];

    column_note(r, c, &note);
    jw_object(w);
    put_text(w, "name", c->name);
    put_text(w, "type", column_kind_name(c->kind));
    put_text(w, "sqlite", column_sqlite_type(c->kind));
    put_text(w, "postgresql", column_pg_type(c->kind));
    put_text(w, "path", c->path);
    if (ref)
        write_targets(ref, w);
    if (c->indexed) {
        views_index_name(c, index);
        put_text(w, "index", index);
    }
    jw_put_str(w, "note", buf_str(&note));
    jw_end(w);
}

static void write_common(const struct common_column *c, struct json_writer *w)
{
    jw_object(w);
    put_text(w, "name", c->name);
    put_text(w, "sqlite", c->sqlite);
    put_text(w, "postgresql", c->pg);
    put_text(w, "note", c->note);
    jw_end(w);
}

static void write_view(const struct resource *r, struct json_writer *w)
{
    jw_object(w);
    put_text(w, "view", r->view);
    put_text(w, "type", r->type);
    jw_key(w, S("columns"));
    jw_array(w);
    for (size_t i = 0; i < common_column_count; i++)
        write_common(&common_columns[i], w);
    for (size_t i = 0; i < r->n_columns; i++)
        write_column(r, &r->column[i], w);
    jw_end(w);
    jw_key(w, S("nested"));
    jw_array(w);
    for (size_t i = 0; i < r->n_references; i++)
        if (r->reference[i].kind == REF_MEMBERS)
            jw_str(w, str_of(r->reference[i].path));
    jw_end(w);
    jw_end(w);
}

static void print_view(const struct resource *r)
{
    ARENA(a, SCHEMA_BYTES_MAX);
    struct table t = { .arena = &a,
                       .head = { "COLUMN", "SQLITE", "POSTGRESQL", "WHAT" },
                       .n_columns = 4 };
    BUF(note, NOTE_BYTES_MAX);

    view_note(r, false, &note);
    printf("%s: %.*s\n\n", r->view, STR_ARG(buf_str(&note)));
    for (size_t i = 0; i < common_column_count; i++)
        table_row(&t,
                  (const str[]){ str_of(common_columns[i].name), str_of(common_columns[i].sqlite),
                                 str_of(common_columns[i].pg), str_of(common_columns[i].note) });
    for (size_t i = 0; i < r->n_columns; i++) {
        const struct column *c = &r->column[i];
        buf_clear(&note);
        column_note(r, c, &note);
        table_row(&t, (const str[]){ str_of(c->name), str_of(column_sqlite_type(c->kind)),
                                     str_of(column_pg_type(c->kind)), buf_str(&note) });
    }
    table_print(&t, stdout);
}

/* --- all of them --------------------------------------------------------------------------- */

static void print_all(void)
{
    ARENA(a, SCHEMA_BYTES_MAX);
    struct table t = { .arena = &a,
                       .head = { "VIEW", "TYPE", "COLUMNS", "INDEXED" },
                       .right = { false, false, true, false },
                       .n_columns = 4 };

    for (size_t i = 0; i < resource_count; i++) {
        const struct resource *r = &resource_table[i];
        BUF(indexed, NOTE_BYTES_MAX);
        char n[24];
        snprintf(n, sizeof n, "%zu", r->n_columns + common_column_count);
        for (size_t k = 0; k < r->n_columns; k++)
            if (r->column[k].indexed)
                buf_printf(&indexed, "%s%s", indexed.n ? ", " : "", r->column[k].name);
        table_row(&t,
                  (const str[]){ str_of(r->view), str_of(r->type), str_of(n), buf_str(&indexed) });
    }
    table_print(&t, stdout);
}

static enum status print_json(const struct resource *only, struct error *e)
{
    for (size_t i = 0; i < resource_count; i++) {
        BUF(out, SCHEMA_BYTES_MAX);
        struct json_writer w = { .b = &out };
        if (only && only != &resource_table[i])
            continue;
        write_view(&resource_table[i], &w);
        if (out.failed)
            return fail(e, ST_LIMIT, "view %s has too many columns to be shown",
                        resource_table[i].view);
        printf("%.*s\n", STR_ARG(buf_str(&out)));
    }
    return ST_OK;
}

static const char *view_candidate(const void *ctx, size_t i)
{
    (void)ctx;
    return i < resource_count ? resource_table[i].view : NULL;
}

enum status cmd_schema(struct cli *cli, struct error *e)
{
    struct words words = { 0 };
    const struct resource *r = NULL;

    enum status st = flags_read(cli, NULL, 0, &words, e);
    if (st == ST_OK)
        st = words_check(cli, &words, 0, 1, e);
    if (st != ST_OK)
        return st;
    if (words.n_words && !(r = resource_by_name(str_of(words.word[0])))) {
        const char *meant = nearest(str_of(words.word[0]), view_candidate, NULL);
        return fail(e, ST_INVALID, "There is no view \"%.60s\"%s%s%s `brindle schema` lists them.",
                    words.word[0], meant ? "; did you mean " : ".", meant ? meant : "",
                    meant ? "?" : "");
    }
    if (cli->json)
        return print_json(r, e);
    if (r)
        print_view(r);
    else
        print_all();
    return ST_OK;
}
