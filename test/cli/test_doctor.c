/* The table of what `brindle doctor` can find, by itself; that each row is found when it should be,
 * is test/scenario/scenarios_doctor.py's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* ours has another meaning */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/doctor/findings.h"

#define wrong(...) (print_error(__VA_ARGS__), assert_true(false))

enum { NAME_MAX_LETTERS = 32, LINE_LETTERS = 80 };

static void every_row_has_a_name_of_its_own_and_fits_a_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < FINDING_COUNT; i++) {
        const struct finding *f = &finding_table[i];
        for (const char *c = f->name; *c; c++)
            if (!islower((unsigned char)*c) && *c != '_')
                wrong("%s is no name for programs", f->name);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(f->name, finding_table[k].name);
        assert_in_range(strlen(f->name), 3, NAME_MAX_LETTERS);
        assert_in_range(strlen(f->meaning), 10, LINE_LETTERS);
        assert_in_range(strlen(f->fix), 2, LINE_LETTERS);
        assert_true(isupper((unsigned char)f->meaning[0]));
        assert_int_not_equal(f->meaning[strlen(f->meaning) - 1], '.');
    }
}

/* Who runs every command unread approves of nothing: what asks a person, asks. */
static void no_command_answers_in_a_persons_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < FINDING_COUNT; i++)
        if (finding_table[i].kind == RUN)
            assert_null(strstr(finding_table[i].fix, "--yes"));
}

/* What a test can run, or a person paste. */
static void what_is_called_a_command_begins_like_one(void **state)
{
    static const char *const command[] = { "brindle ", "chmod ", "chown ", "rm ", "timedatectl " };
    (void)state;

    for (size_t i = 0; i < FINDING_COUNT; i++) {
        bool known = finding_table[i].kind == DO;
        for (size_t k = 0; k < COUNT(command); k++)
            known = known || str_starts(str_of(finding_table[i].fix), str_of(command[k]));
        if (!known)
            wrong("%s: \"%s\" is no command", finding_table[i].name, finding_table[i].fix);
    }
}

static void every_row_stands_in_the_manual_and_no_other(void **state)
{
    static const char *const severity[] = { "note", "warning", "error" };
    static char text[96 << 10];
    char line[160];
    size_t listed = 0;
    FILE *f = fopen(MANUAL, "re");
    (void)state;

    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    const char *at = text;
    for (size_t i = 0; i < FINDING_COUNT; i++) {
        const struct finding *row = &finding_table[i];
        snprintf(line, sizeof line, ".It Cm %s Pq %s\n", row->name, severity[row->severity]);
        const char *next = strstr(at, line);
        if (!next)
            wrong("brindle-doctor.1 lacks, or has elsewhere: %s", line);
        at = next + strlen(line);
        if (strncmp(at, row->meaning, strlen(row->meaning)) != 0)
            wrong("%s means \"%s\"; in the manual it does not", row->name, row->meaning);
        snprintf(line, sizeof line, row->kind == RUN ? "\n.Dl %s\n" : "\nStep: %s.\n", row->fix);
        next = strstr(at, line);
        if (!next || memmem(at, (size_t)(next - at), ".It ", 4))
            wrong("brindle-doctor.1, %s lacks: %s", row->name, line);
    }
    for (at = text; (at = strstr(at, "\n.It Cm ")); at++)
        listed++;
    assert_int_equal(listed, FINDING_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_a_name_of_its_own_and_fits_a_line),
        cmocka_unit_test(no_command_answers_in_a_persons_place),
        cmocka_unit_test(what_is_called_a_command_begins_like_one),
        cmocka_unit_test(every_row_stands_in_the_manual_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
