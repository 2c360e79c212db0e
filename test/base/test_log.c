#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "unit.h"

enum { LINE_BYTES_MAX = 2048 };

/* What one call writes, read back from a pipe. */
static str logged(struct arena *a, bool json, const struct log_field *field, size_t n)
{
    char line[2 * LINE_BYTES_MAX];
    int fd[2];

    assert_int_equal(pipe(fd), 0);
    struct log l = { .fd = fd[1], .least = LOG_INFO, .json = json };
    log_write(&l, LOG_WARN, LOG_webhook_refused, field, n);
    close(fd[1]);
    ssize_t got = read(fd[0], line, sizeof line);
    close(fd[0]);
    assert_true(got >= 0);
    return arena_copy(a, (str){ line, (size_t)got });
}

static str without_newline(str line)
{
    assert_true(str_ends(line, S("\n")));
    str body = str_sub(line, 0, line.n - 1);
    assert_int_equal(str_find(body, '\n'), body.n); /* one line */
    assert_int_equal(str_find(body, '\r'), body.n);
    return body;
}

/* Values that would like to be more than a value. */
static const struct {
    str value;
    const char *logfmt;
} evil[] = {
    { { "x\nlevel=error event=damaged", 27 }, "reason=\"x\\u000alevel=error event=damaged\"" },
    { { "x\r\ny", 4 }, "reason=\"x\\u000d\\u000ay\"" },
    { { "a\" event=\"b", 11 }, "reason=\"a\\\" event=\\\"b\"" },
    { { "a\\", 2 }, "reason=\"a\\\\\"" },
    { { "a b", 3 }, "reason=\"a b\"" },
    { { "a=b", 3 }, "reason=\"a=b\"" },
    { { "", 0 }, "reason=\"\"" },
    { { "\x1b[31m", 5 }, "reason=\"\\u001b[31m\"" },
    { { "\x7f", 1 }, "reason=\"\\u007f\"" },
    { { "\xc2\x9b"
        "31m",
        5 },
      "reason=\"\\u009b31m\"" },
    { { "\xe2\x80\xa8", 3 }, "reason=\"\\u2028\"" },
    { { "a\0b", 3 }, "reason=\"a\\u0000b\"" },
    { { "caf\xc3\xa9", 5 }, "reason=\"caf\xc3\xa9\"" },
    { { "\xff\xfe", 2 }, "reason=\"\xef\xbf\xbd\xef\xbf\xbd\"" },
    { { "plain", 5 }, "reason=plain" },
};

static void a_value_cannot_forge_a_line_of_logfmt(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(evil); i++) {
        ARENA(a, 1 << 16);
        const struct log_field f[] = { LF("reason", evil[i].value), LF_INT("n", -5) };
        str line = without_newline(logged(&a, false, f, COUNT(f)));
        str want = arena_printf(&a, " level=warn event=webhook_refused %s n=-5", evil[i].logfmt);
        assert_true(str_starts(line, S("time=2")));
        assert_for(evil[i].logfmt, str_ends(line, want));
    }
}

static void a_line_of_json_says_exactly_the_values(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(evil); i++) {
        ARENA(a, 1 << 16);
        const struct log_field f[] = { LF("reason", evil[i].value), LF_INT("n", -5) };
        str line = without_newline(logged(&a, true, f, COUNT(f)));
        int64_t n = 0;
        assert_true(json_valid(line));
        assert_str(json_text(line, S("level"), &a), S("warn"));
        assert_str(json_text(line, S("event"), &a), S("webhook_refused"));
        assert_int_equal(json_text(line, S("time"), &a).n, strlen("2026-10-28T00:00:00.000Z"));
        assert_true(json_int(line, S("n"), &n) && n == -5);
        bool text = json_valid(arena_printf(&a, "\"%.*s\"", STR_ARG(evil[i].value))) ||
                    evil[i].value.p[0] != '\xff';
        str want = text ? evil[i].value : S("\xef\xbf\xbd\xef\xbf\xbd");
        assert_str(json_text(line, S("reason"), &a), want);
    }
}

/* Fills a line with copies of `unit` behind `shift` other characters, so that the cut falls on
 * every place of the unit. */
