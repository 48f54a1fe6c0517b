/* test_decoder.c - the pool with the real program, with decoders that die, and with decoders that lie.
 *
 * Called as `decoder`, this program is such a decoder: which one says the memory limit, the only thing that a pool
 * tells it freely.
 */
#include "raster/decoder.h"
#include "raster/decoder_pool.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <zlib.h>

#include <setjmp.h>
#include <cmocka.h>

#include "made_rasters.h"

/* ---- decoders that lie ---- */

enum lie {
    HONEST, /* answers as it should, so that the others are known to fail for their lie */
    SHORT_PACKET,
    LONG_PACKET,
    NO_MAGIC,
    ANOTHER_NUMBER,
    ENDLESS_TEXT,
    NEGATIVE_LENGTH,
    LENGTH_PAST_END,
    FEWER_BYTES,
    NO_PHOTOMETRIC,
    CONTROL_CHARACTERS,
    STRANGE_CODE,
    EXITS,
    CRASHES,
    CRASHES_ONCE, /* the next one, which finds the offset of the file moved, is honest */
    FORBIDDEN_CALL,
    DISK_GONE,
    SPINS,
    CLOSES_SOCKET,
    NEVER_ANSWERS,
    ENDED_FROM_OUTSIDE,
    SHRINKS_MEMORY,
    NOT_READY,
    SILENT_AT_START,
    LIES
};

enum { ROWS = 24, COLUMNS = 40, FRAME = ROWS * COLUMNS * 2 };

static void tell(enum lie lie, int memory, struct decoder_reply *reply)
{
    size_t size = sizeof(*reply);
    char longer[sizeof(*reply) + 100];
    switch (lie) {
    case SHORT_PACKET:
        size--;
        break;
    case LONG_PACKET:
        memset(longer, 0, sizeof(longer));
        memcpy(longer, reply, sizeof(*reply));
        send(BOXED_SOCKET, longer, sizeof(longer), 0);
        return;
    case NO_MAGIC:
        reply->magic = 0;
        break;
    case ANOTHER_NUMBER:
        reply->number++;
        break;
    case ENDLESS_TEXT:
        reply->code = E_INVALID;
        memset(reply->message, 'x', sizeof(reply->message));
        break;
    case NEGATIVE_LENGTH:
        reply->bytes = -1;
        break;
    case LENGTH_PAST_END:
        reply->bytes = INT64_MAX;
        break;
    case FEWER_BYTES:
        reply->bytes--;
        break;
    case NO_PHOTOMETRIC:
        reply->decoded.photometric = 1000;
        break;
    case CONTROL_CHARACTERS:
        reply->code = E_INVALID;
        memcpy(reply->message, "one\r\n\033[31mtwo\xff", 15);
        break;
    case STRANGE_CODE:
        reply->code = 12345;
        break;
    case EXITS:
        _exit(0);
    case CRASHES:
        signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would make it an exit */
        raise(SIGSEGV);
        break;
    case FORBIDDEN_CALL:
    case DISK_GONE:
        signal(lie == DISK_GONE ? SIGBUS : SIGSYS, SIG_DFL);
        raise(lie == DISK_GONE ? SIGBUS : SIGSYS);
        break;
    case SPINS:
        for (volatile int i = 0;; i = !i)
            ;
    case CLOSES_SOCKET:
        close(BOXED_SOCKET);
        for (;;)
            pause();
    case NEVER_ANSWERS:
        for (;;)
            pause();
    case ENDED_FROM_OUTSIDE:
        kill(getpid(), SIGKILL);
        break;
    case SHRINKS_MEMORY: /* it answers honestly when it could, which is what must not be */
        if (ftruncate(memory, 0) != 0 && errno == EPERM)
            break;
        _exit(1);
    default:
        break;
    }
    send(BOXED_SOCKET, reply, size, 0);
}

