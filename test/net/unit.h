/* unit.h - cmocka beside our own words: both have a `fail`; here cmocka's is not used. */
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

/* `got` holds exactly the characters of `want`. */
static inline void check_str(str got, const char *want, const char *file, int line)
{
    if (str_eqz(got, want))
        return;
    print_error("\"%.*s\" is not \"%s\"\n", STR_ARG(got), want);
    _fail(file, line);
}

#define assert_strz(got, want) check_str((got), (want), __FILE__, __LINE__)

/* Whether something holds for one line of a table, named when it does not. */
static inline void check_line(bool holds, const char *name, const char *file, int line)
{
    if (holds)
        return;
    print_error("in the table: %s\n", name);
    _fail(file, line);
}

#define assert_for(name, holds) check_line((holds), (name), __FILE__, __LINE__)
