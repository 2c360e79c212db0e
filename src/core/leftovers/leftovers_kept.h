/* leftovers_kept.h - what leftovers_mend.c keeps and leftovers_undo.c puts back: the rows of table
 * brindle_leftovers, and the end of a transaction that writes them. */
#pragma once

#include "core/leftovers/app_tables.h"

enum {
    KEPT_STEP_BYTES_MAX = 4 << 20,
    KEPT_ROW_BYTES_MAX = 16 << 20, /* of one row, as it is kept */
};

/* An SQL expression: the key of a row of the table, known by the name `row`, as a JSON object: on
 * PostgreSQL of texts, on SQLite of literals. */
str kept_key(const struct app_table *t, bool pg, const char *row, struct arena *a);

enum kept_event { KEPT_DELETE, KEPT_UPDATE, KEPT_INSERT };
/* A trigger or a rule that would act on the event, in words, in the arena; "": there is none. */
enum status kept_reacts(struct database *db, const struct app_table *t, enum kept_event on, bool pg,
                        str *what, struct arena *a, struct error *e) MUST_USE;

/* Table brindle_leftovers is there, but has not the columns of this version. Fails. */
enum status kept_is_old(struct error *e) MUST_USE;

/* Commits if `st` is ST_OK, else rolls back and answers `st`. When the answer to the commit is
 * lost, the rows of the run tell whether it was kept: then so many are to be put back. */
enum status kept_end(struct database *db, enum status st, int64_t run, int64_t pending,
                     struct error *e) MUST_USE;