static int lie(void)
{
    struct decoder_setup setup;
    struct decoder_request request;
    struct decoder_reply reply = { .magic = DECODER_MAGIC };
    int memory, fd;
    if (!boxed_take(&setup, sizeof(setup), &memory))
        return 1;
    if (setup.memory_bytes == SILENT_AT_START)
        for (;;)
            pause();
    if (setup.memory_bytes == NOT_READY) {
        reply.code = E_UNAVAILABLE;
        snprintf(reply.message, sizeof(reply.message), "not today");
    }
    send(BOXED_SOCKET, &reply, sizeof(reply), 0);
    while (boxed_take(&request, sizeof(request), &fd)) {
        reply = (struct decoder_reply){
            .magic = DECODER_MAGIC, .number = request.number, .bytes = FRAME, .decoded = { MONOCHROME2, 16, false }
        };
        bool first = setup.memory_bytes == CRASHES_ONCE && lseek(fd, 0, SEEK_CUR) == 0 && lseek(fd, 1, SEEK_SET) == 1;
        close(fd);
        tell(first ? CRASHES : (enum lie)setup.memory_bytes, memory, &reply);
    }
    return 0;
}

/* ---- jobs ---- */

static struct decoder_pool *open_pool(int decoders, int64_t timeout_ms)
{
    struct decoder_pool *pool = NULL;
    struct error error = { 0 };
    struct decoder_options options = { .processes = decoders,
                                       .memory_bytes = INT64_C(2) << 30,
                                       .timeout_ms = timeout_ms,
                                       .max_result_bytes = 1 << 30,
                                       .program = getenv("TEST_ROENTGEN") };
    assert_true(decoder_pool_open(&options, &pool, &error));
    return pool;
}

static struct decoder_pool *open_lying(enum lie lie, int64_t timeout_ms)
{
    struct decoder_pool *pool = NULL;
    struct error error = { 0 };
    struct decoder_options options = { .processes = 1,
                                       .memory_bytes = lie,
                                       .timeout_ms = timeout_ms,
                                       .max_result_bytes = 1 << 20,
                                       .program = "/proc/self/exe" };
    assert_true(decoder_pool_open(&options, &pool, &error));
    return pool;
}

static void fill_format(struct pixel_format *f)
{
    *f = (struct pixel_format){ .syntax = dicom_syntax_find(S(UID_EXPLICIT_LITTLE)),
                                .rows = ROWS,
                                .columns = COLUMNS,
                                .frames = 1,
                                .samples = 1,
                                .bits_allocated = 16,
                                .bits_stored = 16,
                                .high_bit = 15,
                                .photometric = MONOCHROME2 };
}

/* A job about one native frame whose samples count upwards from `first`. */
struct trial {
    struct arena arena;
    struct error error;
    struct decode_job *job;
    struct presentation *presentation; /* the job's */
    struct decode_result result;
    uint16_t samples[ROWS * COLUMNS];
    int64_t offsets[3], lengths[3];
};

static struct trial *trial_new(enum decode_kind kind, uint16_t first)
{
    struct trial *t = calloc(1, sizeof(*t));
    arena_init(&t->arena);
    t->job = arena_new(&t->arena, struct decode_job);
    t->job->presentation = t->presentation = arena_new(&t->arena, struct presentation);
    for (int i = 0; i < ROWS * COLUMNS; i++)
        t->samples[i] = (uint16_t)(first + i);
    t->job->kind = kind;
    t->job->fd = -1;
    t->job->bytes = (struct str){ (const char *)t->samples, FRAME };
    t->job->file_type = FILE_DICOM;
    t->job->offsets = t->offsets;
    t->job->lengths = t->lengths;
    fill_format(&t->job->format);
    t->presentation->slope = t->presentation->pixel_aspect = 1;
    t->presentation->format = PICTURE_PNG;
    t->presentation->bits = 8;
    t->presentation->quality = 80;
    return t;
}

static bool trial_run(struct decoder_pool *pool, struct trial *t)
{
    t->error = (struct error){ 0 };
    bool ok = decoder_run(pool, t->job, &t->arena, &t->result, &t->error);
    if (!ok)
        print_message("%s\n", t->error.message);
    return ok;
}

static bool trial_is_right(const struct trial *t)
{
    return t->result.bytes.len == FRAME && !memcmp(t->result.bytes.at, t->samples, FRAME);
}

static void trial_free(struct trial *t)
{
    if (t->job->fd >= 0)
        close(t->job->fd);
    arena_release(&t->arena);
    free(t);
}

static void assert_works(struct decoder_pool *pool)
{
    struct trial *t = trial_new(DECODE_SAMPLES, 1);
    bool ok = trial_run(pool, t);
    if (!ok)
        print_error("%s\n", t->error.message);
    assert_true(ok && trial_is_right(t));
    trial_free(t);
}

