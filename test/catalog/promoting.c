#include "promoting.h"

#include <stdlib.h>

#include "catalog/file.h"

enum status promoting_begin(struct promoting *p, struct env *to, struct error *e)
{
    json_t *all = json_loads(p->from, 0, NULL), *file = catalog_export(all, false), *there = NULL;
    json_t *changes = NULL;
    enum status st = catalog_read(to, &there, e);

    if (st == ST_OK)
        st = catalog_compare(file, there, NULL, all, &changes, e);
    p->changes = changes;
    p->n = json_array_size(changes);
    json_decref(there);
    json_decref(file);
    json_decref(all);
    return st;
}

bool promoting_next(struct promoting *p)
{
    json_t *change = json_array_get(p->changes, p->at++);

    free(p->input);
    p->input = change ? json_dumps(json_object_get(change, "input"), JSON_COMPACT) : NULL;
    p->kind = json_string_value(json_object_get(change, "kind"));
    return p->input != NULL;
}

void promoting_end(struct promoting *p)
{
    free(p->input);
    json_decref(p->changes);
    p->input = NULL;
    p->changes = NULL;
}
