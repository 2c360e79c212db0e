/* Where a setting comes from, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* ours has another meaning */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/config.h"
#include "cli/keys.h"
#include "cli/nearest.h"
#include "run.h"

#define wrong(...) (print_error(__VA_ARGS__), assert_true(false))

struct place {
    char dir[64];
    struct config c;
    struct error e;
};

static void forget_variables(void)
{
    char name[64];

    unsetenv("BRINDLE_CONFIG");
    for (size_t i = 0; i < SETTING_COUNT; i++)
        for (str left = str_of(setting_table[i].variables), head; left.n;) {
            left = str_cut(left, ' ', &head);
            snprintf(name, sizeof name, "%.*s", STR_ARG(head));
            unsetenv(name);
        }
}

static int begin(void **state)
{
    struct place *p = calloc(1, sizeof *p);

    run_dir_make(p->dir);
    forget_variables();
    *state = p;
    return chdir(p->dir);
}

static int end(void **state)
{
    struct place *p = *state;

    forget_variables();
    config_free(&p->c);
    run_dir_remove(p->dir);
    free(p);
    return 0;
}

static enum status load(struct place *p, const struct config_flags *f)
{
    config_free(&p->c);
    error_clear(&p->e);
    return config_load(&p->c, f ? f : &(struct config_flags){ .path = NULL }, &p->e);
}

/* What is wrong in the environment's own section keeps the others from nothing. */
static const char *fault_of_first(struct place *p)
{
    assert_int_equal(load(p, NULL), ST_OK);
    return p->c.env[0].fault;
}

static bool is(str s, const char *z)
{
    return str_eqz(s, z);
}

static void without_anything_there_are_defaults_and_no_environment(void **state)
{
    struct place *p = *state;

    assert_int_equal(load(p, NULL), ST_OK);
    assert_true(is(config_text(&p->c.values, SET_LISTEN), "127.0.0.1:8420"));
    assert_string_equal(p->c.data_dir, "./brindle-data");
    assert_int_equal(p->c.n_envs, 0);
}

static void flags_win_over_variables_and_those_over_the_file(void **state)
{
    struct place *p = *state;
    struct config_flags f = { .listen = "127.0.0.1:3" };

    run_write(p->dir, "brindle.conf", "[brindle]\nlisten = 127.0.0.1:1\n", 0600);
    assert_int_equal(load(p, NULL), ST_OK);
    assert_true(is(config_text(&p->c.values, SET_LISTEN), "127.0.0.1:1"));
    setenv("BRINDLE_LISTEN", "127.0.0.1:2", 1);
    assert_int_equal(load(p, NULL), ST_OK);
    assert_true(is(config_text(&p->c.values, SET_LISTEN), "127.0.0.1:2"));
    assert_int_equal(load(p, &f), ST_OK);
    assert_true(is(config_text(&p->c.values, SET_LISTEN), "127.0.0.1:3"));
    assert_int_equal(p->c.values.origin[SET_LISTEN], ORIGIN_FLAG);
}

static int64_t catch_up_of_first(struct place *p)
{
    assert_int_equal(load(p, NULL), ST_OK);
    assert_int_equal(p->c.n_envs, 1);
    return config_catch_up_seconds(&p->c.env[0]);
}

static void the_list_of_events_is_read_seldom_where_webhooks_bring_the_news(void **state)
{
    struct place *p = *state;

    setenv("STRIPE_SECRET_KEY", "sk_test_1", 1);
    assert_int_equal(catch_up_of_first(p), 60);
    setenv("STRIPE_WEBHOOK_SECRET", "whsec_a", 1);
    assert_int_equal(catch_up_of_first(p), 600);
    setenv("BRINDLE_CATCH_UP_SECONDS", "7", 1);
    assert_int_equal(catch_up_of_first(p), 7);
    setenv("BRINDLE_CATCH_UP_SECONDS", "0", 1);
    assert_int_equal(catch_up_of_first(p), 0);
    run_write(p->dir, "brindle.conf",
              "[env a]\nsecret_key = sk_test_1\ncatch_up_seconds =\nrelist_seconds =\n", 0600);
    forget_variables();
    assert_int_equal(catch_up_of_first(p), 60);
    assert_int_equal(config_number(&p->c.env[0].values, SET_RELIST), 86400);
    assert_int_equal(config_number(&p->c.env[0].values, SET_RATE_LIMIT), -1);
}