static struct decoder_stats stats_of(struct decoder_pool *pool)
{
    struct decoder_stats stats;
    decoder_stats(pool, &stats);
    return stats;
}

/* The processes that the threads of this one have started. */
static int children(pid_t *out, int most)
{
    char path[300];
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *task; (task = readdir(tasks));) {
        snprintf(path, sizeof(path), "/proc/self/task/%s/children", task->d_name);
        FILE *file = fopen(path, "r");
        while (file && count < most && fscanf(file, "%d", &out[count]) == 1)
            count++;
        if (file)
            fclose(file);
    }
    closedir(tasks);
    return count;
}

/* ---- what it is for ---- */

static void frames_come_back(void **state)
{
    (void)state;
    struct decoder_pool *pool = open_pool(1, 60000);
    assert_int_equal(stats_of(pool).running, 0); /* started on first use */
    assert_works(pool);
    struct trial *t = trial_new(DECODE_RENDER, 0);
    assert_true(trial_run(pool, t));
    assert_int_equal(t->result.width, COLUMNS);
    assert_int_equal(t->result.height, ROWS);
    assert_memory_equal(t->result.bytes.at, "\x89PNG", 4);
    trial_free(t);
    t = trial_new(DECODE_HISTOGRAM, 10);
    t->presentation->slope = 2;
    assert_true(trial_run(pool, t));
    assert_int_equal(t->result.bytes.len, sizeof(struct histogram));
    const struct histogram *h = (const void *)t->result.bytes.at;
    assert_int_equal(h->count, ROWS * COLUMNS);
    assert_true(h->min == 20 && h->max == 2 * (10 + ROWS * COLUMNS - 1));
    trial_free(t);
    struct decoder_stats stats = stats_of(pool);
    assert_int_equal(stats.running, 1);
    assert_int_equal(stats.jobs, 3);
    assert_int_equal(stats.died + stats.timed_out, 0);
    decoder_pool_close(pool);
    pid_t pid;
    assert_int_equal(children(&pid, 1), 0);
}

static void pieces_of_a_file(void **state)
{
    (void)state;
    struct decoder_pool *pool = open_pool(1, 60000);
    struct trial *t = trial_new(DECODE_SAMPLES, 5);
    char path[] = "/tmp/roentgen-decoder-XXXXXX";
    t->job->fd = mkstemp(path);
    unlink(path);
    /* The last third first, then a gap, then the rest. */
    const char *bytes = (const char *)t->samples;
    t->offsets[0] = t->offsets[1] = 5000;
    t->lengths[0] = t->lengths[1] = FRAME / 3;
    t->offsets[1] += FRAME / 3;
    t->offsets[2] = 100;
    t->lengths[2] = FRAME - 2 * (FRAME / 3);
    assert_int_equal(pwrite(t->job->fd, bytes, FRAME / 3 * 2, 5000), FRAME / 3 * 2);
    assert_int_equal(pwrite(t->job->fd, bytes + FRAME / 3 * 2, (size_t)t->lengths[2], 100), t->lengths[2]);
    t->job->pieces = 3;
    lseek(t->job->fd, 17, SEEK_SET);
    assert_true(trial_run(pool, t) && trial_is_right(t));
    assert_int_equal(lseek(t->job->fd, 0, SEEK_CUR), 17); /* the caller's offset is his */
    /* One piece, not at the begin of a page. */
    assert_int_equal(pwrite(t->job->fd, bytes, FRAME, 12345), FRAME);
    t->offsets[0] = 12345;
    t->lengths[0] = FRAME;
    t->job->pieces = 1;
    assert_true(trial_run(pool, t) && trial_is_right(t));
    /* Past the end of the file, in one piece and in several; and numbers that overflow. */
    t->offsets[0]++;
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_INVALID);
    t->job->pieces = 2;
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_INVALID);
    t->offsets[1] = INT64_MAX;
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_INVALID);
    t->offsets[1] = -1;
    assert_false(trial_run(pool, t));
    t->job->pieces = 0;
    assert_false(trial_run(pool, t));
    t->job->pieces = DECODER_PIECES_MAX + 1;
    assert_false(trial_run(pool, t));
    assert_int_equal(stats_of(pool).died, 0);
    trial_free(t);
    decoder_pool_close(pool);
}

