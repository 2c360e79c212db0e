/* unit.h - cmocka, and our own words beside it: both have a `fail`, tests mean cmocka's. */
#pragma once

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#undef fail
#include "base/base.h"
#undef fail
#define fail() _fail(__FILE__, __LINE__)

static inline void assert_ok(enum status st, const struct error *e)
{
    if (st != ST_OK)
        print_error("%s: %s\n", status_name(st), e->text);
    assert_int_equal(st, ST_OK);
}