static void check_cut(str unit, size_t shift, bool json)
{
    ARENA(a, 1 << 20);
    BUF(b, 3 * LINE_BYTES_MAX);

    for (size_t i = 0; i < shift; i++)
        buf_char(&b, 'x');
    while (b.n < LINE_BYTES_MAX + 100)
        buf_append(&b, unit);
    const struct log_field f[] = { LF("reason", buf_str(&b)), LF("behind", S("lost")),
                                   LF_INT("n", 1) };
    str line = logged(&a, json, f, COUNT(f));
    assert_true(line.n <= LINE_BYTES_MAX);
    assert_true(line.n > LINE_BYTES_MAX - 40);
    str body = without_newline(line);
    assert_int_equal(json_member(body, S("behind")).type, JSON_END);
    if (json) {
        assert_true(json_valid(body));
        assert_int_equal(json_bool(body, S("cut")), JSON_TRUE);
        str kept = json_text(body, S("reason"), &a);
        assert_true(kept.n > 100 && str_starts(buf_str(&b), kept));
    } else {
        assert_true(str_ends(body, S(" cut=true")));
        str value = str_sub(body, 0, body.n - strlen(" cut=true"));
        size_t quote = str_find(value, '"');
        assert_true(quote == value.n || json_valid(str_sub(value, quote, value.n)));
    }
}

static void a_line_too_long_is_cut_and_still_ends_properly(void **state)
{
    static const str units[] = { { "a", 1 },  { "\n", 1 },       { "\"", 1 },
                                 { "\\", 1 }, { "\xc3\xa9", 2 }, { "\xf0\x9f\x98\x80", 4 },
                                 { " ", 1 } };
    (void)state;

    for (size_t i = 0; i < COUNT(units); i++)
        for (size_t shift = 0; shift < 8; shift++) {
            check_cut(units[i], shift, true);
            check_cut(units[i], shift, false);
        }
}

/* The field that does not fit begins at every distance from the end of the line. */
static void a_field_is_whole_or_left_out_at_the_end_of_a_line(void **state)
{
    static char filler[LINE_BYTES_MAX];
    (void)state;

    memset(filler, 'x', sizeof filler);
    for (size_t n = LINE_BYTES_MAX - 160; n < LINE_BYTES_MAX - 60; n++) {
        ARENA(a, 1 << 16);
        const struct log_field f[] = { LF("a", ((str){ filler, n })), LF_INT("number", 1234567890),
                                       LF("text", S("b c")) };
        str body = without_newline(logged(&a, true, f, COUNT(f)));
        int64_t number = 1234567890;
        assert_true(json_valid(body));
        bool there = json_int(body, S("number"), &number);
        assert_int_equal(number, 1234567890);
        assert_true(there || json_bool(body, S("cut")) == JSON_TRUE);
        assert_true(json_member(body, S("text")).type == JSON_END || there);
        assert_true(body.n < LINE_BYTES_MAX);
    }
}

static void what_is_below_the_least_level_is_not_written(void **state)
{
    int fd[2];
    char c;
    (void)state;

    assert_int_equal(pipe(fd), 0);
    struct log l = { .fd = fd[1], .least = LOG_WARN };
    log_say(&l, LOG_INFO, LOG_started, LF("env", S("test")));
    close(fd[1]);
    assert_int_equal(read(fd[0], &c, 1), 0);
    close(fd[0]);
}

static void every_event_of_the_catalogue_has_its_name(void **state)
{
    (void)state;

    for (int i = 0; i < LOG_EVENT_COUNT; i++) {
        char line[LINE_BYTES_MAX];
        int fd[2];
        assert_int_equal(pipe(fd), 0);
        struct log l = { .fd = fd[1], .json = true };
        log_write(&l, LOG_ERROR, (enum log_event)i, NULL, 0);
        close(fd[1]);
        ssize_t n = read(fd[0], line, sizeof line);
        close(fd[0]);
        assert_true(n > 1);
        str body = { line, (size_t)n - 1 };
        assert_true(json_member(body, S("event")).text.n > 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_cannot_forge_a_line_of_logfmt),
        cmocka_unit_test(a_line_of_json_says_exactly_the_values),
        cmocka_unit_test(a_line_too_long_is_cut_and_still_ends_properly),
        cmocka_unit_test(a_field_is_whole_or_left_out_at_the_end_of_a_line),
        cmocka_unit_test(what_is_below_the_least_level_is_not_written),
        cmocka_unit_test(every_event_of_the_catalogue_has_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
