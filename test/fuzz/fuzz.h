/* fuzz.h - what a fuzz target is: one function, given bytes that nobody promised anything about.
 *
 * Each target is built twice: by clang with libFuzzer (option `fuzz`), which searches, and by any
 * compiler with replay_main.c, which runs the corpus once as an ordinary test. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input; libFuzzer keeps the input that breaks it. */
static inline void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}
