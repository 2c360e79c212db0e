#include "base/arena.h"
#include "unit.h"

static void memory_is_zeroed_and_aligned(void **state)
{
    ARENA(a, 1 << 20);
    (void)state;

    for (size_t n = 0; n < 300; n++) {
        unsigned char *p = arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n); /* what comes next must be zero all the same */
    }
}

static void allocations_do_not_overlap(void **state)
{
    static const size_t sizes[] = { 1, 8000, 16, 9000, 100, 20000, 5000, 4000, 3, 8192, 8193 };
    unsigned char *p[COUNT(sizes)];
    ARENA(a, 1 << 20);
    (void)state;

    for (size_t i = 0; i < COUNT(sizes); i++) {
        p[i] = arena_alloc(&a, sizes[i]);
        assert_non_null(p[i]);
        memset(p[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(p[i][k], i + 1);
}

static void the_maximum_holds(void **state)
{
    ARENA(a, 100);
    (void)state;

    assert_null(arena_alloc(&a, 101));
    assert_non_null(arena_alloc(&a, 60)); /* a refusal is not the end */
    assert_null(arena_alloc(&a, 41));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_non_null(arena_alloc(&a, 40));
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_copy(&a, S("x")).p);
    assert_null(arena_printf(&a, "%d", 1).p);
    assert_null(arena_concat(&a, S("x"), S("y")).p);
}

static void a_freed_arena_is_empty_and_usable(void **state)
{
    ARENA(a, 100);
    (void)state;

    assert_non_null(arena_alloc(&a, 100));
    arena_free(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(arena_alloc(&a, 100));
    arena_free(&a);
    arena_free(&a);
}

static void copies_end_in_a_nul_that_is_not_counted(void **state)
{
    ARENA(a, 1 << 16);
    char source[] = "abc";
    str copy = arena_copy(&a, str_of(source));
    (void)state;

    source[0] = 'x';
    assert_string_equal(copy.p, "abc");
    assert_int_equal(copy.n, 3);
    str both = arena_concat(&a, S("ab"), S("cd"));
    assert_string_equal(both.p, "abcd");
    assert_int_equal(both.n, 4);
    str said = arena_printf(&a, "%s-%d", "x", 42);
    assert_string_equal(said.p, "x-42");
    assert_int_equal(said.n, 4);
    str empty = arena_copy(&a, (str){ 0 });
    assert_non_null(empty.p);
    assert_string_equal(empty.p, "");
    str with_nul = arena_copy(&a, (str){ "a\0b", 3 });
    assert_memory_equal(with_nul.p, "a\0b", 4);
    ARENA(small, 16);
    assert_null(arena_copy(&small, S("0123456789abcdef")).p); /* the NUL needs room as well */
    assert_non_null(arena_copy(&small, S("0123456789abcde")).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(allocations_do_not_overlap),
        cmocka_unit_test(the_maximum_holds),
        cmocka_unit_test(a_freed_arena_is_empty_and_usable),
        cmocka_unit_test(copies_end_in_a_nul_that_is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
