/* What every command promises: help, flags, exit codes, and that secrets stay out of arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* ours has another meaning */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "run.h"

static const char *const commands[] = { "serve",  "demo",  "sync",  "status", "get",  "list",
                                        "inbox",  "trace", "erase", "schema", "copy", "emulate",
                                        "doctor", "env",   "help",  "version" };

#define wrong(...) (print_error(__VA_ARGS__), assert_true(false))

enum { SCREEN_LINES = 24, SCREEN_COLUMNS = 100 };

struct fixture {
    char dir[64];
    struct ran r;
};

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    run_dir_make(f->dir);
    *state = f;
    return 0;
}

static int end(void **state)
{
    struct fixture *f = *state;

    run_free(&f->r);
    run_dir_remove(f->dir);
    free(f);
    return 0;
}

static void every_help_fits_a_screen_and_has_an_example(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(commands); i++) {
        run_free(&f->r);
        RUN(&f->r, f->dir, NULL, commands[i], "--help");
        assert_int_equal(f->r.code, 0);
        size_t lines = 0;
        for (str left = str_of(f->r.out), line; left.n; lines++) {
            left = str_cut(left, '\n', &line);
            assert_true(line.n <= SCREEN_COLUMNS);
        }
        if (lines > SCREEN_LINES || !strstr(f->r.out, "Example") ||
            strncmp(f->r.out, "Usage: brindle ", 15) != 0)
            wrong("brindle %s --help: %zu lines", commands[i], lines);
    }
}

static void the_list_of_commands_names_each(void **state)
{
    struct fixture *f = *state;
    char line[64];

    RUN(&f->r, f->dir, NULL, "help");
    assert_int_equal(f->r.code, 0);
    for (size_t i = 0; i < COUNT(commands); i++) {
        snprintf(line, sizeof line, "\n  %-9s ", commands[i]);
        assert_non_null(strstr(f->r.out, line));
    }
}

static void exit_codes_tell_what_went_wrong(void **state)
{
    static const char *const none[] = { NULL };
    static const char *const malformed[] = { "STRIPE_SECRET_KEY=pk_test_1", NULL };
    static const char *const away[] = { "STRIPE_SECRET_KEY=sk_test_1",
                                        "STRIPE_API_BASE=http://example.com", NULL };
    static const struct {
        const char *const *env;
        const char *args[6];
        int code;
        const char *says;
    } row[] = {
        { none, { "version" }, 0, "" },
        { none, { "sttaus" }, 2, "did you mean \"status\"?" },
        { none, { NULL }, 2, "brindle help" },
        { none, { "status" }, 1, "No environment is configured" },
        { none, { "status", "--typs" }, 2, "did you mean --types?" },
        { none, { "status", "--types=1" }, 2, "takes no value" },
        { none, { "status", "surplus" }, 2, "does not know what to do with" },
        { none, { "get" }, 2, "brindle get needs an ID" },
        { none, { "get", "cus_1" }, 1, "No environment" },
        { none, { "list", "custmers" }, 2, "did you mean customers?" },
        { none, { "list", "customers", "--limit", "-1" }, 2, "takes a number" },
        { none, { "serve" }, 2, "No environment is configured" },
        { none, { "demo", "--speed", "0" }, 2, "--speed must be" },
        { none, { "emulate", "--listen", "nowhere" }, 2, "" },
        { none, { "emulate", "--fault", "nonsense" }, 2, "nonsense" },
        { none, { "inbox", "lst" }, 2, "list, show, replay and dead" },
        { none, { "inbox", "list", "--outcome", "foo" }, 2, "unfetchable, quarantined and erased" },
        { none, { "doctor", "--offline" }, 3, "" },
        { none, { "doctor", "--offline", "--env", "nope" }, 2, "no environment \"nope\"" },
        { none, { "help", "nothing" }, 2, "no help about" },
        { none, { "--config", "/nowhere", "status" }, 2, "does not exist" },
        { malformed, { "sync" }, 2, "publishable" },
        { away, { "sync" }, 2, "" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(row); i++) {
        run_free(&f->r);
        run_program(&f->r, f->dir, row[i].env, row[i].args);
        if (f->r.code != row[i].code || !strstr(f->r.err, row[i].says))
            wrong("row %zu ends with %d and says: %s", i, f->r.code, f->r.err);
    }
}

static void secrets_are_refused_as_arguments_and_never_repeated(void **state)
{
    static const char *const args[][6] = {
        { "serve", "--secret-key=sk_test_4242" },
        { "sync", "sk_live_4242" },
        { "emulate", "--webhook-secret", "whsec_4242" },
        { "status", "--token=rk_test_4242" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(args); i++) {
        run_free(&f->r);
        run_program(&f->r, f->dir, NULL, args[i]);
        assert_int_equal(f->r.code, 2);
        assert_non_null(strstr(f->r.err, "secret"));
        assert_null(strstr(f->r.err, "4242"));
    }
    run_free(&f->r);
    RUN(&f->r, f->dir, NULL, "serve", "--secret-key", "4242");
    assert_int_equal(f->r.code, 2);
    assert_non_null(strstr(f->r.err, "Secrets are not taken as arguments"));
}

static void errors_are_json_when_json_is_asked_for(void **state)
{
    struct fixture *f = *state;

    RUN(&f->r, f->dir, NULL, "status", "--json");
    assert_int_equal(f->r.code, 1);
    assert_int_equal(f->r.err[0], '{');
    assert_non_null(strstr(f->r.err, "\"status\":\"none\",\"exit\":1}"));
    assert_string_equal(f->r.out, "");
}

static void the_doctor_names_each_mistake_with_what_mends_it(void **state)
{
    static const char *const wrong[] = { "STRIPE_SECRET_KEY=sk_test_\"1\"",
                                         "STRIPE_WEBHOOK_SECRET=hook", "BRINDLE_LISTEN=0.0.0.0:1",
                                         "BRINDLE_RATE_LIMIT=0", NULL };
    struct fixture *f = *state;
    char dir[128];

    snprintf(dir, sizeof dir, "%s/brindle-data", f->dir);
    mkdir(dir, 0755);
    RUN(&f->r, f->dir, wrong, "doctor", "--json", "--offline");
    assert_int_equal(f->r.code, 3);
    assert_non_null(strstr(f->r.out, "\"check\":\"key_malformed\""));
    assert_non_null(strstr(f->r.out, "\"check\":\"webhook_secret_odd\""));
    assert_non_null(strstr(f->r.out, "\"check\":\"listen_open\""));
    assert_non_null(strstr(f->r.out, "\"check\":\"rate_limit\""));
    assert_non_null(strstr(f->r.out, "\"check\":\"data_readable\""));
    assert_non_null(strstr(f->r.out, "\"fix\":\"chmod 700 ./brindle-data\""));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(every_help_fits_a_screen_and_has_an_example),
        CASE(the_list_of_commands_names_each),
        CASE(exit_codes_tell_what_went_wrong),
        CASE(secrets_are_refused_as_arguments_and_never_repeated),
        CASE(errors_are_json_when_json_is_asked_for),
        CASE(the_doctor_names_each_mistake_with_what_mends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
