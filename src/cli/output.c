#include "cli/output.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/json.h"

enum { SENTENCE_BYTES_MAX = 4096 };

void say_error(const struct cli *cli, enum status st, const struct error *e)
{
    const char *text = e->text[0] ? e->text : "It failed and nobody said why; please report this.";

    if (!cli->json) {
        fprintf(stderr, "%sbrindle:%s ", color_on(stderr, COLOR_BAD), color_off(stderr));
        print_clean(stderr, str_of(text));
        fputc('\n', stderr);
        return;
    }
    BUF(out, SENTENCE_BYTES_MAX);
    struct json_writer w = { .b = &out };
    jw_object(&w);
    jw_put_str(&w, "error", str_of(text));
    jw_put_str(&w, "status", str_of(status_name(st)));
    jw_put_int(&w, "exit", (int64_t)exit_code_of(st, e));
    jw_end(&w);
    fprintf(stderr, "%.*s\n", STR_ARG(buf_str(&out)));
}

void say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

enum status confirm(const struct cli *cli, struct error *e, const char *fmt, ...)
{
    char answer[64] = "";
    va_list ap;

    if (cli->yes)
        return ST_OK;
    if (!is_terminal(stdin) || !is_terminal(stderr))
        return fail(e, ST_INVALID, "Nobody can be asked here: say --yes.");
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs(" [y/N] ", stderr);
    if (!fgets(answer, sizeof answer, stdin) || (answer[0] != 'y' && answer[0] != 'Y'))
        return fail(e, ST_NONE, "Nothing was changed.");
    return ST_OK;
}

bool is_terminal(FILE *file)
{
    return isatty(fileno(file)) == 1;
}

static bool wants_color(FILE *file)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return is_terminal(file) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

const char *color_on(FILE *file, enum color c)
{
    if (!wants_color(file))
        return "";
    switch (c) {
    case COLOR_PLAIN: return "";
    case COLOR_GOOD: return "\033[32m";
    case COLOR_WARN: return "\033[33m";
    case COLOR_BAD: return "\033[31m";
    case COLOR_DIM: return "\033[2m";
    case COLOR_BOLD: return "\033[1m";
    }
    return "";
}

const char *color_off(FILE *file)
{
    return wants_color(file) ? "\033[0m" : "";
}

size_t terminal_width(FILE *file)
{
    struct winsize size;

    if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
        return size.ws_col;
    return 80;
}

void duration_text(msec span, char out[32])
{
    static const struct {
        msec unit, below;
        const char *name;
    } step[] = { { 1, 1000, "ms" },
                 { 1000, 120 * 1000, "s" },
                 { 60 * 1000, 120 * 60 * 1000, "min" },
                 { 3600 * 1000, 48LL * 3600 * 1000, "h" },
                 { 86400 * 1000, INT64_MAX, "days" } };

    if (span < 0)
        span = 0;
    for (size_t i = 0; i < COUNT(step); i++) {
        if (span >= step[i].below)
            continue;
        if (step[i].unit == 1000 && span < 10 * 1000)
            snprintf(out, 32, "%.1f s", (double)span / 1000);
        else
            snprintf(out, 32, "%lld %s", (long long)(span / step[i].unit), step[i].name);
        return;
    }
}

void count_text(int64_t n, char out[32])
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)n), at = 0;

    for (size_t i = 0; i < len; i++) {
        out[at++] = digits[i];
        size_t left = len - 1 - i;
        if (left && left % 3 == 0 && digits[i] != '-')
            out[at++] = ',';
    }
    out[at] = '\0';
}

void print_clean(FILE *file, str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        fputc((c < ' ' && c != '\n' && c != '\t') || c == 0x7f ? '?' : c, file);
    }
}

/* --- tables -------------------------------------------------------------------------------- */