static void the_key_names_the_environment_of_the_variables(void **state)
{
    static const struct {
        const char *variable, *key, *name;
    } row[] = { { "STRIPE_SECRET_KEY", "sk_test_1", "test" },
                { "STRIPE_SECRET_KEY", "rk_live_1", "live" },
                { "STRIPE_API_KEY", "sk_live_1", "live" } };
    struct place *p = *state;

    for (size_t i = 0; i < COUNT(row); i++) {
        forget_variables();
        setenv(row[i].variable, row[i].key, 1);
        setenv("STRIPE_WEBHOOK_SECRET", "whsec_a, whsec_b", 1);
        assert_int_equal(load(p, NULL), ST_OK);
        assert_int_equal(p->c.n_envs, 1);
        assert_string_equal(p->c.env[0].name, row[i].name);
        assert_true(is(secret_reveal(&p->c.env[0].secret_key), row[i].key));
        assert_int_equal(p->c.env[0].n_webhook_secrets, 2);
        assert_true(is(secret_reveal(&p->c.env[0].webhook_secret[1]), "whsec_b"));
    }
}

static void a_value_can_point_at_a_file_or_a_variable(void **state)
{
    struct place *p = *state;

    run_write(p->dir, "key", "sk_test_from_file\n", 0600);
    run_write(p->dir, "brindle.conf",
              "[env one]\nsecret_key = file:key\nwebhook_secret = env:HOOK\n", 0644);
    setenv("HOOK", "whsec_from_variable", 1);
    assert_int_equal(load(p, NULL), ST_OK);
    assert_true(is(secret_reveal(&p->c.env[0].secret_key), "sk_test_from_file"));
    assert_true(is(secret_reveal(&p->c.env[0].webhook_secret[0]), "whsec_from_variable"));
    assert_false(p->c.holds_secrets);
    unsetenv("HOOK");
    assert_non_null(strstr(fault_of_first(p), "HOOK"));
}

static void a_file_with_secrets_that_others_may_read_is_noticed(void **state)
{
    struct place *p = *state;

    run_write(p->dir, "brindle.conf", "[env one]\nsecret_key = sk_test_1\n", 0644);
    assert_int_equal(load(p, NULL), ST_OK);
    assert_true(p->c.holds_secrets && p->c.path_is_open);
    run_write(p->dir, "brindle.conf", "[env one]\nsecret_key = sk_test_1\n", 0600);
    assert_int_equal(load(p, NULL), ST_OK);
    assert_false(p->c.path_is_open);
}

static void what_cannot_be_meant_is_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *file, *says;
    } row[] = {
        { "[brindle]\nlissten = 1\n", "did you mean \"listen\"?" },
        { "[brindle]\nsecret_key = sk_test_1\n", "belongs into an [env NAME] section" },
        { "[other]\nlisten = 1\n", "there are [brindle] and [env NAME]" },
        { "listen = 1\n", "there are [brindle] and [env NAME]" },
        { "[env A B]\nworkers = 1\n", "cannot name an environment" },
        { "[brindle]\nlisten = 1\nlisten = 2\n", "set twice" },
        { "[brindle]\ndatabase = mysql://h/d\n", "must be sqlite:DIR" },
        { "[brindle]\ndatabase = ./dir\n", "must be sqlite:DIR" },
        { "[brindle]\nlog_level = loud\n", "must be one of" },
        { "[brindle]\nnonsense\n", "line 2" },
    };
    struct place *p = *state;

    for (size_t i = 0; i < COUNT(row); i++) {
        run_write(p->dir, "brindle.conf", row[i].file, 0600);
        assert_int_equal(load(p, NULL), ST_INVALID);
        if (!strstr(p->e.text, row[i].says))
            wrong("%s: \"%s\" does not say \"%s\"", row[i].file, p->e.text, row[i].says);
        assert_null(strstr(p->e.text, "sk_test_1"));
    }
}

