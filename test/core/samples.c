#include "samples.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/unit.h"
#include "base/json.h"

enum { FILE_BYTES_MAX = 1 << 20 };

/* Kept until the end of the program; empty when there is no such file. */
static str file_text(const char *path)
{
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return (str){ 0 };
    char *text = malloc(FILE_BYTES_MAX);
    assert_non_null(text);
    size_t n = fread(text, 1, FILE_BYTES_MAX, f);
    assert_true(n < FILE_BYTES_MAX);
    fclose(f);
    return (str){ text, n };
}

static str our_samples(void)
{
    static str text;
    if (text.n == 0)
        text = file_text(SAMPLES_FILE);
    assert_true(json_valid(text));
    return text;
}

static str their_samples(void)
{
    const char *folder = getenv("BRINDLE_FACTS");
    static str text;
    char path[4096];
    if (folder == NULL || text.n > 0)
        return text;
    snprintf(path, sizeof path, "%s/fixtures3.json", folder);
    text = file_text(path);
    assert_true(json_valid(text));
    return text;
}

/* Elements of an array, or members of an object. */
static void each_in(str text, str name, void (*see)(void *, str, str, str), void *ctx)
{
    struct json_reader r;
    if (text.n == 0)
        return;
    json_init(&r, json_member(text, name).text);
    bool keys = json_next(&r).type == JSON_OBJECT;
    for (;;) {
        ARENA(a, 4096);
        if (keys && json_next(&r).type != JSON_KEY)
            return;
        struct json_token t = json_value(&r);
        if (t.type == JSON_ARRAY_END)
            return;
        see(ctx, json_text(t.text, S("object"), &a), json_text(t.text, S("id"), &a), t.text);
    }
}

void samples_each(void (*see)(void *ctx, str type, str id, str data), void *ctx)
{
    each_in(our_samples(), S("objects"), see, ctx);
    each_in(their_samples(), S("resources"), see, ctx);
}

struct wanted {
    const char *id;
    str data;
};

static void look(void *ctx, str type, str id, str data)
{
    struct wanted *w = ctx;
    (void)type;
    if (str_eqz(id, w->id))
        w->data = data;
}

str sample(const char *id)
{
    struct wanted w = { .id = id };
    each_in(our_samples(), S("objects"), look, &w);
    assert_true(w.data.n > 0);
    return w.data;
}
