#include "walking.h"

void sync_of(struct small_world *w, const char *arg, bool again)
{
    struct error e = { 0 };
    struct sync s;
    str args[1] = { str_of(arg) };

    enum status st = sync_start(&w->env, args, 1, again, LANE_BACKFILL, &s, &e);
    if (st != ST_OK)
        print_error("%s\n", e.text);
    assert_int_equal(st, ST_OK);
}

void sync_all(struct small_world *w)
{
    struct error e = { 0 };
    struct sync s;

    assert_int_equal(sync_start(&w->env, NULL, 0, false, LANE_BACKFILL, &s, &e), ST_OK);
}

void work_long(struct small_world *w)
{
    for (int i = 0; i < 20; i++) {
        work_off(w);
        pass(w, 3000);
    }
}
