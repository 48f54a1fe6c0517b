/* test_result.c - results in memory and on disk: found again, bounded, damaged, forgotten. */
#include "blob/result.h"

#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <cmocka.h>

#define CONTENT_A "aa00000000000000000000000000000000000000000000000000000000000001"
#define CONTENT_B "aa00000000000000000000000000000000000000000000000000000000000002"

struct fixture {
    char folder[64];
    struct arena arena;
    struct error error;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    snprintf(f->folder, sizeof(f->folder), "/tmp/roentgen-result-XXXXXX");
    arena_init(&f->arena);
    *state = f;
    return mkdtemp(f->folder) ? 0 : -1;
}

static int for_each_file(const char *folder, void (*each)(const char *path))
{
    int count = 0;
    char path[400];
    DIR *all = opendir(folder);
    for (struct dirent *e; all && (e = readdir(all));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        struct stat st;
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            count += for_each_file(path, each);
        } else {
            count++;
            if (each)
                each(path);
        }
    }
    if (all)
        closedir(all);
    return count;
}

static void remove_file(const char *path)
{
    unlink(path);
}

static void damage(const char *path)
{
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "?", 1, 30), 1);
    close(fd);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char path[100];
    for_each_file(f->folder, remove_file);
    for (int i = 0; i < 256; i++) {
        snprintf(path, sizeof(path), "%s/%02x", f->folder, i);
        rmdir(path);
    }
    rmdir(f->folder);
    arena_release(&f->arena);
    free(f);
    return 0;
}

static struct results *open_results(struct fixture *f, int64_t memory, int64_t disk)
{
    struct results *r = NULL;
    assert_true(results_open(f->folder, memory, disk, &r, &f->error));
    return r;
}

static bool has(struct fixture *f, struct results *r, const char *content, const char *recipe, enum result_where where,
                const char *wanted)
{
    struct result_key key;
    struct str bytes;
    result_key(&key, str_from(content), str_from(recipe));
    return result_get(r, &key, where, &f->arena, &bytes) && (!wanted || str_equal(bytes, str_from(wanted)));
}

static void put(struct results *r, const char *content, const char *recipe, struct str bytes)
{
    struct result_key key;
    result_key(&key, str_from(content), str_from(recipe));
    result_put(r, &key, bytes);
}

static void found_again(void **state)
{
    struct fixture *f = *state;
    struct results *r = open_results(f, 1 << 20, 1 << 20);
    assert_false(has(f, r, CONTENT_A, "jpeg 90", RESULT_ANYWHERE, NULL));
    put(r, CONTENT_A, "jpeg 90", S("picture"));
    assert_true(has(f, r, CONTENT_A, "jpeg 90", RESULT_IN_MEMORY, "picture"));
    assert_false(has(f, r, CONTENT_A, "jpeg 91", RESULT_ANYWHERE, NULL));
    assert_false(has(f, r, CONTENT_B, "jpeg 90", RESULT_ANYWHERE, NULL));
    results_close(r);
    r = open_results(f, 1 << 20, 1 << 20); /* another process: from disk, then from memory */
    assert_false(has(f, r, CONTENT_A, "jpeg 90", RESULT_IN_MEMORY, NULL));
    assert_true(has(f, r, CONTENT_A, "jpeg 90", RESULT_ANYWHERE, "picture"));
    assert_true(has(f, r, CONTENT_A, "jpeg 90", RESULT_IN_MEMORY, "picture"));
    results_close(r);
}

static void damage_counts_as_absent(void **state)
{
    struct fixture *f = *state;
    struct results *r = open_results(f, 0, 1 << 20);
    put(r, CONTENT_A, "x", S("0123456789"));
    assert_true(has(f, r, CONTENT_A, "x", RESULT_ANYWHERE, "0123456789"));
    for_each_file(f->folder, damage);
    assert_false(has(f, r, CONTENT_A, "x", RESULT_ANYWHERE, NULL));
    assert_int_equal(for_each_file(f->folder, NULL), 0);
    results_close(r);
}

static void forgotten(void **state)
{
    struct fixture *f = *state;
    struct results *r = open_results(f, 1 << 20, 1 << 20);
    put(r, CONTENT_A, "x", S("1"));
    put(r, CONTENT_A, "y", S("2"));
    put(r, CONTENT_B, "x", S("3"));
    result_forget(r, S(CONTENT_A));
    assert_false(has(f, r, CONTENT_A, "x", RESULT_ANYWHERE, NULL));
    assert_false(has(f, r, CONTENT_A, "y", RESULT_ANYWHERE, NULL));
    assert_true(has(f, r, CONTENT_B, "x", RESULT_ANYWHERE, "3"));
    assert_int_equal(for_each_file(f->folder, NULL), 1);
    results_close(r);
}

static void memory_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct results *r = open_results(f, 100000, 0);
    struct result_stats stats;
    char block[10000], recipe[20];
    memset(block, 'x', sizeof(block));
    for (int i = 0; i < 50; i++) {
        snprintf(recipe, sizeof(recipe), "%d", i);
        put(r, CONTENT_A, recipe, (struct str){ block, (ptrdiff_t)sizeof(block) });
        assert_true(has(f, r, CONTENT_A, "0", RESULT_ANYWHERE, NULL)); /* what is used stays */
    }
    results_stats(r, &stats);
    assert_true(stats.memory_bytes <= 100000);
    assert_true(has(f, r, CONTENT_A, "49", RESULT_ANYWHERE, NULL));
    assert_false(has(f, r, CONTENT_A, "20", RESULT_ANYWHERE, NULL));
    char *large = calloc(1, 60000);
    put(r, CONTENT_B, "large", (struct str){ large, 60000 }); /* more than a quarter: not kept */
    free(large);
    assert_false(has(f, r, CONTENT_B, "large", RESULT_ANYWHERE, NULL));
    results_close(r);
}

static void disk_is_bounded(void **state)
{
    struct fixture *f = *state;
    char block[10000], recipe[20];
    memset(block, 'x', sizeof(block));
    struct results *r = open_results(f, 0, 10 << 20);
    for (int i = 0; i < 30; i++) {
        snprintf(recipe, sizeof(recipe), "%d", i);
        put(r, CONTENT_A, recipe, (struct str){ block, (ptrdiff_t)sizeof(block) });
    }
    results_close(r);
    assert_int_equal(for_each_file(f->folder, NULL), 30);
    results_close(open_results(f, 0, 100000)); /* its thread counts what is there before it ends */
    assert_true(for_each_file(f->folder, NULL) <= 8);
}

static void *reader(void *context)
{
    struct results *r = context;
    struct arena arena;
    struct result_key key;
    struct str bytes;
    char recipe[20];
    arena_init(&arena);
    for (int i = 0; i < 2000; i++) {
        snprintf(recipe, sizeof(recipe), "%d", i % 40);
        result_key(&key, S(CONTENT_A), str_from(recipe));
        if (result_get(r, &key, RESULT_ANYWHERE, &arena, &bytes))
            assert_true(str_equal(bytes, str_from(recipe)));
        else
            result_put(r, &key, str_from(recipe));
        arena_reset(&arena);
    }
    arena_release(&arena);
    return NULL;
}

static void many_threads_at_once(void **state)
{
    struct fixture *f = *state;
    struct results *r = open_results(f, 5000, 1 << 20);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, r), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    results_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(found_again, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_counts_as_absent, setup, teardown),
        cmocka_unit_test_setup_teardown(forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(disk_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(many_threads_at_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