static void lookup_tables_arrive(void **state)
{
    (void)state;
    struct decoder_pool *pool = open_pool(1, 60000);
    struct trial *t = trial_new(DECODE_HISTOGRAM, 0);
    struct lut *lut = &t->presentation->modality;
    lut->count = ROWS * COLUMNS;
    lut->bits = 16;
    for (int i = 0; i < lut->count; i++)
        lut->entries[i] = (uint16_t)(i % 7 + 1000);
    assert_true(trial_run(pool, t));
    const struct histogram *h = (const void *)t->result.bytes.at;
    assert_true(h->min == 1000 && h->max == 1006);
    trial_free(t);
    decoder_pool_close(pool);
}

static void frames_that_are_refused(void **state)
{
    (void)state;
    struct decoder_pool *pool = open_pool(1, 60000);
    struct trial *t = trial_new(DECODE_SAMPLES, 0);
    t->job->format.rows = t->job->format.columns = 65535; /* 8 GiB */
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_INVALID);
    assert_non_null(strstr(t->error.message, "65535 x 65535"));
    fill_format(&t->job->format);
    t->job->bytes.len = FRAME / 2; /* less than the frame needs */
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_INVALID);
    t->job->bytes.len = FRAME;
    t->job->format.syntax = dicom_syntax_find(S("1.2.840.10008.1.2.4.90")); /* what is there is no JPEG 2000 */
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_INVALID);
    t->job->bytes.len = 0;
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_INVALID);
    t->job->file_type = FILE_OTHER;
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_UNSUPPORTED_TYPE);
    trial_free(t);
    assert_int_equal(stats_of(pool).died, 0);
    decoder_pool_close(pool);
    struct error error = { 0 };
    t = trial_new(DECODE_SAMPLES, 0);
    assert_false(decoder_run(NULL, t->job, &t->arena, &t->result, &error));
    assert_int_equal(error.code, E_UNAVAILABLE);
    trial_free(t);
}

static void *run_many(void *context)
{
    bool right = true;
    for (int i = 0; i < 50; i++) { /* a failing assertion may not leave this thread */
        struct trial *t =
            trial_new(i % 5 ? DECODE_SAMPLES : DECODE_RENDER, (uint16_t)((uintptr_t)&right / 16 + (uintptr_t)i));
        right = right && trial_run(context, t) && (i % 5 == 0 || trial_is_right(t));
        trial_free(t);
    }
    return right ? NULL : (void *)1;
}

static void eight_threads_share_two(void **state)
{
    (void)state;
    struct decoder_pool *pool = open_pool(2, 60000);
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, run_many, pool);
    for (int i = 0; i < 8; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_int_equal(stats_of(pool).jobs, 400);
    assert_int_equal(stats_of(pool).running, 2);
    assert_works(pool); /* they do not end with the threads that asked for them */
    assert_int_equal(stats_of(pool).jobs, 401);
    assert_int_equal(stats_of(pool).died, 0);
    decoder_pool_close(pool);
}

/* ---- deaths ---- */

static void killed_decoders_are_replaced(void **state)
{
    (void)state;
    struct decoder_pool *pool = open_pool(1, 60000);
    for (int round = 0; round < 3; round++) {
        pid_t pid[4];
        assert_works(pool);
        assert_int_equal(children(pid, 4), 1);
        kill(pid[0], round == 2 ? SIGTERM : SIGKILL);
    }
    assert_works(pool);
    assert_int_equal(stats_of(pool).died, 3);
    assert_int_equal(stats_of(pool).running, 1);
    /* One that dies idle does not stay as a zombie. */
    pid_t idle;
    assert_int_equal(children(&idle, 1), 1);
    kill(idle, SIGKILL);
    while (stats_of(pool).running)
        sched_yield();
    assert_int_equal(children(&idle, 1), 0);
    assert_int_equal(stats_of(pool).died, 4);
    assert_works(pool);
    decoder_pool_close(pool);
}

