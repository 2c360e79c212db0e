#include "emulator/points.h"

#include "emulator/journal.h"

#include <string.h>

static const struct {
    const char *name, *ways;
} info[POINT_COUNT] = {
#define POINT(id, name, ways, about) [id] = { name, ways },
#include "emulator/points.def"
#undef POINT
};

/* The nth word; {NULL, 0} behind the last. */
static str way(enum point p, unsigned n)
{
    str rest = str_of(info[p].ways), word = { 0 };

    for (unsigned i = 0; i <= n; i++) {
        if (!rest.p)
            return (str){ 0 };
        rest = str_cut(rest, ' ', &word);
    }
    return word;
}

bool point_is(const struct emulator *e, enum point p, const char *word)
{
    return str_eqz(way(p, e->point[p]), word);
}

enum status point_set(struct emulator *e, str spec, struct error *err)
{
    str name, want = str_cut(spec, '=', &name);

    for (enum point p = 0; p < POINT_COUNT; p++) {
        if (!str_eqz(name, info[p].name))
            continue;
        for (unsigned i = 0; way(p, i).p; i++) {
            if (str_eq(way(p, i), want)) {
                e->point[p] = (unsigned char)i;
                return ST_OK;
            }
        }
        return fail(err, ST_INVALID, "%s goes one of these ways: %s; '%.*s' is none of them",
                    info[p].name, info[p].ways, STR_ARG(want));
    }
    return fail(err, ST_INVALID, "'%.*s' is no open point; they are P-1 to P-%d, written P-5=no",
                STR_ARG(name), POINT_COUNT);
}

enum status emulator_assume(struct emulator *e, str spec, struct error *err)
{
    unsigned char before[POINT_COUNT];

    memcpy(before, e->point, sizeof before);
    enum status st = point_set(e, spec, err);
    if (st == ST_OK && memcmp(before, e->point, sizeof before) != 0)
        journal_point(e, spec);
    return st;
}

json_t *points_document(const struct emulator *e)
{
    json_t *v = json_object();

    for (enum point p = 0; p < POINT_COUNT; p++)
        set_str(v, info[p].name, way(p, e->point[p]));
    return v;
}