static void what_is_wrong_in_a_section_is_that_environments_alone(void **state)
{
    static const struct {
        const char *line, *says;
    } row[] = {
        { "listen = 1", "belongs into [brindle]" },
        { "workers = many", "must be a number" },
        { "workers = 0", "must be 1 to 64" },
        { "livemode = yes", "must be true or false" },
        { "account = me", "acct_" },
        { "secret_key = file:/nowhere/at/all", "cannot be read" },
        { "fuze = 3", "did you mean \"fuse\"?" },
        { "connect = on\nconnect = off", "set twice" },
        { "nonsense", "line 2 is neither" },
        { "connect = on\n  more", "set twice" },
    };
    struct place *p = *state;
    struct env_config *env = NULL;
    char text[256];

    for (size_t i = 0; i < COUNT(row); i++) {
        snprintf(text, sizeof text, "[env a]\n%s\n[env b]\nworkers = 2\n", row[i].line);
        run_write(p->dir, "brindle.conf", text, 0600);
        if (!strstr(fault_of_first(p), row[i].says))
            wrong("%s: \"%s\" does not say \"%s\"", row[i].line, p->c.env[0].fault, row[i].says);
        assert_string_equal(p->c.env[1].fault, "");
        assert_int_equal(config_env(&p->c, "b", &env, &p->e), ST_OK);
        assert_int_equal(config_env(&p->c, "a", &env, &p->e), ST_INVALID);
        assert_string_equal(p->e.text, p->c.env[0].fault);
        assert_true(config_has(&p->c, "a"));
    }
}

static void a_value_may_be_longer_than_the_parsers_lines(void **state)
{
    struct place *p = *state;
    BUF(text, 4096);

    buf_printf(&text, "[env a]\nsecret_key = sk_test_0123456789\napi_base = https://x.test/");
    for (int i = 0; i < 1000; i++)
        buf_char(&text, 'x');
    buf_printf(&text, " ; why\nschema = s\n");
    buf_char(&text, '\0');
    run_write(p->dir, "brindle.conf", text.p, 0600);
    assert_int_equal(load(p, NULL), ST_OK);
    str base = config_text(&p->c.env[0].values, SET_API_BASE);
    assert_int_equal(base.n, strlen("https://x.test/") + 1000);
    assert_true(str_eqz(config_text(&p->c.env[0].values, SET_SCHEMA), "s"));
}

static void a_list_goes_on_in_the_lines_below(void **state)
{
    struct place *p = *state;

    run_write(p->dir, "brindle.conf",
              "[env a]\napplication_columns = a.b,  ; the first\n"
              "    c.d=delete\n# a remark\n  \"x ; y\".e\n"
              "secret_key = sk_test_0123456789\n  schema = s\n",
              0600);
    assert_non_null(strstr(fault_of_first(p), "set twice")); /* no list: that is none of its */
    run_write(p->dir, "brindle.conf",
              "[env a]\napplication_columns = a.b,  ; the first\n"
              "    c.d=delete\n# a remark\n  \"x ; y\".e\n"
              "secret_key = sk_test_0123456789\nno line of ours\n",
              0600);
    assert_non_null(strstr(fault_of_first(p), "line 7 is neither")); /* lines keep their numbers */
    run_write(p->dir, "brindle.conf",
              "[env a]\napplication_columns = a.b,  ; the first\n"
              "    c.d=delete\n# a remark\n  \"x ; y\".e\n"
              "secret_key = sk_test_0123456789\n",
              0600);
    assert_int_equal(load(p, NULL), ST_OK);
    str list = config_text(&p->c.env[0].values, SET_APP_COLUMNS);
    assert_true(str_eqz(list, "a.b,\nc.d=delete\n\"x ; y\".e"));
}

static void a_long_line_that_is_no_value_is_refused(void **state)
{
    struct place *p = *state;
    char text[400] = "[env a]\n[";

    memset(text + strlen(text), 'x', 250);
    run_write(p->dir, "brindle.conf", text, 0600);
    assert_int_equal(load(p, NULL), ST_INVALID);
    assert_non_null(strstr(p->e.text, "line 2 is longer"));
}

static void a_named_file_that_is_not_there_is_refused(void **state)
{
    struct place *p = *state;
    struct config_flags f = { .path = "./nowhere.conf" };

    assert_int_equal(load(p, &f), ST_INVALID);
    assert_non_null(strstr(p->e.text, "--config"));
    setenv("BRINDLE_CONFIG", "./nowhere.conf", 1);
    assert_int_equal(load(p, NULL), ST_INVALID);
}

static void variables_count_for_the_only_environment_of_a_file_and_for_none_of_several(void **state)
{
    struct place *p = *state;

    run_write(p->dir, "brindle.conf", "[env one]\nsecret_key = sk_test_1\n", 0600);
    setenv("STRIPE_SECRET_KEY", "sk_test_2", 1);
    assert_int_equal(load(p, NULL), ST_OK);
    assert_true(is(secret_reveal(&p->c.env[0].secret_key), "sk_test_2"));
    run_write(p->dir, "brindle.conf", "[env one]\nsecret_key = sk_test_1\n[env two]\nworkers = 2\n",
              0600);
    assert_int_equal(load(p, NULL), ST_OK);
    assert_true(is(secret_reveal(&p->c.env[0].secret_key), "sk_test_1"));
    assert_true(secret_is_empty(&p->c.env[1].secret_key));
    assert_true(p->c.stripe_variables_unused);
}

