#include "world/kv.h"

static enum status none_put(struct kv *k, const struct kv_item *item, size_t n, struct error *e)
{
    (void)k, (void)item, (void)n, (void)e;
    return ST_NONE;
}

static enum status none_get(struct kv *k, str key, str *value, struct arena *a, struct error *e)
{
    (void)k, (void)key, (void)value, (void)a, (void)e;
    return ST_NONE;
}

static void none_close(struct kv *k)
{
    (void)k;
}

static const struct kv_ops none_ops = { "none", none_put, none_get, none_close };

struct kv *kv_none(void)
{
    static struct kv none = { &none_ops };
    return &none;
}
