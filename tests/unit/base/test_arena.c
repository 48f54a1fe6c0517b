/* test_arena.c - memory given back all at once. */
#include "test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_zero(const void *at, ptrdiff_t len)
{
    const char *bytes = at;
    for (ptrdiff_t i = 0; i < len; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

static void memory_is_zero_and_aligned(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    for (int round = 0; round < 3; round++) {
        for (ptrdiff_t size = 0; size < 300; size += 7) {
            char *piece = arena_alloc(&arena, size);
            assert_non_null(piece);
            assert_int_equal((uintptr_t)piece % _Alignof(max_align_t), 0);
            assert_true(is_zero(piece, size));
            memset(piece, 0xAA, (size_t)size); /* so that the next round would see it */
            arena_copy(&arena, S("x"));        /* puts the next one off alignment */
        }
        arena_reset(&arena);
    }
    arena_release(&arena);
}

static void pieces_of_every_size_are_apart(void **state)
{
    (void)state;
    static const ptrdiff_t sizes[] = { 1, 4095, 4096, 4097, 16000, 16384, 65536, 1 << 20, 3 << 20, 10 };
    enum { N = sizeof(sizes) / sizeof(sizes[0]) };
    struct arena arena;
    arena_init(&arena);
    for (int round = 0; round < 2; round++) {
        unsigned char *pieces[N];
        ptrdiff_t total = 0;
        for (int i = 0; i < N; i++) {
            pieces[i] = arena_alloc(&arena, sizes[i]);
            assert_true(is_zero(pieces[i], sizes[i]));
            memset(pieces[i], i + 1, (size_t)sizes[i]);
            total += sizes[i];
        }
        for (int i = 0; i < N; i++) {
            assert_int_equal(pieces[i][0], i + 1);
            assert_int_equal(pieces[i][sizes[i] - 1], i + 1);
        }
        assert_int_equal(arena.used_bytes, total);
        arena_reset(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
    arena_release(&arena);
}

static void reset_keeps_the_first_block(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    void *first = arena_alloc(&arena, 100);
    for (int i = 0; i < 1000; i++)
        arena_alloc(&arena, 1000);
    arena_reset(&arena);
    assert_ptr_equal(arena_alloc(&arena, 100), first);
    arena_release(&arena);
    assert_null(arena.block);
    arena_release(&arena); /* harmless */
    arena_reset(&arena);
    assert_non_null(arena_new(&arena, int64_t));
    arena_release(&arena);
}

static void text(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct str copy = arena_copy(&arena, (struct str){ "abcdef", 3 });
    assert_str_is(copy, "abc");
    assert_int_equal(copy.at[3], '\0');
    assert_true(str_is_null(arena_copy(&arena, STR_NULL)));
    assert_str_is(arena_copy(&arena, S("")), "");
    assert_null(arena_cstring(&arena, STR_NULL));
    assert_string_equal(arena_cstring(&arena, (struct str){ "abcdef", 2 }), "ab");
    assert_str_is(arena_format(&arena, "%d-%s", 7, "x"), "7-x");
    assert_str_is(arena_format(&arena, "%s", ""), "");
    static const int lengths[] = { 255, 256, 257, 5000 };
    for (int i = 0; i < 4; i++) {
        struct str s = arena_format(&arena, "%*d", lengths[i], 1);
        assert_int_equal(s.len, lengths[i]);
        assert_int_equal(s.at[s.len - 1], '1');
        assert_int_equal(s.at[s.len], '\0');
    }
    arena_release(&arena);
}

static int signal_of(void (*crash)(struct arena *))
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        struct arena arena;
        arena_init(&arena);
        crash(&arena);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void product_overflows(struct arena *arena)
{
    arena_alloc_array(arena, PTRDIFF_MAX / 2, 4);
}

static void count_is_negative(struct arena *arena)
{
    arena_alloc_array(arena, -1, 4);
}

static void wrong_sizes_abort(void **state)
{
    (void)state;
    assert_int_equal(signal_of(product_overflows), SIGABRT);
    assert_int_equal(signal_of(count_is_negative), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zero_and_aligned),  cmocka_unit_test(pieces_of_every_size_are_apart),
        cmocka_unit_test(reset_keeps_the_first_block), cmocka_unit_test(text),
        cmocka_unit_test(wrong_sizes_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