static void an_environment_must_be_named_when_there_are_several(void **state)
{
    struct place *p = *state;
    struct env_config *env = NULL;

    run_write(p->dir, "brindle.conf", "[env one]\nworkers = 1\n[env two]\nworkers = 2\n", 0600);
    assert_int_equal(load(p, NULL), ST_OK);
    assert_int_equal(config_env(&p->c, NULL, &env, &p->e), ST_INVALID);
    assert_non_null(strstr(p->e.text, "one, two"));
    error_clear(&p->e);
    assert_int_equal(config_env(&p->c, "two", &env, &p->e), ST_OK);
    assert_string_equal(env->name, "two");
    assert_int_equal(config_env(&p->c, "three", &env, &p->e), ST_INVALID);
}

static void a_store_in_the_data_directory_is_an_environment_to_read(void **state)
{
    struct place *p = *state;
    struct env_config *env = NULL;
    struct config_flags f = { .data_dir = p->dir };

    run_write(p->dir, "demo.db", "", 0600);
    assert_int_equal(load(p, &f), ST_OK);
    assert_int_equal(config_env(&p->c, NULL, &env, &p->e), ST_OK);
    assert_string_equal(env->name, "demo");
    assert_true(env->found);
}

static void a_key_is_judged_by_its_shape(void **state)
{
    static const struct {
        const char *key;
        enum key_kind kind;
    } row[] = { { "", KEY_NONE },
                { "  ", KEY_NONE },
                { "sk_test_a1", KEY_TEST },
                { "rk_live_a1", KEY_LIVE },
                { "sk_test_", KEY_MALFORMED },
                { "\"sk_test_a1\"", KEY_MALFORMED },
                { " sk_test_a1", KEY_MALFORMED },
                { "pk_test_a1", KEY_MALFORMED },
                { "whsec_a1", KEY_MALFORMED },
                { "sk_test_a-1", KEY_MALFORMED },
                { "hello", KEY_MALFORMED } };
    (void)state;

    for (size_t i = 0; i < COUNT(row); i++) {
        struct secret s = { .n = 0 };
        const char *why = "";
        assert_true(secret_set(&s, str_of(row[i].key)));
        if (key_judge(&s, &why) != row[i].kind)
            wrong("\"%s\" was misjudged", row[i].key);
        assert_int_equal(row[i].kind == KEY_MALFORMED, *why != '\0');
    }
}

static void a_publishable_key_and_a_webhook_secret_are_judged_by_their_shape(void **state)
{
    static const struct {
        const char *key;
        enum key_kind kind;
    } row[] = { { "", KEY_NONE },
                { "pk_test_a1", KEY_TEST },
                { "pk_live_a1", KEY_LIVE },
                { "pk_test_", KEY_MALFORMED },
                { "sk_test_a1", KEY_MALFORMED },
                { "\"pk_test_a1\"", KEY_MALFORMED },
                { "pk_test_a 1", KEY_MALFORMED },
                { "pk_a1", KEY_MALFORMED } };
    static const struct {
        const char *secret;
        bool right;
    } hook[] = { { "whsec_a1", true },    { "whsec_a/1+=", true }, { "whsec_", false },
                 { "sk_test_a1", false }, { "'whsec_a1'", false }, { "whsec_a 1", false },
                 { "a1", false },         { " ", false } };
    (void)state;

    for (size_t i = 0; i < COUNT(row); i++) {
        const char *why = "";
        if (publishable_judge(str_of(row[i].key), &why) != row[i].kind)
            wrong("\"%s\" was misjudged", row[i].key);
        assert_int_equal(row[i].kind == KEY_MALFORMED, *why != '\0');
    }
    for (size_t i = 0; i < COUNT(hook); i++) {
        struct secret s = { .n = 0 };
        assert_true(secret_set(&s, str_of(hook[i].secret)));
        if ((webhook_secret_fault(&s) == NULL) != hook[i].right)
            wrong("\"%s\" was misjudged", hook[i].secret);
    }
}

