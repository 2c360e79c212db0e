/* views.h - typed views over the table of objects, made from the resource table.
 *
 * Every resource has a view with Stripe's plural name and typed columns, of what is alive, and one
 * named …_all that has the tombstones, too. Made again when the resource table has changed. */
#pragma once

#include "base/buf.h"
#include "core/resource.h"

enum {
    VIEWS_SQL_BYTES_MAX = 2 << 20, /* more than either dialect needs */
    INDEX_NAME_MAX = 128,
};

/* The statements that (re)make all views and the indexes of the columns that are marked `indexed`,
 * for a dialect ("sqlite", "pg"). ST_LIMIT: `out` is full. */
enum status views_sql(const char *dialect, struct buf *out, struct error *e) MUST_USE;
/* The index in which an indexed column is found, whichever resource's it is: "objects_customer". */
void views_index_name(const struct column *c, char out[INDEX_NAME_MAX]);
/* A short text that changes whenever views_sql would write something else. */
void views_fingerprint(char out[32]);
