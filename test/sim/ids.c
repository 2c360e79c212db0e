#include "ids.h"

#include "check.h"
#include "look.h"
#include "side.h"
#include "trace.h"

#include <stdio.h>
#include <string.h>

enum {
    SLOTS = 1 << 15,  /* half of them at most are taken */
    MADE_UP_MIN = 15, /* letters and digits behind the last underscore: an account's has fewest */
};

static struct {
    char id[ID_BYTES_MAX];
    unsigned char owners; /* a bit each */
} slot[SLOTS];
static size_t n_taken;

static size_t place_of(str id)
{
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < id.n; i++)
        h = (h ^ (unsigned char)id.p[i]) * 0x100000001b3;
    size_t at = (size_t)(h ^ h >> 32) % SLOTS;
    while (slot[at].id[0] && !str_eqz(id, slot[at].id))
        at = (at + 1) % SLOTS;
    return at;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Something with an underscore, and behind the last one nothing that a person would write. */
static bool is_made_up(str word)
{
    size_t n = 0;
    bool digit = false, big = false;

    if (word.n >= ID_BYTES_MAX)
        return false;
    while (n < word.n && word.p[word.n - n - 1] != '_') {
        char c = word.p[word.n - ++n];
        digit |= c >= '0' && c <= '9';
        big |= c >= 'A' && c <= 'Z';
    }
    return n >= MADE_UP_MIN && n < word.n && digit && big;
}

/* The next one behind `*at`; empty: there is none. */
static str next_id(str text, size_t *at)
{
    while (*at < text.n) {
        size_t from = *at;
        while (*at < text.n && is_word(text.p[*at]))
            ++*at;
        str word = str_sub(text, from, *at);
        *at += *at == from;
        if (is_made_up(word))
            return word;
    }
    return S("");
}

void ids_learn(unsigned of, str text)
{
    size_t at = 0;

    for (str id; is_apart() && (id = next_id(text, &at)).n;) {
        size_t i = place_of(id);
        if (!slot[i].id[0]) {
            n_taken++;
            assert(n_taken < SLOTS / 2);
            snprintf(slot[i].id, sizeof slot[i].id, "%.*s", STR_ARG(id));
        }
        slot[i].owners |= (unsigned char)(1u << of);
    }
}

/* The first that none of these owners has. */
static str find_foreign(str text, unsigned may_have)
{
    size_t at = 0;

    for (str id; is_apart() && (id = next_id(text, &at)).n;) {
        unsigned has = slot[place_of(id)].owners;
        if (has && !(has & may_have))
            return id;
    }
    return S("");
}

str ids_foreign(str text)
{
    return find_foreign(text, 1u << owner());
}

/* A row that names an account has nothing of another's; what names none is anybody's of this side.
 */
static unsigned may_stand(str account)
{
    unsigned all = 1u << fibre_side(), of = guest_of(account);

    if (of)
        return 1u << (SIDES + of - 1);
    for (unsigned i = 0; !account.n && fibre_side() == 0 && i < guests(); i++)
        all |= 1u << (SIDES + i);
    return all;
}

/* What may name another's: words for people, and events that were put aside. */
static bool may_speak_of_others(str table, str column)
{
    return (str_eqz(table, "_due") && str_eqz(column, "last_error")) ||
           (str_eqz(table, "_calls") && str_eqz(column, "error")) || str_eqz(table, "_audit") ||
           (str_eqz(table, "_switch") && str_eqz(column, "notes"));
}

static void check_column(sqlite3 *db, str table, str column, bool owned, const char *when)
{
    char sql[300];

    snprintf(sql, sizeof sql, "select \"%.*s\", %s from \"%.*s\"%s", STR_ARG(column),
             owned ? "account" : "''", STR_ARG(table),
             str_eqz(table, "_inbox") ? " where outcome <> 'quarantined'" : "");
    sqlite3_stmt *q = look_ask(db, sql);
    while (look_next(db, q)) {
        str id = find_foreign(look_text(q, 0), may_stand(look_text(q, 1)));
        if (id.n)
            broke(PROMISE_APART, "%s: %.*s is somebody else's and stands in %.*s.%.*s of %s", when,
                  STR_ARG(id), STR_ARG(table), STR_ARG(column), side()->name);
    }
    sqlite3_finalize(q);
}

void ids_check_store(const char *when)
{
    sqlite3 *db = is_apart() ? look_open() : NULL;

    if (!db)
        return;
    sqlite3_stmt *q = look_ask(db, "select t.name, c.name, exists (select 1 from "
                                   "pragma_table_info(t.name) o where o.name = 'account') "
                                   "from sqlite_master t, "
                                   "pragma_table_info(t.name) c where t.type = 'table' and "
                                   "c.type <> 'integer' order by 1, 2");
    while (look_next(db, q)) {
        ARENA(a, 1 << 10);
        str table = arena_copy(&a, look_text(q, 0)), column = arena_copy(&a, look_text(q, 1));
        bool owned = sqlite3_column_int(q, 2);
        if (!may_speak_of_others(table, column))
            check_column(db, table, column, owned, when);
    }
    sqlite3_finalize(q);
    look_close(db);
}
