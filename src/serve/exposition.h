/* exposition.h - Prometheus' text format, version 0.0.4. */
#pragma once

#include "base/buf.h"
#include "core/env.h"

/* The head of a family of samples. */
void expose_family(struct buf *b, const char *name, const char *type, const char *help);
/* One sample: name{env="…",account="…",mode="…",label="value"} number. `env` and `label` may be
 * NULL.
 */
void expose(struct buf *b, const char *name, const struct env *env, const char *label,
            const char *value, int64_t number);
/* The same for a time in milliseconds, shown in seconds. */
void expose_seconds(struct buf *b, const char *name, const struct env *env, msec span);

/* env="…",account="…",mode="…": account and mode as far as they are known. */
void expose_labels(struct buf *b, const struct env *env);

/* Several texts in one: each family once, its head as it stands first, its samples together, as the
 * format asks. A sample belongs to the last head above it. */
void expose_merged(struct buf *b, const str *text, size_t n);