static void two_environments_share_no_secret_and_no_place(void **state)
{
    static const struct {
        const char *brindle, *one, *two, *said; /* NULL: they are apart */
    } row[] = {
        { "", "secret_key=sk_test_a", "secret_key=sk_test_b", NULL },
        { "", "secret_key=sk_test_a", "secret_key=sk_test_a", "secret_key" },
        { "", "webhook_secret=whsec_a,whsec_b", "webhook_secret=whsec_c, whsec_b",
          "webhook_secret" },
        { "", "redis_prefix=x:", "redis_prefix=x:", NULL },
        { "redis=redis://h\n", "redis_prefix=x:", "redis_prefix=x:", "redis_prefix" },
        { "redis=redis://h\n", "redis_prefix=stripe:two:", "workers=1", "redis_prefix" },
        { "redis=redis://h\n", "workers=1", "workers=1", NULL },
        { "", "schema=s", "schema=s", NULL },
        { "database=postgresql://h/d\n", "schema=s", "schema=s", "schema" },
        { "database=postgresql://h/d\n", "schema=brindle_two", "workers=1", "schema" },
        { "database=postgresql://h/d\n", "workers=1", "workers=1", NULL },
    };
    struct place *p = *state;

    for (size_t i = 0; i < COUNT(row); i++) {
        char text[512];
        snprintf(text, sizeof text, "[brindle]\n%s[env one]\n%s\n[env two]\n%s\n", row[i].brindle,
                 row[i].one, row[i].two);
        run_write(p->dir, "brindle.conf", text, 0600);
        enum status st = load(p, NULL);
        if (st != (row[i].said ? ST_INVALID : ST_OK))
            wrong("row %zu: %s (%s)", i, status_name(st), p->e.text);
        if (row[i].said)
            assert_non_null(strstr(p->e.text, row[i].said));
    }
}

static const char *fruit(const void *ctx, size_t i)
{
    static const char *const name[] = { "apple", "pear", "status" };

    (void)ctx;
    return i < COUNT(name) ? name[i] : NULL;
}

static void the_nearest_name_is_found_when_it_is_near(void **state)
{
    (void)state;
    assert_int_equal(edit_distance(S("kitten"), S("sitting")), 3);
    assert_int_equal(edit_distance(S("status"), S("sttaus")), 1);
    assert_string_equal(nearest(S("aple"), fruit, NULL), "apple");
    assert_string_equal(nearest(S("statsu"), fruit, NULL), "status");
    assert_null(nearest(S("zucchini"), fruit, NULL));
}

static void every_setting_stands_in_the_manual(void **state)
{
    static char text[64 << 10];
    char line[160];
    FILE *f = fopen(MANUAL, "re");
    (void)state;

    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *s = &setting_table[i];
        str first;
        str_cut(str_of(s->variables), ' ', &first);
        snprintf(line, sizeof line, ".It Cm %s Pq Ev %.*s", s->name, STR_ARG(first));
        const char *at = strstr(text, line);
        if (!at)
            wrong("brindle.conf.5 lacks: %s", line);
        assert_non_null(strstr(at, s->help));
        if (*s->fallback) {
            snprintf(line, sizeof line, "Default %s.", s->fallback);
            assert_non_null(strstr(at, line));
        }
    }
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(without_anything_there_are_defaults_and_no_environment),
        CASE(flags_win_over_variables_and_those_over_the_file),
        CASE(the_list_of_events_is_read_seldom_where_webhooks_bring_the_news),
        CASE(the_key_names_the_environment_of_the_variables),
        CASE(a_value_can_point_at_a_file_or_a_variable),
        CASE(a_file_with_secrets_that_others_may_read_is_noticed),
        CASE(what_cannot_be_meant_is_refused_with_a_sentence),
        CASE(what_is_wrong_in_a_section_is_that_environments_alone),
        CASE(a_value_may_be_longer_than_the_parsers_lines),
        CASE(a_list_goes_on_in_the_lines_below),
        CASE(a_long_line_that_is_no_value_is_refused),
        CASE(a_named_file_that_is_not_there_is_refused),
        CASE(variables_count_for_the_only_environment_of_a_file_and_for_none_of_several),
        CASE(an_environment_must_be_named_when_there_are_several),
        CASE(a_store_in_the_data_directory_is_an_environment_to_read),
        CASE(a_key_is_judged_by_its_shape),
        CASE(a_publishable_key_and_a_webhook_secret_are_judged_by_their_shape),
        CASE(two_environments_share_no_secret_and_no_place),
        CASE(the_nearest_name_is_found_when_it_is_near),
        CASE(every_setting_stands_in_the_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
