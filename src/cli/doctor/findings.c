#include "cli/doctor/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/output.h"

enum {
    FINDING_BYTES_MAX = 8192,
    SENTENCE_MAX = 1024,
    FIX_BYTES_MAX = 2048,
    INDENT_MAX = 64,
};

static const char *severity_name(enum severity s)
{
    switch (s) {
    case NOTE: return "note";
    case WARNING: return "warning";
    case ERROR: return "error";
    }
    return "?";
}

static enum color severity_color(enum severity s)
{
    switch (s) {
    case NOTE: return COLOR_DIM;
    case WARNING: return COLOR_WARN;
    case ERROR: return COLOR_BAD;
    }
    return COLOR_PLAIN;
}

/* --- what mends it ------------------------------------------------------------------------- */

/* As one word of a shell's command line: paths have blanks, and an address of Stripe's list may
 * have anything. */
static void put_shell_word(str text, struct buf *out)
{
    static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                   "_./:@%+=,-";
    bool plain = text.n > 0;

    for (size_t i = 0; i < text.n; i++)
        plain = plain && text.p[i] && strchr(harmless, text.p[i]);
    if (plain) {
        buf_append(out, text);
        return;
    }
    buf_char(out, '\'');
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\'')
            buf_append(out, S("'\\''"));
        else
            buf_char(out, text.p[i]);
    buf_char(out, '\'');
}

/* The flags by which a command looks at what this one has looked at. */
static void put_flags(const struct doctor *d, struct buf *out)
{
    const struct config_flags *f = &d->cli->flags;

    if (f->path) {
        buf_append(out, S(" --config "));
        put_shell_word(str_of(f->path), out);
    }
    if (f->data_dir) {
        buf_append(out, S(" --data "));
        put_shell_word(str_of(f->data_dir), out);
    }
}

static const struct env_config *env_of(const struct doctor *d)
{
    const struct config *c = &d->cli->config;

    for (size_t i = 0; d->env && i < c->n_envs; i++)
        if (strcmp(c->env[i].name, d->env) == 0)
            return &c->env[i];
    return NULL;
}

/* What stands for a word in braces; false: it is no word of ours. */
static bool put_word(const struct doctor *d, str word, enum fix_kind kind, const char *subject,
                     struct buf *out)
{
    const struct config *c = &d->cli->config;
    const struct env_config *conf = env_of(d);

    if (!word.n && kind == RUN)
        put_shell_word(str_of(subject), out);
    else if (!word.n)
        buf_append(out, str_of(subject));
    else if (str_eqz(word, "env"))
        buf_append(out, str_of(d->env ? d->env : "NAME"));
    else if (str_eqz(word, "conf"))
        buf_append(out, str_of(c->path[0] ? c->path : "brindle.conf"));
    else if (str_eqz(word, "owner"))
        buf_append(out, str_of(d->owner));
    else if (str_eqz(word, "flags") || str_eqz(word, "--env"))
        put_flags(d, out);
    else
        return false;
    if (str_eqz(word, "--env") && conf && c->n_envs > 1)
        buf_printf(out, " --env %s", conf->name);
    return true;
}

static str fix_text(const struct doctor *d, enum finding_id id, const char *subject,
                    struct buf *out)
{
    for (str left = str_of(finding_table[id].fix), text; left.n;) {
        left = str_cut(left, '{', &text);
        buf_append(out, text);
        if (!left.n)
            break;
        left = str_cut(left, '}', &text);
        bool known = put_word(d, text, finding_table[id].kind, subject, out);
        assert(known);
    }
    return buf_str(out);
}

/* --- for programs -------------------------------------------------------------------------- */

static void print_json(const struct doctor *d, enum finding_id id, str fix, const char *text)
{
    const struct finding *f = &finding_table[id];
    BUF(out, FINDING_BYTES_MAX);
    struct json_writer w = { .b = &out };

    jw_object(&w);
    jw_put_str(&w, "severity", str_of(severity_name(f->severity)));
    jw_put_str(&w, "env", str_of(d->env));
    jw_put_str(&w, "check", str_of(f->name));
    jw_put_str(&w, "finding", str_of(text));
    jw_put_str(&w, "fix", fix);
    jw_put_bool(&w, "command", f->kind == RUN);
    jw_end(&w);
    printf("%.*s\n", STR_ARG(buf_str(&out)));
}