static void lies_are_not_believed(void **state)
{
    (void)state;
    static const struct {
        enum lie lie;
        enum error_code code;
        const char *words;
    } rows[] = {
        { HONEST, E_NONE, NULL },
        { SHRINKS_MEMORY, E_NONE, NULL },
        { SHORT_PACKET, E_UNAVAILABLE, "try again" },
        { LONG_PACKET, E_UNAVAILABLE, "try again" },
        { NO_MAGIC, E_UNAVAILABLE, "try again" },
        { ANOTHER_NUMBER, E_UNAVAILABLE, "try again" },
        { ENDLESS_TEXT, E_UNAVAILABLE, "try again" },
        { NEGATIVE_LENGTH, E_UNAVAILABLE, "try again" },
        { LENGTH_PAST_END, E_UNAVAILABLE, "try again" },
        { FEWER_BYTES, E_UNAVAILABLE, "try again" },
        { NO_PHOTOMETRIC, E_UNAVAILABLE, "try again" },
        { CONTROL_CHARACTERS, E_INVALID, "one???[31mtwo?" },
        { STRANGE_CODE, E_UNAVAILABLE, "try again" },
        { EXITS, E_UNAVAILABLE, "try again" },
        { CRASHES, E_INVALID, "Segmentation fault" },
        { CRASHES_ONCE, E_NONE, NULL },
        { FORBIDDEN_CALL, E_UNAVAILABLE, "try again" },
        { DISK_GONE, E_UNAVAILABLE, "try again" },
        { CLOSES_SOCKET, E_UNAVAILABLE, NULL },
        { ENDED_FROM_OUTSIDE, E_UNAVAILABLE, "try again" },
        { NOT_READY, E_UNAVAILABLE, "not today" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("lie %d\n", rows[i].lie);
        struct decoder_pool *pool = open_lying(rows[i].lie, 60000);
        struct trial *t = trial_new(DECODE_SAMPLES, 0);
        for (int round = 0; round < 2; round++) { /* the pool goes on */
            assert_true(trial_run(pool, t) == (rows[i].code == E_NONE));
            assert_int_equal(t->error.code, rows[i].code);
            bool ours = t->error.code == E_UNAVAILABLE || rows[i].lie == CRASHES_ONCE;
            assert_true(ours == (t->result.trouble[0] != '\0'));
            if (rows[i].words && !strstr(t->error.message, rows[i].words))
                fail_msg("%s", t->error.message);
        }
        trial_free(t);
        decoder_pool_close(pool);
        pid_t pid;
        assert_int_equal(children(&pid, 1), 0);
    }
}

/* Who did not get to work says nothing of the file; who worked all the time does. */
static void late_decoders_are_ended(void **state)
{
    (void)state;
    struct decoder_pool *pool = open_lying(NEVER_ANSWERS, 1000); /* time enough to start */
    struct trial *t = trial_new(DECODE_SAMPLES, 0);
    int64_t timed_out;
    do { /* again where it was not enough */
        timed_out = stats_of(pool).timed_out;
        assert_false(trial_run(pool, t));
        assert_int_equal(t->error.code, E_UNAVAILABLE);
    } while (strstr(t->result.trouble, "did not start in time"));
    assert_true(t->error.retry_after_s > 0 && strstr(t->result.trouble, "did not get to work"));
    assert_int_equal(stats_of(pool).timed_out, timed_out + 2);
    assert_int_equal(stats_of(pool).died, 0);
    decoder_pool_close(pool);
    pool = open_lying(SPINS, 1000);
    do { /* again where other work left it so little of the processor that it was late, too */
        timed_out = stats_of(pool).timed_out;
        assert_false(trial_run(pool, t));
    } while (t->error.code == E_UNAVAILABLE);
    assert_int_equal(t->error.code, E_INVALID);
    assert_non_null(strstr(t->error.message, "longer than"));
    assert_true(stats_of(pool).timed_out > timed_out);
    decoder_pool_close(pool);
    pool = open_lying(SILENT_AT_START, 30);
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_UNAVAILABLE); /* nothing is said about the file */
    assert_int_equal(stats_of(pool).timed_out, 1);
    trial_free(t);
    decoder_pool_close(pool);
}

/* Whatever ended it before it was given anything, the next file is as good as it was. */
static void who_died_idle_blames_nobody(void **state)
{
    (void)state;
    static const int signals[] = { SIGSEGV, SIGABRT, SIGBUS, SIGSYS, SIGFPE, SIGILL, SIGKILL };
    struct decoder_pool *pool = open_pool(1, 60000);
    assert_works(pool);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        pid_t pid;
        assert_int_equal(children(&pid, 1), 1);
        kill(pid, signals[i]);
        assert_works(pool);
    }
    decoder_pool_close(pool);
}