/* Characters, not bytes: every byte that does not continue one. */
static size_t letters(str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static str first_letters(str s, size_t n)
{
    size_t i = 0;

    for (; i < s.n; i++)
        if (((unsigned char)s.p[i] & 0xc0) != 0x80 && n-- == 0)
            break;
    return str_sub(s, 0, i);
}

void table_row(struct table *t, const str *cell)
{
    if (!t->cell)
        t->cell = arena_alloc(t->arena, TABLE_ROWS_MAX * sizeof *t->cell);
    if (!t->cell || t->n_rows == TABLE_ROWS_MAX)
        return;
    for (size_t i = 0; i < t->n_columns; i++) {
        size_t n = cell[i].n < TABLE_CELL_MAX ? cell[i].n : TABLE_CELL_MAX;
        t->cell[t->n_rows][i] = arena_copy(t->arena, str_sub(cell[i], 0, n));
    }
    t->n_rows++;
}

static void print_cell(FILE *file, str s, size_t width, bool right, bool last)
{
    size_t n = letters(s), blanks = n < width ? width - n : 0;

    if (right)
        fprintf(file, "%*s", (int)blanks, "");
    print_clean(file, first_letters(s, width));
    if (!right && !last)
        fprintf(file, "%*s", (int)blanks, "");
    fputs(last ? "\n" : "  ", file);
}

static bool is_sentence(str s)
{
    return s.n && memchr(s.p, ' ', s.n);
}

void table_print(const struct table *t, FILE *file)
{
    size_t width[TABLE_COLUMNS_MAX], used = 0, room = is_terminal(file) ? terminal_width(file) : 0;

    for (size_t i = 0; i < t->n_columns; i++) {
        width[i] = strlen(t->head[i]);
        for (size_t row = 0; row < t->n_rows; row++) {
            size_t n = letters(t->cell[row][i]);
            width[i] = n > width[i] ? n : width[i];
        }
        bool last = i + 1 == t->n_columns;
        if (last && room > used + 8 && used + width[i] > room)
            width[i] = room - used;
        used += width[i] + 2;
    }
    fputs(color_on(file, COLOR_DIM), file);
    for (size_t i = 0; i < t->n_columns; i++) {
        bool last = i + 1 == t->n_columns;
        if (last)
            fprintf(file, "%s%s\n", t->head[i], color_off(file));
        else
            print_cell(file, str_of(t->head[i]), width[i], t->right[i], false);
    }
    for (size_t row = 0; row < t->n_rows; row++)
        for (size_t i = 0; i < t->n_columns; i++) {
            /* Sentences are cut at the margin; an id is copied, and never cut. */
            size_t whole = is_sentence(t->cell[row][i]) ? 0 : letters(t->cell[row][i]);
            print_cell(file, t->cell[row][i], whole > width[i] ? whole : width[i], t->right[i],
                       i + 1 == t->n_columns);
        }
}

void line_printer_take(void *printer, str lines)
{
    const struct line_printer *p = printer;

    if (p->cli->json || !is_terminal(stdout)) {
        fwrite(lines.p, 1, lines.n, stdout);
        return;
    }
    while (lines.n) {
        str line;
        lines = str_cut(lines, '\n', &line);
        if (line.n && p->t->n_rows == TABLE_ROWS_MAX)
            p->t->n_left_out++;
        else if (line.n)
            p->add(p->t, line);
    }
}

bool line_printer_end(const struct line_printer *p)
{
    if (p->cli->json || !is_terminal(stdout))
        return true;
    if (p->t->n_rows)
        table_print(p->t, stdout);
    if (p->t->n_left_out)
        say("… and %zu more: with --json all are listed.", p->t->n_left_out);
    return p->t->n_rows != 0;
}

bool print_lines(const struct cli *cli, str lines, struct table *t,
                 void (*add)(struct table *t, str line))
{
    struct line_printer p = { cli, t, add };

    line_printer_take(&p, lines);
    return line_printer_end(&p);
}

void bar_text(int64_t done, int64_t whole, size_t width, char *out, size_t room)
{
    size_t full =
        whole > 0 && done > 0 ? (size_t)((double)done / (double)whole * (double)width) : 0;

    assert(room > width + 2);
    full = full < width ? full : width;
    out[0] = '[';
    memset(out + 1, '#', full);
    memset(out + 1 + full, '-', width - full);
    out[width + 1] = ']';
    out[width + 2] = '\0';
}
