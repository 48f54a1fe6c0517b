/* test_log.c - log lines: their form, when they are written, rotation, and hostile text. */
#include "folder.h"
#include "own_clock.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct str content(struct folder *folder, const char *path)
{
    struct str out = STR_NULL;
    struct error error = { 0 };
    if (access(path, F_OK) == 0)
        assert_true(file_read_whole(path, 64 << 20, &folder->arena, &out, &error));
    return out;
}

static struct log *open_log(const char *path, enum log_level level)
{
    struct log *log = NULL;
    struct error error = { 0 };
    unlink(path);
    assert_true(log_open(&(struct log_options){ .level = level, .path = path }, &log, &error));
    return log;
}

static void assert_has(struct str s, const char *part)
{
    if (str_find(s, str_from(part)) < 0)
        fail_msg("no %s in %.*s", part, STR_FMT(s));
}

static void lines_are_json(void **state)
{
    struct folder *folder = *state;
    const char *path = folder_file(folder, "json.log");
    struct log *log = open_log(path, LOG_INFO);
    log_write(log, LOG_INFO, "r-1", "storage.slow", "fsync took %d ms", 812);
    log_write(log, LOG_ERROR, NULL, "other", "x");
    log_write(log, LOG_WARNING, "", "other", "y");
    log_close(log);
    struct str line, rest = content(folder, path);
    assert_true(str_cut(rest, '\n', &line, &rest));
    struct instant t;
    assert_true(str_starts(line, S("{\"time\":\"")));
    assert_true(instant_parse(str_slice(line, 9, 36), &t));
    assert_true(clock_now().us - t.us < 60 * INT64_C(1000000) && clock_now().us >= t.us);
    assert_str_is(str_slice(line, 36, line.len),
                  "\",\"level\":\"info\",\"event\":\"storage.slow\",\"request_id\":\"r-1\","
                  "\"message\":\"fsync took 812 ms\"}");
    assert_true(str_cut(rest, '\n', &line, &rest));
    assert_str_is(str_slice(line, 36, line.len), "\",\"level\":\"error\",\"event\":\"other\",\"message\":\"x\"}");
    assert_true(str_cut(rest, '\n', &line, &rest));
    assert_str_is(str_slice(line, 36, line.len), "\",\"level\":\"warning\",\"event\":\"other\",\"message\":\"y\"}");
    assert_int_equal(rest.len, 0);
    struct stat status;
    stat(path, &status);
    assert_int_equal(status.st_mode & 07, 0); /* not for everyone to read */
}

static void access_lines(void **state)
{
    struct folder *folder = *state;
    const char *path = folder_file(folder, "access.log");
    struct log *log = open_log(path, LOG_INFO);
    log_access(log, &(struct log_access){ .request_id = "r",
                                          .method = "GET",
                                          .route = "/a/{id}",
                                          .client = S("::1"),
                                          .user_id = 7,
                                          .status = 200,
                                          .us = 1234,
                                          .bytes_in = 5,
                                          .bytes_out = 99 });
    log_access(log, &(struct log_access){ .status = 400 });
    log_set_level(log, LOG_WARNING);
    log_access(log, &(struct log_access){ .status = 500 });
    log_close(log);
    struct str line, rest = content(folder, path);
    assert_true(str_cut(rest, '\n', &line, &rest));
    assert_str_is(
        str_slice(line, 36, line.len),
        "\",\"level\":\"info\",\"event\":\"request\",\"request_id\":\"r\","
        "\"method\":\"GET\",\"route\":\"/a/{id}\",\"client\":\"::1\",\"user_id\":7,\"status\":200,\"us\":1234,"
        "\"bytes_in\":5,\"bytes_out\":99}");
    assert_true(str_cut(rest, '\n', &line, &rest));
    assert_str_is(str_slice(line, 36, line.len), "\",\"level\":\"info\",\"event\":\"request\",\"status\":400,"
                                                 "\"us\":0,\"bytes_in\":0,\"bytes_out\":0}");
    assert_int_equal(rest.len, 0);
}

