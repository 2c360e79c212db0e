#include "core/resource.h"

#include "base/json.h"

#include <string.h>

#include <stdatomic.h>

/* ---- The table ---- */

#define COLUMN(kind, name, path, indexed) \
    {                                     \
        name, path, COL_##kind, indexed   \
    }
#define TEXT_AT(name, path) COLUMN(TEXT, name, path, false)
#define INT_AT(name, path) COLUMN(INT, name, path, false)
#define BOOL_AT(name, path) COLUMN(BOOL, name, path, false)
#define TIME_AT(name, path) COLUMN(TIME, name, path, false)
#define REF_AT(name, path) COLUMN(REF, name, path, false)
#define JSON_AT(name, path) COLUMN(JSON, name, path, false)
#define NUMBER_AT(name, path) COLUMN(NUMBER, name, path, false)
#define TEXT(field) TEXT_AT(field, field)
#define INT(field) INT_AT(field, field)
#define BOOL(field) BOOL_AT(field, field)
#define TIME(field) TIME_AT(field, field)
#define REF(field) REF_AT(field, field)
#define JSON(field) JSON_AT(field, field)
#define NUMBER(field) NUMBER_AT(field, field)
#define INDEXED(kind, name, path) COLUMN(kind, name, path, true)

#define REFERENCE(kind, path, targets) \
    {                                  \
        path, targets, REF_##kind      \
    }
#define ID(path, targets) REFERENCE(ID, path, targets)
#define GUESS(path, targets) REFERENCE(GUESS, path, targets)
#define MEMBERS(path, targets) REFERENCE(MEMBERS, path, targets)
#define COPY(path, targets) REFERENCE(COPY, path, targets)
#define SILENT(path, targets) REFERENCE(SILENT, path, targets)

#define LIST_OF(type, ...) \
    (const struct type[])  \
    {                      \
        __VA_ARGS__        \
    }
#define COLUMNS(...) \
    .column = LIST_OF(column, __VA_ARGS__), .n_columns = COUNT((LIST_OF(column, __VA_ARGS__)))
#define REFERENCES(...)                           \
    .reference = LIST_OF(reference, __VA_ARGS__), \
    .n_references = COUNT((LIST_OF(reference, __VA_ARGS__)))

/* An entry's own members override these. */
#define RESOURCE(...) \
    { .prefixes = "", .list_query = "", .expand = "", .events = "", .secrets = "", __VA_ARGS__ },

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
const struct resource resource_table[] = {
#include "core/resource.def"
};
#pragma GCC diagnostic pop

const size_t resource_count = COUNT(resource_table);

/* ---- Looking it up ----
 *
 * Three hash tables over the constant table, filled at the first question. A thread that comes
 * before they are published fills them, too: all write the same values, so nobody has to wait. */

enum {
    SLOTS = 1024, /* a power of two, far above the number of types and prefixes */
    PREFIX_BYTES_MAX = 24,
    AMBIGUOUS = 0x8000,
    INDEXES = 3,
};

enum index { BY_TYPE, BY_VIEW, BY_PREFIX };

/* 0: empty; else the position in the table + 1, with AMBIGUOUS when two types share a prefix. */
static _Atomic uint16_t slots[INDEXES][SLOTS];
static atomic_bool published;

static uint32_t hash(str s)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619u;
    return (h ^ (h >> 15)) & (SLOTS - 1);
}

static bool has_word(const char *list, str word)
{
    str head;
    for (str rest = str_of(list); rest.p != NULL;) {
        rest = str_cut(rest, ' ', &head);
        if (head.n > 0 && str_eq(head, word))
            return true;
    }
    return false;
}

/* Is the slot's resource the one of this name? */
static bool named(uint16_t slot, enum index index, str name)
{
    const struct resource *r = &resource_table[(slot & ~AMBIGUOUS) - 1];
    switch (index) {
    case BY_TYPE: return str_eqz(name, r->type);
    case BY_VIEW: return str_eqz(name, r->view);
    case BY_PREFIX: return has_word(r->prefixes, name);
    }
    return false;
}

static void enter(uint16_t table[INDEXES][SLOTS], enum index index, str name, size_t position)
{
    uint16_t *slot = table[index];
    uint32_t at = hash(name);
    while (slot[at] != 0 && !named(slot[at], index, name))
        at = (at + 1) & (SLOTS - 1);
    slot[at] = slot[at] == 0 ? (uint16_t)(position + 1) : (uint16_t)(slot[at] | AMBIGUOUS);
}

static void publish(void)
{
    uint16_t table[INDEXES][SLOTS] = { 0 };
    for (size_t i = 0; i < resource_count; i++) {
        const struct resource *r = &resource_table[i];
        enter(table, BY_TYPE, str_of(r->type), i);
        enter(table, BY_VIEW, str_of(r->view), i);
        str prefix;
        for (str rest = str_of(r->prefixes); rest.p != NULL;) {
            rest = str_cut(rest, ' ', &prefix);
            if (prefix.n > 0)
                enter(table, BY_PREFIX, prefix, i);
        }
    }
    for (int index = 0; index < INDEXES; index++)
        for (size_t at = 0; at < SLOTS; at++)
            atomic_store_explicit(&slots[index][at], table[index][at], memory_order_relaxed);
    atomic_store_explicit(&published, true, memory_order_release);
}

/* The slot of a name; 0 when there is none. */
static uint16_t find(enum index index, str name)
{
    if (!atomic_load_explicit(&published, memory_order_acquire))
        publish();
    for (uint32_t at = hash(name);; at = (at + 1) & (SLOTS - 1)) {
        uint16_t slot = atomic_load_explicit(&slots[index][at], memory_order_relaxed);
        if (slot == 0 || named(slot, index, name))
            return slot;
    }
}

static const struct resource *resource_of(uint16_t slot)
{
    return slot == 0 || (slot & AMBIGUOUS) != 0 ? NULL : &resource_table[slot - 1];
}

const struct resource *resource_by_type(str type)
{
    return resource_of(find(BY_TYPE, type));
}

const struct resource *resource_by_name(str name)
{
    const struct resource *r = resource_of(find(BY_VIEW, name));
    return r != NULL ? r : resource_by_type(name);
}

const struct resource *resource_by_id(str id)
{
    for (size_t n = id.n < PREFIX_BYTES_MAX ? id.n : PREFIX_BYTES_MAX; n > 0; n--) {
        if (id.p[n - 1] != '_')
            continue;
        uint16_t slot = find(BY_PREFIX, str_sub(id, 0, n));
        if (slot != 0)
            return resource_of(slot);
    }
    return NULL;
}

size_t resource_index(const struct resource *r)
{
    assert(r >= resource_table && r < resource_table + resource_count);
    return (size_t)(r - resource_table);
}

str resource_object_id(const struct resource *r, str data, struct arena *a)
{
    return json_text(data, r && r->id_field ? str_of(r->id_field) : S("id"), a);
}

bool resource_fetchable(const struct resource *r)
{
    return r && r->get_path && !strstr(r->get_path, "{parent}");
}
