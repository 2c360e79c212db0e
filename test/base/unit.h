/* unit.h - cmocka beside our own words (both have a `fail`; here cmocka's is not used), and what
 * the tests of base/ compare with. */
#pragma once

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#undef fail
#include "base/base.h"

/* `got` holds exactly the characters of `want`. */
static inline void check_str(str got, str want, const char *file, int line)
{
    if (str_eq(got, want))
        return;
    print_error("\"%.*s\" is not \"%.*s\"\n", STR_ARG(got), STR_ARG(want));
    _fail(file, line);
}

#define assert_str(got, want) check_str((got), (want), __FILE__, __LINE__)
#define assert_strz(got, want) check_str((got), str_of(want), __FILE__, __LINE__)

/* Whether something holds for one line of a table, named when it does not. */
static inline void check_line(bool holds, const char *name, const char *file, int line)
{
    if (holds)
        return;
    print_error("in the table: %s\n", name);
    _fail(file, line);
}

#define assert_for(name, holds) check_line((holds), (name), __FILE__, __LINE__)
