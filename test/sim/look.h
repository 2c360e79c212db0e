/* look.h - reading the database on the simulated disk, whoever has it open. */
#pragma once

#include "base/base.h"

#include <sqlite3.h>

sqlite3 *look_open(void); /* NULL: it was not made yet. The disk holds still until look_close */
void look_close(sqlite3 *db);
/* That it cannot be read is a promise broken. */
sqlite3_stmt *look_ask(sqlite3 *db, const char *sql);
bool look_next(sqlite3 *db, sqlite3_stmt *q);
str look_text(sqlite3_stmt *q, int col);           /* until the next row */
int64_t look_number(sqlite3 *db, const char *sql); /* the first cell; 0 without a row */