static void levels_filter(void **state)
{
    struct folder *folder = *state;
    const char *path = folder_file(folder, "levels.log");
    for (int level = LOG_DEBUG; level <= LOG_OFF; level++) {
        struct log *log = open_log(path, LOG_OFF);
        log_set_level(log, (enum log_level)level);
        assert_int_equal(log_get_level(log), level);
        for (int k = LOG_DEBUG; k <= LOG_OFF; k++)
            log_write(log, (enum log_level)k, NULL, "e", "line");
        log_close(log);
        struct str before, rest = content(folder, path);
        int lines = 0;
        while (str_cut(rest, '\n', &before, &rest))
            lines++;
        assert_int_equal(lines, LOG_OFF - level);
    }
    assert_string_equal(log_level_names[LOG_OFF], "off");
    assert_null(log_level_names[LOG_OFF + 1]);
    log_write(NULL, LOG_ERROR, NULL, "e", "nowhere");
    log_access(NULL, &(struct log_access){ 0 });
    log_close(NULL);
}

static void warnings_are_written_at_once_and_others_soon(void **state)
{
    struct folder *folder = *state;
    const char *path = folder_file(folder, "when.log");
    struct log *log = open_log(path, LOG_DEBUG);
    log_write(log, LOG_WARNING, NULL, "e", "first");
    assert_has(content(folder, path), "first");
    log_write(log, LOG_INFO, NULL, "e", "second");
    log_flush(log);
    assert_has(content(folder, path), "second");
    log_write(log, LOG_INFO, NULL, "e", "third");
    int64_t until = clock_monotonic_us() + 100 * INT64_C(1000000);
    while (str_find(content(folder, path), S("third")) < 0) {
        assert_true(clock_monotonic_us() < until);
        usleep(10000);
    }
    /* Much at once does not wait for the clock. */
    for (int i = 0; i < 2000; i++)
        log_write(log, LOG_INFO, NULL, "e", "a line of some length, to fill the memory where lines are gathered");
    assert_true(content(folder, path).len > 64 * 1024);
    log_close(log);
}

