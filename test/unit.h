/* unit.h - cmocka, and our own words beside it: both have a `fail`; in tests it is ours. */
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
