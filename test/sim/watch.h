/* watch.h - the store, behind somebody who gives way at every call and remembers what was
 * committed.
 *
 * A decorator: below it is the real store. */
#pragma once

#include "world/store.h"

/* Takes `inner`, which is closed with it. */
struct store *watch_open(struct store *inner, bool crosses);
