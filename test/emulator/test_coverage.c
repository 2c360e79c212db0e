/* The table of what is covered says what is true. */
#include "shop.h"

#include "base/buf.h"

#include <string.h>

static bool is_known(const char *method, str path)
{
    char target[512];
    size_t n = 0;

    for (size_t i = 0; i < path.n && n < sizeof target - 1; i++) {
        target[n++] = path.p[i] == '{' ? 'x' : path.p[i];
        i += path.p[i] == '{';
    }
    target[n] = 0;
    json_t *v = ask(&stand, format(&stand, "%s %s", method, target), "");
    const char *start = "Unrecognized request URL";
    return strncmp(text_at(v, "error.message"), start, strlen(start)) != 0;
}

static bool has_word(str words, const char *word)
{
    while (words.n) {
        str one;
        words = str_cut(str_trim(words), ' ', &one);
        if (str_eqz(one, word))
            return true;
    }
    return false;
}

/* "| `path` | GET | POST | DELETE |": each method is asked for at that path. */
static void every_row_is_asked(void **state)
{
    static const char *const method[] = { "GET", "POST", "DELETE" };
    BUF(table, 1 << 20);
    size_t n[3] = { 0 };
    str rest, line;

    (void)state;
    emulator_coverage(&table);
    rest = buf_str(&table);
    while (rest.n) {
        str cell[3], path, ignored;
        rest = str_cut(rest, '\n', &line);
        if (!str_starts(line, S("| `/")))
            continue;
        line = str_cut(str_sub(line, 3, line.n), '`', &path);
        line = str_cut(line, '|', &ignored);
        for (int i = 0; i < 3; i++)
            line = str_cut(line, '|', &cell[i]);
        for (size_t m = 0; m < COUNT(method); m++) {
            int listed = 0;
            for (int i = 0; i < 3; i++) {
                if (!has_word(cell[i], method[m]))
                    continue;
                listed++;
                n[i]++;
                if (is_known(method[m], path) != (i < 2))
                    print_error("%s %.*s\n", method[m], STR_ARG(path));
                assert_true(is_known(method[m], path) == (i < 2));
            }
            assert_true(listed <= 1);
        }
    }
    assert_int_equal(n[0] + n[1] + n[2], 650);
    assert_true(n[0] > 100);
}

static void what_comes_by_itself_is_marked(void **state)
{
    BUF(table, 1 << 20);

    (void)state;
    emulator_coverage(&table);
    buf_char(&table, 0);
    assert_non_null(strstr(table.p, "| `product.created` | product | yes |\n"));
    assert_non_null(strstr(table.p, "| `issuing_card.created` | issuing.card | |\n"));
    assert_non_null(strstr(table.p, "All 275 types"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_row_is_asked),
        CASE(what_comes_by_itself_is_marked),
    };
    return cmocka_run_group_tests_name("coverage", tests, NULL, NULL);
}
