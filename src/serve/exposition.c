#include "serve/exposition.h"

void expose_family(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void expose_labels(struct buf *b, const struct env *env)
{
    buf_printf(b, "env=\"%s\"", env->name);
    if (env->identity.account[0])
        buf_printf(b, ",account=\"%s\",mode=\"%s\"", env->identity.account,
                   mode_name(env->identity.livemode));
}

static void open_sample(struct buf *b, const char *name, const struct env *env, const char *label,
                        const char *value)
{
    buf_append(b, str_of(name));
    if (env || label)
        buf_char(b, '{');
    if (env)
        expose_labels(b, env);
    if (label)
        buf_printf(b, "%s%s=\"%s\"", env ? "," : "", label, value);
    if (env || label)
        buf_char(b, '}');
}

void expose(struct buf *b, const char *name, const struct env *env, const char *label,
            const char *value, int64_t number)
{
    open_sample(b, name, env, label, value);
    buf_printf(b, " %lld\n", (long long)number);
}

void expose_seconds(struct buf *b, const char *name, const struct env *env, msec span)
{
    open_sample(b, name, env, NULL, NULL);
    buf_printf(b, " %lld.%03lld\n", (long long)(span / 1000), (long long)(span % 1000));
}

/* ---- merging ---- */

static str next_line(str *rest)
{
    str line;
    *rest = str_cut(*rest, '\n', &line);
    return line;
}

/* The family's name in "# HELP name …" and "# TYPE name …"; empty for every other line. */
static str head_of(str line)
{
    str name = { 0 };

    if (str_starts(line, S("# HELP ")) || str_starts(line, S("# TYPE ")))
        str_cut(str_sub(line, 7, line.n), ' ', &name);
    return name;
}

/* Was this family's head already in these texts, before `until`? */
static bool seen_before(const str *text, size_t n, const char *until, str family)
{
    for (size_t i = 0; i < n; i++)
        for (str rest = text[i]; rest.p && rest.n;) {
            str line = next_line(&rest);
            if (line.p == until)
                return false;
            if (str_eq(head_of(line), family))
                return true;
        }
    return false;
}

/* Lines of one family: its heads from the text where it stands first, its samples from all. */
static void write_family(struct buf *b, const str *text, size_t n, str family)
{
    bool headed = false;

    for (size_t i = 0; i < n; i++) {
        bool inside = false, heads_here = false;
        for (str rest = text[i]; rest.p && rest.n;) {
            str line = next_line(&rest), head = head_of(line);
            if (head.n)
                inside = str_eq(head, family);
            if (!inside || line.n == 0 || (head.n && headed && !heads_here))
                continue;
            if (head.n)
                headed = heads_here = true;
            buf_append(b, line);
            buf_char(b, '\n');
        }
    }
}

void expose_merged(struct buf *b, const str *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (str rest = text[i]; rest.p && rest.n;) {
            str line = next_line(&rest), family = head_of(line);
            if (family.n && !seen_before(text, n, line.p, family))
                write_family(b, text, n, family);
        }
}
