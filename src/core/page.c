#include "core/page.h"

#include "core/resource.h"

enum status page_open(str body, struct page *out, struct error *e)
{
    struct json_token data = json_member(body, S("data"));

    if (data.type != JSON_ARRAY)
        return fail(e, ST_INVALID, "the answer to a list request has no array \"data\"");
    out->has_more = json_bool(body, S("has_more")) == JSON_TRUE;
    json_init(&out->reader, data.text);
    (void)json_next(&out->reader); /* the '[' */
    return ST_OK;
}

enum status page_next(struct page *p, struct page_item *out, struct arena *a, struct error *e)
{
    struct json_token t = json_value(&p->reader);

    if (t.type == JSON_ARRAY_END)
        return ST_NONE;
    if (t.type != JSON_OBJECT)
        return fail(e, ST_INVALID, "a list holds something that is no object");
    str type = json_text(t.text, S("object"), a);
    *out = (struct page_item){ .type = type,
                               .id = resource_object_id(resource_by_type(type), t.text, a),
                               .data = t.text };
    if (!out->type.n || !out->id.n)
        return fail(e, ST_INVALID, "a list holds an object without \"object\" or \"id\"");
    return ST_OK;
}
