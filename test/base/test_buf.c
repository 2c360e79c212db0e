#include "base/buf.h"
#include "unit.h"

static void what_is_appended_is_there(void **state)
{
    BUF(b, 1 << 16);
    (void)state;

    buf_append(&b, S("ab"));
    buf_char(&b, 'c');
    buf_append(&b, (str){ 0 });
    buf_printf(&b, "-%d-%s", 42, "x");
    assert_str(buf_str(&b), S("abc-42-x"));
    for (int i = 0; i < 1000; i++)
        buf_char(&b, 'y');
    assert_int_equal(b.n, 1008);
    assert_memory_equal(b.p, "abc-42-xyyy", 11);
    assert_false(b.failed);
}

static void a_failure_sticks_until_cleared(void **state)
{
    BUF(b, 4);
    (void)state;

    buf_append(&b, S("abc"));
    buf_append(&b, S("de")); /* too long, and nothing of it is kept */
    assert_true(b.failed);
    buf_append(&b, S("f")); /* would fit */
    buf_printf(&b, "g");
    assert_null(buf_room(&b, 1));
    assert_str(buf_str(&b), S("abc"));
    buf_clear(&b);
    assert_false(b.failed);
    buf_append(&b, S("defg"));
    assert_str(buf_str(&b), S("defg"));
    assert_false(b.failed);
}

static void the_maximum_is_never_exceeded(void **state)
{
    BUF(b, 1000);
    (void)state;

    for (int i = 0; i < 2000; i++)
        buf_char(&b, 'x');
    assert_true(b.failed);
    assert_int_equal(b.n, 1000);
    assert_true(b.cap <= 1000);
    buf_clear(&b);
    assert_null(buf_room(&b, SIZE_MAX));
    assert_true(b.failed);
}

static void room_is_for_the_caller_to_fill(void **state)
{
    BUF(b, 100);
    (void)state;

    buf_append(&b, S("ab"));
    char *to = buf_room(&b, 3);
    assert_non_null(to);
    memcpy(to, "cde", 3);
    b.n += 3;
    assert_str(buf_str(&b), S("abcde"));
    assert_non_null(buf_room(&b, 95));
    assert_null(buf_room(&b, 96));
}

static void what_is_consumed_is_gone(void **state)
{
    BUF(b, 100);
    (void)state;

    buf_append(&b, S("abcdef"));
    buf_consume(&b, 2);
    assert_str(buf_str(&b), S("cdef"));
    buf_consume(&b, 0);
    buf_append(&b, S("g"));
    assert_str(buf_str(&b), S("cdefg"));
    buf_consume(&b, 5);
    assert_int_equal(b.n, 0);
}

static void nothing_can_be_consumed_of_nothing(void **state)
{
    BUF(b, 100);
    (void)state;

    buf_consume(&b, 0); /* before any memory was taken */
    assert_int_equal(b.n, 0);
}

static void a_freed_buffer_is_empty_and_usable(void **state)
{
    BUF(b, 100);
    (void)state;

    buf_append(&b, S("abc"));
    buf_free(&b);
    assert_int_equal(b.n, 0);
    assert_int_equal(b.max, 100);
    buf_append(&b, S("d"));
    assert_str(buf_str(&b), S("d"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_is_there),
        cmocka_unit_test(a_failure_sticks_until_cleared),
        cmocka_unit_test(the_maximum_is_never_exceeded),
        cmocka_unit_test(room_is_for_the_caller_to_fill),
        cmocka_unit_test(what_is_consumed_is_gone),
        cmocka_unit_test(nothing_can_be_consumed_of_nothing),
        cmocka_unit_test(a_freed_buffer_is_empty_and_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