static void list_json(const struct finding *f)
{
    BUF(out, FINDING_BYTES_MAX);
    struct json_writer w = { .b = &out };

    jw_object(&w);
    jw_put_str(&w, "check", str_of(f->name));
    jw_put_str(&w, "severity", str_of(severity_name(f->severity)));
    jw_put_str(&w, "meaning", str_of(f->meaning));
    jw_put_str(&w, "fix", str_of(f->fix));
    jw_put_bool(&w, "command", f->kind == RUN);
    jw_end(&w);
    printf("%.*s\n", STR_ARG(buf_str(&out)));
}

/* --- for people ---------------------------------------------------------------------------- */

static size_t letters(str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80; /* UTF-8: not the middle of one */
    return n;
}

/* Words one after another, broken before the terminal's edge and indented; elsewhere one line. */
static void print_words(size_t at, size_t indent, str text)
{
    size_t width = is_terminal(stdout) ? terminal_width(stdout) : SIZE_MAX, column = at;
    bool first = true;

    for (str word; text.n;) {
        text = str_cut(text, ' ', &word);
        size_t n = letters(word);
        if (!first && column + 1 + n > width) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            putchar(' ');
            column++;
        }
        print_clean(stdout, word);
        column += n;
        first = false;
    }
    putchar('\n');
}

/* A command stands on one line, however long, to be copied. */
static void print_fix(size_t indent, enum fix_kind kind, str fix)
{
    printf("%*s%s%s%s ", (int)indent, "", color_on(stdout, COLOR_BOLD), kind == RUN ? "$" : ">",
           color_off(stdout));
    if (kind == DO) {
        print_words(indent + 2, indent + 2, fix);
        return;
    }
    print_clean(stdout, fix);
    putchar('\n');
}

static void print_finding(const struct doctor *d, enum finding_id id, str fix, const char *text)
{
    const struct finding *f = &finding_table[id];
    BUF(line, SENTENCE_MAX * 2);
    char head[INDENT_MAX];

    int n = snprintf(head, sizeof head, "%-7s  %s%s", severity_name(f->severity),
                     d->env ? d->env : "", d->env ? ": " : "");
    printf("%s%-7s%s%s", color_on(stdout, severity_color(f->severity)), severity_name(f->severity),
           color_off(stdout), head + 7);
    buf_printf(&line, "%s [%s]", text, f->name);
    print_words((size_t)n, 9, buf_str(&line));
    print_fix(9, f->kind, fix);
}

void found(struct doctor *d, enum finding_id id, const char *subject, const char *fmt, ...)
{
    const struct finding *f = &finding_table[id];
    BUF(room, FIX_BYTES_MAX);
    char text[SENTENCE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    d->errors += f->severity == ERROR;
    d->warnings += f->severity == WARNING;
    d->notes += f->severity == NOTE;
    str fix = fix_text(d, id, subject, &room);
    if (d->cli->json)
        print_json(d, id, fix, text);
    else
        print_finding(d, id, fix, text);
}

void looked(struct doctor *d)
{
    d->checks++;
}

void findings_list(const struct cli *cli)
{
    for (size_t i = 0; i < FINDING_COUNT; i++) {
        const struct finding *f = &finding_table[i];
        if (cli->json) {
            list_json(f);
            continue;
        }
        printf("%s%-7s%s  %s\n", color_on(stdout, severity_color(f->severity)),
               severity_name(f->severity), color_off(stdout), f->name);
        printf("%*s", 9, "");
        print_words(9, 9, str_of(f->meaning));
        print_fix(9, f->kind, str_of(f->fix));
    }
}

static void count(struct buf *out, unsigned n, const char *what)
{
    if (n)
        buf_printf(out, "%s%u %s%s", out->n ? ", " : "", n, what, n == 1 ? "" : "s");
}

void findings_sum(const struct doctor *d)
{
    BUF(sum, SENTENCE_MAX);

    count(&sum, d->errors, "error");
    count(&sum, d->warnings, "warning");
    count(&sum, d->notes, "note");
    say("%u checks: %.*s%s.", d->checks, STR_ARG(buf_str(&sum)),
        sum.n       ? ""
        : d->mended ? "the rest is well"
                    : "all is well");
}
