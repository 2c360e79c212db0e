/* audit.h - what befell an environment: made, key changed, sealed, opened again, purged.
 *
 * A few rows in an environment's life, never forgotten. */
#pragma once

#include "base/json.h"
#include "core/env.h"
#include "world/tx.h"

enum { AUDIT_SHOWN_MAX = 1000 };

/* `what` is a word, `detail` a sentence without any secret; in the transaction of what it tells. */
enum status audit_add(struct tx *tx, const struct env *env, const char *what, const char *detail,
                      struct arena *a, struct error *e) MUST_USE;
/* A JSON array of the last `limit` (at most AUDIT_SHOWN_MAX), newest first: at, what, detail. */
enum status audit_write(struct env *env, size_t limit, struct json_writer *w,
                        struct error *e) MUST_USE;
