#include "look.h"

#include "disk.h"
#include "side.h"
#include "trace.h"

sqlite3 *look_open(void)
{
    sqlite3 *db = NULL;

    disk_hold(true);
    int rc = sqlite3_open_v2(side()->path, &db, SQLITE_OPEN_READWRITE, DISK_VFS);
    if (rc == SQLITE_OK)
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "pragma wal_autocheckpoint = 0; pragma query_only = 1", NULL, NULL,
                          NULL);
    if (rc == SQLITE_OK)
        return db;
    sqlite3_close(db);
    disk_hold(false);
    return NULL;
}

void look_close(sqlite3 *db)
{
    sqlite3_close(db);
    disk_hold(false);
}

sqlite3_stmt *look_ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        broke(PROMISE_SOUND, "the database cannot be read: %s", sqlite3_errmsg(db));
    return q;
}

bool look_next(sqlite3 *db, sqlite3_stmt *q)
{
    int rc = sqlite3_step(q);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        broke(PROMISE_SOUND, "the database cannot be read: %s", sqlite3_errmsg(db));
    return rc == SQLITE_ROW;
}

str look_text(sqlite3_stmt *q, int col)
{
    const char *p = (const char *)sqlite3_column_text(q, col);

    return (str){ p ? p : "", (size_t)sqlite3_column_bytes(q, col) };
}

int64_t look_number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = look_ask(db, sql);
    int64_t n = look_next(db, q) ? sqlite3_column_int64(q, 0) : 0;

    sqlite3_finalize(q);
    return n;
}