static void run_for(struct decoder_pool *pool, int64_t owner)
{
    struct trial *t = trial_new(DECODE_SAMPLES, (uint16_t)owner);
    t->job->owner = owner;
    assert_true(trial_run(pool, t) && trial_is_right(t));
    trial_free(t);
}

/* No process sees files of two owners; one that nobody has used may stand by. */
static void owners_do_not_meet(void **state)
{
    (void)state;
    pid_t first, pids[8];
    struct decoder_pool *pool = open_pool(1, 60000);
    run_for(pool, 1);
    assert_int_equal(children(&first, 1), 1);
    run_for(pool, 1);
    assert_int_equal(children(pids, 8), 1); /* nothing stands by where all files come from one */
    assert_int_equal(pids[0], first);
    assert_int_equal(stats_of(pool).replaced, 0);
    for (int64_t owner = 2; owner < 20; owner++) {
        run_for(pool, owner);
        assert_int_equal(stats_of(pool).replaced, owner - 1);
        assert_int_equal(kill(first, 0), -1);
        assert_true(children(pids, 8) <= 2);
    }
    assert_int_equal(stats_of(pool).died, 0);
    decoder_pool_close(pool);
    assert_int_equal(children(pids, 8), 0);
}

/* One account that asks for much, and others that ask for one picture each: the latter are next. */
struct asking {
    struct decoder_pool *pool;
    int64_t account;
    int64_t *served; /* kept by who has the only slot */
    int64_t place;
};

static void *ask(void *context)
{
    struct asking *a = context;
    struct error error = { 0 };
    struct decoder_slot *slot = decoder_pool_take(a->pool, DECODER_FRAMES, a->account, 0, &error);
    assert_non_null(slot);
    a->place = ++*a->served;
    decoder_pool_give(a->pool, slot);
    return NULL;
}

static void accounts_take_turns(void **state)
{
    (void)state;
    enum { GREEDY = 12, ALL = GREEDY + 2 };
    struct error error = { 0 };
    struct asking asking[ALL];
    pthread_t threads[ALL];
    int64_t served = 0;
    struct decoder_pool *pool = open_pool(1, 60000);
    struct decoder_slot *slot = decoder_pool_take(pool, DECODER_FRAMES, 1, 0, &error);
    for (int i = 0; i < ALL; i++) {
        asking[i] = (struct asking){ pool, i < GREEDY ? 1 : i, &served, 0 };
        pthread_create(&threads[i], NULL, ask, &asking[i]);
        while (stats_of(pool).waiting <= i)
            sched_yield();
    }
    decoder_pool_give(pool, slot);
    for (int i = 0; i < ALL; i++)
        pthread_join(threads[i], NULL);
    for (int i = GREEDY; i < ALL; i++)
        assert_true(asking[i].place <= 3); /* each other, and one of the greedy */
    decoder_pool_close(pool);
}

static void a_busy_pool_says_so(void **state)
{
    (void)state;
    struct error error = { 0 };
    struct decoder_pool *pool = open_pool(1, 20);
    struct decoder_slot *slot = decoder_pool_take(pool, DECODER_FRAMES, 1, 1, &error);
    assert_non_null(slot);
    struct trial *t = trial_new(DECODE_SAMPLES, 0);
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_UNAVAILABLE);
    assert_true(t->error.retry_after_s > 0);
    trial_free(t);
    decoder_pool_give(pool, slot);
    decoder_pool_close(pool);
}

static void no_program(void **state)
{
    (void)state;
    struct decoder_pool *pool = NULL;
    struct error error = { 0 };
    struct decoder_options options = { 1, 1 << 30, 60000, 1 << 20, "/nonexistent/roentgen" };
    assert_true(decoder_pool_open(&options, &pool, &error));
    struct trial *t = trial_new(DECODE_SAMPLES, 0);
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_UNAVAILABLE);
    trial_free(t);
    decoder_pool_close(pool);
}

struct stopped {
    struct decoder_pool *pool;
    struct trial *trial;
};

