#include "core/page.h"

#include "core/resource.h"

enum status page_open(str body, struct page *out, struct error *e)
{
    static const str path[] = { { "data", 4 }, { "has_more", 8 } };
    struct json_token t[COUNT(path)];

    if (!json_paths(body, path, COUNT(path), t) || t[0].type != JSON_ARRAY)
        return fail(e, ST_INVALID, "the answer to a list request has no array \"data\"");
    out->has_more = t[1].type == JSON_TRUE;
    json_init(&out->reader, t[0].text);
    (void)json_next(&out->reader); /* the '[' */
    return ST_OK;
}

static str text_of(struct json_token t, struct arena *a)
{
    return t.type == JSON_STRING ? json_unescape(t, a) : (str){ 0 };
}

/* Nearly every object has its id in "id": it is read in the same pass as the type. */
static struct page_item item_of(str object, struct arena *a)
{
    static const str path[] = { { "object", 6 }, { "id", 2 } };
    struct json_token t[COUNT(path)];

    if (!json_paths(object, path, COUNT(path), t))
        return (struct page_item){ 0 };
    struct page_item item = { .type = text_of(t[0], a), .data = object };
    const struct resource *r = resource_by_type(item.type);
    item.id = r && r->id_field ? resource_object_id(r, object, a) : text_of(t[1], a);
    return item;
}

enum status page_next(struct page *p, struct page_item *out, struct arena *a, struct error *e)
{
    struct json_token t = json_value(&p->reader);

    if (t.type == JSON_ARRAY_END)
        return ST_NONE;
    if (t.type != JSON_OBJECT)
        return fail(e, ST_INVALID, "a list holds something that is no object");
    *out = item_of(t.text, a);
    if (!out->type.n || !out->id.n)
        return fail(e, ST_INVALID, "a list holds an object without \"object\" or \"id\"");
    return ST_OK;
}
