/* database_sqlite.h - an application's database in an SQLite file. */
#pragma once

#include "world/database.h"

/* The file must be there. With `writable` foreign keys are enforced, as SQLite does only when it is
 * asked to. ST_NONE: there is no such file. ST_REFUSED: it may not be opened. ST_INVALID: it is no
 * database. */
enum status database_sqlite_open(struct database **out, const char *path, bool writable,
                                 struct error *e) MUST_USE;