static void hostile_text_stays_in_its_line(void **state)
{
    struct folder *folder = *state;
    const char *path = folder_file(folder, "hostile.log");
    struct log *log = open_log(path, LOG_DEBUG);
    char endless[20000];
    memset(endless, '\x01', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    log_write(log, LOG_INFO, "id\"\n", "e", "a\n{\"level\":\"error\"}\x1B[31m\xFF");
    for (int i = 0; i < 50; i++) {
        log_write(log, LOG_INFO, endless, endless, "%s", endless);
        log_access(log, &(struct log_access){ .request_id = endless,
                                              .method = endless,
                                              .route = endless,
                                              .client = { endless, sizeof(endless) - 1 } });
    }
    log_close(log);
    struct str line, rest = content(folder, path);
    int lines = 0;
    for (; str_cut(rest, '\n', &line, &rest); lines++) {
        assert_true(str_starts(line, S("{\"time\":\"")) && str_ends(line, S("}")));
        for (ptrdiff_t i = 0; i < line.len; i++)
            assert_true((unsigned char)line.at[i] >= 0x20);
    }
    assert_int_equal(lines, 101);
}

/* What the terminal shows, up to these words. The kernel carries it there in pieces, behind the writer's back. */
static struct str read_terminal(int master, char *out, ptrdiff_t most, struct str words)
{
    struct str text = { out, 0 };
    while (str_find(text, words) < 0) {
        ssize_t got = read(master, out + text.len, (size_t)(most - text.len));
        assert_true(got > 0);
        text.len += got;
    }
    return text;
}

static void terminals_get_readable_text(void **state)
{
    (void)state;
    int master, terminal;
    if (openpty(&master, &terminal, NULL, NULL, NULL) != 0)
        skip();
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", terminal);
    struct error error = { 0 };
    struct log *log;
    struct log_options options = { .level = LOG_INFO, .path = path, .requests = LOG_REQUESTS_ON };
    assert_true(log_open(&options, &log, &error));
    log_write(log, LOG_WARNING, "r-1", "disk",
              "a\nb\x1B[31m \xC2\x9B"
              "31m \xE2\x80\xAE \xE5\xBC\xA0 \xFF");
    log_access(log, &(struct log_access){ .method = "GET", .route = "/x", .user_id = 3, .status = 200, .us = 5 });
    log_close(log);
    char out[1000];
    struct str text = read_terminal(master, out, sizeof(out), S("out=0\r\n"));
    assert_has(text, " warning disk r-1 a?b?[31m ?31m ? \xE5\xBC\xA0 ?\r\n");
    assert_has(text, " info request GET /x user=3 status=200 us=5 in=0 out=0\r\n");
    /* Whoever sits there reads what the server says of itself, not each request. */
    options.requests = LOG_REQUESTS_AUTO;
    assert_true(log_open(&options, &log, &error));
    log_access(log, &(struct log_access){ .method = "GET", .route = "/y", .status = 200 });
    log_write(log, LOG_INFO, "", "after", "it");
    log_close(log);
    text = read_terminal(master, out, sizeof(out), S("after it\r\n"));
    assert_true(str_find(text, S("/y")) < 0);
    close(master);
    close(terminal);
}

static void files_rotate_by_size(void **state)
{
    struct folder *folder = *state;
    const char *path = folder_file(folder, "size.log");
    struct error error = { 0 };
    struct log *log;
    assert_true(log_open(&(struct log_options){ .level = LOG_INFO, .path = path, .rotate_bytes = 270, .keep = 2 }, &log,
                         &error));
    for (int i = 0; i < 9; i++)
        log_write(log, LOG_WARNING, NULL, "e", "line %d", i); /* 88 bytes each: three to a file */
    log_close(log);
    struct str newest = content(folder, path), one = content(folder, folder_file(folder, "size.log.1"));
    struct str two = content(folder, folder_file(folder, "size.log.2"));
    assert_has(newest, "line 8");
    assert_has(newest, "line 6");
    assert_has(one, "line 5");
    assert_has(one, "line 3");
    assert_has(two, "line 2");
    assert_has(two, "line 0");
    assert_true(newest.len <= 270 && one.len <= 270 && two.len <= 270);
    /* The size counts across a restart, and the oldest falls off. */
    assert_true(log_open(&(struct log_options){ .level = LOG_INFO, .path = path, .rotate_bytes = 270, .keep = 2 }, &log,
                         &error));
    log_write(log, LOG_WARNING, NULL, "e", "line 9");
    log_close(log);
    assert_has(content(folder, path), "line 9");
    assert_true(str_find(content(folder, path), S("line 8")) < 0);
    assert_has(content(folder, folder_file(folder, "size.log.2")), "line 5");
    assert_true(str_is_null(content(folder, folder_file(folder, "size.log.3"))));
}

static void files_rotate_by_age(void **state)
{
    struct folder *folder = *state;
    const char *path = folder_file(folder, "age.log");
    struct error error = { 0 };
    struct log *log;
    own_clock_stop();
    assert_true(
        log_open(&(struct log_options){ .level = LOG_INFO, .path = path, .rotate_age_s = 1, .keep = 1 }, &log, &error));
    log_write(log, LOG_WARNING, NULL, "e", "young");
    own_clock_move_ms(999);
    log_write(log, LOG_WARNING, NULL, "e", "still young");
    own_clock_move_ms(1);
    log_write(log, LOG_WARNING, NULL, "e", "next");
    log_close(log);
    own_clock_go();
    assert_has(content(folder, folder_file(folder, "age.log.1")), "still young");
    assert_has(content(folder, path), "next");
    assert_true(str_find(content(folder, path), S("young")) < 0);
}

static void keeping_none_starts_over(void **state)
{
    struct folder *folder = *state;
    const char *path = folder_file(folder, "none.log");
    struct error error = { 0 };
    struct log *log;
    assert_true(log_open(&(struct log_options){ .level = LOG_INFO, .path = path, .rotate_bytes = 1 }, &log, &error));
    log_write(log, LOG_WARNING, NULL, "e", "first");
    log_write(log, LOG_WARNING, NULL, "e", "second");
    log_close(log);
    assert_true(str_find(content(folder, path), S("first")) < 0);
    assert_has(content(folder, path), "second");
    assert_true(str_is_null(content(folder, folder_file(folder, "none.log.1"))));
}

static void reopening_follows_the_name(void **state)
{
    struct folder *folder = *state;
    const char *path = folder_file(folder, "reopen.log"), *moved = folder_file(folder, "reopen.old");
    struct log *log = open_log(path, LOG_INFO);
    log_write(log, LOG_INFO, NULL, "e", "before");
    assert_int_equal(rename(path, moved), 0);
    log_reopen(log);
    log_write(log, LOG_INFO, NULL, "e", "after");
    log_close(log);
    assert_has(content(folder, moved), "before");
    assert_has(content(folder, path), "after");
    assert_true(str_find(content(folder, moved), S("after")) < 0);
}

static void lost_lines_are_told(void **state)
{
    struct folder *folder = *state;
    const char *path = folder_file(folder, "lost.log");
    struct log *log = open_log(path, LOG_INFO);
    log_write(log, LOG_WARNING, NULL, "e", "kept");
    ptrdiff_t full = content(folder, path).len + 10;
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = (rlim_t)full; /* ten bytes of the next line fit */
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    log_write(log, LOG_WARNING, NULL, "e", "lost");
    log_write(log, LOG_WARNING, NULL, "e", "lost too");
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    log_write(log, LOG_WARNING, NULL, "e", "again");
    log_close(log);
    struct str text = content(folder, path);
    assert_true(str_find(text, S("\"lost\"")) < 0);
    assert_has(text, "\n{\"time\":\"");
    assert_has(text, "\"again\"}\n");
    assert_has(text, "\"event\":\"log.lost\"");
    assert_has(text, " bytes of log could not be written");
    assert_true(str_ends(text, S("}\n")));
}

static void opening_can_fail(void **state)
{
    struct folder *folder = *state;
    struct error error = { 0 };
    struct log *log = NULL;
    assert_false(log_open(&(struct log_options){ .path = folder_file(folder, "no/such/folder.log") }, &log, &error));
    assert_null(log);
    assert_int_equal(error.code, E_INTERNAL);
    error_clear(&error);
    assert_true(log_open(&(struct log_options){ .level = LOG_ERROR, .path = "" }, &log, &error)); /* standard error */
    log_write(log, LOG_INFO, NULL, "e", "filtered");
    log_reopen(log);
    log_close(log);
    assert_int_equal(fcntl(STDERR_FILENO, F_GETFD) < 0, 0); /* still open */
}

enum { THREADS = 4, LINES = 3000 };

static void *write_many(void *argument)
{
    for (int i = 0; i < LINES; i++)
        log_write(argument, i % 500 ? LOG_INFO : LOG_WARNING, NULL, "e", "line %d", i);
    return NULL;
}

static void threads_do_not_mix_lines(void **state)
{
    struct folder *folder = *state;
    const char *path = folder_file(folder, "threads.log");
    struct log *log = open_log(path, LOG_INFO);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, log), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    log_close(log);
    struct str line, rest = content(folder, path);
    int lines = 0;
    for (; str_cut(rest, '\n', &line, &rest); lines++)
        assert_true(str_starts(line, S("{\"time\":\"")) && str_ends(line, S("\"}")));
    assert_int_equal(lines, THREADS * LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_json),
        cmocka_unit_test(access_lines),
        cmocka_unit_test(levels_filter),
        cmocka_unit_test(warnings_are_written_at_once_and_others_soon),
        cmocka_unit_test(hostile_text_stays_in_its_line),
        cmocka_unit_test(terminals_get_readable_text),
        cmocka_unit_test(files_rotate_by_size),
        cmocka_unit_test(files_rotate_by_age),
        cmocka_unit_test(keeping_none_starts_over),
        cmocka_unit_test(reopening_follows_the_name),
        cmocka_unit_test(lost_lines_are_told),
        cmocka_unit_test(opening_can_fail),
        cmocka_unit_test(threads_do_not_mix_lines),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