static void *run_one(void *context)
{
    const struct stopped *s = context;
    return trial_run(s->pool, s->trial) ? (void *)1 : NULL;
}

static void stopping_ends_jobs_under_way(void **state)
{
    (void)state;
    struct stopped s = { open_lying(NEVER_ANSWERS, 3600000), trial_new(DECODE_SAMPLES, 0) };
    pthread_t thread;
    pthread_create(&thread, NULL, run_one, &s);
    while (stats_of(s.pool).jobs == 0)
        sched_yield();
    decoder_pool_stop(s.pool);
    void *succeeded = NULL;
    pthread_join(thread, &succeeded);
    assert_null(succeeded);
    assert_int_equal(s.trial->error.code, E_UNAVAILABLE);
    assert_false(trial_run(s.pool, s.trial)); /* and none begins */
    assert_int_equal(s.trial->error.code, E_UNAVAILABLE);
    trial_free(s.trial);
    decoder_pool_close(s.pool);
}

/* A server that is killed leaves nobody behind, not even one that works for ever. */
static void decoders_end_with_the_server(void **state)
{
    (void)state;
    int report[2];
    assert_int_equal(pipe(report), 0);
    pid_t server = fork();
    if (server == 0) {
        struct decoder_pool *pool = open_pool(1, 60000);
        pid_t decoder = 0;
        assert_works(pool);
        children(&decoder, 1);
        if (write(report[1], &decoder, sizeof(decoder)) == (ssize_t)sizeof(decoder))
            for (;;)
                pause();
        _exit(1);
    }
    pid_t decoder = 0;
    assert_int_equal(read(report[0], &decoder, sizeof(decoder)), sizeof(decoder));
    assert_true(decoder > 0);
    int handle = (int)syscall(SYS_pidfd_open, decoder, 0);
    assert_true(handle >= 0);
    kill(decoder, SIGSTOP); /* it will not notice that its socket closes */
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    struct pollfd gone = { handle, POLLIN, 0 };
    assert_int_equal(poll(&gone, 1, 60000), 1);
    close(handle);
    close(report[0]);
    close(report[1]);
}

/* ---- pictures ---- */

static struct trial *picture_trial(enum decode_kind kind, enum file_type type, int fd)
{
    struct trial *t = trial_new(kind, 0);
    t->job->fd = fd;
    t->job->file_type = type;
    t->job->page = 1;
    t->job->max_pixels = MAX_PIXELS;
    return t;
}

static void samples_of_pictures(void **state)
{
    (void)state;
    struct decoder_pool *pool = open_pool(1, 60000);
    uint16_t pixels[8 * 4];
    for (int i = 0; i < 32; i++)
        pixels[i] = (uint16_t)(1000 * i);
    struct bytes tiff = bytes_new();
    put_tiff(&tiff, 8, 4, 16, (const unsigned char *)pixels, 2, 0);
    struct trial *t = picture_trial(DECODE_SAMPLES, FILE_TIFF, fd_of(tiff));
    assert_true(trial_run(pool, t));
    assert_int_equal(t->result.format.columns, 8);
    assert_int_equal(t->result.format.rows, 4);
    assert_int_equal(t->result.format.frames, 2);
    assert_int_equal(t->result.format.bits_allocated, 16);
    assert_int_equal(t->result.bytes.len, sizeof(pixels));
    assert_memory_equal(t->result.bytes.at, pixels, sizeof(pixels));
    t->job->page = 2;
    assert_true(trial_run(pool, t));
    t->job->page = 3;
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_NOT_FOUND);
    trial_free(t);
    /* Turned by each of EXIF's ways; the first sample stored is the top left of the first. */
    static const int corner[] = { 0, 0, 7, 31, 24, 0, 3, 31, 28 }; /* where it comes to stand */
    for (uint32_t orientation = 1; orientation <= 8; orientation++) {
        pixels[0] = 60000;
        tiff = bytes_new();
        put_tiff(&tiff, 8, 4, 16, (const unsigned char *)pixels, 1, orientation);
        t = picture_trial(DECODE_SAMPLES, FILE_TIFF, fd_of(tiff));
        assert_true(trial_run(pool, t));
        assert_int_equal(t->result.format.columns, orientation > 4 ? 4 : 8);
        assert_int_equal(((const uint16_t *)(const void *)t->result.bytes.at)[corner[orientation]], 60000);
        trial_free(t);
    }
    t = picture_trial(DECODE_SAMPLES, FILE_PNG, open_data("nih_00027426_000.png"));
    t->job->max_pixels = 512 * 512;
    assert_true(trial_run(pool, t));
    assert_int_equal(t->result.bytes.len, t->result.format.rows * t->result.format.columns * t->result.format.samples);
    t->job->max_pixels--;
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_INVALID);
    trial_free(t);
    assert_int_equal(stats_of(pool).died, 0);
    decoder_pool_close(pool);
}

