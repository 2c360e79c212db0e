#include "core/path.h"

#include "base/url.h"

#include <string.h>

enum { PATH_BYTES_MAX = 4096 };

str path_fill(const char *path, str id, str parent, struct arena *a)
{
    BUF(b, PATH_BYTES_MAX);

    for (str rest = str_of(path), piece; rest.p;) {
        rest = str_cut(rest, '{', &piece);
        buf_append(&b, piece);
        if (!rest.p)
            break;
        str name;
        rest = str_cut(rest, '}', &name);
        assert(str_eq(name, S("id")) || str_eq(name, S("parent")));
        url_escape(&b, str_eq(name, S("id")) ? id : parent);
    }
    return b.failed ? (str){ 0 } : arena_copy(a, buf_str(&b));
}

str path_expand(const char *fields, const char *prefix, struct arena *a)
{
    BUF(b, PATH_BYTES_MAX);
    unsigned n = 0;

    for (str rest = str_of(fields), field; rest.p;) {
        rest = str_cut(rest, ' ', &field);
        if (!field.n)
            continue;
        buf_printf(&b, "%sexpand[%u]=%s%.*s", n ? "&" : "", n, prefix, STR_ARG(field));
        n++;
    }
    return b.failed ? (str){ 0 } : arena_copy(a, buf_str(&b));
}

str query_join(str x, str y, struct arena *a)
{
    if (!x.n || !y.n)
        return x.n ? x : y;
    return arena_printf(a, "%.*s&%.*s", STR_ARG(x), STR_ARG(y));
}

str path_object(const struct resource *r, str id, const char *own_account, struct arena *a)
{
    if (strcmp(r->type, "account") == 0 && str_eqz(id, own_account))
        return S("/v1/account");
    return path_fill(r->get_path, id, S(""), a);
}
