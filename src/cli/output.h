/* output.h - how commands speak to people: tables, colours, durations, counts, progress. */
#pragma once

#include <stdio.h>

#include "base/buf.h"
#include "cli/command.h"

/* The error as a sentence on stderr, or with --json as one JSON object there. */
void say_error(const struct cli *cli, enum status st, const struct error *e);
/* A remark on stderr. */
void say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Before something that cannot be undone, or that changes what is Stripe's: --yes, or a "y" at the
 * terminal. ST_INVALID: there is no terminal, and no --yes. ST_NONE: the answer was no. */
enum status confirm(const struct cli *cli, struct error *e, const char *fmt, ...)
    PRINTF_LIKE(3, 4) MUST_USE;

enum color { COLOR_PLAIN, COLOR_GOOD, COLOR_WARN, COLOR_BAD, COLOR_DIM, COLOR_BOLD };
/* The escape that switches to a colour, "" when `file` is no terminal, TERM is dumb or NO_COLOR is
 * set. */
const char *color_on(FILE *file, enum color c);
const char *color_off(FILE *file);
bool is_terminal(FILE *file);
size_t terminal_width(FILE *file); /* 80 when nobody knows */

/* "120 ms", "3.4 s", "2 min", "5 h", "3 days". */
void duration_text(msec span, char out[32]);
/* "12,345" */
void count_text(int64_t n, char out[32]);

/* Text that came from outside, fit for a terminal: control characters become '?'. */
void print_clean(FILE *file, str text);

enum { TABLE_COLUMNS_MAX = 8, TABLE_ROWS_MAX = 4096, TABLE_CELL_MAX = 512 };

/* Rows are kept until the table is printed, so that columns are as wide as they need. The last
 * column is cut at the terminal's edge. */
struct table {
    struct arena *arena;
    const char *head[TABLE_COLUMNS_MAX];
    bool right[TABLE_COLUMNS_MAX];
    size_t n_columns, n_rows;
    size_t n_left_out; /* beyond TABLE_ROWS_MAX */
    str (*cell)[TABLE_COLUMNS_MAX];
};

void table_row(struct table *t, const str *cell); /* n_columns cells, copied */
void table_print(const struct table *t, FILE *file);
/* Lines of JSON on stdout: as they are with --json or where nobody looks, else a table to which
 * `add` brings a line each. False when a table would have been empty. */
bool print_lines(const struct cli *cli, str lines, struct table *t,
                 void (*add)(struct table *t, str line));

/* The same for lines that come page after page: line_printer_take is for struct pages. */
struct line_printer {
    const struct cli *cli;
    struct table *t;
    void (*add)(struct table *t, str line);
};
void line_printer_take(void *printer, str lines);
bool line_printer_end(const struct line_printer *p);

/* "[#####-----]" of `width` inner characters. */
void bar_text(int64_t done, int64_t whole, size_t width, char *out, size_t room);
