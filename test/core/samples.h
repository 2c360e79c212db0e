/* samples.h - objects to test with: those of samples.json, and, where BRINDLE_FACTS names a folder
 * with a file fixtures3.json ({"resources": {name: object…}}), all of that file, too. */
#pragma once

#include "base/base.h"

/* Calls `see` with each object, its type and its id (empty when it has none). */
void samples_each(void (*see)(void *ctx, str type, str id, str data), void *ctx);
/* The sample of samples.json with this id; fails the test when there is none. */
str sample(const char *id);
