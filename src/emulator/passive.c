#include "emulator/passive.h"

#include "base/url.h"
#include "emulator/list.h"
#include "emulator/plain.h"

#include <string.h>

/* Lists that stand below the object that they belong to. */
static const struct {
    const char *parent, *child;
    enum type owner, type;
} nested[] = {
    { "/v1/customers/", "/tax_ids", T_CUSTOMER, T_TAX_ID },
    { "/v1/customers/", "/sources", T_CUSTOMER, T_CARD },
    { "/v1/customers/", "/bank_accounts", T_CUSTOMER, T_BANK_ACCOUNT },
    { "/v1/customers/", "/balance_transactions", T_CUSTOMER, T_CUSTOMER_BALANCE_TRANSACTION },
};

static enum status found(const struct route **out, struct arena *a, enum type t, bool list)
{
    struct route *r = arena_alloc(a, sizeof *r);

    if (!r)
        return ST_NONE;
    *r = (struct route){ .method = "GET",
                         .pattern = type_info[t].url,
                         .run = list ? plain_list : plain_get,
                         .type = t,
                         .list = list };
    *out = r;
    return ST_OK;
}

static enum status nested_route(str path, const struct route **out, str part[PATH_PARTS_MAX],
                                struct arena *a)
{
    for (size_t i = 0; i < COUNT(nested); i++) {
        str parent = str_of(nested[i].parent), child = str_of(nested[i].child);
        if (!str_starts(path, parent) || !str_ends(path, child) || path.n <= parent.n + child.n)
            continue;
        str id = str_sub(path, parent.n, path.n - child.n);
        if (str_find(id, '/') == id.n && url_unescape(a, id, false, &part[0]))
            return found(out, a, nested[i].type, true);
    }
    return ST_NONE;
}

enum status passive_route(str method, str path, const struct route **out, str part[PATH_PARTS_MAX],
                          struct arena *a)
{
    memset(part, 0, PATH_PARTS_MAX * sizeof *part);
    if (!str_eq(method, S("GET")))
        return ST_NONE;
    for (enum type t = T_BALANCE + 1; t < T_COUNT; t++) {
        str url = str_of(type_info[t].url);
        if (str_eq(path, url))
            return found(out, a, t, true);
        if (path.n <= url.n + 1 || !str_starts(path, url) || path.p[url.n] != '/')
            continue;
        str id = str_sub(path, url.n + 1, path.n);
        if (str_find(id, '/') == id.n && url_unescape(a, id, false, &part[0]))
            return found(out, a, t, false);
    }
    return nested_route(path, out, part, a);
}