static void probing_finds_damage(void **state)
{
    (void)state;
    struct decoder_pool *pool = open_pool(1, 60000);
    struct trial *t = picture_trial(DECODE_PROBE, FILE_JPEG, open_data("kermany_person101_virus_187.jpeg"));
    assert_true(trial_run(pool, t));
    assert_int_equal(t->result.bytes.len, 0);
    assert_int_equal(t->result.format.columns, 1592);
    trial_free(t);
    t = picture_trial(DECODE_PROBE, FILE_JPEG, open_data("truncated.jpg"));
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_INVALID);
    assert_non_null(strstr(t->error.message, "damaged"));
    trial_free(t);
    decoder_pool_close(pool);
}

/* A few kilobytes that become more than a decoder may have. */
static void bombs_are_refused(void **state)
{
    (void)state;
    enum { SIDE = 16000 };
    struct error error = { 0 };
    struct decoder_pool *pool = NULL;
    struct decoder_options options = { 1, 512 << 20, 60000, 1 << 30, getenv("TEST_ROENTGEN") };
    assert_true(decoder_pool_open(&options, &pool, &error));
    struct bytes png = bytes_new();
    put_png_header(&png, SIDE, SIDE, 16, 0, false);
    unsigned char *row = calloc(1, 2 * SIDE + 1);
    unsigned char *packed = malloc(FILE_MAX);
    z_stream z = { .next_out = packed, .avail_out = FILE_MAX };
    assert_int_equal(deflateInit(&z, 1), Z_OK);
    for (int y = 0; y < SIDE; y++) {
        z.next_in = row;
        z.avail_in = 2 * SIDE + 1;
        deflate(&z, y + 1 < SIDE ? Z_NO_FLUSH : Z_FINISH);
    }
    put_chunk(&png, "IDAT", packed, z.total_out);
    put_chunk(&png, "IEND", "", 0);
    deflateEnd(&z);
    free(row);
    free(packed);
    struct trial *t = picture_trial(DECODE_SAMPLES, FILE_PNG, fd_of(png));
    t->job->max_pixels = INT64_C(1) << 40;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_INVALID);
    assert_non_null(strstr(t->error.message, "memory"));
#endif
    t->job->max_pixels = MAX_PIXELS;
    assert_false(trial_run(pool, t));
    assert_int_equal(t->error.code, E_INVALID);
    t->job->kind = DECODE_RENDER; /* small pictures of it are possible: its lines come one after another */
    t->job->max_pixels = INT64_C(1) << 40;
    t->presentation->box_width = t->presentation->box_height = 100;
    assert_true(trial_run(pool, t));
    assert_int_equal(t->result.width, 100);
    trial_free(t);
    decoder_pool_close(pool);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "decoder"))
        return lie();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoders_end_with_the_server), /* first: it forks */
        cmocka_unit_test(frames_come_back),
        cmocka_unit_test(pieces_of_a_file),
        cmocka_unit_test(lookup_tables_arrive),
        cmocka_unit_test(frames_that_are_refused),
        cmocka_unit_test(eight_threads_share_two),
        cmocka_unit_test(killed_decoders_are_replaced),
        cmocka_unit_test(lies_are_not_believed),
        cmocka_unit_test(late_decoders_are_ended),
        cmocka_unit_test(who_died_idle_blames_nobody),
        cmocka_unit_test(owners_do_not_meet),
        cmocka_unit_test(accounts_take_turns),
        cmocka_unit_test(a_busy_pool_says_so),
        cmocka_unit_test(no_program),
        cmocka_unit_test(stopping_ends_jobs_under_way),
        cmocka_unit_test(samples_of_pictures),
        cmocka_unit_test(probing_finds_damage),
        cmocka_unit_test(bombs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
